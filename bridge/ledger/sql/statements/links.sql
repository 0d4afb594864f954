-- What people told links at run time.

-- name: link_state
SELECT state, actor, reason, since_ms FROM link_state WHERE link = :link

-- name: link_state_set
INSERT INTO link_state (link, state, actor, reason, since_ms) VALUES (:link, :state, :actor, :reason, :now_ms)
ON CONFLICT (link) DO UPDATE
SET state = excluded.state, actor = excluded.actor, reason = excluded.reason, since_ms = excluded.since_ms

-- name: link_pace_set
INSERT INTO link_state (link, parts_per_second, pace_actor, pace_since_ms, pace_until_ms)
VALUES (:link, :parts_per_second, :actor, :now_ms, :until_ms)
ON CONFLICT (link) DO UPDATE
SET parts_per_second = excluded.parts_per_second, pace_actor = excluded.pace_actor,
    pace_since_ms = excluded.pace_since_ms, pace_until_ms = excluded.pace_until_ms

-- name: link_states_count
SELECT count(*) FROM link_state
