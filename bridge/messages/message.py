"""Submission, message and part: the values that walk through the house, and the legal moves of a part.

A submission is what came through a door. Once accepted it is a message with 1..n parts; the state of
a message is a pure fold of the states of its parts and is stored nowhere.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from bridge.messages.esme import EsmeFacts
from bridge.messages.user_data import UserData

TEST_LINK = "test"
"""The built-in link of test numbers, which reaches no handset; no configured link may have its name."""
SCHEDULE_DAYS_MAX = 30
"""How far ahead a message may be scheduled: it is paid for now, and its text is kept all the while."""


class Lane(IntEnum):
    """How urgent; see routing/lanes.py for who goes first."""

    ALARM = 0
    NORMAL = 1
    BULK = 2


@dataclass(frozen=True, slots=True)
class Paced:
    """Whose parts wait on a link because they may leave no faster."""

    kind: str
    """"account" or "originator"."""
    name: str
    lane: Lane
    parts_per_second: float
    until_ms: int
    """When the next one may leave."""


class Coding(StrEnum):
    """The alphabet a whole message is sent in."""

    GSM7 = "gsm7"
    UCS2 = "ucs2"
    BINARY = "binary"
    """No text: octets that only the handset understands."""


class PartState(StrEnum):
    """Where one part is. The table of moves is `LEGAL_MOVES`; nothing else exists."""

    QUEUED = "queued"
    CLAIMED = "claimed"
    SUBMITTED = "submitted"
    IN_DOUBT = "in_doubt"
    SCHEDULED = "scheduled"
    HELD = "held"
    DELIVERED = "delivered"
    UNDELIVERABLE = "undeliverable"
    EXPIRED = "expired"
    DELETED = "deleted"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"

    @property
    def is_final(self) -> bool:
        return self in FINAL_STATES


FINAL_STATES = frozenset(
    {
        PartState.DELIVERED,
        PartState.UNDELIVERABLE,
        PartState.EXPIRED,
        PartState.DELETED,
        PartState.REJECTED,
        PartState.CANCELLED,
        PartState.UNKNOWN,
    }
)

RECEIPT_STATES = frozenset(
    {
        PartState.DELIVERED,
        PartState.UNDELIVERABLE,
        PartState.EXPIRED,
        PartState.DELETED,
        PartState.REJECTED,
        PartState.UNKNOWN,
    }
)
"""The states a receipt can put a part into."""


def _moves() -> frozenset[tuple[PartState, PartState]]:
    s = PartState
    table: dict[PartState, set[PartState]] = {
        s.SCHEDULED: {s.QUEUED, s.CANCELLED, s.EXPIRED, s.HELD},
        s.HELD: {s.QUEUED, s.CANCELLED},
        # Queued to submitted: the late answer to an unanswered try, which cancels the resend.
        s.QUEUED: {s.CLAIMED, s.SUBMITTED, s.EXPIRED, s.REJECTED, s.CANCELLED, s.HELD},
        # Whatever was unfinished in a backup is held after its restore.
        s.CLAIMED: {s.SUBMITTED, s.QUEUED, s.REJECTED, s.IN_DOUBT, s.HELD},
        # A receipt resolves a doubt only where it can mean no other part: the missing answer would have named it.
        s.IN_DOUBT: {s.SUBMITTED, s.QUEUED, s.UNKNOWN, s.HELD},
        s.SUBMITTED: set(RECEIPT_STATES),
        # A carrier may say "unknown" first and the truth later; the truth outranks it.
        s.UNKNOWN: set(RECEIPT_STATES) - {s.UNKNOWN},
    }
    return frozenset((before, after) for before, afters in table.items() for after in afters)


LEGAL_MOVES: frozenset[tuple[PartState, PartState]] = _moves()


class MessageState(StrEnum):
    """What the parts of a message add up to."""

    SCHEDULED = "scheduled"
    HELD = "held"
    QUEUED = "queued"
    SUBMITTED = "submitted"
    IN_DOUBT = "in_doubt"
    DELIVERED = "delivered"
    PARTLY_DELIVERED = "partly_delivered"
    UNDELIVERABLE = "undeliverable"
    EXPIRED = "expired"
    DELETED = "deleted"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"

    @property
    def is_final(self) -> bool:
        return self not in _WAITING

    @property
    def is_failure(self) -> bool:
        """Whether the account should hear that the text did not get through whole."""
        return self.is_final and self is not MessageState.DELIVERED


_WAITING = (
    MessageState.IN_DOUBT,
    MessageState.HELD,
    MessageState.SCHEDULED,
    MessageState.QUEUED,
    MessageState.SUBMITTED,
)
"""Unfinished states, the one that most needs explaining first."""

_FAILURES = (
    MessageState.REJECTED,
    MessageState.UNDELIVERABLE,
    MessageState.EXPIRED,
    MessageState.DELETED,
    MessageState.CANCELLED,
    MessageState.UNKNOWN,
)
"""Final states without any delivered part, the most telling first."""


def fold(states: Iterable[PartState]) -> MessageState:
    """Add the states of all parts of one message up to the state of the message.

    Unfinished parts outrank finished ones; a message with delivered and failed parts is partly delivered.
    Raises ValueError for no parts at all: a message has at least one.
    """
    present = {MessageState.QUEUED if s is PartState.CLAIMED else MessageState(s.value) for s in states}
    if not present:
        raise ValueError("a message has at least one part")
    for waiting in _WAITING:
        if waiting in present:
            return waiting
    if MessageState.DELIVERED in present:
        return MessageState.DELIVERED if len(present) == 1 else MessageState.PARTLY_DELIVERED
    return next(failure for failure in _FAILURES if failure in present)


@dataclass(frozen=True, slots=True)
class MailThread:
    """What is needed to answer the mail a submission came from, in its thread."""

    reply_to: str
    """Bare address the report goes to: the envelope sender, else the From address."""
    message_id: str = ""
    """The original's Message-ID with its angle brackets, or empty."""
    references: str = ""
    """The original's References header, unfolded, or empty."""
    subject: str = ""


@dataclass(frozen=True, slots=True)
class RetryKey:
    """The sender's own name for what it submits: the same again under the same name is a retry, not a new wish."""

    name: str
    """Unique for the account within 24 h, as a Message-ID is."""
    content: str
    """Everything that was submitted under the name; a retry says the same."""
    is_strict: bool = False
    """Whether other content under the same name is refused; else it is a new message, and noted."""


@dataclass(slots=True)
class Submission:
    """One text for one recipient, as a door understood it; not yet ours.

    Not frozen, like all that is made for each message on its way in: never changed all the same.
    """

    door: str
    """Which door: "smtp", "http", "cli"."""
    recipient: str
    """As the sender wrote it; the intake normalises or refuses it."""
    text: str
    originator: str = ""
    """Empty: the account's default."""
    lane: Lane | None = None
    """None: the lane of the credential, else of the account."""
    reference: str = ""
    """The sender's own name for it (at most 64 characters); kept and shown, not interpreted."""
    thread: MailThread | None = None
    retry: RetryKey | None = None
    """None: nothing names it; a repeat is a new message, unless the first one's answer was lost."""
    user_data: UserData | None = None
    """What goes out as it came; with a header or a body the submission is exactly one part."""
    due_at_ms: int = 0
    """Not to be sent before; 0: at once."""
    expires_at_ms: int = 0
    """Neither to be sent nor to be delivered after; 0: by the account, else by the settings."""
    validity_ms: int = 0
    """Asked of the network, from when a link hands it over; 0: by the account, else as long as the network allows."""
    queue_age_ms: int = 0
    """How long it may wait for a link from its first chance on; 0: by the account, else by the settings."""
    is_replacing: bool = False
    """What the account's ESME submitted between the same addresses, of the same service_type, and what no carrier has
    yet, gives way to it."""
    esme: EsmeFacts | None = None


@dataclass(frozen=True, slots=True)
class Replacement:
    """What an ESME wants to be sent instead of a message it submitted; times as in a Submission."""

    message_id: str
    """Public id."""
    source_addr: str = ""
    """As it stood in the submit_sm; empty: not compared."""
    text: str | None = None
    """None: the text stays."""
    user_data: UserData | None = None
    due_at_ms: int = 0
    """0: it stays; a time that has come: at once."""
    expires_at_ms: int = 0
    """0: it stays, or is the settings' own after another due time if it was that before."""
    registered_delivery: int | None = None
    """None: it stays."""


@dataclass(slots=True)
class Accepted:
    """The appliance's word that a message is charged, committed and fsynced. Not frozen, never changed."""

    message_id: str
    """Public id: eight upper-case hex digits."""
    recipient: str
    """Normalised: E.164 digits, no plus."""
    part_total: int
    price_mc: int
    """Charged for all parts, thousandths of a credit (of a free part: of the trial's book)."""
    is_repeat: bool = False
    """A retry of what was accepted before: nothing new was charged or queued."""


@dataclass(slots=True)
class ClaimedPart:
    """One part taken for sending, with all a link needs. Not frozen: made in the hot path, never changed."""

    part_id: int
    message_id: str
    """Public id of the message, for logs."""
    account_id: int
    part_no: int
    part_total: int
    concat_ref: int
    """0..255, the same for all parts of a message."""
    originator: str
    recipient: str
    coding: Coding
    text: str
    """The characters of this part only."""
    attempt: int
    """1 for the first try."""
    expires_at_ms: int
    is_possible_duplicate: bool
    user_data: UserData | None = None
    slowed: int = 0
    """Earlier attempts that were answered "too fast": they say nothing about the part."""
    network_until_ms: int = 0
    """Until when the network is asked to try; 0: as long as it allows."""


class OutcomeKind(StrEnum):
    """What became of a claimed part on its link."""

    SUBMITTED = "submitted"
    DEFERRED = "deferred"
    """Definitely not taken; the same link may take it later."""
    NEXT_LINK = "next_link"
    """Definitely not taken; another link may take it."""
    REJECTED = "rejected"
    """Definitely refused for good: refund."""
    IN_DOUBT = "in_doubt"
    """Written to the wire, never answered."""
    UNWRITTEN = "unwritten"
    """Never left us; back to the queue as if unclaimed."""


@dataclass(slots=True)
class Outcome:
    """A link's word about one claimed part."""

    part_id: int
    kind: OutcomeKind
    at_ms: int
    smsc_id: str = ""
    """The SMSC's name for the part, exactly as received (SUBMITTED only)."""
    command_status: int = 0
    reason: str = ""
    """One plain phrase for people: "throttled by the carrier"."""
    retry_at_ms: int = 0
    """When to try again (DEFERRED, NEXT_LINK), or to ask for a receipt that has not come (SUBMITTED), else 0."""
    is_slowed: bool = False
    """The answer was about the pace of the link, not about the part (DEFERRED only)."""
