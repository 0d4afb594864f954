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

-- name: message_times_insert
INSERT INTO message_time (message_id, validity_ms, worthless_at_ms, hours, queue_age_ms, worthless_after_ms)
VALUES {rows}

-- name: parts_wait_for_hours
-- Parts of new messages whose due time is that at which their hours open.
UPDATE part SET waiting_for = 'held for hours'
WHERE message_id IN (WITH wanted (message_id) AS (VALUES {rows}) SELECT message_id FROM wanted)

-- name: part_wait_for_hours
-- A part that was claimed in this same transaction, outside its hours.
UPDATE part SET state = 'queued', attempt = attempt - 1, waiting_for = 'held for hours',
    claimed_at_ms = CASE attempt WHEN 1 THEN NULL ELSE claimed_at_ms END, next_action_at_ms = :opens_at_ms
WHERE part_id = :part_id

-- name: parts_due
-- In one step: by lane and account what is due on a link, at most :count parts of each account, and its rate.
-- From one account to the next in the index, however many parts wait for each: in each lane from the one behind :after
-- on, and then those up to there (pass 1). At most :accounts steps, of all lanes alike. (Not every SQLite remembers that
-- what a subquery gives is JSON: json() says so.)
WITH RECURSIVE beginning (lane, pass, above, last) AS (
    VALUES (0, 0, :after_0, 1 << 60), (1, 0, :after_1, 1 << 60), (2, 0, :after_2, 1 << 60),
        (0, 1, 0, :after_0), (1, 1, 0, :after_1), (2, 1, 0, :after_2)
), waiting (lane, pass, account_id, last) AS (
    SELECT lane, pass, (SELECT min(account_id) FROM part
        WHERE state = 'queued' AND link = :link AND lane = beginning.lane AND account_id > beginning.above), last
    FROM beginning WHERE last > 0
    UNION ALL
    SELECT lane, pass, (SELECT min(account_id) FROM part
        WHERE state = 'queued' AND link = :link AND lane = waiting.lane AND account_id > waiting.account_id), last
    FROM waiting WHERE account_id < last
    LIMIT :accounts
)
SELECT json_group_array(json_array(waiting.lane, pass, account_id, parts_per_second,
    CASE WHEN parts_per_second > 0 THEN name ELSE '' END, json((
    SELECT json_group_array(part_id) FROM (
        SELECT part_id FROM part
        WHERE state = 'queued' AND link = :link AND lane = waiting.lane AND account_id = waiting.account_id
            AND next_action_at_ms <= :now_ms AND expires_at_ms > :now_ms
        ORDER BY next_action_at_ms, part_id LIMIT :count
    )
))))
FROM waiting JOIN account USING (account_id) WHERE account_id <= last

-- name: parts_senders
-- Who sends them to whom, where a link counts the parts of each originator.
WITH wanted (part_id) AS (VALUES {rows})
SELECT json_group_array(json_array(part_id, originator, recipient))
FROM wanted JOIN part USING (part_id) JOIN message USING (message_id)

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
    user_data.header, user_data.body, user_data.data_coding, user_data.protocol_id, part.slowed,
    message_time.validity_ms, message_time.worthless_at_ms, message_time.hours
FROM wanted JOIN part USING (part_id) JOIN message ON message.message_id = part.message_id
    LEFT JOIN user_data ON user_data.part_id = part.part_id
    LEFT JOIN message_time ON message_time.message_id = part.message_id
