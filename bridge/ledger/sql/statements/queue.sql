-- Messages and parts on their way in and out.

-- name: sequence_next
-- Numbers are reserved, never reused: a public id or a posting's cause must not come back after an erasure.
UPDATE sequence SET value = value + :count WHERE name = :name RETURNING value

-- name: ledger_setting
SELECT value FROM setting_of_ledger WHERE name = :name

-- name: messages_insert
INSERT INTO message
    (message_id, account_id, door, originator, recipient, coding, part_total, price_mc, links, accepted_at_ms,
     reference, book)
VALUES {rows}

-- name: mail_threads_insert
INSERT INTO mail_thread (message_id, reply_to, mail_message_id, mail_references, subject) VALUES {rows}

-- name: parts_insert
INSERT INTO part
    (part_id, message_id, account_id, part_no, text, state, link, lane, next_action_at_ms, expires_at_ms)
VALUES {rows}

-- name: parts_due
-- One lane at a time, so that the index gives the rows in order and a full alarm lane stops the search.
SELECT part_id FROM part
WHERE state = 'queued' AND link = :link AND lane = :lane AND next_action_at_ms <= :now_ms AND expires_at_ms > :now_ms
ORDER BY next_action_at_ms, part_id LIMIT :count

-- name: parts_claim
-- The claim is the write-ahead intent: it is committed before a byte leaves.
UPDATE part SET state = 'claimed', claimed_at_ms = wanted.now_ms, attempt = attempt + 1, waiting_for = '',
    next_action_at_ms = 0
FROM (WITH wanted (part_id, now_ms) AS (VALUES {rows}) SELECT part_id, now_ms FROM wanted) AS wanted
WHERE part.part_id = wanted.part_id AND part.state = 'queued'

-- name: parts_for_sending
WITH wanted (part_id) AS (VALUES {rows})
SELECT part.part_id, part.message_id, part.account_id, part.part_no, message.part_total, message.originator,
    message.recipient, message.coding, part.text, part.attempt, part.expires_at_ms, part.is_possible_duplicate,
    user_data.header, user_data.body, user_data.data_coding, user_data.protocol_id, part.slowed
FROM wanted JOIN part USING (part_id) JOIN message ON message.message_id = part.message_id
    LEFT JOIN user_data ON user_data.part_id = part.part_id
ORDER BY part.lane, part.part_id
