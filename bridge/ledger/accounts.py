"""Accounts and their credentials: rare writes, each one transaction of its own.

All verbs here take plain values and give plain values; secrets arrive hashed (`verifier`), never in clear.
"""

import re
import unicodedata
from typing import Any

from bridge.ledger import credit, low_credit, trial
from bridge.ledger.database import Transaction
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.hours import Hours
from bridge.messages.message import Lane
from bridge.messages.money import AMOUNT_MAX, format_credits

NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,62}")
"""Account names: 1 to 63 plain characters, so that they fit SMTP AUTH, URLs and SMPP alike."""
MAIL_EVENTS = ("all", "failures", "none")
REFUNDS = ("unaccepted", "undeliverable")
"""Which failed parts are paid back: those no carrier accepted (always), or those that did not get through too."""
ALPHABETS = ("gsm", "ascii", "latin1", "cp1252")
CHOICES = {
    "mail_events": MAIL_EVENTS,
    "refunds": REFUNDS,
    "smpp_receipts": ("honour", "always", "never"),
    "smpp_alphabet_0": ALPHABETS,
    "smpp_alphabet_1": ALPHABETS,
    "smpp_id_form": ("hex", "decimal", "hex_decimal", "decimal_hex"),
    "smpp_long_inbound": ("payload", "parts"),
}
"""Facts that have few right values."""
SPANS = ("validity_ms", "queue_age_ms", "worthless_after_ms")
SPAN_MS_MAX = 7 * 24 * 3600 * 1000
"""As the longest validity that a sender may ask for."""
SMPP_BINDS_MAX, PARTS_PER_SECOND_MAX = 1_000, 100_000
"""More sessions of one account are a mistake, and more parts a second than any machine takes no limit at all."""
NETWORKS_MAX = 64
"""Networks of one credential: each check walks them."""


def folded(name: str) -> str:
    """The form in which two names that people confuse are equal."""
    return unicodedata.normalize("NFKC", name).casefold()


FACTS: dict[str, Any] = {
    "account_class": "",
    "email": "",
    "mobile": "",
    "home_country": "",
    "time_zone": "UTC",
    "lane": "normal",
    "mail_events": "all",
    "originator": "",
    "refunds": "unaccepted",
    "reserve_mc": 0,
    "low_limit_mc": 0,
    "is_low_texted": False,
    "smpp_binds_max": 10,
    "smpp_parts_per_second": 0.0,
    "smpp_receipts": "honour",
    "smpp_alphabet_0": "gsm",
    "smpp_alphabet_1": "ascii",
    "smpp_id_form": "hex",
    "smpp_long_inbound": "payload",
    "hours": "",
    "hours_for_alarms": False,
    "validity_ms": 0,
    "queue_age_ms": 0,
    "worthless_after_ms": 0,
    "parts_per_second": 0.0,
}
"""What can be said of an account when it is opened, and changed later: columns, and what holds if nothing is said."""


def account_add(
    tx: Transaction, *, name: str, overdraft_mc: int = 0, now_ms: int, **facts: str | int
) -> dict[str, Any]:
    """Open an account with an empty credit book; `facts` are any of FACTS. Gives {"account_id": int}.

    Raises Fault ALREADY_EXISTS when the name, or one that differs only by case or form, is taken, BAD_REQUEST for a
    fact that cannot be.
    """
    if not NAME_PATTERN.fullmatch(name):
        raise Fault(FaultCode.BAD_REQUEST, "an account name is 1 to 63 letters, digits and ._@- and starts with one")
    check_facts(**facts, overdraft_mc=overdraft_mc)
    values = FACTS | facts
    if values["is_low_texted"] and not values["mobile"]:
        raise Fault(FaultCode.BAD_REQUEST, NO_MOBILE)
    taken = tx.row("account_by_folded", {"name_folded": folded(name)})
    if taken is not None:
        differs = "" if taken[0] == name else f", which differs from {name} only by case"
        raise Fault(FaultCode.ALREADY_EXISTS, f"account {taken[0]} exists already{differs}")
    stored = values | {"lane": lane_of(values["lane"]), "home_country": values["home_country"].upper()}
    row = tx.row("account_insert", stored | {"name": name, "name_folded": folded(name), "now_ms": now_ms})
    assert row is not None
    credit.open_book(tx, row[0], overdraft_mc)
    return {"account_id": row[0]}


NO_MOBILE = "the account has no mobile number that a text could go to; give one with --mobile"


def check_facts(**facts: Any) -> None:
    """Names of facts, and those that have few right values; None passes. Raises Fault BAD_REQUEST."""
    if unknown := facts.keys() - {*FACTS, "overdraft_mc"}:
        raise Fault(FaultCode.BAD_REQUEST, f"an account has no {', '.join(sorted(unknown))}")
    for name, choices in CHOICES.items():
        if facts.get(name) is not None and facts[name] not in choices:
            verb = "are" if name.endswith("s") else "is"
            raise Fault(FaultCode.BAD_REQUEST, f"{name.replace('_', ' ')} {verb} one of {', '.join(choices)}")
    bounds = {"smpp_binds_max": SMPP_BINDS_MAX}
    bounds |= dict.fromkeys(("smpp_parts_per_second", "parts_per_second"), PARTS_PER_SECOND_MAX)
    for name, most in bounds.items():
        if facts.get(name) is not None and not 0 <= facts[name] <= most:
            raise Fault(FaultCode.BAD_REQUEST, f"{name.replace('_', ' ')} is 0 to {most}")
    for name in SPANS:
        if facts.get(name) is not None and not 0 <= facts[name] <= SPAN_MS_MAX:
            what = name.removesuffix("_ms").replace("_", " ")
            raise Fault(FaultCode.BAD_REQUEST, f"{what} is 0 to {SPAN_MS_MAX // 86_400_000} days")
    try:
        Hours.parse(facts.get("hours") or "")
    except ValueError as error:
        raise Fault(FaultCode.BAD_REQUEST, str(error)) from None
    words = {"overdraft_mc": "an overdraft", "reserve_mc": "a reserve", "low_limit_mc": "a low limit"}
    for name, what in words.items():
        if facts.get(name) is not None and not 0 <= facts[name] <= AMOUNT_MAX:
            raise Fault(FaultCode.BAD_REQUEST, f"{what} is 0 or more and at most {format_credits(AMOUNT_MAX)}")


def account_open(
    tx: Transaction,
    *,
    account: dict[str, Any],
    verifier: str,
    networks: list[str],
    credit_mc: int,
    actor: str,
    now_ms: int,
    trial_parts: int | None = None,
) -> dict[str, Any]:
    """Everything a new account needs in one transaction: itself, its PIN, its opening credit, its free parts."""
    opened = account_add(tx, **account, now_ms=now_ms)
    name = account["name"]
    credential_add(tx, name=name, kind="pin", verifier=verifier, networks=networks, now_ms=now_ms)
    if credit_mc:
        account_top_up(
            tx, name=name, amount_mc=credit_mc, key="opening", reason="opening credit", actor=actor, now_ms=now_ms
        )
    if trial_parts is not None:
        trial.grant(tx, opened["account_id"], trial_parts, actor=actor, now_ms=now_ms)
    return opened


def lane_of(name: str) -> int:
    """Lane number of a lane's name. Raises Fault BAD_REQUEST."""
    try:
        return int(Lane[name.upper()])
    except KeyError:
        raise Fault(
            FaultCode.BAD_REQUEST, f"a lane is one of {', '.join(lane.name.lower() for lane in Lane)}"
        ) from None


def account_id_of(tx: Transaction, name: str) -> int:
    """Row of the account with exactly this name. Raises Fault NOT_FOUND."""
    row = tx.row("account_by_name", {"name": name})
    if row is None:
        near = tx.row("account_by_folded", {"name_folded": folded(name)})
        hint = f"; did you mean {near[0]}? Case counts" if near else ""
        raise Fault(FaultCode.NOT_FOUND, f"account {name}{hint}")
    return int(row[0])


def account_set_disabled(tx: Transaction, *, name: str, is_disabled: bool) -> dict[str, Any]:
    """Stop or let in an account; what it has queued already still goes out."""
    account_id = account_id_of(tx, name)
    if not is_disabled and credit.standing(tx, account_id).closed_at_ms is not None:
        raise Fault(FaultCode.BAD_REQUEST, f"account {name} is closed for good; open another one")
    tx.run("account_set_disabled", {"account_id": account_id, "is_disabled": int(is_disabled)})
    return {"account_id": account_id}


def account_top_up(
    tx: Transaction, *, name: str, amount_mc: int, key: str, reason: str = "", actor: str = "", now_ms: int
) -> dict[str, Any]:
    """Add credit, once for each key: see credit.top_up. It arms the warning of low credit again."""
    account_id = account_id_of(tx, name)
    done = credit.top_up(tx, account_id, amount_mc, key=key, actor=actor, reason=reason, now_ms=now_ms)
    low_credit.rearm(tx, account_id)
    return done


def credential_add(
    tx: Transaction,
    *,
    name: str,
    kind: str,
    verifier: str,
    scopes: str = "send",
    networks: list[str] | None = None,
    lane: str = "",
    expires_at_ms: int | None = None,
    is_only_one: bool = False,
    now_ms: int,
) -> dict[str, Any]:
    """Give an account one more credential, or (`is_only_one`) replace all it has of this kind.

    `networks` are CIDR texts that the caller has checked. Gives {"credential_id": int}.
    """
    if len(networks or []) > NETWORKS_MAX:
        raise Fault(FaultCode.BAD_REQUEST, f"at most {NETWORKS_MAX} networks for one credential")
    account_id = account_id_of(tx, name)
    if kind == "network" and (holder := tx.row("network_holder", {"networks": " ".join(networks or [])})):
        raise Fault(FaultCode.ALREADY_EXISTS, f"network {' '.join(networks or [])} is bound to account {holder[0]}")
    if is_only_one:
        tx.run("credential_delete_kind", {"account_id": account_id, "kind": kind})
    row = tx.row(
        "credential_insert",
        {
            "account_id": account_id,
            "kind": kind,
            "verifier": verifier,
            "scopes": scopes,
            "networks": " ".join(networks or []),
            "lane": lane_of(lane) if lane else None,
            "expires_at_ms": expires_at_ms,
            "now_ms": now_ms,
        },
    )
    assert row is not None
    return {"credential_id": row[0]}


def number_add(
    tx: Transaction, *, number: str, account: str, mail: str, is_for_esme: bool = False, now_ms: int
) -> dict[str, Any]:
    """Give a virtual number (digits) to an account; what arrives there is mailed to `mail`, unless that is empty, and
    goes to the account's ESMEs if `is_for_esme`.
    """
    if not mail and not is_for_esme:
        raise Fault(FaultCode.BAD_REQUEST, "say where inbound messages go: to a mail address, to the ESMEs, or both")
    account_id = account_id_of(tx, account)
    if tx.row("number_by_digits", {"number": number}) is not None:
        raise Fault(FaultCode.ALREADY_EXISTS, f"number {number} has an owner already")
    values = {"number": number, "account_id": account_id, "mail": mail, "is_for_esme": int(is_for_esme)}
    tx.run("number_insert", values | {"now_ms": now_ms})
    return {"number": number}
