-- Prices.

-- name: tariff_upsert
INSERT INTO tariff (account_class, prefix, valid_from_ms, price_mc)
VALUES (:account_class, :prefix, :valid_from_ms, :price_mc)
ON CONFLICT (account_class, prefix, valid_from_ms) DO UPDATE SET price_mc = excluded.price_mc

-- name: tariff_upsert_many
INSERT INTO tariff (account_class, prefix, valid_from_ms, price_mc) VALUES {rows}
ON CONFLICT (account_class, prefix, valid_from_ms) DO UPDATE SET price_mc = excluded.price_mc

-- name: tariff_rows
SELECT account_class, prefix, valid_from_ms, price_mc FROM tariff

-- name: tariff_count
SELECT count(*) FROM tariff

-- name: tariff_delete
DELETE FROM tariff
