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

-- name: standing
-- How one book of one account stands.
SELECT account.name, account.closed_at_ms, coalesce(balance.amount_mc, 0), coalesce(balance.floor_mc, 0)
FROM account LEFT JOIN balance ON balance.account_id = account.account_id AND balance.book = :book
WHERE account.account_id = :account_id

-- name: postings_of_key
-- Top-ups, adjustments and transfers by their key, whoever they are of; the first condition names the partial index.
SELECT account_id, amount_mc FROM posting
WHERE kind IN ('top_up', 'adjustment', 'transfer') AND kind = :kind AND cause = :cause

-- name: purses
-- Who may spend how much, for every account of a batch at once.
WITH wanted (account_id) AS (VALUES {rows})
SELECT account.account_id, account.is_disabled, balance.amount_mc, balance.floor_mc, account.reserve_mc,
    coalesce(trial.amount_mc, 0), CASE account.is_low_told WHEN 0 THEN account.low_limit_mc ELSE 0 END
FROM wanted JOIN account USING (account_id)
    JOIN balance ON balance.account_id = account.account_id AND balance.book = 'credit'
    LEFT JOIN balance AS trial ON trial.account_id = account.account_id AND trial.book = 'trial'

-- name: postings_charge
INSERT INTO posting (account_id, book, kind, cause, amount_mc, created_at_ms)
WITH charge (account_id, book, cause, amount_mc, now_ms) AS (VALUES {rows})
SELECT account_id, book, 'charge', cause, amount_mc, now_ms FROM charge

-- name: parts_to_refund
SELECT part.part_id, part.part_no, part.state, message.account_id, message.book, message.price_mc
FROM message JOIN part USING (message_id) WHERE message.message_id = :message_id ORDER BY part.part_no

-- name: refunds_by_policy
-- Which of these failed parts are paid back because their account wants it so.
WITH wanted (part_id) AS (VALUES {rows})
SELECT part.part_id, message.account_id, message.book, message.price_mc
FROM wanted JOIN part USING (part_id) JOIN message ON message.message_id = part.message_id
    JOIN account ON account.account_id = message.account_id
WHERE account.refunds = 'undeliverable'
