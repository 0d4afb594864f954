-- Every statement of the hot path and of the rare writes, by name, with one line of why.

-- name: sequence_next
-- Numbers are reserved, never reused: a public id or a posting's cause must not come back after an erasure.
UPDATE sequence SET value = value + :count WHERE name = :name RETURNING value

-- name: ledger_setting
SELECT value FROM setting_of_ledger WHERE name = :name

-- name: account_by_name
-- Exact: case counts.
SELECT account_id, name, account_class, is_disabled FROM account WHERE name = :name

-- name: account_by_folded
SELECT name FROM account WHERE name_folded = :name_folded

-- name: account_insert
INSERT INTO account
    (name, name_folded, account_class, email, mobile, home_country, time_zone, lane, mail_events, originator,
     created_at_ms)
VALUES
    (:name, :name_folded, :account_class, :email, :mobile, :home_country, :time_zone, :lane, :mail_events, :originator,
     :now_ms)
RETURNING account_id

-- name: account_set_disabled
UPDATE account SET is_disabled = :is_disabled WHERE account_id = :account_id

-- name: credential_insert
INSERT INTO credential (account_id, kind, verifier, scopes, networks, lane, created_at_ms, expires_at_ms)
VALUES (:account_id, :kind, :verifier, :scopes, :networks, :lane, :now_ms, :expires_at_ms)
RETURNING credential_id

-- name: network_holder
SELECT account.name FROM credential JOIN account USING (account_id)
WHERE credential.kind = 'network' AND credential.networks = :networks

-- name: credential_delete_kind
DELETE FROM credential WHERE account_id = :account_id AND kind = :kind

-- name: balance_insert
INSERT INTO balance (account_id, book, amount_mc, floor_mc) VALUES (:account_id, :book, 0, :floor_mc)

-- name: balance_move
-- The CHECK on balance is the last word: an overdraft fails here whatever was computed before.
UPDATE balance SET amount_mc = amount_mc + :amount_mc WHERE account_id = :account_id AND book = :book
RETURNING amount_mc

-- name: posting_insert
-- A posting that exists already moves nothing: the caller sees no row.
INSERT INTO posting (account_id, book, kind, cause, amount_mc, actor, reason, created_at_ms)
VALUES (:account_id, :book, :kind, :cause, :amount_mc, :actor, :reason, :now_ms)
ON CONFLICT (account_id, book, kind, cause) DO NOTHING
RETURNING posting_id

-- name: posting_of_cause
SELECT amount_mc, reason, actor FROM posting
WHERE account_id = :account_id AND book = :book AND kind = :kind AND cause = :cause

-- name: standings
-- Who may spend how much, for every account of a batch at once.
WITH wanted (account_id) AS (VALUES {rows})
SELECT account.account_id, account.is_disabled, balance.amount_mc - balance.floor_mc
FROM wanted JOIN account USING (account_id) JOIN balance USING (account_id)
WHERE balance.book = 'credit'

-- name: postings_charge
INSERT INTO posting (account_id, book, kind, cause, amount_mc, created_at_ms)
WITH charge (account_id, cause, amount_mc, now_ms) AS (VALUES {rows})
SELECT account_id, 'credit', 'charge', cause, amount_mc, now_ms FROM charge

-- name: messages_insert
INSERT INTO message
    (message_id, account_id, door, originator, recipient, coding, part_total, price_mc, links, accepted_at_ms,
     reference)
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
    message.recipient, message.coding, part.text, part.attempt, part.expires_at_ms, part.is_possible_duplicate
FROM wanted JOIN part USING (part_id) JOIN message ON message.message_id = part.message_id
ORDER BY part.lane, part.part_id

-- name: parts_submitted
-- A late answer still counts: it resolves a part in doubt, and cancels a resend that has not been claimed yet. A part
-- that was given up as unknown keeps its state but gets its name, so that its receipt can still tell the truth.
UPDATE part SET state = CASE part.state WHEN 'unknown' THEN 'unknown' ELSE 'submitted' END, smsc_id = answer.smsc_id, smsc_key = answer.smsc_key,
    submitted_at_ms = answer.at_ms, next_action_at_ms = 0, command_status = 0,
    waiting_for = CASE part.state WHEN 'unknown' THEN part.waiting_for ELSE '' END
FROM (
    WITH answer (part_id, smsc_id, smsc_key, at_ms) AS (VALUES {rows}) SELECT part_id, smsc_id, smsc_key, at_ms FROM answer
) AS answer
WHERE part.part_id = answer.part_id
    AND (part.state IN ('claimed', 'in_doubt') OR (part.state = 'queued' AND part.is_possible_duplicate = 1)
        OR (part.state = 'unknown' AND part.smsc_key IS NULL))
RETURNING part.part_id

-- name: parts_of
WITH wanted (part_id) AS (VALUES {rows})
SELECT part.part_id, part.message_id, part.account_id, part.part_no, part.state, part.link, message.price_mc,
    message.links, part.attempt, part.lane, message.accepted_at_ms, part.is_possible_duplicate
FROM wanted JOIN part USING (part_id) JOIN message ON message.message_id = part.message_id

-- name: part_requeue
-- Once a part may have gone out twice, it stays marked so.
UPDATE part SET state = 'queued', link = :link, next_action_at_ms = :retry_at_ms, waiting_for = :reason,
    command_status = :command_status, attempt = :attempt,
    is_possible_duplicate = max(is_possible_duplicate, :is_resend), expires_at_ms = min(expires_at_ms, :stale_at_ms)
WHERE part_id = :part_id

-- name: part_in_doubt
UPDATE part SET state = 'in_doubt', next_action_at_ms = :retry_at_ms, waiting_for = :reason
WHERE part_id = :part_id

-- name: parts_finish
UPDATE part SET state = ending.state, final_at_ms = ending.at_ms, network_at_ms = ending.network_at_ms,
    error = ending.error, command_status = ending.command_status, waiting_for = ending.reason, next_action_at_ms = 0
FROM (
    WITH ending (part_id, state, at_ms, network_at_ms, error, command_status, reason) AS (VALUES {rows})
    SELECT part_id, state, at_ms, network_at_ms, error, command_status, reason FROM ending
) AS ending
WHERE part.part_id = ending.part_id

-- name: reports_wanted
-- Messages with the states of their parts, where a report would go, and what their account wants to hear.
WITH wanted (message_id) AS (VALUES {rows})
SELECT part.message_id, part.state, message.account_id, account.mail_events, coalesce(mail_thread.reply_to, ''),
    account.email, part.lane
FROM wanted JOIN message USING (message_id) JOIN account ON account.account_id = message.account_id
    JOIN part ON part.message_id = message.message_id
    LEFT JOIN mail_thread ON mail_thread.message_id = message.message_id
WHERE account.mail_events != 'none' AND (mail_thread.reply_to != '' OR account.email != '')

-- name: notices_insert
INSERT INTO notice
    (kind, cause, account_id, message_id, inbound_id, event, address, next_action_at_ms, created_at_ms)
VALUES {rows}
ON CONFLICT (cause) DO NOTHING

-- name: history_insert
INSERT INTO history (message_id, part_no, at_ms, event, detail) VALUES {rows}

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

-- name: numbers_of
WITH wanted (number) AS (VALUES {rows})
SELECT number.number, number.account_id, number.mail FROM wanted JOIN number USING (number)

-- name: number_insert
INSERT INTO number (number, account_id, mail, created_at_ms) VALUES (:number, :account_id, :mail, :now_ms)

-- name: number_by_digits
SELECT number, account_id, mail FROM number WHERE number = :number

-- name: inbounds_insert
INSERT INTO inbound (inbound_id, account_id, link, originator, number, text, is_incomplete, received_at_ms)
VALUES {rows}

-- name: inbound_part_insert
INSERT INTO inbound_part (link, originator, number, reference, total, part_no, text, received_at_ms)
VALUES (:link, :originator, :number, :reference, :total, :part_no, :text, :now_ms)
ON CONFLICT (link, originator, number, reference, total, part_no) DO NOTHING

-- name: inbound_parts_of
SELECT part_no, text, joined_at_ms FROM inbound_part
WHERE link = :link AND originator = :originator AND number = :number AND reference = :reference AND total = :total
ORDER BY part_no

-- name: inbound_parts_joined
UPDATE inbound_part SET joined_at_ms = :now_ms
WHERE link = :link AND originator = :originator AND number = :number AND reference = :reference AND total = :total

-- name: inbound_parts_delete
DELETE FROM inbound_part
WHERE link = :link AND originator = :originator AND number = :number AND reference = :reference AND total = :total

-- name: inbound_parts_stale
SELECT DISTINCT link, originator, number, reference, total FROM inbound_part
WHERE received_at_ms < :before_ms AND joined_at_ms IS NULL LIMIT :count

-- name: inbound_parts_forget
DELETE FROM inbound_part WHERE joined_at_ms < :before_ms

-- name: notices_due
SELECT notice_id FROM notice WHERE state = 'owed' AND next_action_at_ms <= :now_ms
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
    mail_thread.mail_message_id, mail_thread.mail_references, mail_thread.subject
FROM wanted JOIN message USING (message_id) LEFT JOIN mail_thread USING (message_id)

-- name: parts_for_notices
WITH wanted (message_id) AS (VALUES {rows})
SELECT part.message_id, part.part_no, part.state, part.submitted_at_ms, part.final_at_ms, part.network_at_ms,
    part.error, part.waiting_for, part.text
FROM wanted JOIN part USING (message_id) ORDER BY part.message_id, part.part_no

-- name: inbounds_for_notices
WITH wanted (inbound_id) AS (VALUES {rows})
SELECT inbound.inbound_id, originator, number, text, received_at_ms, is_incomplete
FROM wanted JOIN inbound USING (inbound_id)

-- name: notice_settle
UPDATE notice SET state = :state, next_action_at_ms = :retry_at_ms, waiting_for = :reason, done_at_ms = :done_at_ms
WHERE notice_id = :notice_id AND state = 'claimed'

-- name: notices_recover
-- Notices that were being sent when the appliance ended are owed again, with the same Message-ID; those that wait for
-- another try are due now, for a restart is often the repair.
UPDATE notice SET state = 'owed', next_action_at_ms = :now_ms
WHERE state = 'claimed' OR (state = 'owed' AND next_action_at_ms > :now_ms)

-- name: claims_open
-- Parts that were claimed when the appliance ended: each may have been written to the wire.
SELECT part_id, message_id, part_no, link FROM part WHERE state = 'claimed'

-- name: in_doubt_due
SELECT part.part_id, part.link FROM part
WHERE state = 'in_doubt' AND next_action_at_ms <= :now_ms ORDER BY next_action_at_ms LIMIT :count

-- name: parts_expired
SELECT part_id FROM part WHERE state = 'queued' AND link = :link AND lane = :lane AND expires_at_ms <= :now_ms
LIMIT :count

-- name: links_with_queue
SELECT DISTINCT link FROM part WHERE state = 'queued'

-- name: parts_shift
-- A clock that steps back must not hold an alarm for an hour, one that steps forward must not expire the queue.
UPDATE part SET expires_at_ms = expires_at_ms + :by_ms,
    next_action_at_ms = CASE next_action_at_ms WHEN 0 THEN 0 ELSE max(1, next_action_at_ms + :by_ms) END
WHERE state IN ('queued', 'claimed', 'in_doubt')

-- name: notices_shift
UPDATE notice SET next_action_at_ms = next_action_at_ms + :by_ms WHERE state = 'owed'

-- name: tariff_upsert
INSERT INTO tariff (account_class, prefix, price_mc) VALUES (:account_class, :prefix, :price_mc)
ON CONFLICT (account_class, prefix) DO UPDATE SET price_mc = excluded.price_mc

-- name: refusals_insert
INSERT INTO refusal (account_id, door, fault, detail, originator, recipient, text, created_at_ms) VALUES {rows}

-- name: refusals_forget
-- The newest are kept; a flood of refusals must not fill the disk.
DELETE FROM refusal WHERE refusal_id <= (SELECT coalesce(max(refusal_id), 0) - :keep FROM refusal)
