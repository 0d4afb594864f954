-- Parts that wait on a link which is stopped, gone or sick, and go to the next link of their message.

-- name: parts_to_replan
-- In the order of the claim's index, from behind the last one that was looked at. What may have been sent once stays:
-- only its own link can still tell.
SELECT part.account_id, part.next_action_at_ms, part.part_id, part.message_id, message.recipient, message.links
FROM part JOIN message USING (message_id)
WHERE part.state = 'queued' AND part.link = :link AND part.lane = :lane
    AND (part.account_id, part.next_action_at_ms, part.part_id) > (:account_id, :due_ms, :part_id)
    AND part.is_possible_duplicate = 0 AND part.expires_at_ms > :now_ms
ORDER BY part.account_id, part.next_action_at_ms, part.part_id LIMIT :count

-- name: parts_of_messages
WITH wanted (message_id) AS (VALUES {rows})
SELECT part.message_id, part.part_id, part.state, part.link, part.is_possible_duplicate
FROM wanted JOIN part USING (message_id)

-- name: parts_replan
-- What the link they leave had put off is due now; what waits for its hours, or was never tried, keeps its time.
UPDATE part SET link = moved.link, waiting_for = '',
    next_action_at_ms = CASE WHEN part.command_status = 0 OR EXISTS (
            SELECT 1 FROM message_time WHERE message_time.message_id = part.message_id AND message_time.hours != ''
        ) THEN part.next_action_at_ms ELSE min(part.next_action_at_ms, moved.now_ms) END
FROM (WITH moved (part_id, link, now_ms) AS (VALUES {rows}) SELECT part_id, link, now_ms FROM moved) AS moved
WHERE part.part_id = moved.part_id AND part.state = 'queued'
