-- Receipts that find their parts, or wait for them.

-- name: parts_by_smsc_key
-- The newest few of each name: an SMSC that gives one id to everything must not stop the writer.
WITH wanted (link, smsc_key, since_ms) AS (VALUES {rows})
SELECT part.link, part.smsc_key, part.part_id, part.message_id, part.part_no, part.state, part.smsc_id,
    message.recipient
FROM wanted JOIN part ON part.part_id IN (
        SELECT named.part_id FROM part AS named
        WHERE named.link = wanted.link AND named.smsc_key = wanted.smsc_key AND named.submitted_at_ms >= wanted.since_ms
        ORDER BY named.part_id DESC LIMIT 8
    ) JOIN message ON message.message_id = part.message_id
ORDER BY part.part_id

-- name: receipts_park
INSERT INTO parked_receipt (link, smsc_id, smsc_key, state, error, network_at_ms, originator, received_at_ms)
VALUES {rows}

-- name: receipts_parked
WITH wanted (link, smsc_key) AS (VALUES {rows})
SELECT parked_receipt_id, parked_receipt.link, smsc_id, state, error, network_at_ms, originator, received_at_ms
FROM wanted JOIN parked_receipt ON parked_receipt_id IN (
    SELECT named.parked_receipt_id FROM parked_receipt AS named
    WHERE named.link = wanted.link AND named.smsc_key = wanted.smsc_key
    ORDER BY named.parked_receipt_id DESC LIMIT 8
)
ORDER BY parked_receipt_id

-- name: receipts_unpark
DELETE FROM parked_receipt WHERE parked_receipt_id IN (WITH done (id) AS (VALUES {rows}) SELECT id FROM done)

-- name: receipts_forget
-- Parked receipts that nobody claimed: by age, then by number, oldest first.
DELETE FROM parked_receipt WHERE received_at_ms < :before_ms OR parked_receipt_id <=
    (SELECT coalesce(max(parked_receipt_id), 0) - :keep FROM parked_receipt)
