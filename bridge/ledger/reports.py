"""What the ledger tells: read-only reports on their own connection, as plain dicts.

Each report is a function `(database, **values)`; names and keys are what the command line and the API show.
Times are ms UTC.
"""

from collections.abc import Callable
from typing import Any

from sqlite_utils import Database

from bridge.ledger.accounts import folded
from bridge.ledger.actions import action_list
from bridge.ledger.audit import ledger_audit
from bridge.ledger.held import held_count, held_list
from bridge.ledger.links import link_load, link_states, links_waited_for
from bridge.ledger.networks import network_list, parts_measured
from bridge.ledger.originators import destination_hours_list, originator_list, originator_rule_list, pool_list
from bridge.ledger.outlook import credit_outlook
from bridge.ledger.reports_credit import account_statement_list, account_statement_show, shown_cause
from bridge.ledger.reports_esme import esme_of, esme_query
from bridge.ledger.reports_links import link_spellings
from bridge.ledger.reports_missing import refusal_missing, refusal_waiting, refusals_of_range
from bridge.ledger.reports_person import person_ids, person_rows, person_sender, person_show
from bridge.ledger.retention import texts_due
from bridge.ledger.routes import route_list
from bridge.ledger.selftest import selftest_list, selftest_summary
from bridge.messages import causes
from bridge.messages.ids import public_id, row_of
from bridge.messages.message import Lane, PartState, fold

LIST_MAX = 10_000
"""Rows of one list."""
SCAN_MAX = 50_000
"""Messages that a list looks through for a rare state, about two seconds."""

Record = dict[str, Any]


def _all(database: Database, sql: str, **values: Any) -> list[Record]:
    return list(database.query(sql, values))


def _first(database: Database, sql: str, **values: Any) -> Record | None:
    return next(iter(database.query(sql, values)), None)


def id_key(database: Database) -> int:
    """The key of this ledger's public ids."""
    row = _first(database, "SELECT value FROM setting_of_ledger WHERE name = 'id_key'")
    assert row is not None, "a ledger has an id key from its first transaction on"
    return int(row["value"])


def credentials_of(database: Database, *, name: str) -> Record:
    """{"account": facts or None, "near": a name that differs only by case or "", "credentials": [...]}."""
    account = _first(database, "SELECT * FROM account WHERE name = :name", name=name)
    if account is None:
        near = _first(database, "SELECT name FROM account WHERE name_folded = :folded", folded=folded(name))
        return {"account": None, "near": near["name"] if near else "", "credentials": []}
    rows = _all(database, "SELECT * FROM credential WHERE account_id = :id", id=account["account_id"])
    return {"account": account, "near": "", "credentials": rows}


def network_credentials(database: Database) -> list[Record]:
    """Every source network that is bound to an account, with the account's facts."""
    return _all(
        database,
        "SELECT credential.credential_id, credential.networks, credential.scopes, credential.lane AS credential_lane,"
        " credential.expires_at_ms, account.* FROM credential JOIN account USING (account_id)"
        " WHERE credential.kind = 'network' ORDER BY credential_id",
    )


def tariff_list(database: Database) -> list[Record]:
    """Prices of one part: account class, prefix, from when on (0: always), price; also past and coming ones."""
    return _all(
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
    rows = _all(database, _ACCOUNTS + " ORDER BY name LIMIT :count", count=LIST_MAX)
    return [_named_lane(row) for row in rows]


def account_show(database: Database, *, name: str) -> Record | None:
    """One account with its credentials (never a secret or verifier) and its latest postings; None: no such name."""
    account = _first(database, _ACCOUNTS + " AND account.name = :name", name=name)
    if account is None:
        return None
    credentials = _all(
        database,
        "SELECT kind, scopes, networks, credential.created_at_ms, expires_at_ms FROM credential"
        " JOIN account USING (account_id) WHERE name = :name ORDER BY credential_id",
        name=name,
    )
    postings = _all(
        database,
        "SELECT kind, cause, amount_mc, posting.created_at_ms, actor, reason FROM posting"
        " JOIN account USING (account_id) WHERE name = :name AND book = 'credit' ORDER BY posting_id DESC LIMIT 10",
        name=name,
    )
    key = id_key(database)
    for posting in postings:
        posting["cause"] = shown_cause(database, posting["cause"], key)
    numbers = _all(
        database, "SELECT number FROM number JOIN account USING (account_id) WHERE name = :name ORDER BY 1", name=name
    )
    return _named_lane(account) | {
        "credentials": [_with_lists(row) for row in credentials],
        "postings": postings,
        "numbers": [row["number"] for row in numbers],
    }


def _with_lists(credential: Record) -> Record:
    return credential | {"scopes": credential["scopes"].split(), "networks": credential["networks"].split()}


def _named_lane(row: Record) -> Record:
    """Lanes by name, flags as truth values, "nothing to do" as None."""
    shown = row | {"lane": Lane(row["lane"]).name.lower()}
    for name in ("is_disabled", "is_possible_duplicate", "is_low_texted", "hours_for_alarms"):
        if name in shown:
            shown[name] = bool(shown[name])
    if shown.get("next_action_at_ms") == 0:
        shown["next_action_at_ms"] = None
    return shown


def number_list(database: Database) -> list[Record]:
    """Every virtual number with its owner."""
    rows = _all(
        database,
        "SELECT number, account.name AS account, mail, is_for_esme, number.created_at_ms"
        " FROM number JOIN account USING (account_id) ORDER BY number LIMIT :count",
        count=LIST_MAX,
    )
    return [row | {"is_for_esme": bool(row["is_for_esme"])} for row in rows]


def message_list(
    database: Database, *, account: str | None = None, state: str | None = None, count_max: int = 50
) -> list[Record]:
    """The newest messages, newest first, of one account and in one state if asked; at most LIST_MAX.

    A state is looked for among the newest SCAN_MAX messages.
    """
    key = id_key(database)
    found: list[Record] = []
    below = 1 << 62
    wanted = min(count_max, LIST_MAX)
    scanned = 0
    while len(found) < wanted and scanned < SCAN_MAX:
        rows = _all(database, _messages_below(account), below=below, account=account, count=max(wanted, 100))
        if not rows:
            break
        below = rows[-1]["row"]
        scanned += len(rows)
        messages = [_summary(database, row, key) for row in rows]
        found += [message for message in messages if state in (None, message["state"])]
    return found[:wanted]


def _messages_below(account: str | None) -> str:
    of_account = "AND account.name = :account" if account is not None else ""
    return f"""
        SELECT message.message_id AS row, account.name AS account, door, message.originator, recipient, part_total,
            price_mc * part_total AS price_mc, message.links, coding, accepted_at_ms, reference, book
        FROM message JOIN account USING (account_id)
        WHERE message.message_id < :below {of_account} ORDER BY message.message_id DESC LIMIT :count
    """  # noqa: S608 - the only variable piece is one of two constants


def _summary(database: Database, row: Record, key: int) -> Record:
    """A message as a list shows it: its state is folded, its reason is that of its first waiting part."""
    parts = _all(
        database,
        "SELECT state, link, lane, waiting_for, next_action_at_ms FROM part WHERE message_id = :row ORDER BY part_no",
        row=row["row"],
    )
    state = fold(PartState(part["state"]) for part in parts)
    telling = next((part for part in parts if not PartState(part["state"]).is_final), parts[0])
    facts = {name: value for name, value in row.items() if name != "row"}
    waiting = {name: telling[name] for name in ("link", "lane", "waiting_for", "next_action_at_ms")}
    return {"message_id": public_id(row["row"], key), "state": state.value} | facts | _named_lane(waiting)


NO_TIMES: Record = {"validity_ms": 0, "worthless_at_ms": 0, "hours": ""}
"""Of a message of whose times nothing is said."""


def message_show(database: Database, *, message_id: str) -> Record | None:
    """The whole life of a message: its parts, its history, its postings and its notices; None: no such id."""
    key = id_key(database)
    number = row_of(message_id, key)
    if number is None or number >= 1 << 62:
        return None
    rows = _all(database, _messages_below(None), below=number + 1, account=None, count=1)
    if not rows or rows[0]["row"] != number:
        return None
    parts = _all(
        database,
        "SELECT part_no, state, link, lane, text, attempt, waiting_for, next_action_at_ms, expires_at_ms,"
        " claimed_at_ms, submitted_at_ms, final_at_ms, network_at_ms, smsc_id, command_status, error, cause,"
        " is_possible_duplicate, coalesce(hex(header), '') AS header, data_coding, protocol_id"
        " FROM part LEFT JOIN user_data USING (part_id) WHERE message_id = :row ORDER BY part_no",
        row=number,
    )
    history = _all(
        database,
        "SELECT at_ms, part_no, event, detail FROM history WHERE message_id = :row ORDER BY history_id",
        row=number,
    )
    postings = _all(
        database,
        "SELECT kind, amount_mc, created_at_ms AS at_ms, reason FROM posting WHERE account_id ="
        " (SELECT account_id FROM message WHERE message_id = :row) AND book IN ('credit', 'trial') AND (cause ="
        " 'message:' || :row"
        " OR cause IN (SELECT 'part:' || part_id FROM part WHERE message_id = :row)) ORDER BY posting_id",
        row=number,
    )
    notices = _all(
        database,
        "SELECT kind, event, address, state, attempt, waiting_for AS reason, next_action_at_ms, created_at_ms,"
        " done_at_ms FROM notice WHERE message_id = :row ORDER BY notice_id",
        row=number,
    )
    times = _first(
        database, "SELECT validity_ms, worthless_at_ms, hours FROM message_time WHERE message_id = :row", row=number
    )
    return (
        _summary(database, rows[0], key)
        | (times or NO_TIMES)
        | {
            "text": "".join(part["text"] for part in parts),
            "expires_at_ms": parts[0]["expires_at_ms"],
            "parts": [
                _named_lane(part | {"smsc_id": part["smsc_id"] or "", "why": causes.sentence(part["cause"])})
                for part in parts
            ],
            "history": [line | {"part_no": line["part_no"] or None} for line in history],
            "postings": postings,
            "notices": notices,
            "esme": esme_of(database, number, key),
        }
    )


def queue(database: Database) -> Record:
    """What is unfinished: {"parts": by link, lane, state and reason, "notices": by kind and reason, those to ESMEs by
    account, too}, with ages. `is_possible_duplicate` is told of parts in doubt only."""
    parts = _all(
        database,
        "SELECT part.link, part.state, part.lane, part.waiting_for, count(*) AS count,"
        " min(message.accepted_at_ms) AS oldest_at_ms, min(part.next_action_at_ms) AS next_action_at_ms,"
        " min(part.expires_at_ms) AS expires_at_ms, part.state = 'in_doubt' AND part.is_possible_duplicate AS"
        " is_possible_duplicate FROM part JOIN message USING (message_id)"
        " WHERE part.state IN ('queued', 'claimed', 'submitted', 'in_doubt', 'scheduled', 'held')"
        " GROUP BY part.link, part.state, part.lane, part.waiting_for, 9 ORDER BY part.link, part.lane, part.state",
    )
    notices = _all(
        database,
        "SELECT kind, '' AS account, '' AS state, waiting_for AS reason, count(*) AS count,"
        " min(created_at_ms) AS oldest_at_ms, min(next_action_at_ms) AS next_action_at_ms FROM notice"
        " WHERE state IN ('owed', 'claimed') GROUP BY kind, waiting_for"
        " UNION ALL SELECT 'to ESMEs', account.name, state, waiting_for, count(*), min(esme_notice.created_at_ms),"
        " min(next_action_at_ms) FROM esme_notice JOIN account USING (account_id) WHERE state IN ('owed', 'claimed')"
        " GROUP BY account.name, state, waiting_for ORDER BY kind, account, state, reason",
    )
    return {"parts": [_named_lane(row) for row in parts], "notices": notices}


def inbound_list(database: Database, *, count_max: int = 50) -> list[Record]:
    """The newest inbound messages, newest first; an empty account means that nobody owns the number."""
    key = id_key(database)
    rows = _all(
        database,
        "SELECT inbound_id, coalesce(account.name, '') AS account, inbound.link, inbound.originator, inbound.number,"
        " text, is_incomplete, received_at_ms FROM inbound LEFT JOIN account USING (account_id)"
        " ORDER BY inbound_id DESC LIMIT :count",
        count=min(count_max, LIST_MAX),
    )
    return [
        row | {"inbound_id": public_id(row["inbound_id"], key), "is_incomplete": bool(row["is_incomplete"])}
        for row in rows
    ]


SUBMITTED_MAX = 1_000
"""Parts of one page of `parts_submitted`."""


def parts_submitted(database: Database, *, link: str, above: int = 0) -> list[Record]:
    """Parts of a link that wait for their receipt, by part_id from `above` on, at most SUBMITTED_MAX.

    Looks at every part that the link ever named: for starts, not for the clock.
    """
    return _all(
        database,
        "SELECT part_id, smsc_id, submitted_at_ms, recipient FROM part INDEXED BY part_smsc JOIN message USING"
        " (message_id) WHERE part.link = :link AND smsc_key IS NOT NULL AND state = 'submitted' AND part_id > :above"
        " ORDER BY part_id LIMIT :count",
        link=link,
        above=above,
        count=SUBMITTED_MAX,
    )


_REFUSALS = """
    SELECT refusal_id, refusal.created_at_ms, account.name AS account, door, fault, detail, refusal.originator,
        recipient, text, refusal.lane, reference, thread, is_cut, resubmitted_as
    FROM refusal JOIN account USING (account_id)
"""


def refusal_list(
    database: Database, *, account: str | None = None, fault: str | None = None, count_max: int = 50
) -> list[Record]:
    """The newest refused submissions of known accounts, newest first: of one account and for one fault if asked."""
    rows = _all(
        database,
        _REFUSALS + " WHERE (:account IS NULL OR account.name = :account) AND (:fault IS NULL OR fault = :fault)"
        " ORDER BY refusal_id DESC LIMIT :count",
        account=account,
        fault=fault,
        count=min(count_max, LIST_MAX),
    )
    kept = ("lane", "reference", "thread")
    return [{name: value for name, value in row.items() if name not in kept} for row in _refusals(database, rows)]


def refusals_kept(database: Database, *, refusal_ids: list[int]) -> list[Record]:
    """All that is kept of these refusals, for a resubmission; those that do not exist are left out."""
    found = (_first(database, _REFUSALS + " WHERE refusal_id = :id", id=one) for one in refusal_ids)
    return _refusals(database, [row for row in found if row is not None])


def _refusals(database: Database, rows: list[Record]) -> list[Record]:
    key = id_key(database)
    return [
        row
        | {
            "is_cut": bool(row["is_cut"]),
            "resubmitted_as": public_id(row["resubmitted_as"], key) if row["resubmitted_as"] else "",
        }
        for row in rows
    ]


def unfinished(database: Database) -> Record:
    """How much is waiting: parts by state, notices owed, receipts parked."""
    parts = _all(
        database,
        "SELECT state, count(*) AS parts FROM part"
        " WHERE state IN ('queued', 'claimed', 'submitted', 'in_doubt', 'scheduled') GROUP BY state",
    )
    notices = _first(
        database,
        "SELECT (SELECT count(*) FROM notice WHERE state IN ('owed', 'claimed')) AS owed,"
        " (SELECT count(*) FROM esme_notice WHERE state IN ('owed', 'claimed')) AS owed_to_esmes",
    )
    parked = _first(database, "SELECT count(*) AS parked FROM parked_receipt")
    return {row["state"]: row["parts"] for row in parts} | (notices or {}) | (parked or {})


REPORTS: dict[str, Callable[..., Any]] = {
    report.__name__: report
    for report in (
        credentials_of,
        network_credentials,
        tariff_list,
        route_list,
        network_list,
        originator_list,
        originator_rule_list,
        pool_list,
        destination_hours_list,
        parts_measured,
        account_list,
        account_show,
        number_list,
        message_list,
        message_show,
        queue,
        inbound_list,
        refusal_list,
        refusals_kept,
        refusal_missing,
        refusal_waiting,
        refusals_of_range,
        parts_submitted,
        link_spellings,
        credit_outlook,
        esme_query,
        unfinished,
        ledger_audit,
        account_statement_show,
        account_statement_list,
        held_count,
        held_list,
        texts_due,
        person_show,
        person_ids,
        person_rows,
        person_sender,
        action_list,
        link_states,
        link_load,
        links_waited_for,
        selftest_list,
        selftest_summary,
    )
}
"""Every report by name."""
