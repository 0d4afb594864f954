"""The closed list of refusals: each knows whether a retry can help and what the peer may read.

Every door keeps one table `FaultCode -> reply` of its own protocol, and a test demands that the
table is complete and says "temporary" exactly for the codes of `TEMPORARY`. Any other exception
is our bug: it is logged with its trace and answered as `TRY_LATER`.
"""

from enum import StrEnum

DETAIL_MAX = 200
"""Characters of a fault's detail that a peer gets to read."""


class FaultCode(StrEnum):
    """Why something was refused. The value is the name in logs, JSON answers and refusal rows."""

    BAD_CREDENTIALS = "bad_credentials"
    NOT_ALLOWED_HERE = "not_allowed_here"
    ACCOUNT_DISABLED = "account_disabled"
    UNTRUSTED_SENDER = "untrusted_sender"
    FOREIGN_DOMAIN = "foreign_domain"
    BAD_REQUEST = "bad_request"
    BAD_RECIPIENT = "bad_recipient"
    KIND_REFUSED = "kind_refused"
    NO_RECIPIENT = "no_recipient"
    TOO_MANY_RECIPIENTS = "too_many_recipients"
    OPTED_OUT = "opted_out"
    """Raised by nothing yet: the intake will, once the ledger keeps who asked for no more."""
    BAD_ORIGINATOR = "bad_originator"
    EMPTY_TEXT = "empty_text"
    TOO_MANY_PARTS = "too_many_parts"
    MESSAGE_TOO_LARGE = "message_too_large"
    UNREADABLE_MESSAGE = "unreadable_message"
    NO_ROUTE = "no_route"
    NO_CREDIT = "no_credit"
    NOT_FOUND = "not_found"
    ALREADY_EXISTS = "already_exists"
    KEY_REUSED = "key_reused"
    TOO_LATE = "too_late"
    TOO_FAST = "too_fast"
    QUEUE_FULL = "queue_full"
    DISK_FULL = "disk_full"
    TRY_LATER = "try_later"


SENTENCES: dict[FaultCode, str] = {
    FaultCode.BAD_CREDENTIALS: "Account or secret not accepted",
    FaultCode.NOT_ALLOWED_HERE: "These credentials are not allowed from this network or without encryption",
    FaultCode.ACCOUNT_DISABLED: "This account is disabled",
    FaultCode.UNTRUSTED_SENDER: "Sender not known here: log in, or send from a network bound to an account",
    FaultCode.FOREIGN_DOMAIN: "Not a domain of this appliance",
    FaultCode.BAD_REQUEST: "The request cannot be understood",
    FaultCode.BAD_RECIPIENT: "Not a phone number in international format",
    FaultCode.KIND_REFUSED: "This kind of number is not served",
    FaultCode.NO_RECIPIENT: "No recipient given",
    FaultCode.TOO_MANY_RECIPIENTS: "Too many recipients in one submission",
    FaultCode.OPTED_OUT: "This recipient asked for no more messages",
    FaultCode.BAD_ORIGINATOR: "This originator is not allowed",
    FaultCode.EMPTY_TEXT: "No text found to send",
    FaultCode.TOO_MANY_PARTS: "The text needs too many parts",
    FaultCode.MESSAGE_TOO_LARGE: "The submission is too large",
    FaultCode.UNREADABLE_MESSAGE: "The message cannot be read",
    FaultCode.NO_ROUTE: "Destination not served",
    FaultCode.NO_CREDIT: "Not enough credit; the message is not queued and will not be sent later",
    FaultCode.NOT_FOUND: "No such thing",
    FaultCode.ALREADY_EXISTS: "It exists already",
    FaultCode.KEY_REUSED: "This key named another submission less than a day ago",
    FaultCode.TOO_LATE: "Too late to change this message",
    FaultCode.TOO_FAST: "Too many requests; slow down",
    FaultCode.QUEUE_FULL: "The queue is full; try again later",
    FaultCode.DISK_FULL: "No room to store anything just now; try again later",
    FaultCode.TRY_LATER: "Try again later",
}
"""The public sentence of each code: no full stop, no configuration, no numbers."""

TEMPORARY: frozenset[FaultCode] = frozenset(
    {FaultCode.TOO_FAST, FaultCode.QUEUE_FULL, FaultCode.DISK_FULL, FaultCode.TRY_LATER}
)
"""The codes after which the same submission may succeed later by itself."""


class Fault(Exception):
    """A refusal from the closed list, raised anywhere and answered by the door that caught it.

    `detail` adds what the sender can act on ("12 parts, at most 10 are allowed"); the peer reads it,
    so it must hold no secret and nothing about other accounts. `private` goes to the log only.
    """

    def __init__(self, code: FaultCode, detail: str = "", *, private: str = "") -> None:
        super().__init__(code, detail, private)
        self.code = code
        self.detail = " ".join(detail.split())[:DETAIL_MAX]
        self.private = private

    @property
    def is_temporary(self) -> bool:
        return self.code in TEMPORARY

    @property
    def sentence(self) -> str:
        """The public sentence with its detail, on one line."""
        return f"{SENTENCES[self.code]}: {self.detail}" if self.detail else SENTENCES[self.code]

    def __str__(self) -> str:
        return f"{self.code}: {self.sentence}" + (f" [{self.private}]" if self.private else "")
