-- Erasing what is known of one phone number. Every row is named by its id; the reading side found them.

-- name: person_messages_erase
UPDATE message SET recipient = CASE WHEN message.recipient = wanted.number THEN 'erased' ELSE message.recipient END,
    originator = CASE WHEN message.originator = wanted.sender THEN 'erased' ELSE message.originator END, reference = ''
FROM (
    WITH wanted (message_id, number, sender) AS (VALUES {rows}) SELECT message_id, number, sender FROM wanted
) AS wanted
WHERE message.message_id = wanted.message_id
    AND (message.recipient = wanted.number OR message.originator = wanted.sender)
RETURNING message.message_id

-- name: person_parts_erase
-- A carrier may name a part after the handset. The name is of use as long as a receipt may come.
UPDATE part SET smsc_id = NULL, smsc_key = NULL, waiting_for = '', error = ''
FROM (WITH wanted (part_id, overdue_ms) AS (VALUES {rows}) SELECT part_id, overdue_ms FROM wanted) AS wanted
WHERE part.part_id = wanted.part_id
    AND (part.final_at_ms IS NOT NULL OR (part.state = 'submitted' AND part.submitted_at_ms <= wanted.overdue_ms))
RETURNING part.part_id

-- name: person_histories_erase
UPDATE history SET detail = 'erased'
WHERE history_id IN (WITH wanted (history_id) AS (VALUES {rows}) SELECT history_id FROM wanted)
RETURNING history_id

-- name: person_notices_erase
UPDATE notice SET address = '', waiting_for = ''
WHERE notice_id IN (WITH wanted (notice_id) AS (VALUES {rows}) SELECT notice_id FROM wanted)
    AND state IN ('done', 'given_up')
RETURNING notice_id

-- name: person_inbounds_erase
UPDATE inbound SET originator = 'erased', text = ''
WHERE inbound_id IN (WITH wanted (inbound_id) AS (VALUES {rows}) SELECT inbound_id FROM wanted) AND NOT EXISTS (
    SELECT 1 FROM notice WHERE cause = 'inbound:' || inbound.inbound_id AND notice.state IN ('owed', 'claimed', 'held'))
    AND NOT EXISTS (SELECT 1 FROM esme_notice
        WHERE esme_notice.inbound_id = inbound.inbound_id AND esme_notice.state IN ('owed', 'claimed', 'held'))
RETURNING inbound_id

-- name: person_inbound_parts_erase
-- Pieces of a message that is whole are kept only to know their repetition.
DELETE FROM inbound_part
WHERE inbound_part_id IN (WITH wanted (inbound_part_id) AS (VALUES {rows}) SELECT inbound_part_id FROM wanted)
    AND joined_at_ms IS NOT NULL
RETURNING inbound_part_id

-- name: person_refusals_erase
UPDATE refusal SET originator = 'erased', recipient = 'erased', text = '', detail = '', reference = '', thread = '',
    missing = ''
WHERE refusal_id IN (WITH wanted (refusal_id) AS (VALUES {rows}) SELECT refusal_id FROM wanted)
RETURNING refusal_id

-- name: person_receipts_erase
DELETE FROM parked_receipt WHERE parked_receipt_id IN (
    WITH wanted (parked_receipt_id) AS (VALUES {rows}) SELECT parked_receipt_id FROM wanted)
RETURNING parked_receipt_id

-- name: person_pool_uses_erase
DELETE FROM pool_use WHERE pool_use_id IN (WITH wanted (pool_use_id) AS (VALUES {rows}) SELECT pool_use_id FROM wanted)
RETURNING pool_use_id

-- name: person_retry_keys_erase
-- As long as the message is not erased its name is needed, or a retry would be charged again.
DELETE FROM retry_key WHERE retry_key_id IN (
    WITH wanted (retry_key_id) AS (VALUES {rows}) SELECT retry_key_id FROM wanted)
    AND NOT EXISTS (SELECT 1 FROM message
        WHERE message.message_id = retry_key.message_id AND message.recipient = retry_key.recipient)
RETURNING retry_key_id
