-- Routes.

-- name: routes_insert
INSERT INTO route (route_id, destination, account_class, originator, hours, coding, kind, links, note) VALUES {rows}

-- name: route_rows
SELECT route_id, destination, account_class, originator, hours, coding, kind, links, note FROM route

-- name: routes_delete
DELETE FROM route

-- name: route_last
SELECT coalesce(max(route_id), 0) FROM route
