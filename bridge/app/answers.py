"""What the commands answer: the plain values that travel from the appliance to the command line.

One shape for each answer of `commands.Commands`. Every value is what JSON can carry:
times are integer milliseconds UTC (`..._at_ms`), money is integer thousandths of a credit (`..._mc`),
enumerations are their values as text. An answer may hold more than is named here. Faults are raised as
`bridge.messages.faults.Fault`.
"""

from typing import TypedDict


class SentMessage(TypedDict):
    """One accepted message: charged, committed, queued."""

    message_id: str
    recipient: str
    part_total: int
    price_mc: int


class AccountLine(TypedDict):
    """An account in a list."""

    name: str
    account_class: str
    email: str
    mobile: str
    home_country: str
    time_zone: str
    lane: str
    mail_events: str
    originator: str
    balance_mc: int
    overdraft_mc: int
    is_disabled: bool
    created_at_ms: int


class CredentialLine(TypedDict):
    """One way to prove to be an account; never the secret itself."""

    kind: str
    scopes: list[str]
    networks: list[str]
    """Empty: from anywhere."""
    created_at_ms: int
    expires_at_ms: int | None


class PostingLine(TypedDict):
    """One move of credit."""

    kind: str
    cause: str
    amount_mc: int
    created_at_ms: int
    actor: str
    reason: str


class AccountDetail(AccountLine):
    """All that is known of one account."""

    credentials: list[CredentialLine]
    numbers: list[str]
    postings: list[PostingLine]
    """The latest, newest first."""


class NewPin(TypedDict):
    """The answer of account_add and account_set_pin."""

    name: str
    pin: str
    """The generated PIN, which nobody can show again; empty when the PIN was given."""


class TopUp(TypedDict):
    """Where a top-up left the account."""

    name: str
    amount_mc: int
    balance_mc: int
    key: str
    is_new: bool
    """False: this key was booked before; nothing moved now."""


class AccountState(TypedDict):
    name: str
    is_disabled: bool


class AllowedNetwork(TypedDict):
    name: str
    network: str
    """In its normal form."""


class NumberLine(TypedDict):
    """A virtual number and who gets what arrives there."""

    number: str
    account: str
    mail: str


class TariffLine(TypedDict):
    """Price of one part to numbers that begin with `prefix`; an empty class is every class."""

    prefix: str
    account_class: str
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


class LinkLine(TypedDict):
    """A configured link and how it is."""

    name: str
    endpoint: str
    """host:port"""
    system_id: str
    state: str
    """As "bound", "connecting", "lost"; "not running" when the ledger was opened without the appliance."""
    since_at_ms: int | None
    reason: str
    window_used: int
    window_max: int
    queued: int


class AuditCheck(TypedDict):
    name: str
    """What must be true."""
    is_ok: bool
    detail: str
    """Where it is not."""


class Audit(TypedDict):
    is_ok: bool
    checks: list[AuditCheck]


class Injected(TypedDict):
    """In how many parts the appliance took an inbound text from the simulator."""

    part_total: int


class Listener(TypedDict):
    door: str
    address: str
    port: int
    tls: str


class Status(TypedDict):
    """The running appliance at a glance."""

    version: str
    pid: int
    started_at_ms: int
    state_folder: str
    listeners: list[Listener]
    links: list[LinkLine]
