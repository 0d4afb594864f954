-- The ledger of version 3 learns: accounts that speak SMPP, binary content, scheduled parts, what is owed to ESMEs,
-- and why a message was not delivered.
PRAGMA defer_foreign_keys = ON;
ALTER TABLE account ADD COLUMN smpp_binds_max INTEGER NOT NULL DEFAULT 10 CHECK (smpp_binds_max >= 0);
ALTER TABLE account ADD COLUMN smpp_parts_per_second REAL NOT NULL DEFAULT 0 CHECK (smpp_parts_per_second >= 0);
ALTER TABLE account ADD COLUMN smpp_receipts TEXT NOT NULL DEFAULT 'honour' CHECK (smpp_receipts IN ('honour', 'always', 'never'));
ALTER TABLE account ADD COLUMN smpp_alphabet_0 TEXT NOT NULL DEFAULT 'gsm' CHECK (smpp_alphabet_0 IN ('gsm', 'ascii', 'latin1', 'cp1252'));
ALTER TABLE account ADD COLUMN smpp_alphabet_1 TEXT NOT NULL DEFAULT 'ascii' CHECK (smpp_alphabet_1 IN ('gsm', 'ascii', 'latin1', 'cp1252'));
ALTER TABLE account ADD COLUMN smpp_id_form TEXT NOT NULL DEFAULT 'hex' CHECK (smpp_id_form IN ('hex', 'decimal', 'hex_decimal', 'decimal_hex'));
ALTER TABLE account ADD COLUMN smpp_long_inbound TEXT NOT NULL DEFAULT 'payload' CHECK (smpp_long_inbound IN ('payload', 'parts'));

CREATE TABLE message_2 AS SELECT * FROM message;
DROP TABLE message;
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
INSERT INTO message
    (message_id, account_id, door, originator, recipient, coding, part_total, price_mc, links, accepted_at_ms, reference, book)
SELECT message_id, account_id, door, originator, recipient, coding, part_total, price_mc, links, accepted_at_ms, reference, book
FROM message_2;
DROP TABLE message_2;
CREATE INDEX message_account ON message (account_id, message_id);

ALTER TABLE part ADD COLUMN cause TEXT NOT NULL DEFAULT '';
ALTER TABLE part ADD COLUMN slowed INTEGER NOT NULL DEFAULT 0;
DROP INDEX part_open;
CREATE INDEX part_open ON part (state, next_action_at_ms) WHERE state IN ('claimed', 'in_doubt', 'scheduled');
CREATE INDEX part_again ON part (link) WHERE state = 'queued' AND is_possible_duplicate = 1;
CREATE INDEX part_to_ask ON part (link, next_action_at_ms) WHERE state = 'submitted' AND next_action_at_ms > 0;
ALTER TABLE parked_receipt ADD COLUMN cause TEXT NOT NULL DEFAULT '';
ALTER TABLE parked_receipt ADD COLUMN recipient TEXT NOT NULL DEFAULT '';
ALTER TABLE parked_receipt ADD COLUMN submitted_at_ms INTEGER;
ALTER TABLE parked_receipt ADD COLUMN reference INTEGER;
ALTER TABLE parked_receipt ADD COLUMN id_format TEXT NOT NULL DEFAULT 'auto';
ALTER TABLE number ADD COLUMN is_for_esme INTEGER NOT NULL DEFAULT 0 CHECK (is_for_esme IN (0, 1));

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

-- The normal form of an id became one without the dashes of a UUID and without the sign of 64 bits, for receipts that
-- spell it so: see ledger/smsc_ids.py.
UPDATE part SET smsc_key = replace(smsc_key, '-', '')
WHERE smsc_key GLOB '*-????-????-????-????????????' AND length(smsc_key) BETWEEN 28 AND 36
    AND length(replace(smsc_key, '-', '')) = length(smsc_key) - 4 AND replace(smsc_key, '-', '') NOT GLOB '*[^0-9a-f]*';
UPDATE part SET smsc_key = printf('%d%09d',
    18446744073 + smsc_key / 1000000000 - (smsc_key % 1000000000 + 709551616 < 0),
    (smsc_key % 1000000000 + 1709551616) % 1000000000)
WHERE smsc_key GLOB '-[1-9]*' AND CAST(CAST(smsc_key AS INTEGER) AS TEXT) = smsc_key;
UPDATE parked_receipt SET smsc_key = replace(smsc_key, '-', '')
WHERE smsc_key GLOB '*-????-????-????-????????????' AND length(smsc_key) BETWEEN 28 AND 36
    AND length(replace(smsc_key, '-', '')) = length(smsc_key) - 4 AND replace(smsc_key, '-', '') NOT GLOB '*[^0-9a-f]*';
UPDATE parked_receipt SET smsc_key = printf('%d%09d',
    18446744073 + smsc_key / 1000000000 - (smsc_key % 1000000000 + 709551616 < 0),
    (smsc_key % 1000000000 + 1709551616) % 1000000000)
WHERE smsc_key GLOB '-[1-9]*' AND CAST(CAST(smsc_key AS INTEGER) AS TEXT) = smsc_key;
