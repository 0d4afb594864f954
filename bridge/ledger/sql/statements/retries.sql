-- Repeats of one submission that shall be one message.

-- name: retry_keys_known
-- Everything that was accepted under these names and not forgotten yet.
WITH wanted (account_id, key, now_ms) AS (VALUES {rows})
SELECT retry_key.account_id, retry_key.key, retry_key.recipient, retry_key.fingerprint, message.message_id,
    message.part_total, message.price_mc
FROM wanted JOIN retry_key ON retry_key.account_id = wanted.account_id AND retry_key.key = wanted.key
    AND retry_key.expires_at_ms > wanted.now_ms
    JOIN message ON message.message_id = retry_key.message_id

-- name: retry_keys_insert
INSERT INTO retry_key (account_id, key, recipient, fingerprint, message_id, expires_at_ms) VALUES {rows}
ON CONFLICT (account_id, key, recipient, fingerprint) DO UPDATE
SET message_id = excluded.message_id, expires_at_ms = excluded.expires_at_ms

-- name: retry_keys_forget
DELETE FROM retry_key WHERE retry_key_id IN (
    SELECT retry_key_id FROM retry_key WHERE expires_at_ms <= :now_ms LIMIT :count)

-- name: unanswered_any
SELECT 1 FROM unanswered LIMIT 1

-- name: unanswered_known
WITH wanted (account_id, fingerprint, now_ms) AS (VALUES {rows})
SELECT unanswered.account_id, unanswered.fingerprint, message.message_id, message.part_total, message.price_mc
FROM wanted JOIN unanswered ON unanswered.account_id = wanted.account_id
    AND unanswered.fingerprint = wanted.fingerprint AND unanswered.expires_at_ms > wanted.now_ms
    AND unanswered.heard_at_ms IS NULL
    JOIN message ON message.message_id = unanswered.message_id
ORDER BY message.message_id DESC

-- name: unanswered_insert
INSERT INTO unanswered (message_id, account_id, fingerprint, expires_at_ms) VALUES {rows}
ON CONFLICT (message_id) DO UPDATE SET expires_at_ms = excluded.expires_at_ms, heard_at_ms = NULL

-- name: unanswered_heard
-- Kept for as long as a crash may still take the answer.
UPDATE unanswered SET heard_at_ms = wanted.now_ms, expires_at_ms = max(expires_at_ms, wanted.sure_at_ms)
FROM (WITH wanted (message_id, now_ms, sure_at_ms) AS (VALUES {rows})
    SELECT message_id, now_ms, sure_at_ms FROM wanted) AS wanted
WHERE unanswered.message_id = wanted.message_id

-- name: esme_notices_again
-- One that is under way is owed again, too: its answer comes from an ESME that does not know the message yet. And one
-- that has not left yet waits as well.
UPDATE esme_notice SET state = 'owed', next_action_at_ms = wanted.due_at_ms, waiting_for = '', done_at_ms = NULL
FROM (WITH wanted (message_id, due_at_ms) AS (VALUES {rows}) SELECT message_id, due_at_ms FROM wanted) AS wanted
WHERE esme_notice.message_id = wanted.message_id AND esme_notice.event != 'enroute'
    AND esme_notice.state IN ('owed', 'claimed', 'done', 'given_up')
RETURNING esme_notice.account_id

-- name: unanswered_heard_between
SELECT message_id FROM unanswered WHERE heard_at_ms BETWEEN :since_ms AND :until_ms

-- name: unanswered_delete
DELETE FROM unanswered WHERE message_id IN (WITH heard (id) AS (VALUES {rows}) SELECT id FROM heard)

-- name: unanswered_forget
DELETE FROM unanswered WHERE expires_at_ms <= :now_ms

-- name: messages_accepted_between
SELECT message_id FROM message WHERE message_id > (SELECT coalesce(max(message_id), 0) - :count FROM message)
    AND accepted_at_ms BETWEEN :since_ms AND :until_ms

-- name: unanswered_clear
DELETE FROM unanswered

-- name: messages_as_submitted
-- What a repeat of these messages would say, part by part. Who took one back knows of it.
WITH wanted (message_id) AS (VALUES {rows})
SELECT message.message_id, message.account_id, message.door, message.originator, message.recipient, message.reference,
    part.lane, part.text, esme_message.user_message_reference, user_data.header, user_data.protocol_id
FROM wanted JOIN message USING (message_id) JOIN part ON part.message_id = message.message_id
    LEFT JOIN esme_message ON esme_message.message_id = message.message_id
    LEFT JOIN user_data ON user_data.part_id = part.part_id
WHERE part.state != 'cancelled'
ORDER BY message.message_id, part.part_no

-- name: history_note_once
-- Told once for a message, however often it happens.
INSERT INTO history (message_id, part_no, at_ms, event, detail)
WITH note (message_id, at_ms, event, detail) AS (VALUES {rows})
SELECT note.message_id, 0, note.at_ms, note.event, note.detail FROM note
WHERE NOT EXISTS (SELECT 1 FROM history WHERE history.message_id = note.message_id AND history.event = note.event)
