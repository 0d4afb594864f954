-- Prices.

-- name: tariff_upsert
INSERT INTO tariff (account_class, prefix, valid_from_ms, price_mc)
VALUES (:account_class, :prefix, :valid_from_ms, :price_mc)
ON CONFLICT (account_class, prefix, valid_from_ms) DO UPDATE SET price_mc = excluded.price_mc
