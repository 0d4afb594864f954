-- Closing accounts.

-- name: purchases
-- What brought credit in, the newest first.
SELECT kind, cause, amount_mc, created_at_ms FROM posting
WHERE account_id = :account_id AND book = 'credit' AND kind IN ('top_up', 'adjustment', 'transfer') AND amount_mc > 0
ORDER BY posting_id DESC LIMIT :count

-- name: closing_postings
SELECT book, kind, amount_mc FROM posting
WHERE account_id = :id AND book IN ('credit', 'trial') AND kind IN ('payout', 'forfeit') AND cause = :cause

-- name: parts_that_wait
-- Parts that may still be refunded, each state through its own partial index. What is submitted may be too, weeks
-- later; no account waits for that.
SELECT 'queued', count(*) FROM part WHERE state = 'queued' AND account_id = :account_id
UNION ALL
SELECT state, count(*) FROM part
WHERE state IN ('claimed', 'in_doubt', 'scheduled') AND account_id = :account_id GROUP BY state
UNION ALL
SELECT 'held', count(*) FROM part WHERE state = 'held' AND account_id = :account_id

-- name: account_closed
UPDATE account SET closed_at_ms = :now_ms, is_disabled = 1 WHERE account_id = :account_id
