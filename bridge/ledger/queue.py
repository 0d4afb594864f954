"""The queue: parts wait here by link, lane and due time, and are claimed for sending.

The verbs work on whole groups of requests with multi-row statements (see worker.py).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bridge.ledger import bells
from bridge.ledger.credit import FREE_PART_MC, TRIAL
from bridge.ledger.database import Row, Transaction
from bridge.messages.esme import EsmeFacts
from bridge.messages.hours import all_open_ms, split
from bridge.messages.ids import public_id
from bridge.messages.message import ClaimedPart, Coding, Lane, MailThread, PartState
from bridge.messages.user_data import UserData

CLAIM_MAX = 500
"""Parts of one claim, whatever the window: the rest comes with the next one."""
ACCOUNTS_MAX = 200
"""Accounts that a claim looks at, in about 0.4 ms; more of them come round in the next ones."""
ACCOUNTS_SLACK = 6
"""So many fewer are found when there were no more: the ends of the lists of three lanes count."""


_LANES = tuple(Lane)
_CODINGS = {coding.value: coding for coding in Coding}


@dataclass(frozen=True, slots=True)
class Retry:
    """The digests of a retry key: see `messages.message.RetryKey`."""

    key: bytes
    fingerprint: bytes
    is_strict: bool


@dataclass(frozen=True, slots=True)
class MessageTime:
    """What is said of when a message may be sent and delivered, beside its due time and the age limit of the queue."""

    validity_ms: int = 0
    """Asked of the network when a link hands a part over; 0: as long as it allows."""
    worthless_at_ms: int = 0
    """Neither sent nor, as far as the network obeys, delivered after this; 0: never."""
    hours: str = ""
    """When it may be sent, as `messages.hours.split` reads them; empty: always."""
    queue_age_ms: int = 0
    """How long it may wait for a link from its first chance on; 0: by the settings."""
    worthless_after_ms: int = 0
    """The span that `worthless_at_ms` was reckoned with; 0: its sender named a moment."""
    is_held: bool = False
    """Whether its due time is that at which its hours open."""


@dataclass(slots=True)
class Prepared:
    """A submission that the intake has judged good: what will become one message.

    Not frozen, like all that is made for each message on its way in: never changed all the same.
    """

    door: str
    originator: str
    recipient: str
    coding: Coding
    lane: Lane
    texts: tuple[str, ...]
    """The characters of each part, 1..255 of them."""
    price_mc: int
    """Of each part."""
    links: tuple[str, ...]
    """The route: at least one link name, in order."""
    expires_at_ms: int
    reference: str = ""
    thread: MailThread | None = None
    retry: Retry | None = None
    user_data: UserData | None = None
    due_at_ms: int = 0
    """Scheduled: not sent before; 0: at once."""
    esme: EsmeFacts | None = None
    is_replacing: bool = False
    """See `messages.message.Submission`."""
    time: MessageTime | None = None
    """None: nothing is said."""
    pool: str = ""
    """The pool, as 'pool:NAME', that `originator` becomes a number of when the message is accepted; empty: none."""
    pool_numbers: tuple[str, ...] = ()
    notes: tuple[tuple[str, str], ...] = ()
    """Event and detail of what its history tells from the start."""


@dataclass(slots=True)
class Taken:
    """A prepared message whose account can pay for it."""

    account_id: int
    now_ms: int
    prepared: Prepared
    book: str
    """The book that pays: see credit.py."""
    told_id: int = 0
    """The message whose id its ESME is told; 0: its own."""

    @property
    def price_mc(self) -> int:
        """Of each part, in its book."""
        return FREE_PART_MC if self.book == TRIAL else self.prepared.price_mc

    @property
    def cost_mc(self) -> int:
        """For all parts, in its book."""
        return self.price_mc * len(self.prepared.texts)


@dataclass(frozen=True, slots=True)
class Claim:
    """A link's request for work."""

    link: str
    count_max: int
    now_ms: int
    originator_parts_per_second: float = 0.0
    """How fast the link may send the parts of one originator; 0: no limit."""


def id_key(tx: Transaction) -> int:
    """The key of this ledger's public ids."""
    if "id_key" not in tx.constants:
        row = tx.row("ledger_setting", {"name": "id_key"})
        assert row is not None, "a ledger has an id key from its first transaction on"
        tx.constants["id_key"] = int(row[0])
    return tx.constants["id_key"]


def enqueue_all(tx: Transaction, accepted: list[tuple[int, Taken]]) -> None:
    """Store messages and their parts, each message under the row number that it was given.

    The parts are queued, or scheduled where they have a due time.
    """
    bells.ring_links(tx, {taken.prepared.links[0] for _, taken in accepted if not taken.prepared.due_at_ms})
    part_id = tx.next_numbers("part", sum(len(taken.prepared.texts) for _, taken in accepted))
    messages, threads, parts, user_data, esme_messages = [], [], [], [], []
    times, held = [], []
    history: list[tuple[Any, ...]] = []
    for message_id, taken in accepted:
        account_id, now_ms, p = taken.account_id, taken.now_ms, taken.prepared
        messages.append(
            (message_id, account_id, p.door, p.originator, p.recipient, p.coding.value, len(p.texts), taken.price_mc)
            + (" ".join(p.links), now_ms, p.reference, taken.book)
        )
        if p.thread is not None:
            t = p.thread
            threads.append((message_id, t.reply_to, t.message_id, t.references, t.subject))
        if p.esme is not None:
            esme_messages.append(_esme_row(message_id, taken.told_id or message_id, p.esme))
        if p.time is not None:
            times.append((message_id, *_time_row(p.time)))
            held += [(message_id,)] if p.time.is_held else []
        history += [(message_id, 0, now_ms, event, detail) for event, detail in p.notes]
        state = (PartState.SCHEDULED if p.due_at_ms else PartState.QUEUED).value
        for part_no, text in enumerate(p.texts, 1):
            parts.append(
                (part_id, message_id, account_id, part_no, text, state, p.links[0], p.lane.value)
                + (p.due_at_ms or now_ms, p.expires_at_ms)
            )
            if p.user_data is not None:
                user_data.append((part_id, *user_data_row(p.user_data)))
            part_id += 1
    tx.many("messages_insert", messages)
    tx.many("parts_insert", parts)
    if threads:
        tx.many("mail_threads_insert", threads)
    if user_data:
        tx.many("user_data_insert", user_data)
    if esme_messages:
        tx.many("esme_messages_insert", esme_messages)
    if history:
        tx.many("history_insert", history)
    if times:
        tx.many("message_times_insert", times)
    if held:
        tx.many("parts_wait_for_hours", held)


def _esme_row(message_id: int, told_id: int, e: EsmeFacts) -> tuple[Any, ...]:
    return (
        (message_id, told_id, e.service_type, e.source_addr, e.source_addr_ton, e.source_addr_npi, e.destination_addr)
        + (e.dest_addr_ton, e.dest_addr_npi, e.registered_delivery, e.user_message_reference, e.data_coding)
    )  # fmt: skip


def _time_row(t: MessageTime) -> tuple[Any, ...]:
    return t.validity_ms, t.worthless_at_ms, t.hours, t.queue_age_ms, t.worthless_after_ms


def user_data_row(u: UserData) -> tuple[Any, ...]:
    """Its columns, behind that of the part."""
    return u.header, u.body, u.data_coding, u.protocol_id


@dataclass(slots=True)
class Due:
    """What is due of one account in one lane of a link."""

    lane: Lane
    account_id: int
    account: str
    """Its name; empty where it has no rate."""
    parts_per_second: float
    """How fast its parts may leave, on all links together; 0: no limit."""
    part_ids: list[int]
    """In the order in which they go, from the first on."""


def due(tx: Transaction, link: str, after: Sequence[int], now_ms: int, count_max: int) -> list[Due]:
    """What is due on a link, at most `count_max` parts of each account, for about ACCOUNTS_MAX accounts.

    `after` has for each lane the account behind which its list begins; it goes round to that one.
    """
    values: dict[str, Any] = {f"after_{lane.value}": after[lane] for lane in Lane}
    values |= {"link": link, "now_ms": now_ms, "count": count_max, "accounts": ACCOUNTS_MAX}
    row = tx.row("parts_due", values)
    rows: list[list[Any]] = json.loads(row[0]) if row is not None else []
    if len(rows) > 1:
        rows.sort(key=lambda each: each[:3])
    return [
        Due(_LANES[lane], account_id, account, rate, part_ids) for lane, _, account_id, rate, account, part_ids in rows
    ]


def senders(tx: Transaction, part_ids: list[int]) -> dict[int, tuple[str, str]]:
    """Originator and recipient of parts."""
    found = tx.packed("parts_senders", [(part_id,) for part_id in part_ids]) if part_ids else []
    return {part_id: (originator, recipient) for part_id, originator, recipient in found}


def take(tx: Transaction, link: str, ids: list[int], now_ms: int) -> list[ClaimedPart]:
    """Mark queued parts claimed and give them, in the order of `ids`, with all that sending needs.

    One whose hours have closed while it waited goes back into the queue instead.
    """
    key = id_key(tx)
    tx.many("parts_claim", [(part_id, now_ms) for part_id in ids])
    found = {row[0]: row for row in tx.by_ids("parts_for_sending", ids)}
    rows = [found[part_id] for part_id in ids]
    if shut := {row[0] for row in rows if row[19] and _is_shut(tx, row, now_ms)}:
        rows = [row for row in rows if row[0] not in shut]
        bells.due_in(tx, bells.of_link(link), 0)  # They took the places of others.
    return [
        ClaimedPart(
            part_id=row[0],
            message_id=public_id(row[1], key),
            account_id=row[2],
            part_no=row[3],
            part_total=row[4],
            concat_ref=row[1] & 0xFF,
            originator=row[5],
            recipient=row[6],
            coding=_CODINGS[row[7]],
            text=row[8],
            attempt=row[9],
            expires_at_ms=row[10],
            is_possible_duplicate=bool(row[11]),
            user_data=UserData(*row[12:16]) if row[12] is not None else None,
            slowed=row[16],
            network_until_ms=_network_until_ms(row[17], row[18], now_ms) if row[17] or row[18] else 0,
        )
        for row in rows
    ]


def _network_until_ms(validity_ms: int, worthless_at_ms: int, now_ms: int) -> int:
    """Until when the network is asked to try with a part that it gets now; one of the two says so."""
    return min(at_ms for at_ms in (now_ms + validity_ms if validity_ms else 0, worthless_at_ms) if at_ms)


def _is_shut(tx: Transaction, row: Row, now_ms: int) -> bool:
    """Whether the hours of a part that was just claimed have closed while it waited; it is back in the queue then.

    Nobody has seen the claim: it is of this transaction.
    """
    opens_at_ms = all_open_ms(split(row[19]), now_ms)
    if opens_at_ms == now_ms:
        return False
    # Hours that never open again: it waits until it expires.
    values = {"part_id": row[0], "opens_at_ms": opens_at_ms or row[10]}
    tx.run("part_wait_for_hours", values)
    return True
