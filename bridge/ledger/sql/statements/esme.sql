-- What ESMEs said of their messages, and what they are owed.

-- name: user_data_insert
INSERT INTO user_data (part_id, header, body, data_coding, protocol_id) VALUES {rows}

-- name: esme_messages_insert
INSERT INTO esme_message
    (message_id, told_id, service_type, source_addr, source_addr_ton, source_addr_npi, destination_addr, dest_addr_ton,
     dest_addr_npi, registered_delivery, user_message_reference, data_coding)
VALUES {rows}

-- name: esme_notices_insert
-- An event is told once.
INSERT INTO esme_notice (account_id, message_id, inbound_id, event, next_action_at_ms, created_at_ms) VALUES {rows}
ON CONFLICT DO NOTHING

-- name: esme_notices_overtaken
-- One that is under way is not tried again either, whatever its answer.
UPDATE esme_notice SET state = 'given_up', waiting_for = 'the message has ended', done_at_ms = wanted.now_ms
FROM (WITH wanted (message_id, now_ms) AS (VALUES {rows}) SELECT message_id, now_ms FROM wanted) AS wanted
WHERE esme_notice.message_id = wanted.message_id AND esme_notice.event = 'enroute'
    AND esme_notice.state IN ('owed', 'claimed')

-- name: esme_wants_intermediate
-- Which of these messages want to be told of while the network still tries: bit 4 of registered_delivery.
WITH wanted (message_id) AS (VALUES {rows})
SELECT message.message_id, message.account_id FROM wanted JOIN esme_message USING (message_id)
    JOIN message ON message.message_id = esme_message.message_id
WHERE esme_message.registered_delivery & 16

-- name: esme_notices_due
-- What is due, and when the next will be.
SELECT json_group_array(json_array(esme_notice_id, message_id)), (
    SELECT min(next_action_at_ms) FROM esme_notice
    WHERE state = 'owed' AND account_id = :account_id AND next_action_at_ms > :now_ms
) FROM (
    SELECT esme_notice_id, message_id FROM esme_notice
    WHERE state = 'owed' AND account_id = :account_id AND next_action_at_ms <= :now_ms
    ORDER BY next_action_at_ms, esme_notice_id LIMIT :count
)

-- name: esme_notices_claim
UPDATE esme_notice SET state = 'claimed', attempt = attempt + 1
WHERE state = 'owed' AND esme_notice_id IN (WITH wanted (id) AS (VALUES {rows}) SELECT id FROM wanted)

-- name: esme_receipts_for_sending
-- A row for each part of each message.
WITH wanted (esme_notice_id) AS (VALUES {rows})
SELECT json_group_array(json_array(esme_notice.esme_notice_id, part.part_no, esme_notice.event, esme_notice.attempt,
    esme_notice.created_at_ms, message.accepted_at_ms, message.coding, told_id,
    json_array(service_type, source_addr, source_addr_ton, source_addr_npi, destination_addr, dest_addr_ton,
        dest_addr_npi, registered_delivery, user_message_reference),
    part.state, part.final_at_ms, part.network_at_ms, part.error, part.command_status, substr(part.text, 1, 20)))
FROM wanted JOIN esme_notice USING (esme_notice_id)
    JOIN message ON message.message_id = esme_notice.message_id
    JOIN esme_message ON esme_message.message_id = esme_notice.message_id
    JOIN part ON part.message_id = esme_notice.message_id

-- name: esme_inbounds_for_sending
WITH wanted (esme_notice_id) AS (VALUES {rows})
SELECT esme_notice.esme_notice_id, esme_notice.event, esme_notice.attempt, esme_notice.created_at_ms,
    inbound.inbound_id, originator, number, text, received_at_ms, is_incomplete
FROM wanted JOIN esme_notice USING (esme_notice_id) JOIN inbound ON inbound.inbound_id = esme_notice.inbound_id
ORDER BY esme_notice.esme_notice_id

-- name: esme_notices_settle
-- Another try that would come after its time is given up.
UPDATE esme_notice SET next_action_at_ms = told.retry_at_ms, waiting_for = told.reason,
    state = CASE WHEN told.state = 'owed' AND told.retry_at_ms > esme_notice.created_at_ms + told.kept_ms
        THEN 'given_up' ELSE told.state END,
    done_at_ms = CASE WHEN told.state = 'owed' AND told.retry_at_ms <= esme_notice.created_at_ms + told.kept_ms
        THEN NULL ELSE told.at_ms END
FROM (WITH told (esme_notice_id, state, retry_at_ms, reason, at_ms, kept_ms) AS (VALUES {rows})
    SELECT esme_notice_id, state, retry_at_ms, reason, at_ms, kept_ms FROM told) AS told
WHERE esme_notice.esme_notice_id = told.esme_notice_id AND esme_notice.state = 'claimed'

-- name: esme_notices_recover
-- The first condition is the index's own, word for word.
UPDATE esme_notice SET state = 'owed', next_action_at_ms = :now_ms
WHERE state IN ('claimed', 'held') AND state = 'claimed'

-- name: esme_notices_give_up
-- From one account to the next in the index, however many notices wait for each.
UPDATE esme_notice SET state = 'given_up', waiting_for = :reason, done_at_ms = :now_ms WHERE esme_notice_id IN (
    WITH RECURSIVE waiting (account_id) AS (
        SELECT min(account_id) FROM esme_notice WHERE state = 'owed'
        UNION ALL
        SELECT (SELECT min(account_id) FROM esme_notice WHERE state = 'owed' AND account_id > waiting.account_id)
        FROM waiting WHERE waiting.account_id IS NOT NULL
    )
    SELECT esme_notice.esme_notice_id FROM waiting JOIN esme_notice ON esme_notice.account_id = waiting.account_id
        AND esme_notice.state = 'owed' AND esme_notice.next_action_at_ms <= :before_ms
    LIMIT :count
)

-- name: esme_notices_shift
-- Their age, too: how long they are kept counts from it.
UPDATE esme_notice SET next_action_at_ms = next_action_at_ms + :by_ms, created_at_ms = created_at_ms + :by_ms
WHERE esme_notice_id IN (SELECT esme_notice_id FROM esme_notice WHERE state = 'owed' UNION ALL
    SELECT esme_notice_id FROM esme_notice WHERE state IN ('claimed', 'held') AND state = 'claimed')

-- name: esme_messages_named
-- The message of this number, and those that an ESME was told under it. Rows (message, account, addresses as written).
SELECT message.message_id, message.account_id, coalesce(esme_message.source_addr, message.originator),
    coalesce(esme_message.destination_addr, message.recipient)
FROM message LEFT JOIN esme_message USING (message_id) WHERE message.message_id = :message_id
UNION ALL
SELECT message.message_id, message.account_id, esme_message.source_addr, esme_message.destination_addr
FROM esme_message JOIN message USING (message_id)
WHERE esme_message.told_id = :message_id AND esme_message.told_id != esme_message.message_id

-- name: esme_messages_addressed
-- Messages of one account that went between these addresses, among its newest.
SELECT newest.message_id, newest.account_id, esme_message.source_addr, esme_message.destination_addr
FROM (SELECT message_id, account_id FROM message WHERE account_id = :account_id ORDER BY message_id DESC LIMIT :count)
        AS newest
    JOIN esme_message ON esme_message.message_id = newest.message_id
WHERE esme_message.source_addr = :source_addr AND esme_message.destination_addr = :destination_addr
    AND :service_type IN ('', esme_message.service_type)

-- name: esme_messages_waiting
-- Messages of one account that a carrier may not have yet, among its newest, with the addresses that an ESME wrote.
SELECT newest.message_id, service_type, source_addr, destination_addr
FROM (SELECT message_id FROM message WHERE account_id = :account_id ORDER BY message_id DESC LIMIT :count) AS newest
    JOIN part ON part.message_id = newest.message_id AND part.part_no = 1 AND part.state IN ('queued', 'scheduled')
    JOIN esme_message ON esme_message.message_id = newest.message_id
ORDER BY newest.message_id

-- name: parts_to_change
-- Every part of these messages, in order.
WITH wanted (message_id) AS (VALUES {rows})
SELECT part.message_id, part.part_id, part.part_no, part.state, part.is_possible_duplicate, message.account_id,
    message.book, message.price_mc, part.next_action_at_ms, part.expires_at_ms, part.link,
    coalesce(user_data.protocol_id, 0), coalesce(length(user_data.header), 0), part.lane, message.accepted_at_ms,
    coalesce(message_time.hours, ''), coalesce(message_time.queue_age_ms, 0),
    coalesce(message_time.worthless_at_ms, 0), coalesce(message_time.worthless_after_ms, 0)
FROM wanted JOIN part USING (message_id) JOIN message ON message.message_id = part.message_id
    LEFT JOIN user_data ON user_data.part_id = part.part_id
    LEFT JOIN message_time ON message_time.message_id = part.message_id
ORDER BY part.message_id, part.part_no

-- name: part_replace_text
UPDATE part SET text = :text WHERE part_id = :part_id

-- name: part_replace_times
UPDATE part SET next_action_at_ms = :due_at_ms, expires_at_ms = :expires_at_ms, waiting_for = :waiting_for
WHERE part_id = :part_id

-- name: message_time_worthless
INSERT INTO message_time (message_id, validity_ms, worthless_at_ms, hours, queue_age_ms, worthless_after_ms)
VALUES (:message_id, 0, :worthless_at_ms, '', 0, :worthless_after_ms)
ON CONFLICT (message_id) DO UPDATE SET
    worthless_at_ms = excluded.worthless_at_ms, worthless_after_ms = excluded.worthless_after_ms

-- name: message_replace_coding
UPDATE message SET coding = :coding WHERE message_id = :message_id

-- name: esme_message_replace
UPDATE esme_message SET registered_delivery = :registered_delivery WHERE message_id = :message_id

-- name: user_data_delete
DELETE FROM user_data WHERE part_id IN (WITH wanted (part_id) AS (VALUES {rows}) SELECT part_id FROM wanted)

-- name: parts_scheduled_due
-- The first condition is the index's own, word for word.
SELECT part_id, link, expires_at_ms FROM part
WHERE state IN ('claimed', 'in_doubt', 'scheduled') AND state = 'scheduled' AND next_action_at_ms <= :now_ms
ORDER BY next_action_at_ms LIMIT :count

-- name: parts_release_scheduled
UPDATE part SET state = 'queued', waiting_for = ''
WHERE state = 'scheduled' AND part_id IN (WITH wanted (id) AS (VALUES {rows}) SELECT id FROM wanted)

-- name: esme_notices_hold
UPDATE esme_notice SET state = 'held', waiting_for = :reason, next_action_at_ms = 0 WHERE state IN ('owed', 'claimed')

-- name: held_esme_notices
-- The first condition is the index's own, word for word.
SELECT esme_notice.esme_notice_id, esme_notice.account_id FROM esme_notice JOIN account USING (account_id)
WHERE esme_notice.state IN ('claimed', 'held') AND esme_notice.state = 'held'
    AND esme_notice.created_at_ms >= :from_ms AND esme_notice.created_at_ms < :to_ms
    AND (:account = '' OR account.name = :account)
ORDER BY esme_notice.esme_notice_id LIMIT :count

-- name: esme_notices_release
UPDATE esme_notice SET state = 'owed', waiting_for = '', next_action_at_ms = wanted.now_ms
FROM (WITH wanted (id, now_ms) AS (VALUES {rows}) SELECT id, now_ms FROM wanted) AS wanted
WHERE esme_notice.esme_notice_id = wanted.id AND esme_notice.state = 'held'

-- name: esme_notices_cancel
UPDATE esme_notice SET state = 'given_up', waiting_for = wanted.reason, done_at_ms = wanted.now_ms
FROM (WITH wanted (id, now_ms, reason) AS (VALUES {rows}) SELECT id, now_ms, reason FROM wanted) AS wanted
WHERE esme_notice.esme_notice_id = wanted.id AND esme_notice.state = 'held'

-- name: user_data_of_messages_delete
DELETE FROM user_data WHERE part_id IN (
    WITH wanted (message_id) AS (VALUES {rows}) SELECT part.part_id FROM wanted JOIN part USING (message_id))

-- name: esme_notices_delete
DELETE FROM esme_notice WHERE message_id IN (
    WITH wanted (message_id) AS (VALUES {rows}) SELECT message_id FROM wanted)

-- name: esme_messages_delete
DELETE FROM esme_message WHERE message_id IN (
    WITH wanted (message_id) AS (VALUES {rows}) SELECT message_id FROM wanted)

-- name: esme_inbound_notices_delete
DELETE FROM esme_notice WHERE inbound_id IN (
    WITH wanted (inbound_id) AS (VALUES {rows}) SELECT inbound_id FROM wanted)

-- name: person_esme_messages_erase
UPDATE esme_message SET source_addr = 'erased', destination_addr = 'erased'
WHERE message_id IN (WITH wanted (message_id) AS (VALUES {rows}) SELECT message_id FROM wanted)
RETURNING message_id
