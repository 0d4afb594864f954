"""The queue: parts wait here by link, lane and due time, and are claimed for sending.

The verbs work on whole groups of requests with multi-row statements (see worker.py).
"""

from dataclasses import dataclass
from typing import Any

from bridge.ledger import bells
from bridge.ledger.credit import FREE_PART_MC, TRIAL
from bridge.ledger.database import Transaction
from bridge.messages.esme import EsmeFacts
from bridge.messages.ids import public_id
from bridge.messages.message import ClaimedPart, Coding, Lane, MailThread, PartState
from bridge.messages.user_data import UserData

CLAIM_MAX = 500
"""Parts of one claim, whatever the window: the rest comes with the next one."""


_CODINGS = {coding.value: coding for coding in Coding}


@dataclass(frozen=True, slots=True)
class Retry:
    """The digests of a retry key: see `messages.message.RetryKey`."""

    key: bytes
    fingerprint: bytes
    is_strict: bool


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


def _esme_row(message_id: int, told_id: int, e: EsmeFacts) -> tuple[Any, ...]:
    return (
        (message_id, told_id, e.service_type, e.source_addr, e.source_addr_ton, e.source_addr_npi, e.destination_addr)
        + (e.dest_addr_ton, e.dest_addr_npi, e.registered_delivery, e.user_message_reference, e.data_coding)
    )  # fmt: skip


def user_data_row(u: UserData) -> tuple[Any, ...]:
    """Its columns, behind that of the part."""
    return u.header, u.body, u.data_coding, u.protocol_id


def claim(tx: Transaction, claims: list[Claim]) -> list[list[ClaimedPart]]:
    """Take what is due on a link, alarm lane first, and mark it claimed; the commit is the write-ahead intent."""
    key = id_key(tx)
    return [_claim(tx, request, key) for request in claims]


def _claim(tx: Transaction, request: Claim, key: int) -> list[ClaimedPart]:
    ids: list[int] = []
    wanted = min(request.count_max, CLAIM_MAX)
    for lane in Lane:
        if len(ids) >= wanted:
            break
        values = {"link": request.link, "lane": lane.value, "now_ms": request.now_ms, "count": wanted - len(ids)}
        ids += [row[0] for row in tx.rows("parts_due", values)]
    if not ids:
        return []
    tx.many("parts_claim", [(part_id, request.now_ms) for part_id in ids])
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
        )
        for row in tx.by_ids("parts_for_sending", ids)
    ]
