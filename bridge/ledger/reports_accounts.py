"""Reports about accounts: who they are, how they prove it, what they pay, and their virtual numbers."""

from sqlite_utils import Database

from bridge.ledger.accounts import folded
from bridge.ledger.reading import LIST_MAX, Record, first_of, id_key, named_lane, rows_of
from bridge.ledger.reports_credit import shown_cause


def credentials_of(database: Database, *, name: str) -> Record:
    """{"account": facts or None, "near": a name that differs only by case or "", "credentials": [...]}."""
    account = first_of(database, "SELECT * FROM account WHERE name = :name", name=name)
    if account is None:
        near = first_of(database, "SELECT name FROM account WHERE name_folded = :folded", folded=folded(name))
        return {"account": None, "near": near["name"] if near else "", "credentials": []}
    rows = rows_of(database, "SELECT * FROM credential WHERE account_id = :id", id=account["account_id"])
    return {"account": account, "near": "", "credentials": rows}


def network_credentials(database: Database) -> list[Record]:
    """Every source network that is bound to an account, with the account's facts."""
    return rows_of(
        database,
        "SELECT credential.credential_id, credential.networks, credential.scopes, credential.lane AS credential_lane,"
        " credential.expires_at_ms, account.* FROM credential JOIN account USING (account_id)"
        " WHERE credential.kind = 'network' ORDER BY credential_id",
    )


def tariff_list(database: Database) -> list[Record]:
    """Prices of one part: account class, prefix, from when on (0: always), price; also past and coming ones."""
    return rows_of(
        database,
        "SELECT account_class, prefix, valid_from_ms, price_mc FROM tariff"
        " ORDER BY account_class, prefix, valid_from_ms",
    )


_ACCOUNTS = """
    SELECT account.name, account_class, amount_mc AS balance_mc, -floor_mc AS overdraft_mc, email, mobile,
        home_country, time_zone, lane, mail_events, originator, is_disabled, created_at_ms, closed_at_ms, refunds,
        reserve_mc, low_limit_mc, is_low_texted, smpp_binds_max, smpp_parts_per_second, smpp_receipts, smpp_alphabet_0,
        smpp_alphabet_1, smpp_id_form, smpp_long_inbound, hours, hours_for_alarms, validity_ms, queue_age_ms,
        worthless_after_ms, account.parts_per_second, (SELECT trial.amount_mc / 1000 FROM balance AS trial
            WHERE trial.account_id = account.account_id AND trial.book = 'trial') AS trial_parts
    FROM account JOIN balance USING (account_id) WHERE book = 'credit'
"""


def account_list(database: Database) -> list[Record]:
    """Every account with its balance."""
    rows = rows_of(database, _ACCOUNTS + " ORDER BY name LIMIT :count", count=LIST_MAX)
    return [named_lane(row) for row in rows]


def account_show(database: Database, *, name: str) -> Record | None:
    """One account with its credentials (never a secret or verifier) and its latest postings; None: no such name."""
    account = first_of(database, _ACCOUNTS + " AND account.name = :name", name=name)
    if account is None:
        return None
    credentials = rows_of(
        database,
        "SELECT kind, scopes, networks, credential.created_at_ms, expires_at_ms FROM credential"
        " JOIN account USING (account_id) WHERE name = :name ORDER BY credential_id",
        name=name,
    )
    postings = rows_of(
        database,
        "SELECT kind, cause, amount_mc, posting.created_at_ms, actor, reason FROM posting"
        " JOIN account USING (account_id) WHERE name = :name AND book = 'credit' ORDER BY posting_id DESC LIMIT 10",
        name=name,
    )
    key = id_key(database)
    for posting in postings:
        posting["cause"] = shown_cause(database, posting["cause"], key)
    numbers = rows_of(
        database, "SELECT number FROM number JOIN account USING (account_id) WHERE name = :name ORDER BY 1", name=name
    )
    return named_lane(account) | {
        "credentials": [_with_lists(row) for row in credentials],
        "postings": postings,
        "numbers": [row["number"] for row in numbers],
    }


def _with_lists(credential: Record) -> Record:
    return credential | {"scopes": credential["scopes"].split(), "networks": credential["networks"].split()}


def number_list(database: Database) -> list[Record]:
    """Every virtual number with its owner."""
    rows = rows_of(
        database,
        "SELECT number, account.name AS account, mail, is_for_esme, number.created_at_ms"
        " FROM number JOIN account USING (account_id) ORDER BY number LIMIT :count",
        count=LIST_MAX,
    )
    return [row | {"is_for_esme": bool(row["is_for_esme"])} for row in rows]
