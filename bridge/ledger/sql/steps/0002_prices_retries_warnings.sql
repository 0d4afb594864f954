-- The ledger of version 1 learns: dated prices, retries that become one message, free parts, warnings about credit,
-- more kinds of postings, refusals that can be resubmitted, and what people did to it.
ALTER TABLE account ADD COLUMN closed_at_ms INTEGER;
ALTER TABLE account ADD COLUMN refunds TEXT NOT NULL DEFAULT 'unaccepted' CHECK (refunds IN ('unaccepted', 'undeliverable'));
ALTER TABLE account ADD COLUMN reserve_mc INTEGER NOT NULL DEFAULT 0 CHECK (reserve_mc >= 0);
ALTER TABLE account ADD COLUMN low_limit_mc INTEGER NOT NULL DEFAULT 0 CHECK (low_limit_mc >= 0);
ALTER TABLE account ADD COLUMN is_low_texted INTEGER NOT NULL DEFAULT 0 CHECK (is_low_texted IN (0, 1));
ALTER TABLE account ADD COLUMN is_low_told INTEGER NOT NULL DEFAULT 0 CHECK (is_low_told IN (0, 1));
ALTER TABLE account ADD COLUMN low_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE message ADD COLUMN book TEXT NOT NULL DEFAULT 'credit';
ALTER TABLE refusal ADD COLUMN lane INTEGER;
ALTER TABLE refusal ADD COLUMN reference TEXT NOT NULL DEFAULT '';
ALTER TABLE refusal ADD COLUMN thread TEXT NOT NULL DEFAULT '';
ALTER TABLE refusal ADD COLUMN is_cut INTEGER NOT NULL DEFAULT 0 CHECK (is_cut IN (0, 1));
ALTER TABLE refusal ADD COLUMN resubmitted_as INTEGER;

DROP TRIGGER posting_is_never_changed;
DROP TRIGGER posting_is_never_deleted;
ALTER TABLE posting RENAME TO posting_1;
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
INSERT INTO posting SELECT posting_id, account_id, book, kind, cause, amount_mc, actor, reason, created_at_ms FROM posting_1;
DROP TABLE posting_1;
CREATE INDEX posting_key ON posting (kind, cause) WHERE kind IN ('top_up', 'adjustment', 'transfer');
CREATE TRIGGER posting_is_never_changed BEFORE UPDATE ON posting
BEGIN SELECT RAISE(ABORT, 'postings are append-only'); END;
CREATE TRIGGER posting_is_never_deleted BEFORE DELETE ON posting
BEGIN SELECT RAISE(ABORT, 'postings are append-only'); END;

ALTER TABLE tariff RENAME TO tariff_1;
CREATE TABLE tariff (                 -- price of one part by destination
    account_class TEXT NOT NULL,      -- '' is every class
    prefix TEXT NOT NULL,             -- leading digits; '' is everywhere
    valid_from_ms INTEGER NOT NULL DEFAULT 0, -- the latest row that has begun counts; 0: always
    price_mc INTEGER NOT NULL CHECK (price_mc >= 0),
    PRIMARY KEY (account_class, prefix, valid_from_ms)
) STRICT, WITHOUT ROWID;
INSERT INTO tariff SELECT account_class, prefix, 0, price_mc FROM tariff_1;
DROP TABLE tariff_1;

DROP INDEX notice_due;
DROP INDEX notice_message;
DROP INDEX notice_claimed;
ALTER TABLE notice RENAME TO notice_1;
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
INSERT INTO notice SELECT notice_id, kind, cause, account_id, message_id, inbound_id, event, address, state, attempt,
    next_action_at_ms, waiting_for, created_at_ms, done_at_ms FROM notice_1;
DROP TABLE notice_1;
CREATE INDEX notice_due ON notice (next_action_at_ms) WHERE state = 'owed';
CREATE INDEX notice_due_text ON notice (next_action_at_ms) WHERE state = 'owed' AND kind = 'low_credit_text';
CREATE INDEX notice_message ON notice (message_id) WHERE message_id IS NOT NULL;
CREATE INDEX notice_claimed ON notice (state) WHERE state = 'claimed';
CREATE INDEX notice_held ON notice (notice_id) WHERE state = 'held';

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
    expires_at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX unanswered_fingerprint ON unanswered (account_id, fingerprint);

CREATE INDEX part_held ON part (part_id) WHERE state = 'held';
CREATE INDEX part_text ON part (final_at_ms) WHERE final_at_ms IS NOT NULL AND text != '';

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
