"""What people are told of waiting: why a notice has not gone out, how long it is kept, and what follows a doubt."""

from collections.abc import Iterable, Mapping
from typing import Any

from bridge.app.times import iso
from bridge.ledger.esme import KEPT_MS
from bridge.ledger.timers import FRESH_MS_MAX
from bridge.messages.message import Lane, Paced
from bridge.routing.retry import MAIL_AGE_MAX_MS

TO_ESMES = "to ESMEs"
"""The kind of a notice that goes out as deliver_sm."""
RECEIVING = ("receiver", "transceiver")
NOT_RUNNING = "the appliance is not running"
_MAILS = ("report", "inbound", "low_credit")

PACED_OLD_MS = 5_000
"""A link that is bound claims every second; what it held back before that is not held back by a pace any more."""
PACED_TOLD_MAX = 3

UNKNOWN_THEN = "ends as unknown and stays charged; then `smsbridge message refund` can give its price back"


def to_esme(
    line: dict[str, Any],
    account: str,
    created_at_ms: int,
    sessions: Iterable[Mapping[str, Any]] | None,
    now_ms: int,
) -> dict[str, Any]:
    """A line about a deliver_sm that is owed to an account's ESMEs, or was: why it has not been taken, when it is tried
    next (None: now, or when somebody is bound), and how long it is kept.

    `sessions` are those of all ESMEs; None: the appliance is not running.
    """
    line = line | {"kept_until_ms": created_at_ms + KEPT_MS}
    if line["state"] not in ("owed", "claimed"):
        return line
    next_at_ms = line["next_action_at_ms"] if line["state"] == "owed" else None
    if next_at_ms is not None and next_at_ms <= now_ms:
        next_at_ms = None
    away = _why_nobody_receives(sessions, account)
    if away:
        return line | {"reason": away, "next_action_at_ms": None}
    return line | {"reason": _why_not_taken(line, account, next_at_ms), "next_action_at_ms": next_at_ms}


def _why_nobody_receives(sessions: Iterable[Mapping[str, Any]] | None, account: str) -> str:
    if sessions is None:
        return NOT_RUNNING
    bound = [one["bind_type"] for one in sessions if one["account"] == account]
    if any(bind_type in RECEIVING for bind_type in bound):
        return ""
    return f"{account} is bound as a transmitter only, which gets nothing" if bound else f"{account} is not bound"


def _why_not_taken(line: dict[str, Any], account: str, next_at_ms: int | None) -> str:
    last = line["reason"]
    if line["state"] == "claimed":
        return f"{account} is bound; " + (f"{last}, so it was sent again" if last else "sent, not answered yet")
    return f"{account} is bound, but {last}" if last and next_at_ms else "its turn"


def paced(
    line: dict[str, Any], reason: str, held: Iterable[Paced], now_ms: int, sender: Mapping[str, str] | None
) -> dict[str, Any]:
    """A line of queued parts of a link that has the `reason` to keep them waiting ("": none), and holds back `held`.

    `sender` has the account and the originator of the parts; None: of several.
    """
    lane = Lane[line["lane"].upper()]
    live = [one for one in held if one.lane is lane and one.until_ms > now_ms - PACED_OLD_MS]
    if sender is not None:
        live = [one for one in live if sender.get(one.kind) == one.name]
    if not live:
        return line | {"waiting_for": reason or "its turn"}
    told = [
        f"{one.kind} {one.name} to {one.parts_per_second:.3g} parts/s on "
        + ("all links together" if one.kind == "account" else f"link {line['link']}")
        for one in live[:PACED_TOLD_MAX]
    ]
    more = f" and {len(live) - PACED_TOLD_MAX} more" if len(live) > PACED_TOLD_MAX else ""
    words = [reason] if reason else []
    return line | {
        "waiting_for": "; ".join([*words, f"paced: {', '.join(told)}{more}"]),
        "next_action_at_ms": max(now_ms, min(one.until_ms for one in live)),
    }


def mail_kept_until_ms(kind: str, created_at_ms: int) -> int | None:
    """When a notice that goes out by mail is given up; None for one that goes out as a text."""
    return created_at_ms + MAIL_AGE_MAX_MS if kind in _MAILS else None


def after_doubt(line: Mapping[str, Any], *, is_resending: bool, fresh_until_ms: int | None = None) -> str:
    """What becomes of parts in doubt when no word of them comes in time.

    `is_resending`: the policy of their link. `fresh_until_ms`: how long they may be sent once more, if that is known.
    """
    if line["is_possible_duplicate"]:
        return f"it was sent twice, so it {UNKNOWN_THEN}"
    if not is_resending:
        return f"it {UNKNOWN_THEN}, for `in_doubt` of its link is never_resend"
    if fresh_until_ms is not None and line["next_action_at_ms"] and line["next_action_at_ms"] > fresh_until_ms:
        return f"it is too old to be sent again, so it {UNKNOWN_THEN}"
    fresh = f" by {iso(fresh_until_ms)[11:19]}Z" if fresh_until_ms is not None else " while it is fresh"
    return (
        f"it is sent once more, marked as a possible duplicate, if its link can take it{fresh},"
        " for `in_doubt` of its link is hold_then_resend_once"
    )


def fresh_until_ms(lane: str, accepted_at_ms: int) -> int:
    """Until when a message of this lane may be sent once more after a doubt."""
    return accepted_at_ms + FRESH_MS_MAX[Lane[lane.upper()]]
