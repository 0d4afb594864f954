-- What is erased when its time is over.

-- name: messages_standing
-- How each of these messages stands: parts on their way, parts never heard of again, notices owed, its latest moment.
WITH wanted (message_id) AS (VALUES {rows})
SELECT part.message_id, sum(part.state IN ('queued', 'claimed', 'in_doubt', 'scheduled', 'held')),
    sum(part.state = 'submitted'), max(coalesce(part.final_at_ms, part.submitted_at_ms, 0)), max(part.part_id),
    (SELECT count(*) FROM notice
        WHERE notice.message_id = part.message_id AND notice.state IN ('owed', 'claimed', 'held'))
    + (SELECT count(*) FROM esme_notice
        WHERE esme_notice.message_id = part.message_id AND esme_notice.state IN ('owed', 'claimed', 'held'))
FROM wanted JOIN part USING (message_id) GROUP BY part.message_id

-- name: part_texts_erase
UPDATE part SET text = ''
WHERE text != '' AND message_id IN (WITH wanted (message_id) AS (VALUES {rows}) SELECT message_id FROM wanted)
RETURNING message_id

-- name: mail_threads_delete
DELETE FROM mail_thread
WHERE message_id IN (WITH wanted (message_id) AS (VALUES {rows}) SELECT message_id FROM wanted)

-- name: message_notices_blank
-- Who was told; the relay's last words may name them too.
UPDATE notice SET address = '', waiting_for = ''
WHERE message_id IN (WITH wanted (message_id) AS (VALUES {rows}) SELECT message_id FROM wanted)
    AND state IN ('done', 'given_up') AND address != ''

-- name: inbound_notices_blank
UPDATE notice SET address = '', waiting_for = ''
WHERE cause IN (WITH wanted (cause) AS (VALUES {rows}) SELECT cause FROM wanted)
    AND state IN ('done', 'given_up') AND address != ''

-- name: messages_from
SELECT message_id, accepted_at_ms FROM message WHERE message_id >= :from_id ORDER BY message_id LIMIT :count

-- name: inbounds_from
-- Inbound messages in order, and whether somebody is still to be told of each.
SELECT inbound_id, received_at_ms, text != '', EXISTS (
    SELECT 1 FROM notice WHERE cause = 'inbound:' || inbound.inbound_id AND notice.state IN ('owed', 'claimed', 'held'))
    OR EXISTS (SELECT 1 FROM esme_notice
        WHERE esme_notice.inbound_id = inbound.inbound_id AND esme_notice.state IN ('owed', 'claimed', 'held'))
FROM inbound WHERE inbound_id >= :from_id ORDER BY inbound_id LIMIT :count

-- name: inbound_texts_erase
UPDATE inbound SET text = ''
WHERE inbound_id IN (WITH wanted (inbound_id) AS (VALUES {rows}) SELECT inbound_id FROM wanted)

-- name: refusal_texts_erase
-- There are never many refusals (see refusals.py), so they are looked through.
UPDATE refusal SET text = '', thread = '' WHERE refusal_id IN (
    SELECT refusal_id FROM refusal WHERE created_at_ms <= :before_ms AND (text != '' OR thread != '') LIMIT :count)

-- name: retention_mark
-- Marks only go up.
INSERT INTO setting_of_ledger (name, value) VALUES (:name, CAST(:value AS TEXT))
ON CONFLICT (name) DO UPDATE SET value = CAST(max(CAST(value AS INTEGER), :value) AS TEXT)

-- name: retention_place
-- Where a walk goes on that starts over when it is through.
INSERT INTO setting_of_ledger (name, value) VALUES (:name, CAST(:value AS TEXT))
ON CONFLICT (name) DO UPDATE SET value = CAST(:value AS TEXT)

-- name: retention_count
INSERT INTO setting_of_ledger (name, value) VALUES (:name, CAST(:by AS TEXT))
ON CONFLICT (name) DO UPDATE SET value = CAST(CAST(value AS INTEGER) + :by AS TEXT)

-- name: histories_delete
DELETE FROM history WHERE message_id IN (WITH wanted (message_id) AS (VALUES {rows}) SELECT message_id FROM wanted)

-- name: message_notices_delete
DELETE FROM notice WHERE message_id IN (WITH wanted (message_id) AS (VALUES {rows}) SELECT message_id FROM wanted)

-- name: parts_delete
DELETE FROM part WHERE message_id IN (WITH wanted (message_id) AS (VALUES {rows}) SELECT message_id FROM wanted)

-- name: message_times_delete
DELETE FROM message_time
WHERE message_id IN (WITH wanted (message_id) AS (VALUES {rows}) SELECT message_id FROM wanted)

-- name: messages_delete
DELETE FROM message WHERE message_id IN (WITH wanted (message_id) AS (VALUES {rows}) SELECT message_id FROM wanted)

-- name: inbound_notices_delete
DELETE FROM notice WHERE cause IN (WITH wanted (cause) AS (VALUES {rows}) SELECT cause FROM wanted)

-- name: inbounds_delete
DELETE FROM inbound WHERE inbound_id IN (WITH wanted (inbound_id) AS (VALUES {rows}) SELECT inbound_id FROM wanted)

-- name: refusals_delete_old
DELETE FROM refusal WHERE refusal_id IN (
    SELECT refusal_id FROM refusal WHERE created_at_ms <= :before_ms ORDER BY refusal_id LIMIT :count)

-- name: notices_delete_old
-- Those that tell of no message (of low credit) go by their own age, the oldest first.
DELETE FROM notice WHERE notice_id IN (
    SELECT notice_id FROM (SELECT * FROM notice ORDER BY notice_id LIMIT :count)
    WHERE created_at_ms <= :before_ms AND message_id IS NULL AND inbound_id IS NULL AND state IN ('done', 'given_up'))
