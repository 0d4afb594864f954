-- Heartbeats through links.

-- name: selftest_account
SELECT account_id, account_class FROM account WHERE name = :name

-- name: selftest_insert
INSERT INTO selftest (link, message_id, at_ms, limit_ms) VALUES (:link, :message_id, :now_ms, :limit_ms)

-- name: selftest_forget
DELETE FROM selftest WHERE at_ms < :before_ms AND link = :link

-- name: selftests_open
-- Those that a receipt can still change.
SELECT selftest.selftest_id, selftest.link, selftest.state, selftest.at_ms, selftest.limit_ms, part.state,
    part.submitted_at_ms, part.final_at_ms
FROM selftest INDEXED BY selftest_open JOIN part USING (message_id)
WHERE selftest.state IN ('waiting', 'submitted', 'silent') AND selftest.at_ms >= :since_ms

-- name: selftests_move
UPDATE selftest SET state = moved.state, submitted_ms = moved.submitted_ms, receipt_ms = moved.receipt_ms
FROM (
    WITH moved (selftest_id, state, submitted_ms, receipt_ms) AS (VALUES {rows})
    SELECT selftest_id, state, submitted_ms, receipt_ms FROM moved
) AS moved
WHERE selftest.selftest_id = moved.selftest_id
