-- Texts from handsets.

-- name: numbers_of
WITH wanted (number) AS (VALUES {rows})
SELECT number.number, number.account_id, number.mail, number.is_for_esme FROM wanted JOIN number USING (number)

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
