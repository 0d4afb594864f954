-- Accounts, credentials and virtual numbers.

-- name: account_by_name
-- Exact: case counts.
SELECT account_id, name, account_class, is_disabled FROM account WHERE name = :name

-- name: account_by_folded
SELECT name FROM account WHERE name_folded = :name_folded

-- name: account_insert
INSERT INTO account
    (name, name_folded, account_class, email, mobile, home_country, time_zone, lane, mail_events, originator,
     refunds, reserve_mc, low_limit_mc, is_low_texted, smpp_binds_max, smpp_parts_per_second, smpp_receipts,
     smpp_alphabet_0, smpp_alphabet_1, smpp_id_form, smpp_long_inbound, hours, hours_for_alarms, validity_ms,
     queue_age_ms, worthless_after_ms, parts_per_second, created_at_ms)
VALUES
    (:name, :name_folded, :account_class, :email, :mobile, :home_country, :time_zone, :lane, :mail_events, :originator,
     :refunds, :reserve_mc, :low_limit_mc, :is_low_texted, :smpp_binds_max, :smpp_parts_per_second, :smpp_receipts,
     :smpp_alphabet_0, :smpp_alphabet_1, :smpp_id_form, :smpp_long_inbound, :hours, :hours_for_alarms, :validity_ms,
     :queue_age_ms, :worthless_after_ms, :parts_per_second, :now_ms)
RETURNING account_id

-- name: account_set
-- NULL leaves a fact as it is. Another low limit arms its warning.
UPDATE account SET account_class = coalesce(:account_class, account_class), email = coalesce(:email, email),
    mobile = coalesce(:mobile, mobile), home_country = coalesce(:home_country, home_country),
    time_zone = coalesce(:time_zone, time_zone), lane = coalesce(:lane, lane),
    mail_events = coalesce(:mail_events, mail_events), originator = coalesce(:originator, originator),
    refunds = coalesce(:refunds, refunds), reserve_mc = coalesce(:reserve_mc, reserve_mc),
    is_low_told = CASE WHEN :low_limit_mc != low_limit_mc THEN 0 ELSE is_low_told END,
    low_limit_mc = coalesce(:low_limit_mc, low_limit_mc), is_low_texted = coalesce(:is_low_texted, is_low_texted),
    smpp_binds_max = coalesce(:smpp_binds_max, smpp_binds_max),
    smpp_parts_per_second = coalesce(:smpp_parts_per_second, smpp_parts_per_second),
    smpp_receipts = coalesce(:smpp_receipts, smpp_receipts),
    smpp_alphabet_0 = coalesce(:smpp_alphabet_0, smpp_alphabet_0),
    smpp_alphabet_1 = coalesce(:smpp_alphabet_1, smpp_alphabet_1),
    smpp_id_form = coalesce(:smpp_id_form, smpp_id_form),
    smpp_long_inbound = coalesce(:smpp_long_inbound, smpp_long_inbound),
    hours = coalesce(:hours, hours), hours_for_alarms = coalesce(:hours_for_alarms, hours_for_alarms),
    validity_ms = coalesce(:validity_ms, validity_ms), queue_age_ms = coalesce(:queue_age_ms, queue_age_ms),
    worthless_after_ms = coalesce(:worthless_after_ms, worthless_after_ms),
    parts_per_second = coalesce(:parts_per_second, parts_per_second)
WHERE account_id = :account_id
RETURNING is_low_texted, mobile

-- name: balance_set_floor
UPDATE balance SET floor_mc = :floor_mc WHERE account_id = :account_id AND book = :book

-- name: account_set_disabled
UPDATE account SET is_disabled = :is_disabled WHERE account_id = :account_id

-- name: credential_insert
INSERT INTO credential (account_id, kind, verifier, scopes, networks, lane, created_at_ms, expires_at_ms)
VALUES (:account_id, :kind, :verifier, :scopes, :networks, :lane, :now_ms, :expires_at_ms)
RETURNING credential_id

-- name: network_holder
SELECT account.name FROM credential JOIN account USING (account_id)
WHERE credential.kind = 'network' AND credential.networks = :networks

-- name: credential_delete_kind
DELETE FROM credential WHERE account_id = :account_id AND kind = :kind

-- name: number_insert
INSERT INTO number (number, account_id, mail, created_at_ms, is_for_esme)
VALUES (:number, :account_id, :mail, :now_ms, :is_for_esme)

-- name: number_by_digits
SELECT number, account_id, mail FROM number WHERE number = :number
