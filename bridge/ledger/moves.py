"""Moves of credit that people make: adjustments, transfers, refunds of what has no answer. Each is one transaction.

Every one has a reason, an actor, and a key or a cause of its own, so that asking twice moves once.
"""

from typing import Any

from bridge.ledger import credit, low_credit
from bridge.ledger.accounts import account_id_of
from bridge.ledger.database import Row, Transaction
from bridge.ledger.queue import id_key
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.ids import row_of
from bridge.messages.message import PartState
from bridge.messages.money import AMOUNT_MAX, format_credits


def account_adjust(
    tx: Transaction, *, name: str, amount_mc: int, key: str, reason: str, actor: str = "", now_ms: int
) -> dict[str, Any]:
    """Correct an account's credit by a signed amount, once for each key.

    Gives {"is_new": bool, "balance_mc": int}. Raises Fault BAD_REQUEST for a bad amount, a missing reason, a key that
    was used for something else, a closed account, or more than there is.
    """
    if not 0 < abs(amount_mc) <= AMOUNT_MAX:
        raise Fault(FaultCode.BAD_REQUEST, "an adjustment moves something: write an amount like 12.5 or -12.5")
    if not reason:
        raise Fault(FaultCode.BAD_REQUEST, "an adjustment needs a reason")
    credit.check_words("an adjustment", key, reason)
    account_id = account_id_of(tx, name)
    cause = f"adjustment:{key}"
    is_new = not _is_done(tx, "adjustment", cause, {account_id: amount_mc})
    if is_new:
        _move(tx, account_id, "adjustment", cause, amount_mc, actor=actor, reason=reason, now_ms=now_ms)
    return {"is_new": is_new, "balance_mc": credit.standing(tx, account_id).amount_mc}


def account_transfer(
    tx: Transaction, *, giver: str, taker: str, amount_mc: int, key: str, reason: str = "", actor: str = "", now_ms: int
) -> dict[str, Any]:
    """Move credit from one account to another, once for each key: two postings that sum to zero.

    Gives {"is_new": bool, "giver_balance_mc": int, "taker_balance_mc": int}. Raises Fault BAD_REQUEST for a bad amount,
    one account twice, a key that was used for something else, a closed account, or more than the giver has.
    """
    if not 0 < amount_mc <= AMOUNT_MAX:
        raise Fault(
            FaultCode.BAD_REQUEST, f"a transfer is more than 0 and at most {format_credits(AMOUNT_MAX)} credits"
        )
    credit.check_words("a transfer", key, reason)
    giver_id, taker_id = account_id_of(tx, giver), account_id_of(tx, taker)
    if giver_id == taker_id:
        raise Fault(FaultCode.BAD_REQUEST, f"account {giver} cannot transfer to itself; name two accounts")
    cause = f"transfer:{key}"
    sides = {giver_id: -amount_mc, taker_id: amount_mc}
    is_new = not _is_done(tx, "transfer", cause, sides)
    if is_new:
        for account_id, moved_mc in sides.items():
            _move(tx, account_id, "transfer", cause, moved_mc, actor=actor, reason=reason, now_ms=now_ms)
    return {
        "is_new": is_new,
        "giver_balance_mc": credit.standing(tx, giver_id).amount_mc,
        "taker_balance_mc": credit.standing(tx, taker_id).amount_mc,
    }


def _is_done(tx: Transaction, kind: str, cause: str, sides: dict[int, int]) -> bool:
    """Whether exactly these moves (account -> amount) were booked under this key. Raises Fault for any others."""
    found: dict[int, int] = {row[0]: row[1] for row in tx.rows("postings_of_key", {"kind": kind, "cause": cause})}
    if found and found != sides:
        key = cause.partition(":")[2]
        raise Fault(FaultCode.BAD_REQUEST, f"key {key} was used before with another amount or account")
    return bool(found)


def _move(
    tx: Transaction, account_id: int, kind: str, cause: str, amount_mc: int, *, actor: str, reason: str, now_ms: int
) -> None:
    """Book one side. What takes an account through its limit warns it; what adds arms the warning again."""
    before = credit.standing(tx, account_id)
    credit.check_open(before)
    room_mc = before.amount_mc - before.floor_mc
    if -amount_mc > room_mc:
        detail = (
            f"account {before.name} has {format_credits(before.amount_mc)}, at most {format_credits(room_mc)} can be"
        )
        raise Fault(FaultCode.BAD_REQUEST, f"{detail} taken")
    purse = credit.purses(tx, {account_id})[account_id]
    credit.post(tx, account_id, kind, cause, amount_mc, actor=actor, reason=reason, now_ms=now_ms)
    left_mc = before.amount_mc + amount_mc
    if amount_mc > 0:
        low_credit.rearm(tx, account_id)
    elif purse.is_low_at(left_mc):
        low_credit.owe_warnings(tx, [(account_id, left_mc)], now_ms)


# --- refunds that a person decides ---


def message_refund(
    tx: Transaction, *, message_id: str, part_no: int | None = None, reason: str, actor: str, now_ms: int
) -> dict[str, Any]:
    """Give back the price of a finished message, or of one part of it, where it was not delivered.

    Parts that were delivered stay charged, and a part is refunded once at most, whoever asked. Gives {"account": str,
    "book": str, "amount_mc": int, "balance_mc": int, "parts": [{"part_no", "amount_mc", "outcome"}]} with what was
    moved now. Raises Fault NOT_FOUND for a message or part that is not there, BAD_REQUEST when a part is not finished
    or nothing can be given back.
    """
    if not reason or len(reason) > credit.REASON_MAX:
        raise Fault(FaultCode.BAD_REQUEST, f"a refund needs a reason of 1 to {credit.REASON_MAX} characters")
    rows = _parts(tx, message_id, part_no)
    lines = [_refund(tx, row, reason=reason, actor=actor, now_ms=now_ms) for row in rows]
    if not any(line["outcome"] in ("refunded", _BEFORE) for line in lines):
        told = ", ".join(f"part {line['part_no']} {line['outcome']}" for line in lines[:3])
        raise Fault(FaultCode.BAD_REQUEST, f"nothing to give back for message {message_id}: {told}")
    account_id, book = rows[0][3], rows[0][4]
    standing = credit.standing(tx, account_id, book)
    return {
        "account": standing.name,
        "book": book,
        "amount_mc": sum(line["amount_mc"] for line in lines),
        "balance_mc": standing.amount_mc,
        "parts": lines,
    }


_BEFORE = "was refunded before"


def _parts(tx: Transaction, message_id: str, part_no: int | None) -> list[Row]:
    """Rows (part id, part no, state, account id, book, price) of a message, or of one part of it."""
    number = row_of(message_id, id_key(tx))
    rows = tx.rows("parts_to_refund", {"message_id": number}) if number is not None else []
    if not rows:
        raise Fault(FaultCode.NOT_FOUND, f"message {message_id}")
    chosen = [row for row in rows if part_no in (None, row[1])]
    if not chosen:
        raise Fault(FaultCode.NOT_FOUND, f"part {part_no} of message {message_id}; it has {len(rows)}")
    unfinished = [row for row in chosen if not PartState(row[2]).is_final]
    if unfinished:
        state = unfinished[0][2].replace("_", " ")
        detail = f"part {unfinished[0][1]} of message {message_id} is {state}; refund it when its state is final"
        raise Fault(FaultCode.BAD_REQUEST, detail)
    return chosen


def _refund(tx: Transaction, row: Row, *, reason: str, actor: str, now_ms: int) -> dict[str, Any]:
    part_id, part_no, state, account_id, book, price_mc = row
    line = {"part_no": part_no, "amount_mc": 0}
    if state == PartState.DELIVERED:
        return line | {"outcome": "was delivered"}
    if not price_mc:
        return line | {"outcome": "cost nothing"}
    if not credit.refund_part(tx, account_id, book, part_id, price_mc, reason=reason, actor=actor, now_ms=now_ms):
        return line | {"outcome": _BEFORE}
    return line | {"amount_mc": price_mc, "outcome": "refunded"}
