"""Answers about messages: what was sent, the life of one; what waits, and what came in."""

from typing import TypedDict


class SentMessage(TypedDict):
    """One accepted message: charged, committed, queued."""

    message_id: str
    recipient: str
    part_total: int
    price_mc: int


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
    expires_at_ms: int
    claimed_at_ms: int | None
    submitted_at_ms: int | None
    final_at_ms: int | None
    network_at_ms: int | None
    """When the network says it happened; often with minute resolution."""
    smsc_id: str
    command_status: int
    error: str
    is_possible_duplicate: bool


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
    created_at_ms: int
    done_at_ms: int | None


class MessageDetail(MessageLine):
    """The whole life of one message."""

    text: str
    expires_at_ms: int
    parts: list[PartDetail]
    history: list[HistoryLine]
    postings: list[MessagePosting]
    notices: list[NoticeLine]


class QueueLine(TypedDict):
    """Parts that wait for the same thing."""

    link: str
    state: str
    lane: str
    count: int
    oldest_at_ms: int
    """When the oldest of them was accepted."""
    waiting_for: str
    next_action_at_ms: int | None


class OwedLine(TypedDict):
    """Notices that wait for the same thing."""

    kind: str
    count: int
    oldest_at_ms: int
    reason: str
    next_action_at_ms: int | None


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
