"""Answers about messages: what was sent, the life of one; what waits, and what came in."""

from typing import TypedDict


class SentMessage(TypedDict):
    """One accepted message: charged, committed, queued."""

    message_id: str
    recipient: str
    part_total: int
    price_mc: int


class Cancelled(TypedDict):
    """Messages that were taken back: usually one, of a submit_multi all that were answered with one id."""

    cancelled: list[str]
    refunded_mc: int


class Rescheduled(TypedDict):
    """A message with another time."""

    message_id: str
    due_at_ms: int
    """When it is sent first: the time asked for, or when its hours open after it."""


class MessageLine(TypedDict):
    """A message in a list."""

    message_id: str
    state: str
    account: str
    door: str
    originator: str
    recipient: str
    part_total: int
    price_mc: int
    book: str
    """Which book paid: "credit", or "trial", where 1000 is one free part."""
    coding: str
    reference: str
    accepted_at_ms: int
    links: str
    """The route at acceptance: link names in order, space separated."""
    link: str
    """Where its first unfinished part waits or went."""
    lane: str
    waiting_for: str
    next_action_at_ms: int | None


class PartDetail(TypedDict):
    """One part of a message, as it stands."""

    part_no: int
    state: str
    link: str
    lane: str
    text: str
    attempt: int
    waiting_for: str
    """Why it waits; empty when nothing more is known than its state."""
    next_action_at_ms: int | None
    """Until when it waits."""
    then: str
    """What follows when the time is over and nothing has come; empty: it is plain."""
    expires_at_ms: int
    claimed_at_ms: int | None
    submitted_at_ms: int | None
    final_at_ms: int | None
    network_at_ms: int | None
    """When the network says it happened; often with minute resolution."""
    smsc_id: str
    command_status: int
    error: str
    """The network's code from the receipt."""
    cause: str
    """What the code means on its link, as "switched_off"; empty: nothing is known."""
    why: str
    """The same as a sentence."""
    is_possible_duplicate: bool
    header: str
    """The user data header that its ESME gave it, in hex; empty: none."""
    data_coding: int | None
    """As its ESME gave it; None: by the coding of the message."""


class HistoryLine(TypedDict):
    """What the times of a part cannot tell: deferral, failover, in doubt, another attempt."""

    at_ms: int
    part_no: int | None
    """None: the message as a whole."""
    event: str
    detail: str


class MessagePosting(TypedDict):
    """What a message cost, or was given back."""

    kind: str
    amount_mc: int
    at_ms: int
    reason: str


class NoticeLine(TypedDict):
    """What we owe someone about a message, and what became of it."""

    kind: str
    event: str
    address: str
    state: str
    attempt: int
    reason: str
    next_action_at_ms: int | None
    """The next try; None: now."""
    created_at_ms: int
    kept_until_ms: int | None
    """When it is given up."""
    done_at_ms: int | None


class EsmeNoticeLine(TypedDict):
    """A deliver_sm that we owe an ESME about a message, and what became of it."""

    event: str
    state: str
    attempt: int
    reason: str
    next_action_at_ms: int | None
    created_at_ms: int
    kept_until_ms: int
    done_at_ms: int | None


class EsmeDetail(TypedDict):
    """What an ESME said of its message, field by field as in SMPP, and what it is owed."""

    told_id: str
    """The id that it was told: of a submit_multi that of the first message."""
    service_type: str
    source_addr: str
    source_addr_ton: int
    source_addr_npi: int
    destination_addr: str
    dest_addr_ton: int
    dest_addr_npi: int
    registered_delivery: int
    user_message_reference: int | None
    notices: list[EsmeNoticeLine]


class MessageDetail(MessageLine):
    """The whole life of one message."""

    text: str
    expires_at_ms: int
    validity_ms: int
    """Asked of the network; 0: as long as it allows."""
    worthless_at_ms: int
    """Neither sent nor, as far as the network obeys, delivered after this; 0: never."""
    hours: str
    """When it may be sent; empty: always."""
    parts: list[PartDetail]
    history: list[HistoryLine]
    postings: list[MessagePosting]
    notices: list[NoticeLine]
    esme: EsmeDetail | None
    """None: it did not come from an ESME."""


class QueueLine(TypedDict):
    """Parts that wait for the same thing."""

    link: str
    state: str
    lane: str
    count: int
    oldest_at_ms: int
    """When the oldest of them was accepted."""
    waiting_for: str
    then: str
    """What follows a doubt when no word comes; else empty."""
    next_action_at_ms: int | None
    """When the first of them is tried next, or its time of waiting is over; None or past: now."""
    expires_at_ms: int
    """When the first of them is too old to be sent."""
    is_possible_duplicate: bool
    """Of parts in doubt: whether they were sent again before."""


class OwedLine(TypedDict):
    """Notices that wait for the same thing."""

    kind: str
    account: str
    """Whose ESMEs; empty for mails."""
    state: str
    """"claimed" or "owed" of those to ESMEs: sent and not answered, or not sent; empty for mails."""
    count: int
    oldest_at_ms: int
    reason: str
    next_action_at_ms: int | None
    """When the first of them is tried next; None: now, or it has just been sent."""
    kept_until_ms: int | None
    """When the first of them is given up."""


class Queue(TypedDict):
    """What is not finished yet."""

    parts: list[QueueLine]
    notices: list[OwedLine]


class InboundLine(TypedDict):
    """A text from a handset."""

    inbound_id: str
    account: str
    """Empty: nobody owned the number."""
    link: str
    originator: str
    number: str
    text: str
    is_incomplete: bool
    received_at_ms: int
