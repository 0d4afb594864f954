-- The whole ledger as it is now. A fresh file is made from this; an old one climbs through steps/.
-- Times are integer milliseconds UTC, money is integer thousandths of a credit ("_mc").

CREATE TABLE setting_of_ledger (      -- facts about this file itself
    name TEXT PRIMARY KEY,            -- "id_key": 64-bit key of the public ids, as decimal text; "run": see runs.py
    value TEXT NOT NULL
) STRICT;

CREATE TABLE sequence (               -- last number given out; never goes back, also after rows are erased
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT;

CREATE TABLE account (                -- who pays
    account_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,        -- exact: case counts
    name_folded TEXT NOT NULL UNIQUE, -- NFKC, case folded: names that look alike are refused at creation
    account_class TEXT NOT NULL DEFAULT '',
    email TEXT NOT NULL DEFAULT '',
    mobile TEXT NOT NULL DEFAULT '',
    home_country TEXT NOT NULL DEFAULT '',   -- two letters; empty: international numbers only
    time_zone TEXT NOT NULL DEFAULT 'UTC',   -- how people of this account read times; stored times are UTC
    lane INTEGER NOT NULL DEFAULT 1 CHECK (lane BETWEEN 0 AND 2), -- 0 alarm, 1 normal, 2 bulk
    mail_events TEXT NOT NULL DEFAULT 'all' CHECK (mail_events IN ('all', 'failures', 'none')),
    originator TEXT NOT NULL DEFAULT '',     -- used where a submission names none
    is_disabled INTEGER NOT NULL DEFAULT 0 CHECK (is_disabled IN (0, 1)),
    created_at_ms INTEGER NOT NULL,
    closed_at_ms INTEGER,                    -- when it was closed for good; it is disabled since then
    refunds TEXT NOT NULL DEFAULT 'unaccepted' CHECK (refunds IN ('unaccepted', 'undeliverable')), -- of parts that failed
    reserve_mc INTEGER NOT NULL DEFAULT 0 CHECK (reserve_mc >= 0),     -- credit that only the alarm lane may use
    low_limit_mc INTEGER NOT NULL DEFAULT 0 CHECK (low_limit_mc >= 0), -- below it the account is warned once; 0: never
    is_low_texted INTEGER NOT NULL DEFAULT 0 CHECK (is_low_texted IN (0, 1)), -- the warning goes to the mobile too
    is_low_told INTEGER NOT NULL DEFAULT 0 CHECK (is_low_told IN (0, 1)),     -- warned; a top-up or another limit arms it again
    low_count INTEGER NOT NULL DEFAULT 0,    -- warnings so far; names each of them
    smpp_binds_max INTEGER NOT NULL DEFAULT 10 CHECK (smpp_binds_max >= 0), -- sessions of its ESMEs at a time
    smpp_parts_per_second REAL NOT NULL DEFAULT 0 CHECK (smpp_parts_per_second >= 0), -- 0: no limit
    smpp_receipts TEXT NOT NULL DEFAULT 'honour' CHECK (smpp_receipts IN ('honour', 'always', 'never')), -- registered_delivery
    smpp_alphabet_0 TEXT NOT NULL DEFAULT 'gsm' CHECK (smpp_alphabet_0 IN ('gsm', 'ascii', 'latin1', 'cp1252')), -- of data_coding 0
    smpp_alphabet_1 TEXT NOT NULL DEFAULT 'ascii' CHECK (smpp_alphabet_1 IN ('gsm', 'ascii', 'latin1', 'cp1252')), -- of data_coding 1
    smpp_id_form TEXT NOT NULL DEFAULT 'hex' CHECK (smpp_id_form IN ('hex', 'decimal', 'hex_decimal', 'decimal_hex')), -- of message_id
    smpp_long_inbound TEXT NOT NULL DEFAULT 'payload' CHECK (smpp_long_inbound IN ('payload', 'parts')), -- how long texts arrive
    hours TEXT NOT NULL DEFAULT '', -- when its messages may be sent, as 'mo-fr 08:00-20:00 Europe/Stockholm'; empty: always
    hours_for_alarms INTEGER NOT NULL DEFAULT 0 CHECK (hours_for_alarms IN (0, 1)), -- the alarm lane waits for them too
    validity_ms INTEGER NOT NULL DEFAULT 0 CHECK (validity_ms >= 0), -- asked of the network; 0: as long as it allows
    queue_age_ms INTEGER NOT NULL DEFAULT 0 CHECK (queue_age_ms >= 0), -- how long a message may wait for a link; 0: by the settings
    worthless_after_ms INTEGER NOT NULL DEFAULT 0 CHECK (worthless_after_ms >= 0), -- a message of this age is not worth sending or delivering; 0: never
    parts_per_second REAL NOT NULL DEFAULT 0 CHECK (parts_per_second >= 0) -- how fast its parts leave, at most; 0: no limit
) STRICT;

CREATE TABLE credential (             -- how an account proves itself; several per account
    credential_id INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES account (account_id),
    kind TEXT NOT NULL CHECK (kind IN
        ('pin', 'smpp_password', 'api_key', 'device_token', 'mail_secret', 'console_password', 'network')),
    verifier TEXT NOT NULL,           -- argon2id or SHA-256 of the secret; empty for kind 'network'
    scopes TEXT NOT NULL,             -- space separated: send report admin
    networks TEXT NOT NULL DEFAULT '',-- space separated CIDR; empty: anywhere
    lane INTEGER CHECK (lane BETWEEN 0 AND 2), -- NULL: the account's lane
    created_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER             -- NULL: never
) STRICT;
CREATE INDEX credential_account ON credential (account_id);
CREATE INDEX credential_network ON credential (kind) WHERE kind = 'network';

CREATE TABLE balance (                -- what an account has in one book; moves only together with a posting
    account_id INTEGER NOT NULL REFERENCES account (account_id),
    book TEXT NOT NULL,               -- 'credit', 'trial' (free parts, 1000 for each) or 'earnings:<currency>'
    amount_mc INTEGER NOT NULL,
    floor_mc INTEGER NOT NULL DEFAULT 0 CHECK (floor_mc <= 0), -- how far below zero it may go
    PRIMARY KEY (account_id, book),
    CHECK (amount_mc >= floor_mc)
) STRICT, WITHOUT ROWID;

CREATE TABLE posting (                -- one move of money; append-only
    posting_id INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES account (account_id),
    book TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN
        ('charge', 'refund', 'top_up', 'adjustment', 'transfer', 'payout', 'forfeit')),
    cause TEXT NOT NULL,              -- what justified it: 'message:12', 'part:34', 'top_up:<key>', 'closing:<key>'
    amount_mc INTEGER NOT NULL,       -- signed: charges are negative
    actor TEXT NOT NULL DEFAULT '',   -- who did it: '' is the appliance itself
    reason TEXT NOT NULL DEFAULT '',
    created_at_ms INTEGER NOT NULL,
    UNIQUE (account_id, book, kind, cause) -- charging, refunding or topping up twice is impossible
) STRICT;
CREATE INDEX posting_key ON posting (kind, cause) WHERE kind IN ('top_up', 'adjustment', 'transfer'); -- whoever used a key
CREATE TRIGGER posting_is_never_changed BEFORE UPDATE ON posting
BEGIN SELECT RAISE(ABORT, 'postings are append-only'); END;
CREATE TRIGGER posting_is_never_deleted BEFORE DELETE ON posting
BEGIN SELECT RAISE(ABORT, 'postings are append-only'); END;

CREATE TABLE tariff (                 -- price of one part by destination
    account_class TEXT NOT NULL,      -- '' is every class
    prefix TEXT NOT NULL,             -- leading digits; '' is everywhere
    valid_from_ms INTEGER NOT NULL DEFAULT 0, -- the latest row that has begun counts; 0: always
    price_mc INTEGER NOT NULL CHECK (price_mc >= 0),
    PRIMARY KEY (account_class, prefix, valid_from_ms)
) STRICT, WITHOUT ROWID;

CREATE TABLE message (                -- one text for one recipient, charged and ours; its state is the fold of its parts
    message_id INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES account (account_id),
    door TEXT NOT NULL,
    originator TEXT NOT NULL,
    recipient TEXT NOT NULL,          -- E.164 digits
    coding TEXT NOT NULL CHECK (coding IN ('gsm7', 'ucs2', 'binary')),
    part_total INTEGER NOT NULL CHECK (part_total BETWEEN 1 AND 255),
    price_mc INTEGER NOT NULL CHECK (price_mc >= 0), -- of each part, in its book
    links TEXT NOT NULL,              -- the route at acceptance: link names in order, space separated
    accepted_at_ms INTEGER NOT NULL,
    reference TEXT NOT NULL DEFAULT '', -- the sender's own name for it
    book TEXT NOT NULL DEFAULT 'credit' -- which book was charged: 'credit' or 'trial'
) STRICT;
CREATE INDEX message_account ON message (account_id, message_id);

CREATE TABLE retry_key (              -- the sender's name for a submission: a retry becomes the same message
    retry_key_id INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL,
    key BLOB NOT NULL,                -- digest of the name (see intake/retries.py)
    recipient TEXT NOT NULL,          -- E.164 digits
    fingerprint BLOB NOT NULL,        -- digest of what was submitted under the name
    message_id INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    UNIQUE (account_id, key, recipient, fingerprint)
) STRICT;
CREATE INDEX retry_key_age ON retry_key (expires_at_ms);

CREATE TABLE unanswered (             -- messages whose sender may never have heard of them: a repeat becomes the same
    message_id INTEGER PRIMARY KEY REFERENCES message (message_id),
    account_id INTEGER NOT NULL,
    fingerprint BLOB NOT NULL,        -- digest of what was submitted
    expires_at_ms INTEGER NOT NULL,
    heard_at_ms INTEGER               -- when a repeat became it and was answered, unless a crash took that answer too
) STRICT;
CREATE INDEX unanswered_fingerprint ON unanswered (account_id, fingerprint);

CREATE TABLE mail_thread (            -- how to answer the mail that a message came from
    message_id INTEGER PRIMARY KEY REFERENCES message (message_id),
    reply_to TEXT NOT NULL,           -- bare address
    mail_message_id TEXT NOT NULL DEFAULT '',
    mail_references TEXT NOT NULL DEFAULT '',
    subject TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE TABLE part (                   -- one short message
    part_id INTEGER PRIMARY KEY,
    message_id INTEGER NOT NULL REFERENCES message (message_id),
    account_id INTEGER NOT NULL,
    part_no INTEGER NOT NULL,         -- 1..part_total
    text TEXT NOT NULL,               -- the characters of this part only; of binary content its octets in hex
    state TEXT NOT NULL CHECK (state IN
        ('queued', 'claimed', 'submitted', 'in_doubt', 'scheduled', 'held',
         'delivered', 'undeliverable', 'expired', 'deleted', 'rejected', 'cancelled', 'unknown')),
    link TEXT NOT NULL,               -- the link it waits for or went out on
    lane INTEGER NOT NULL,
    next_action_at_ms INTEGER NOT NULL, -- when something is to be done about it next; 0 when nothing is
    waiting_for TEXT NOT NULL DEFAULT '', -- plain phrase; empty: its turn
    expires_at_ms INTEGER NOT NULL,   -- never submitted after this
    attempt INTEGER NOT NULL DEFAULT 0,
    is_possible_duplicate INTEGER NOT NULL DEFAULT 0 CHECK (is_possible_duplicate IN (0, 1)),
    claimed_at_ms INTEGER,            -- of the latest attempt
    submitted_at_ms INTEGER,
    final_at_ms INTEGER,              -- when we learned the final state
    network_at_ms INTEGER,            -- when the network says it happened; may precede the submission
    smsc_id TEXT,                     -- the SMSC's name for it, as received
    smsc_key TEXT,                    -- the same in normal form, for matching receipts
    command_status INTEGER NOT NULL DEFAULT 0, -- of the latest answer
    error TEXT NOT NULL DEFAULT '',   -- the network's error code from the receipt
    cause TEXT NOT NULL DEFAULT '',   -- what that code means on its link, as 'switched_off'; empty: it says nothing
    slowed INTEGER NOT NULL DEFAULT 0, -- attempts that were answered "too fast": they say nothing about the part
    UNIQUE (message_id, part_no)
) STRICT;
-- The claim's index: what is due on a link, lane by lane and account by account, in the order of its turn.
-- expires_at_ms rides along for the expiry sweep.
CREATE INDEX part_due ON part (link, lane, account_id, next_action_at_ms, part_id, expires_at_ms) WHERE state = 'queued';
CREATE INDEX part_open ON part (state, next_action_at_ms) WHERE state IN ('claimed', 'in_doubt', 'scheduled');
-- Parts that wait to be sent once more, of which a late receipt may still tell that they were taken.
CREATE INDEX part_again ON part (link) WHERE state = 'queued' AND is_possible_duplicate = 1;
CREATE INDEX part_smsc ON part (link, smsc_key) WHERE smsc_key IS NOT NULL;
CREATE INDEX part_held ON part (part_id) WHERE state = 'held';
-- Submitted parts whose missing receipt is to be asked for; empty while no link asks.
CREATE INDEX part_to_ask ON part (link, next_action_at_ms) WHERE state = 'submitted' AND next_action_at_ms > 0;
-- Finished parts whose text is still kept, for its erasure.
CREATE INDEX part_text ON part (final_at_ms) WHERE final_at_ms IS NOT NULL AND text != '';

CREATE TABLE user_data (              -- what of a part goes out as it came from its ESME
    part_id INTEGER PRIMARY KEY,
    header BLOB NOT NULL,             -- user data header with its length octet; empty: none
    body BLOB,                        -- the octets behind it; NULL: made of the part's text
    data_coding INTEGER,              -- as the ESME gave it; NULL: by the message's coding
    protocol_id INTEGER NOT NULL      -- as the ESME gave it; 0: an ordinary short message
) STRICT;

CREATE TABLE esme_message (           -- what an ESME said of its message: for receipts, query_sm, cancel_sm, replace_sm
    message_id INTEGER PRIMARY KEY REFERENCES message (message_id),
    told_id INTEGER NOT NULL,         -- the message whose id the ESME was told: of a submit_multi the first one
    service_type TEXT NOT NULL,
    source_addr TEXT NOT NULL,        -- addresses as the ESME wrote them
    source_addr_ton INTEGER NOT NULL,
    source_addr_npi INTEGER NOT NULL,
    destination_addr TEXT NOT NULL,
    dest_addr_ton INTEGER NOT NULL,
    dest_addr_npi INTEGER NOT NULL,
    registered_delivery INTEGER NOT NULL, -- as it counts, after the account's own rule
    user_message_reference INTEGER,   -- NULL: none given
    data_coding INTEGER NOT NULL      -- in which a replace_sm is read
) STRICT;
CREATE INDEX esme_message_told ON esme_message (told_id) WHERE told_id != message_id;

CREATE TABLE esme_notice (            -- the outbox towards ESMEs: each row is a deliver_sm that is owed
    esme_notice_id INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL,
    message_id INTEGER,               -- of a receipt
    inbound_id INTEGER,               -- of an inbound message
    event TEXT NOT NULL,              -- the message's state when this was owed, 'enroute' or 'inbound'
    state TEXT NOT NULL DEFAULT 'owed' CHECK (state IN ('owed', 'claimed', 'done', 'given_up', 'held')),
    attempt INTEGER NOT NULL DEFAULT 0,
    next_action_at_ms INTEGER NOT NULL,
    waiting_for TEXT NOT NULL DEFAULT '',
    created_at_ms INTEGER NOT NULL,
    done_at_ms INTEGER
) STRICT;
CREATE UNIQUE INDEX esme_notice_event ON esme_notice (message_id, event) WHERE message_id IS NOT NULL;
CREATE UNIQUE INDEX esme_notice_inbound ON esme_notice (inbound_id) WHERE inbound_id IS NOT NULL;
CREATE INDEX esme_notice_due ON esme_notice (account_id, next_action_at_ms) WHERE state = 'owed';
CREATE INDEX esme_notice_open ON esme_notice (state) WHERE state IN ('claimed', 'held');

CREATE TABLE link_spelling (          -- how a link's receipts spell the ids of its answers, as far as they have been met
    link TEXT NOT NULL,
    spelling TEXT NOT NULL,           -- 'same', 'case', 'zeros', 'hex' (the receipt is hex), 'decimal', 'dashes' or 'signed'
    count INTEGER NOT NULL,
    last_at_ms INTEGER NOT NULL,
    PRIMARY KEY (link, spelling)
) STRICT, WITHOUT ROWID;

CREATE TABLE parked_receipt (         -- a receipt that came before the answer which names its part
    parked_receipt_id INTEGER PRIMARY KEY,
    link TEXT NOT NULL,
    smsc_id TEXT NOT NULL,
    smsc_key TEXT NOT NULL,
    state TEXT NOT NULL,
    error TEXT NOT NULL,
    network_at_ms INTEGER,
    originator TEXT NOT NULL,         -- the handset it speaks of, as received
    received_at_ms INTEGER NOT NULL,
    cause TEXT NOT NULL DEFAULT '',
    recipient TEXT NOT NULL DEFAULT '', -- the originator of the part it speaks of, as received
    submitted_at_ms INTEGER,          -- when the SMSC says that it took the part
    reference INTEGER,                -- the user_message_reference that it repeats
    id_format TEXT NOT NULL DEFAULT 'auto' -- how its link spells ids: see messages/receipt.py
) STRICT;
CREATE INDEX parked_receipt_smsc ON parked_receipt (link, smsc_key);

CREATE TABLE history (                -- what the columns of a part cannot tell: deferral, failover, in doubt, refund ...
    history_id INTEGER PRIMARY KEY,
    message_id INTEGER NOT NULL,
    part_no INTEGER NOT NULL,         -- 0: the message as a whole
    at_ms INTEGER NOT NULL,
    event TEXT NOT NULL,
    detail TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX history_message ON history (message_id);

CREATE TABLE number (                 -- a virtual number and who gets what arrives there
    number TEXT PRIMARY KEY,          -- digits
    account_id INTEGER NOT NULL REFERENCES account (account_id),
    mail TEXT NOT NULL,               -- address that inbound messages are mailed to; empty: none
    created_at_ms INTEGER NOT NULL,
    is_for_esme INTEGER NOT NULL DEFAULT 0 CHECK (is_for_esme IN (0, 1)) -- they go to the account's ESMEs (too)
) STRICT, WITHOUT ROWID;

CREATE TABLE inbound (                -- an inbound message, whole
    inbound_id INTEGER PRIMARY KEY,   -- from the sequence of messages: a public id names one thing
    account_id INTEGER REFERENCES account (account_id), -- NULL: nobody owns the number (yet)
    link TEXT NOT NULL,
    originator TEXT NOT NULL,
    number TEXT NOT NULL,
    text TEXT NOT NULL,
    is_incomplete INTEGER NOT NULL DEFAULT 0 CHECK (is_incomplete IN (0, 1)), -- pieces never came
    received_at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX inbound_account ON inbound (account_id, inbound_id);

CREATE TABLE inbound_part (           -- pieces of a long inbound message until all are there
    inbound_part_id INTEGER PRIMARY KEY,
    link TEXT NOT NULL,
    originator TEXT NOT NULL,
    number TEXT NOT NULL,
    reference INTEGER NOT NULL,
    total INTEGER NOT NULL,
    part_no INTEGER NOT NULL,
    text TEXT NOT NULL,
    received_at_ms INTEGER NOT NULL,
    joined_at_ms INTEGER,             -- when the message became whole; a piece that is repeated is known for a while
    UNIQUE (link, originator, number, reference, total, part_no) -- a piece that comes twice is one piece
) STRICT;
CREATE INDEX inbound_part_age ON inbound_part (received_at_ms);

CREATE TABLE notice (                 -- the outbox: what we owe someone; written with the event it tells
    notice_id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('report', 'inbound', 'low_credit', 'low_credit_text')),
    cause TEXT NOT NULL UNIQUE,       -- 'message:12:delivered', 'inbound:5', 'low:3:1': an event is told once
    account_id INTEGER NOT NULL REFERENCES account (account_id),
    message_id INTEGER,
    inbound_id INTEGER,
    event TEXT NOT NULL,              -- the message's state when this was owed, or the kind
    address TEXT NOT NULL,            -- mail address; of a low_credit_text the mobile number
    state TEXT NOT NULL DEFAULT 'owed' CHECK (state IN ('owed', 'claimed', 'done', 'given_up', 'held')),
    attempt INTEGER NOT NULL DEFAULT 0,
    next_action_at_ms INTEGER NOT NULL,
    waiting_for TEXT NOT NULL DEFAULT '',
    created_at_ms INTEGER NOT NULL,
    done_at_ms INTEGER
) STRICT;
CREATE INDEX notice_due ON notice (next_action_at_ms) WHERE state = 'owed';
CREATE INDEX notice_due_text ON notice (next_action_at_ms) WHERE state = 'owed' AND kind = 'low_credit_text';
CREATE INDEX notice_message ON notice (message_id) WHERE message_id IS NOT NULL;
CREATE INDEX notice_claimed ON notice (state) WHERE state = 'claimed';
CREATE INDEX notice_held ON notice (notice_id) WHERE state = 'held';

CREATE TABLE refusal (                -- a submission of a known account that was not taken: no parts, no charge
    refusal_id INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES account (account_id),
    door TEXT NOT NULL,
    fault TEXT NOT NULL,
    detail TEXT NOT NULL,
    originator TEXT NOT NULL,
    recipient TEXT NOT NULL,          -- as the sender wrote it
    text TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    lane INTEGER,                     -- as asked for; NULL: the account's
    reference TEXT NOT NULL DEFAULT '',
    thread TEXT NOT NULL DEFAULT '',  -- the mail to answer, as a JSON object; empty: none
    is_cut INTEGER NOT NULL DEFAULT 0 CHECK (is_cut IN (0, 1)), -- the text was longer than what is kept
    resubmitted_as INTEGER,           -- the message that a deliberate resubmission made of it
    missing TEXT NOT NULL DEFAULT ''  -- digits of a recipient whose route or price was missing; empty: another reason
) STRICT;
CREATE INDEX refusal_account ON refusal (account_id, refusal_id);
CREATE INDEX refusal_missing ON refusal (missing) WHERE missing != '';

CREATE TABLE action (                 -- what people did to this ledger, for the next person; append-only
    action_id INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,             -- 'account_close', 'restore', 'release', 'erase' ...
    detail TEXT NOT NULL DEFAULT ''   -- never a phone number or a text
) STRICT;
CREATE TRIGGER action_is_never_changed BEFORE UPDATE ON action
BEGIN SELECT RAISE(ABORT, 'actions are append-only'); END;
CREATE TRIGGER action_is_never_deleted BEFORE DELETE ON action
BEGIN SELECT RAISE(ABORT, 'actions are append-only'); END;

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

INSERT INTO sequence (name, value) VALUES ('message', 0), ('part', 0);
INSERT INTO tariff (account_class, prefix, price_mc) VALUES ('', '', 1000);
