-- What becomes of parts.

-- name: parts_to_be_answered
-- A late answer still counts: it resolves a part in doubt, and cancels a resend that has not been claimed yet. A part
-- that was given up as unknown keeps its state but gets its name, so that its receipt can still tell the truth.
WITH wanted (part_id) AS (VALUES {rows})
SELECT json_group_array(part_id) FROM wanted JOIN part USING (part_id)
WHERE part.state IN ('claimed', 'in_doubt') OR (part.state = 'queued' AND part.is_possible_duplicate = 1)
    OR (part.state = 'unknown' AND part.smsc_key IS NULL)

-- name: parts_submitted
-- Of those that parts_to_be_answered has found.
UPDATE part SET state = CASE part.state WHEN 'unknown' THEN 'unknown' ELSE 'submitted' END, link = answer.link,
    smsc_id = answer.smsc_id, smsc_key = answer.smsc_key, submitted_at_ms = answer.at_ms,
    next_action_at_ms = CASE part.state WHEN 'unknown' THEN 0 ELSE answer.ask_at_ms END, command_status = 0,
    waiting_for = CASE part.state WHEN 'unknown' THEN part.waiting_for ELSE '' END
FROM (
    WITH answer (part_id, link, smsc_id, smsc_key, at_ms, ask_at_ms) AS (VALUES {rows})
    SELECT part_id, link, smsc_id, smsc_key, at_ms, ask_at_ms FROM answer
) AS answer
WHERE part.part_id = answer.part_id

-- name: parts_of
WITH wanted (part_id) AS (VALUES {rows})
SELECT part.part_id, part.message_id, part.account_id, part.part_no, part.state, part.link, message.price_mc,
    message.links, part.attempt, part.lane, message.accepted_at_ms, part.is_possible_duplicate, message.book,
    message.part_total
FROM wanted JOIN part USING (part_id) JOIN message ON message.message_id = part.message_id

-- name: part_requeue
-- Once a part may have gone out twice, it stays marked so.
UPDATE part SET state = 'queued', link = :link, next_action_at_ms = :retry_at_ms, waiting_for = :reason,
    command_status = :command_status, attempt = :attempt, slowed = slowed + :is_slowed,
    is_possible_duplicate = max(is_possible_duplicate, :is_resend), expires_at_ms = min(expires_at_ms, :stale_at_ms)
WHERE part_id = :part_id

-- name: part_in_doubt
UPDATE part SET state = 'in_doubt', next_action_at_ms = :retry_at_ms, waiting_for = :reason
WHERE part_id = :part_id

-- name: parts_finish
UPDATE part SET state = ending.state, final_at_ms = ending.at_ms, network_at_ms = ending.network_at_ms,
    error = ending.error, cause = ending.cause, command_status = ending.command_status, waiting_for = ending.reason,
    next_action_at_ms = 0
FROM (
    WITH ending (part_id, state, at_ms, network_at_ms, error, cause, command_status, reason) AS (VALUES {rows})
    SELECT part_id, state, at_ms, network_at_ms, error, cause, command_status, reason FROM ending
) AS ending
WHERE part.part_id = ending.part_id

-- name: history_insert
INSERT INTO history (message_id, part_no, at_ms, event, detail) VALUES {rows}
