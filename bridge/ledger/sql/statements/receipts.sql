-- Receipts that find their parts, or wait for them.

-- name: parts_by_smsc_key
-- The newest few of each name: an SMSC that gives one id to everything must not stop the writer.
WITH wanted (link, smsc_key, since_ms) AS (VALUES {rows})
SELECT json_group_array(json_array(part.link, part.smsc_key, part.part_id, part.message_id, part.part_no, part.state,
    part.smsc_id, message.recipient, part.submitted_at_ms))
FROM wanted JOIN part ON part.part_id IN (
        SELECT named.part_id FROM part AS named
        WHERE named.link = wanted.link AND named.smsc_key = wanted.smsc_key AND named.submitted_at_ms >= wanted.since_ms
        ORDER BY named.part_id DESC LIMIT 8
    ) JOIN message ON message.message_id = part.message_id

-- name: parts_named_alike
-- All that messages have of a name. (The plus signs keep SQLite from reading all of that name.)
WITH wanted (message_id, link, smsc_key) AS (VALUES {rows})
SELECT json_group_array(json_array(part.link, part.smsc_key, part.part_id, part.message_id, part.part_no, part.state,
    part.smsc_id, message.recipient, part.submitted_at_ms))
FROM wanted JOIN part ON part.message_id = wanted.message_id AND +part.link = wanted.link
    AND +part.smsc_key = wanted.smsc_key JOIN message ON message.message_id = wanted.message_id

-- name: parts_trying
-- The network has them and tries on; what it says of the reason holds until it says something else.
UPDATE part SET waiting_for = said.reason, error = said.error, cause = said.cause
FROM (
    WITH said (part_id, reason, error, cause) AS (VALUES {rows}) SELECT part_id, reason, error, cause FROM said
) AS said
WHERE part.part_id = said.part_id AND part.state = 'submitted'

-- name: link_spellings_met
INSERT INTO link_spelling (link, spelling, count, last_at_ms) VALUES {rows}
ON CONFLICT (link, spelling) DO UPDATE SET count = count + excluded.count, last_at_ms = excluded.last_at_ms

-- name: doubts_of_link
-- In doubt, or waiting to be sent once more after a doubt: then what settles it takes the second sending back.
-- The conditions of the inner two are their indexes' own, word for word.
-- Of a part that was sent before, only the latest try has its time; an earlier one may be meant.
SELECT part.part_id, part.message_id, part.part_no,
    CASE part.is_possible_duplicate WHEN 1 THEN message.accepted_at_ms ELSE part.claimed_at_ms END, part.claimed_at_ms,
    message.recipient, message.originator
FROM part JOIN message USING (message_id)
WHERE part.part_id IN (
    SELECT part_id FROM (
        SELECT part_id FROM part
        WHERE state IN ('claimed', 'in_doubt', 'scheduled') AND state = 'in_doubt' AND link = :link
        ORDER BY next_action_at_ms DESC LIMIT :count
    )
    UNION ALL
    SELECT part_id FROM (
        SELECT part_id FROM part WHERE state = 'queued' AND is_possible_duplicate = 1 AND link = :link
        ORDER BY part_id DESC LIMIT :count
    )
) AND part.claimed_at_ms IS NOT NULL

-- name: doubts_rivals
-- Other parts that a receipt from these handsets could mean, among the newest; read once for all of them.
WITH wanted (link, tail, count) AS (VALUES {rows})
SELECT part.link, message.recipient, message.originator,
    CASE part.is_possible_duplicate WHEN 1 THEN message.accepted_at_ms ELSE part.claimed_at_ms END, part.claimed_at_ms
FROM part CROSS JOIN message ON message.message_id = part.message_id
WHERE part.part_id > (SELECT coalesce(max(part_id), 0) FROM part) - (SELECT max(count) FROM wanted)
    AND (part.state IN ('claimed', 'submitted') OR (part.is_possible_duplicate = 1 AND part.state NOT IN ('in_doubt', 'queued'))
        OR (part.state = 'unknown' AND part.smsc_key IS NULL))
    AND part.claimed_at_ms IS NOT NULL AND (part.link, substr(message.recipient, -7)) IN (SELECT link, tail FROM wanted)

-- name: receipts_park
INSERT INTO parked_receipt
    (link, smsc_id, smsc_key, state, error, network_at_ms, originator, received_at_ms, cause, recipient,
     submitted_at_ms, reference, id_format)
VALUES {rows}

-- name: receipts_parked_any
SELECT 1 FROM parked_receipt LIMIT 1

-- name: receipts_parked
-- As many of a name as a message has parts, at most.
WITH wanted (link, smsc_key) AS (VALUES {rows})
SELECT parked_receipt_id, parked_receipt.link, smsc_id, state, error, network_at_ms, originator, received_at_ms, cause,
    recipient, submitted_at_ms, reference, id_format
FROM wanted JOIN parked_receipt ON parked_receipt_id IN (
    SELECT named.parked_receipt_id FROM parked_receipt AS named
    WHERE named.link = wanted.link AND named.smsc_key = wanted.smsc_key
    ORDER BY named.parked_receipt_id DESC LIMIT 255
)
ORDER BY parked_receipt_id

-- name: receipts_parked_recent
SELECT parked_receipt_id, link, smsc_id, state, error, network_at_ms, originator, received_at_ms, cause, recipient,
    submitted_at_ms, reference, id_format
FROM (SELECT * FROM parked_receipt ORDER BY parked_receipt_id DESC LIMIT :count) ORDER BY parked_receipt_id

-- name: receipts_unpark
DELETE FROM parked_receipt WHERE parked_receipt_id IN (WITH done (id) AS (VALUES {rows}) SELECT id FROM done)

-- name: receipts_forget
-- Parked receipts that nobody claimed: by age, then by number, oldest first.
DELETE FROM parked_receipt WHERE received_at_ms < :before_ms OR parked_receipt_id <=
    (SELECT coalesce(max(parked_receipt_id), 0) - :keep FROM parked_receipt)
