-- Submissions that were not taken.

-- name: refusals_insert
INSERT INTO refusal
    (account_id, door, fault, detail, originator, recipient, text, created_at_ms, lane, reference, thread, is_cut,
     missing)
VALUES {rows}

-- name: refusals_resubmitted
-- Each refusal becomes one message at most: those that did before are not returned.
UPDATE refusal SET resubmitted_as = done.message_id
FROM (WITH done (refusal_id, message_id) AS (VALUES {rows}) SELECT refusal_id, message_id FROM done) AS done
WHERE refusal.refusal_id = done.refusal_id AND refusal.resubmitted_as IS NULL
RETURNING refusal.refusal_id

-- name: refusals_forget
-- The newest are kept; a flood of refusals must not fill the disk.
DELETE FROM refusal WHERE refusal_id <= (SELECT coalesce(max(refusal_id), 0) - :keep FROM refusal)
