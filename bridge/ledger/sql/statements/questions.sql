-- What is asked of SMSCs by query_sm.

-- name: questions_claim
UPDATE part SET next_action_at_ms =
    CASE WHEN :now_ms - submitted_at_ms > :age_ms THEN 0 ELSE :now_ms + max(:now_ms - submitted_at_ms, 1) END
WHERE part_id IN (
    SELECT due.part_id FROM part AS due
    WHERE due.state = 'submitted' AND due.next_action_at_ms > 0 AND due.link = :link
        AND due.next_action_at_ms <= :now_ms AND due.smsc_id IS NOT NULL
    ORDER BY due.next_action_at_ms LIMIT :count
)
RETURNING part_id

-- name: questions_for_sending
WITH wanted (part_id) AS (VALUES {rows})
SELECT part.message_id, part.part_no, part.smsc_id, message.originator, message.recipient
FROM wanted JOIN part USING (part_id) JOIN message ON message.message_id = part.message_id
ORDER BY part.part_id
