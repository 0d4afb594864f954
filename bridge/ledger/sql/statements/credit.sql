-- Balances and postings.

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
