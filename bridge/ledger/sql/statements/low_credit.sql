-- Warnings about credit.

-- name: low_credit_told
-- An account is told once: the second fall of a batch, or one after it, finds it told. One that cannot be told yet stays
-- untold, so that an address set later is warned.
UPDATE account SET is_low_told = 1, low_count = low_count + 1
WHERE is_low_told = 0 AND low_limit_mc > 0 AND (email != '' OR (mobile != '' AND is_low_texted = 1))
    AND account_id IN (WITH fallen (account_id) AS (VALUES {rows}) SELECT account_id FROM fallen)
RETURNING account_id, email, mobile, is_low_texted, low_count

-- name: low_credit_rearm
UPDATE account SET is_low_told = 0
WHERE account_id = :account_id AND is_low_told = 1 AND low_limit_mc <=
    (SELECT amount_mc FROM balance WHERE balance.account_id = account.account_id AND book = 'credit')
