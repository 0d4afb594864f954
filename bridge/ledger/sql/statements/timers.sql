-- What time and restarts do.

-- name: notices_recover
-- Notices that were being sent when the appliance ended are owed again, with the same Message-ID; those that wait for
-- another try are due now, for a restart is often the repair.
UPDATE notice SET state = 'owed', next_action_at_ms = :now_ms
WHERE state = 'claimed' OR (state = 'owed' AND next_action_at_ms > :now_ms)

-- name: claims_open
-- The first condition is the index's own, word for word: without it SQLite reads every part.
-- Parts that were claimed when the appliance ended: each may have been written to the wire.
SELECT part_id, message_id, part_no, link FROM part WHERE state IN ('claimed', 'in_doubt', 'scheduled') AND state = 'claimed'

-- name: in_doubt_due
SELECT part_id, link, lane, coalesce(claimed_at_ms, 0) FROM part
WHERE state IN ('claimed', 'in_doubt', 'scheduled') AND state = 'in_doubt' AND next_action_at_ms <= :now_ms
ORDER BY next_action_at_ms LIMIT :count

-- name: doubts_postpone
UPDATE part SET next_action_at_ms = put_off.until_ms
FROM (WITH put_off (part_id, until_ms) AS (VALUES {rows}) SELECT part_id, until_ms FROM put_off) AS put_off
WHERE part.part_id = put_off.part_id

-- name: parts_expired
SELECT part_id FROM part WHERE state = 'queued' AND link = :link AND lane = :lane AND expires_at_ms <= :now_ms
LIMIT :count

-- name: parts_worthless
SELECT part.part_id, message_time.worthless_at_ms FROM part JOIN message_time USING (message_id)
WHERE part.part_id IN (WITH wanted (part_id) AS (VALUES {rows}) SELECT part_id FROM wanted)

-- name: links_with_queue
-- From one link to the next in the index, however many parts wait for each.
WITH RECURSIVE waited_for (link) AS (
    SELECT min(link) FROM part WHERE state = 'queued'
    UNION ALL
    SELECT (SELECT min(link) FROM part WHERE state = 'queued' AND link > waited_for.link) FROM waited_for
    WHERE waited_for.link IS NOT NULL
)
SELECT link FROM waited_for WHERE link IS NOT NULL

-- name: parts_shift
-- A clock that steps back must not hold an alarm for an hour, one that steps forward must not expire the queue.
UPDATE part SET expires_at_ms = expires_at_ms + :by_ms,
    next_action_at_ms = CASE next_action_at_ms WHEN 0 THEN 0 ELSE max(1, next_action_at_ms + :by_ms) END
WHERE state IN ('queued', 'claimed', 'in_doubt') AND message_id NOT IN (
    SELECT message_id FROM message WHERE message_id > (SELECT max(message_id) FROM message) - :count
        AND accepted_at_ms BETWEEN :since_ms AND :now_ms
)

-- name: esme_accounts_owed
SELECT DISTINCT account_id FROM esme_notice WHERE state = 'owed'

-- name: notices_shift
UPDATE notice SET next_action_at_ms = next_action_at_ms + :by_ms WHERE state = 'owed'
