"""What the commands answer: the plain values that travel from the appliance to the command line.

One shape for each answer of `commands.Commands`. Every value is what JSON can carry:
times are integer milliseconds UTC (`..._at_ms`), money is integer thousandths of a credit (`..._mc`),
enumerations are their values as text. An answer may hold more than is named here. Faults are raised as
`bridge.messages.faults.Fault`.
"""

from typing import Any, NotRequired, TypedDict


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
    trial_parts: int | None
    """Free parts that are left; None: no trial account."""
    is_disabled: bool
    created_at_ms: int
    closed_at_ms: int | None
    refunds: str
    """Which failed parts are paid back: "unaccepted" or "undeliverable"."""
    reserve_mc: int
    """Credit that only the alarm lane may use."""
    low_limit_mc: int
    """Below it the account is warned; 0: never."""
    is_low_texted: bool


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
    """Where a top-up or an adjustment left the account."""

    name: str
    amount_mc: int
    balance_mc: int
    key: str
    is_new: bool
    """False: this key was booked before; nothing moved now."""


class Transfer(TypedDict):
    """Where a transfer left both accounts."""

    giver: str
    taker: str
    amount_mc: int
    giver_balance_mc: int
    taker_balance_mc: int
    key: str
    is_new: bool
    """False: this key was booked before; nothing moved now."""


class RefundedPart(TypedDict):
    part_no: int
    amount_mc: int
    """What moved now."""
    outcome: str
    """"refunded", "was refunded before", "was delivered" or "cost nothing"."""


class Refund(TypedDict):
    """What was given back for a message."""

    message_id: str
    account: str
    book: str
    amount_mc: int
    balance_mc: int
    """Of the book that paid."""
    parts: list[RefundedPart]


class Lot(TypedDict):
    """Credit that came in at once, and what is left of it."""

    bought_at_ms: int
    kind: str
    cause: str
    amount_mc: int
    left_mc: int
    is_refundable: bool


class Closing(TypedDict):
    """What the closing of an account did, or would do."""

    account: str
    key: str
    is_new: bool
    """False: this key closed it before; the amounts are those of then."""
    closed_at_ms: int | None
    balance_mc: int
    """Before closing."""
    payout_mc: int
    """What is to be paid back, outside of this appliance."""
    forfeit_mc: int
    free_parts_mc: int
    """Free parts of a trial that end with it, 1000 for each."""
    refund_days: int
    lots: list[Lot]
    """The latest, oldest first."""
    lots_before: int
    """How many still older ones there are."""
    obstacle: str
    """Why it cannot be closed yet; empty when it can."""


class StatementTotal(TypedDict):
    kind: str
    count: int
    amount_mc: int


class StatementHead(TypedDict):
    """What a statement adds up to. Opening and totals make the closing, exactly."""

    account: str
    book: str
    from_at_ms: int | None
    to_at_ms: int | None
    """The first moment that is not in it."""
    opening_mc: int
    closing_mc: int
    count: int
    totals: list[StatementTotal]
    last: int
    """For the pages."""


class StatementLine(TypedDict):
    """One posting, and the balance after it."""

    at_ms: int
    kind: str
    cause: str
    amount_mc: int
    balance_mc: int
    actor: str
    reason: str


class StatementPage(TypedDict):
    """Some postings of a statement, in the order of booking."""

    postings: list[StatementLine]
    after: int | None
    """Where the next page begins; None: there is none."""
    balance_mc: int


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


TARIFF_LIST_MAX = 5_000
"""Prices of one list, which must fit into one answer; an export has all of them."""


class TariffLine(TypedDict):
    """Price of one part to numbers that begin with `prefix`; an empty class is every class."""

    prefix: str
    account_class: str
    price_mc: int
    valid_from_ms: int
    """0: always."""
    state: str
    """"in force", "coming", or "past" when a later price for the same prefix and class has begun."""


class PackedTariff(TypedDict):
    """The whole tariff."""

    count: int
    packed: str
    """A price list as CSV, in the form of `packed.pack`."""


class TariffChange(TypedDict):
    """What an import did, or would do: numbers of prices."""

    new: int
    changed: int
    same: int
    gone: int


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


class RefusalLine(TypedDict):
    """A submission that was not taken."""

    refusal_id: int
    created_at_ms: int
    account: str
    door: str
    fault: str
    detail: str
    originator: str
    recipient: str
    """As the sender wrote it."""
    text: str
    is_cut: bool
    """There was more than is kept."""
    resubmitted_as: str
    """The message that a deliberate resubmission made of it; empty: none."""


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


class PersonCounts(TypedDict):
    """How much is known of one phone number."""

    number: str
    """E.164 digits."""
    counts: dict[str, int]
    """Table -> rows."""
    unfinished: list[str]
    """Messages that are on their way or not told yet: at most 20 of them."""
    unfinished_count: int
    accounts: list[str]
    """Accounts that have it as their mobile number."""
    virtual: str
    """The account that owns it, when it is a virtual number of ours."""


class PersonPage(TypedDict):
    """A page of what one table knows of a number."""

    rows: list[dict[str, Any]]
    next: int | None
    """Where the next page begins; None: that was all."""


class PersonErased(TypedDict):
    """What an erasure did."""

    number: str
    counts: dict[str, int]
    """Table -> rows erased."""
    left: list[str]
    """What has not ended yet, in words: at most 20."""
    left_count: int
    accounts: list[str]
    virtual: str
    backup_days: int
    """How long backups by schedule still hold what was erased."""
    is_log_cut: bool
    """False: a reader still needed the ledger's log, which is cut within a minute after it has ended."""


class ActionLine(TypedDict):
    """Something that somebody did to the ledger."""

    at_ms: int
    actor: str
    action: str
    detail: str


class Injected(TypedDict):
    """In how many parts the appliance took an inbound text from the simulator."""

    part_total: int


class NewBackup(TypedDict):
    """A backup that was made and verified, or why there is none."""

    problem: str
    """What is in the way; empty when it was made."""
    path: str
    size: int
    """Octets."""
    sha256: str
    taken_at_ms: int
    duration_ms: int


class BackupLine(TypedDict):
    """A backup in the usual folder."""

    path: str
    taken_at_ms: int
    size: int
    upgrade_from: int | None
    """Of which schema it was taken, before an upgrade; None: a usual backup."""


class HeldParts(TypedDict):
    """Parts that a restore holds back for the same reason."""

    account: str
    link: str
    lane: str
    waiting_for: str
    count: int
    first_at_ms: int
    """When the oldest of their messages was accepted."""
    last_at_ms: int


class HeldNotices(TypedDict):
    """Notices that a restore holds back for the same reason."""

    account: str
    kind: str
    waiting_for: str
    count: int
    first_at_ms: int
    last_at_ms: int


class Held(TypedDict):
    """What a restore holds back."""

    parts: list[HeldParts]
    notices: list[HeldNotices]


class HeldCount(TypedDict):
    """How much a restore holds back."""

    parts: int
    notices: int


class HeldDone(TypedDict):
    """What was released or cancelled."""

    parts: int
    notices: int
    refunded_mc: int
    links: list[str]
    """Where the parts wait now, or waited."""


class BackupState(TypedDict):
    """How the backups are."""

    folder: str
    last_at_ms: int | None
    every_h: int
    problem: str
    """Why there is no newer one; empty when all is well."""


class Listener(TypedDict):
    door: str
    address: str
    port: int
    tls: str


class DiskState(TypedDict):
    """The disk of the state folder."""

    level: str
    """"open", "no_intake" (nothing is accepted) or "no_sending" (nothing is accepted or sent)."""
    free_bytes: int
    total_bytes: int
    needed_bytes: int
    """Free space that opens everything again; 0 when all is open."""
    ballast_bytes: int
    """What the ballast holds now."""


class Status(TypedDict):
    """The running appliance at a glance."""

    version: str
    pid: int
    started_at_ms: int
    state_folder: str
    disk: DiskState
    listeners: list[Listener]
    links: list[LinkLine]
    backup: NotRequired[BackupState]
    held: NotRequired[HeldCount]
