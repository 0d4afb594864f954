"""What time does to waiting parts: doubt resolves, validity ends, and a restart finds what was being sent."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from bridge.ledger import bells, credit, esme, inbound, originators, receipts, retries
from bridge.ledger.database import Transaction
from bridge.ledger.finish import Ending, finish
from bridge.ledger.queue import id_key
from bridge.messages.ids import public_id
from bridge.messages.message import Lane, PartState

STEP_SEEN_MS, STEP_MESSAGES_MAX = 3_000, 50_000
"""A step of the clock is seen within so long; and the newest messages among which its first ones are looked for."""
SWEEP_MAX = 500
"""Parts that one sweep moves; the next sweep takes the rest."""
FRESH_MS_MAX = {Lane.ALARM: 15 * 60_000, Lane.NORMAL: 60 * 60_000, Lane.BULK: 60 * 60_000}
"""How old a message may be when a part in doubt is sent once more: a late alarm is worse than none."""
DOWN_MS_MAX = {Lane.ALARM: 2 * 60_000, Lane.NORMAL: 10 * 60_000, Lane.BULK: 60 * 60_000}
"""How long after its latest try a part stays in doubt, at most, because its link is down and could not hear. An alarm
would rather come twice than late; a newsletter has time."""


def recover(tx: Transaction, *, now_ms: int, hold_ms: int, crashed_at_ms: int | None = None) -> dict[str, int]:
    """After a start: every claim may have been written to the wire, so it is in doubt; notices are owed at once.

    `crashed_at_ms` is when the last run ended without a goodbye: what it accepted just before may not have been
    answered. Gives how many of each.
    """
    claims = tx.rows("claims_open")
    reason = "the appliance ended while this part was being sent"
    for part_id, *_ in claims:
        tx.run("part_in_doubt", {"part_id": part_id, "retry_at_ms": now_ms + hold_ms, "reason": reason})
    if claims:
        tx.many("history_insert", [(row[1], row[2], now_ms, "in_doubt", reason) for row in claims])
        receipts.reconsider(tx)
    unanswered = 0
    if crashed_at_ms is not None:
        unanswered = retries.mark_after_crash(tx, crashed_at_ms=crashed_at_ms, now_ms=now_ms)
    notices = tx.run("notices_recover", {"now_ms": now_ms}) + tx.run("esme_notices_recover", {"now_ms": now_ms})
    return {"in_doubt": len(claims), "notices": notices, "unanswered": unanswered}


def resolve_doubts(
    tx: Transaction,
    *,
    now_ms: int,
    never_resend: list[str],
    not_before_ms: Mapping[str, int] | None = None,
    usable: Sequence[str] | None = None,
) -> dict[str, list[str]]:
    """Parts held in doubt long enough: queued once more, flagged, if still fresh and their link may; else unknown.

    `never_resend` names the links that never send a part twice. `not_before_ms` says of links that are down, or have
    not been up for long, when the hold can be over at the earliest: what settles a doubt can only come while they are
    bound. `usable`: the links that can send now, None: all; a message of one part whose own cannot goes by the next of
    its links that can. Gives the public ids of the messages concerned: {"resent": [...], "unknown": [...]}.
    """
    key = id_key(tx)
    due = _due_doubts(tx, now_ms, not_before_ms or {})
    resent, endings, history = [], [], []
    for row in tx.by_ids("parts_of", due) if due else []:
        part_id, message_id, _, part_no, _, link, _, links, attempt, lane, accepted_at_ms = row[:11]
        is_possible_duplicate, part_total = row[11], row[13]
        is_fresh = now_ms - accepted_at_ms <= FRESH_MS_MAX[Lane(lane)]
        if not is_possible_duplicate and is_fresh and link not in never_resend:
            by = _other_link(link, links, usable) if part_total == 1 else link
            values = {"part_id": part_id, "link": by, "retry_at_ms": now_ms, "reason": "", "command_status": 0}
            # The bound holds when it is sent, not when it is queued: its link may stay down for hours.
            stale_at_ms = accepted_at_ms + FRESH_MS_MAX[Lane(lane)]
            values |= {"attempt": attempt, "is_slowed": 0, "is_resend": 1, "stale_at_ms": stale_at_ms}
            tx.run("part_requeue", values)
            bells.ring_links(tx, [by])
            reason = "queued once more after an unanswered try: it may arrive twice"
            if by != link:
                reason += f"; by link {by}, as link {link} cannot send"
            history.append((message_id, part_no, now_ms, "resend", reason))
            resent.append(public_id(message_id, key))
        else:
            reason = "sent, but the carrier never answered; it stays charged"
            endings.append(Ending(part_id, message_id, PartState.UNKNOWN, now_ms, reason=reason))
    if history:
        tx.many("history_insert", history)
    finish(tx, endings)
    return {"resent": resent, "unknown": [public_id(ending.message_id, key) for ending in endings]}


def _other_link(link: str, links: str, usable: Sequence[str] | None) -> str:
    """The link that a part is sent once more by: its own, unless that cannot send and another one of its route can."""
    if usable is None or link in usable:
        return link
    return next((other for other in links.split() if other in usable), link)


def _due_doubts(tx: Transaction, now_ms: int, not_before_ms: Mapping[str, int]) -> list[int]:
    """Parts whose hold is over; it goes on for those whose link could not have heard of them.

    Not for ever: see DOWN_MS_MAX.
    """
    due: list[int] = []
    put_off: list[tuple[int, int]] = []
    for part_id, link, lane, claimed_at_ms in tx.rows("in_doubt_due", {"now_ms": now_ms, "count": SWEEP_MAX}):
        until_ms = min(not_before_ms.get(link, 0), claimed_at_ms + DOWN_MS_MAX[Lane(lane)])
        if until_ms > now_ms:
            put_off.append((part_id, until_ms))
        else:
            due.append(part_id)
    if put_off:
        tx.many("doubts_postpone", put_off)
    return due


def expire(tx: Transaction, *, now_ms: int) -> dict[str, list[str]]:
    """Queued parts whose validity has ended are never sent: expired, refunded, told. Gives {"expired": public ids}."""
    expired: list[int] = []
    for (link,) in tx.rows("links_with_queue"):
        for lane in Lane:
            values = {"link": link, "lane": lane.value, "now_ms": now_ms, "count": SWEEP_MAX - len(expired)}
            expired += [row[0] for row in tx.rows("parts_expired", values)]
    return {"expired": _expire(tx, expired, now_ms)}


def _expire(tx: Transaction, part_ids: list[int], now_ms: int) -> list[str]:
    """End parts that were never sent, or may have been sent once; gives the public ids of their messages."""
    key = id_key(tx)
    endings = []
    worthless = {row[0]: row[1] for row in tx.by_ids("parts_worthless", part_ids)} if part_ids else {}
    for row in tx.by_ids("parts_of", part_ids) if part_ids else []:
        part_id, message_id, account_id, price_mc, is_possible_duplicate = row[0], row[1], row[2], row[6], row[11]
        if is_possible_duplicate:
            reason = "it may have been sent once, and it is too late to send it again; it stays charged"
        else:
            reason = "its validity ended before a link could take it"
            if 0 < worthless.get(part_id, 0) <= now_ms:
                reason = f"{reason}: it was worthless after {_utc(worthless[part_id])}"
            credit.refund_part(tx, account_id, row[12], part_id, price_mc, reason=reason, now_ms=now_ms)
        endings.append(Ending(part_id, message_id, PartState.EXPIRED, now_ms, reason=reason))
    finish(tx, endings)
    return [public_id(ending.message_id, key) for ending in endings]


def _utc(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"


def release_scheduled(tx: Transaction, *, now_ms: int) -> dict[str, Any]:
    """Scheduled parts whose time has come are queued, and their links are rung.

    A part whose validity ended before, while the appliance was off, expires. Gives {"expired": public ids, "is_more"}.
    """
    rows = tx.rows("parts_scheduled_due", {"now_ms": now_ms, "count": SWEEP_MAX})
    due = [(part_id, link) for part_id, link, expires_at_ms in rows if expires_at_ms > now_ms]
    if due:
        tx.by_ids("parts_release_scheduled", [part_id for part_id, _ in due])
        bells.ring_links(tx, {link for _, link in due})
    over = [part_id for part_id, _, expires_at_ms in rows if expires_at_ms <= now_ms]
    return {"expired": _expire(tx, over, now_ms), "is_more": len(rows) == SWEEP_MAX}


def shift(tx: Transaction, *, by_ms: int, now_ms: int) -> dict[str, int]:
    """The wall clock stepped by `by_ms`: what waits shall wait as long as it would have without the step.

    Due times and ends of validity of unfinished parts, and due times of notices, move along. What was accepted since
    the step, by the new clock, stays, and so does what is scheduled: for a time of day, whatever the clock said then.
    Gives how many moved.
    """
    values = {"by_ms": by_ms, "since_ms": now_ms - STEP_SEEN_MS, "now_ms": now_ms, "count": STEP_MESSAGES_MAX}
    notices = tx.run("notices_shift", {"by_ms": by_ms}) + tx.run("esme_notices_shift", {"by_ms": by_ms})
    # A claim that looked between the step and now takes what is due by the old clock for due after the whole step.
    bells.ring_esmes(tx, [account_id for (account_id,) in tx.rows("esme_accounts_owed")])
    return {"parts": tx.run("parts_shift", values), "notices": notices}


def tidy(tx: Transaction, *, now_ms: int) -> dict[str, int]:
    """Bound what only piles up: parked receipts, pieces of inbound messages that never become whole, retries, and what
    is owed to ESMEs that do not come.

    Gives how many of each, and `is_more`: whether another round has work.
    """
    retries_forgotten, is_more = retries.forget(tx, now_ms)
    given_up = esme.give_up_old(tx, now_ms)
    uses_forgotten = originators.forget_uses(tx, now_ms)
    return {
        "receipts_forgotten": receipts.forget(tx, now_ms),
        "inbound_released": inbound.release_stale(tx, now_ms),
        "retries_forgotten": retries_forgotten,
        "esme_notices_given_up": given_up,
        "pool_uses_forgotten": uses_forgotten,
        "is_more": is_more or uses_forgotten == originators.FORGET_MAX or given_up == esme.GIVE_UP_MAX,
    }
