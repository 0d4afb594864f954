-- What people did to this ledger.

-- name: action_insert
INSERT INTO action (at_ms, actor, action, detail) VALUES (:now_ms, :actor, :action, :detail)
