-- name: run_mark
SELECT value FROM setting_of_ledger WHERE name = 'run';

-- name: run_mark_set
INSERT INTO setting_of_ledger (name, value) VALUES ('run', :value) ON CONFLICT (name) DO UPDATE SET value = :value;

-- name: newest_answer_at
-- When the newest message was accepted or the newest repeat answered; NULL: neither. Messages of one commit are not
-- numbered in the order of their times, so the newest of the last :count is looked for.
SELECT nullif(max(
    coalesce((SELECT max(accepted_at_ms) FROM
        (SELECT accepted_at_ms FROM message ORDER BY message_id DESC LIMIT :count)), 0),
    coalesce((SELECT max(heard_at_ms) FROM unanswered), 0)), 0);
