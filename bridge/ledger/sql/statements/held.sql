-- A ledger that comes back from a backup: what is held, and how it is let go.

-- name: parts_hold_history
INSERT INTO history (message_id, part_no, at_ms, event, detail)
SELECT message_id, part_no, :now_ms, 'held', 'was ' || replace(state, '_', ' ') || '; ' || :reason FROM part
WHERE state IN ('queued', 'claimed', 'in_doubt', 'scheduled')

-- name: parts_hold
UPDATE part SET state = 'held', waiting_for = :reason, next_action_at_ms = 0
WHERE state IN ('queued', 'claimed', 'in_doubt', 'scheduled')

-- name: notices_hold
UPDATE notice SET state = 'held', waiting_for = :reason, next_action_at_ms = 0 WHERE state IN ('owed', 'claimed')

-- name: sequences
SELECT name, value FROM sequence

-- name: low_count_highest
SELECT coalesce(max(low_count), 0) FROM account

-- name: sequence_jump
-- Numbers that were given out after the backup must never come back for something else.
UPDATE sequence SET value = max(value, :given_out) + :count WHERE name = :name

-- name: low_counts_jump
-- They name the mails that warn of low credit; mail servers drop one whose name they have seen.
UPDATE account SET low_count = max(low_count, :given_out) + :count

-- name: backup_mark_delete
DELETE FROM setting_of_ledger WHERE name = :name

-- name: held_parts
SELECT part.part_id, part.message_id, part.account_id, part.part_no, message.price_mc, message.book, part.link
FROM part INDEXED BY part_held JOIN message USING (message_id) JOIN account ON account.account_id = message.account_id
WHERE part.state = 'held' AND message.accepted_at_ms >= :from_ms AND message.accepted_at_ms < :to_ms
    AND (:account = '' OR account.name = :account)
ORDER BY part.part_id LIMIT :count

-- name: parts_release
UPDATE part SET state = 'queued', is_possible_duplicate = 1, waiting_for = '', next_action_at_ms = wanted.now_ms
FROM (WITH wanted (part_id, now_ms) AS (VALUES {rows}) SELECT part_id, now_ms FROM wanted) AS wanted
WHERE part.part_id = wanted.part_id AND part.state = 'held'

-- name: parts_mark_sent
-- Nobody knows whether they were sent, and what is told of them must say so.
UPDATE part SET is_possible_duplicate = 1
WHERE state = 'held' AND part_id IN (WITH wanted (id) AS (VALUES {rows}) SELECT id FROM wanted)

-- name: held_notices
SELECT notice.notice_id FROM notice INDEXED BY notice_held JOIN account USING (account_id)
WHERE notice.state = 'held' AND notice.created_at_ms >= :from_ms AND notice.created_at_ms < :to_ms
    AND (:account = '' OR account.name = :account)
ORDER BY notice.notice_id LIMIT :count

-- name: notices_release
UPDATE notice SET state = 'owed', waiting_for = '', next_action_at_ms = wanted.now_ms
FROM (WITH wanted (notice_id, now_ms) AS (VALUES {rows}) SELECT notice_id, now_ms FROM wanted) AS wanted
WHERE notice.notice_id = wanted.notice_id AND notice.state = 'held'

-- name: notices_cancel
UPDATE notice SET state = 'given_up', waiting_for = wanted.reason, done_at_ms = wanted.now_ms
FROM (WITH wanted (notice_id, now_ms, reason) AS (VALUES {rows}) SELECT notice_id, now_ms, reason FROM wanted) AS wanted
WHERE notice.notice_id = wanted.notice_id AND notice.state = 'held'
