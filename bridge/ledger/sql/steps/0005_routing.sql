-- The ledger of version 4 learns to choose: routes, networks, links that people stop, hours, originators.

-- When messages may be sent, and whose name they bear.
ALTER TABLE account ADD COLUMN hours TEXT NOT NULL DEFAULT '';
ALTER TABLE account ADD COLUMN hours_for_alarms INTEGER NOT NULL DEFAULT 0 CHECK (hours_for_alarms IN (0, 1));
ALTER TABLE account ADD COLUMN validity_ms INTEGER NOT NULL DEFAULT 0 CHECK (validity_ms >= 0);
ALTER TABLE account ADD COLUMN queue_age_ms INTEGER NOT NULL DEFAULT 0 CHECK (queue_age_ms >= 0);
ALTER TABLE account ADD COLUMN worthless_after_ms INTEGER NOT NULL DEFAULT 0 CHECK (worthless_after_ms >= 0);
ALTER TABLE account ADD COLUMN parts_per_second REAL NOT NULL DEFAULT 0 CHECK (parts_per_second >= 0);

CREATE TABLE message_time (           -- what is said of when a message may be sent and delivered, where anything is
    message_id INTEGER PRIMARY KEY REFERENCES message (message_id),
    validity_ms INTEGER NOT NULL,     -- asked of the network with each part; 0: as long as it allows
    worthless_at_ms INTEGER NOT NULL, -- neither sent nor, as far as the network obeys, delivered after this; 0: never
    hours TEXT NOT NULL,              -- when it may be sent: see messages/hours.py; empty: always
    queue_age_ms INTEGER NOT NULL,    -- how long it may wait for a link from its first chance on; 0: by the settings
    worthless_after_ms INTEGER NOT NULL -- the span that worthless_at_ms was reckoned with; 0: its sender named a moment
) STRICT;

CREATE TABLE destination_hours (      -- when messages to a destination may be sent
    destination TEXT PRIMARY KEY,     -- 'prefix:4670', 'country:SE' or '' for everywhere
    hours TEXT NOT NULL,
    is_for_alarms INTEGER NOT NULL DEFAULT 0 CHECK (is_for_alarms IN (0, 1)) -- the alarm lane waits for them too
) STRICT, WITHOUT ROWID;

CREATE TABLE originator (             -- which originators an account may use; none for an account: any
    account_id INTEGER NOT NULL REFERENCES account (account_id),
    originator TEXT NOT NULL,         -- a name, digits, or 'pool:NAME'
    created_at_ms INTEGER NOT NULL,
    PRIMARY KEY (account_id, originator)
) STRICT, WITHOUT ROWID;

CREATE TABLE originator_rule (        -- what becomes of originators that a destination or a link does not take
    destination TEXT NOT NULL,        -- 'prefix:4670', 'country:SE' or '' for everywhere
    link TEXT NOT NULL DEFAULT '',    -- the first link of the route; '' is any
    kind TEXT NOT NULL CHECK (kind IN ('alphanumeric', 'msisdn', 'short_code', 'any')), -- of the originator
    replacement TEXT NOT NULL,        -- a name, digits or 'pool:NAME'; empty: refused
    PRIMARY KEY (destination, link, kind)
) STRICT, WITHOUT ROWID;

CREATE TABLE pool_number (            -- numbers of which a message gets one as its originator
    pool TEXT NOT NULL,
    number TEXT NOT NULL,             -- digits
    PRIMARY KEY (pool, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE pool_use (               -- which number of a pool an account last used towards a recipient
    pool_use_id INTEGER PRIMARY KEY,
    pool TEXT NOT NULL,
    recipient TEXT NOT NULL,          -- E.164 digits
    account_id INTEGER NOT NULL,
    number TEXT NOT NULL,
    used_at_ms INTEGER NOT NULL,
    UNIQUE (recipient, pool, account_id)
) STRICT;
CREATE INDEX pool_use_number ON pool_use (number, recipient);
CREATE INDEX pool_use_age ON pool_use (used_at_ms);

-- Accounts take turns in their lane.
DROP INDEX part_due;
CREATE INDEX part_due ON part (link, lane, account_id, next_action_at_ms, part_id, expires_at_ms) WHERE state = 'queued';

CREATE TABLE link_state (             -- what people told a link at run time; no row: it works as configured
    link TEXT PRIMARY KEY,
    state TEXT NOT NULL DEFAULT 'started' CHECK (state IN ('started', 'draining', 'stopped')),
    actor TEXT NOT NULL DEFAULT '',   -- who said so
    reason TEXT NOT NULL DEFAULT '',
    since_ms INTEGER NOT NULL DEFAULT 0,
    parts_per_second REAL CHECK (parts_per_second > 0), -- NULL: as configured
    pace_actor TEXT NOT NULL DEFAULT '',
    pace_since_ms INTEGER NOT NULL DEFAULT 0,
    pace_until_ms INTEGER NOT NULL DEFAULT 0 -- 0: until somebody says otherwise
) STRICT, WITHOUT ROWID;

CREATE TABLE selftest (               -- heartbeats through each link; kept for a few days
    selftest_id INTEGER PRIMARY KEY,
    link TEXT NOT NULL,
    message_id INTEGER NOT NULL UNIQUE,
    at_ms INTEGER NOT NULL,           -- when it was queued
    limit_ms INTEGER NOT NULL,        -- how long its receipt may take
    submitted_ms INTEGER,             -- from then until the carrier took it
    receipt_ms INTEGER,               -- from that until its receipt
    state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN
        ('waiting', 'submitted', 'delivered', 'failed', 'silent', 'unsent')) -- silent: no receipt within the limit
) STRICT;
CREATE INDEX selftest_link ON selftest (link, at_ms);
CREATE INDEX selftest_open ON selftest (at_ms) WHERE state IN ('waiting', 'submitted', 'silent');

CREATE TABLE route (                  -- which links may carry what; no rows: every link, in the order of the configuration
    route_id INTEGER PRIMARY KEY,
    destination TEXT NOT NULL,        -- 'prefix:4670', 'country:SE', 'network:24001' or '' for everywhere
    account_class TEXT NOT NULL,      -- '' is every class
    originator TEXT NOT NULL,         -- exactly this one, or a pattern with *; '' is any
    hours TEXT NOT NULL,              -- when it counts, as 'mo-fr 08:00-20:00 Europe/Stockholm'; '' is always
    coding TEXT NOT NULL CHECK (coding IN ('', 'gsm7', 'ucs2', 'binary')),
    kind TEXT NOT NULL CHECK (kind IN ('', 'text', 'flash', 'binary')),
    links TEXT NOT NULL,              -- 'a*3@0.021 b, c': see routing/route_list.py; '' is not served
    note TEXT NOT NULL,
    UNIQUE (destination, account_class, originator, hours, coding, kind)
) STRICT;

CREATE TABLE network (                -- in which network a range of numbers was given out
    prefix TEXT PRIMARY KEY,          -- leading digits
    mcc_mnc TEXT NOT NULL,            -- mobile country and network code
    country TEXT NOT NULL,            -- two letters; '' is by the number
    name TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Numbers that look valid and that no route or price covers: counted by range, resubmitted when there is one.
ALTER TABLE refusal ADD COLUMN missing TEXT NOT NULL DEFAULT '';
CREATE INDEX refusal_missing ON refusal (missing) WHERE missing != '';
