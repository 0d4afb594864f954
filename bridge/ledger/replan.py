"""What waits on a link that is stopped, gone or sick goes to the next link of its message.

A message moves whole or not at all: only while every part of it is queued and none was submitted, is being sent, or is
or was in doubt. What may have been sent once stays where it is, for only its own link can still tell. Each call looks
at a bounded number of parts and says where to go on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bridge.ledger import bells
from bridge.ledger.database import Row, Transaction
from bridge.messages.message import Lane, PartState

REPLAN_MAX = 500
"""Parts that one call looks at: the writer is back for others within some 20 ms."""

Cursor = tuple[int, int, int, int]
"""Lane, account, due time and part of the last one that was looked at."""

_START: Cursor = (Lane.ALARM.value, -1, -1, -1)


@dataclass(frozen=True, slots=True)
class _Standing:
    """The parts of one message: which, where they wait, and whether all of them may move."""

    part_ids: list[int]
    links: set[str]
    may_move: bool


def replan(
    tx: Transaction,
    *,
    link: str,
    why: str,
    usable: Sequence[str],
    prefixes: Mapping[str, bool] | None = None,
    after: Sequence[int] | None = None,
    now_ms: int,
) -> dict[str, Any]:
    """Move what waits on `link` to the next usable link of its message, round and round; what has none stays.

    The alarm lane goes first, and within a lane and an account the order stays. `usable` are the links that may be used
    now. `prefixes`: only recipients whose longest prefix in it (of digits, "" is all) is true; None: all. `why` is a
    sentence for the history. Gives {"parts", "messages": how many moved, "links": {name: parts}, "next": `after` of
    the next call, None when all was looked at}.
    """
    cursor: Cursor | None = _START if after is None else (after[0], after[1], after[2], after[3])
    rows: list[Row] = []
    while cursor is not None and len(rows) < REPLAN_MAX:
        found = _waiting(tx, link, cursor, REPLAN_MAX - len(rows), now_ms)
        rows += found
        cursor = _next(cursor, found, REPLAN_MAX - len(rows))
    wanted = set(usable) - {link}
    chosen = {row[3]: row[5].split() for row in rows if prefixes is None or _is_among(row[4], prefixes)}
    moves: list[tuple[int, str, int]] = []
    history: list[tuple[int, int, int, str, str]] = []
    for message_id, standing in _standings(tx, list(chosen)).items():
        target = _target(chosen[message_id], link, wanted, standing)
        if target:
            moves += [(part_id, target, now_ms) for part_id in standing.part_ids]
            history.append((message_id, 0, now_ms, "replanned", f"from {link} to {target}: {why}"))
    if moves:
        tx.many("parts_replan", moves)
        tx.many("history_insert", history)
    to: dict[str, int] = {}
    for _, target, _ in moves:
        to[target] = to.get(target, 0) + 1
    bells.ring_links(tx, to)
    return {"parts": len(moves), "messages": len(history), "links": to, "next": cursor}


def _waiting(tx: Transaction, link: str, cursor: Cursor, count: int, now_ms: int) -> list[Row]:
    lane, account_id, due_ms, part_id = cursor
    values = {"link": link, "lane": lane, "account_id": account_id, "due_ms": due_ms, "part_id": part_id}
    return tx.rows("parts_to_replan", values | {"count": count, "now_ms": now_ms})


def _next(cursor: Cursor, found: list[Row], room: int) -> Cursor | None:
    """Where to go on: behind the last one, or with the next lane when this one has no more."""
    if room == 0:
        last = found[-1]
        return (cursor[0], last[0], last[1], last[2])
    return (cursor[0] + 1, -1, -1, -1) if cursor[0] + 1 in set(Lane) else None


def _is_among(recipient: str, prefixes: Mapping[str, bool]) -> bool:
    """What the longest prefix of a recipient says; False when there is none."""
    for size in range(len(recipient), -1, -1):
        if recipient[:size] in prefixes:
            return prefixes[recipient[:size]]
    return False


def _standings(tx: Transaction, message_ids: list[int]) -> dict[int, _Standing]:
    """How the parts of these messages stand, in the order in which the messages were named."""
    parts: dict[int, list[Row]] = {message_id: [] for message_id in message_ids}
    for row in tx.by_ids("parts_of_messages", message_ids) if message_ids else []:
        parts[row[0]].append(row)
    return {
        message_id: _Standing(
            [row[1] for row in rows],
            {row[3] for row in rows},
            all(row[2] == PartState.QUEUED.value and not row[4] for row in rows),
        )
        for message_id, rows in parts.items()
    }


def _target(links: list[str], link: str, usable: set[str], standing: _Standing) -> str:
    """The link that the whole message goes to: one that some of its parts wait on already, else the next one; "": it
    stays.
    """
    if not standing.may_move:
        return ""
    start = links.index(link) + 1 if link in links else 0
    ways = [name for name in links[start:] + links[:start] if name in usable]
    return next((name for name in ways if name in standing.links), ways[0] if ways else "")
