-- Networks.

-- name: networks_insert
INSERT INTO network (prefix, mcc_mnc, country, name) VALUES {rows}

-- name: network_rows
SELECT prefix, mcc_mnc, country, name FROM network

-- name: networks_delete
DELETE FROM network
