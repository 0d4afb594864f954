-- Notices.

-- name: reports_wanted
-- Messages with the states of their parts, where a report would go, and what their account and ESME want to hear.
WITH wanted (message_id) AS (VALUES {rows})
SELECT json_group_array(json_array(part.message_id, part.state, message.account_id, account.mail_events,
    coalesce(mail_thread.reply_to, ''), account.email, part.lane, coalesce(esme_message.registered_delivery, 0)))
FROM wanted JOIN message USING (message_id) JOIN account ON account.account_id = message.account_id
    JOIN part ON part.message_id = message.message_id
    LEFT JOIN mail_thread ON mail_thread.message_id = message.message_id
    LEFT JOIN esme_message ON esme_message.message_id = message.message_id
WHERE (account.mail_events != 'none' AND (mail_thread.reply_to != '' OR account.email != ''))
    OR esme_message.registered_delivery & 3

-- name: notices_insert
INSERT INTO notice
    (kind, cause, account_id, message_id, inbound_id, event, address, next_action_at_ms, created_at_ms)
VALUES {rows}
ON CONFLICT (cause) DO NOTHING

-- name: notices_due
-- What goes out by mail.
SELECT notice_id FROM notice WHERE state = 'owed' AND kind != 'low_credit_text' AND next_action_at_ms <= :now_ms
ORDER BY next_action_at_ms LIMIT :count

-- name: notices_due_as_texts
SELECT notice_id FROM notice WHERE state = 'owed' AND kind = 'low_credit_text' AND next_action_at_ms <= :now_ms
ORDER BY next_action_at_ms LIMIT :count

-- name: notices_claim
UPDATE notice SET state = 'claimed', attempt = attempt + 1
WHERE state = 'owed' AND notice_id IN (WITH wanted (id) AS (VALUES {rows}) SELECT id FROM wanted)

-- name: notices_for_sending
WITH wanted (notice_id) AS (VALUES {rows})
SELECT notice.notice_id, notice.kind, notice.cause, notice.message_id, notice.inbound_id, notice.event,
    notice.address, notice.attempt, notice.created_at_ms, account.name
FROM wanted JOIN notice USING (notice_id) JOIN account USING (account_id)
ORDER BY notice.notice_id

-- name: messages_for_notices
WITH wanted (message_id) AS (VALUES {rows})
SELECT message.message_id, message.recipient, message.originator, message.accepted_at_ms, mail_thread.reply_to,
    mail_thread.mail_message_id, mail_thread.mail_references, mail_thread.subject, message.links
FROM wanted JOIN message USING (message_id) LEFT JOIN mail_thread USING (message_id)

-- name: parts_for_notices
WITH wanted (message_id) AS (VALUES {rows})
SELECT part.message_id, part.part_no, part.state, part.submitted_at_ms, part.final_at_ms, part.network_at_ms,
    part.error, part.waiting_for, part.text, part.is_possible_duplicate, part.cause
FROM wanted JOIN part USING (message_id) ORDER BY part.message_id, part.part_no

-- name: inbounds_for_notices
WITH wanted (inbound_id) AS (VALUES {rows})
SELECT inbound.inbound_id, originator, number, text, received_at_ms, is_incomplete
FROM wanted JOIN inbound USING (inbound_id)

-- name: notice_settle
UPDATE notice SET state = :state, next_action_at_ms = :retry_at_ms, waiting_for = :reason, done_at_ms = :done_at_ms
WHERE notice_id = :notice_id AND state = 'claimed'
