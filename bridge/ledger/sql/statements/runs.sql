-- name: run_mark
SELECT value FROM setting_of_ledger WHERE name = 'run';

-- name: run_mark_set
INSERT INTO setting_of_ledger (name, value) VALUES ('run', :value) ON CONFLICT (name) DO UPDATE SET value = :value;

-- name: newest_accepted_at
SELECT accepted_at_ms FROM message ORDER BY message_id DESC LIMIT 1;
