-- Submissions that were not taken.

-- name: refusals_insert
INSERT INTO refusal (account_id, door, fault, detail, originator, recipient, text, created_at_ms) VALUES {rows}

-- name: refusals_forget
-- The newest are kept; a flood of refusals must not fill the disk.
DELETE FROM refusal WHERE refusal_id <= (SELECT coalesce(max(refusal_id), 0) - :keep FROM refusal)
