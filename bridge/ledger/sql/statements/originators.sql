-- Originators of accounts, rules of destinations, pools, hours of destinations.

-- name: originators_of
SELECT originator FROM originator WHERE account_id = :account_id

-- name: originator_insert
INSERT INTO originator (account_id, originator, created_at_ms) VALUES (:account_id, :originator, :now_ms)
ON CONFLICT DO NOTHING

-- name: originator_delete
DELETE FROM originator WHERE account_id = :account_id AND originator = :originator

-- name: originator_rules_delete
DELETE FROM originator_rule

-- name: originator_rules_insert
INSERT INTO originator_rule (destination, link, kind, replacement) VALUES {rows}

-- name: pool_delete
DELETE FROM pool_number WHERE pool = :pool

-- name: pool_numbers_insert
INSERT INTO pool_number (pool, number) VALUES {rows}

-- name: pool_uses_of
SELECT pool, recipient, account_id, number, used_at_ms FROM pool_use
WHERE pool = :pool AND recipient = :recipient

-- name: pool_uses_set
INSERT INTO pool_use (pool, recipient, account_id, number, used_at_ms)
SELECT * FROM (WITH used (pool, recipient, account_id, number, used_at_ms) AS (VALUES {rows}) SELECT * FROM used)
WHERE true
ON CONFLICT (recipient, pool, account_id) DO UPDATE SET number = excluded.number, used_at_ms = excluded.used_at_ms

-- name: pool_uses_forget
DELETE FROM pool_use WHERE pool_use_id IN (
    SELECT pool_use_id FROM pool_use WHERE used_at_ms <= :before_ms ORDER BY used_at_ms LIMIT :count)

-- name: pool_conversation
-- Whose conversation a text from a handset to a number of a pool belongs to: the latest that wrote from there.
SELECT pool_use.account_id, account.email, EXISTS (SELECT 1 FROM credential
    WHERE credential.account_id = account.account_id AND credential.kind = 'smpp_password')
FROM pool_use JOIN account USING (account_id)
WHERE pool_use.number = :number AND pool_use.recipient = :handset ORDER BY used_at_ms DESC LIMIT 1

-- name: destination_hours_set
INSERT INTO destination_hours (destination, hours, is_for_alarms) VALUES (:destination, :hours, :is_for_alarms)
ON CONFLICT (destination) DO UPDATE SET hours = excluded.hours, is_for_alarms = excluded.is_for_alarms

-- name: destination_hours_delete
DELETE FROM destination_hours WHERE destination = :destination
