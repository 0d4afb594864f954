"""What SMTP says for each fault: reply code, enhanced status code (RFC 3463) and the fault's public sentence.

Only a temporary fault gets a 4xx, because a mail server repeats those for days: a 4xx for "no credit"
would deliver stale alarms after a top-up.
"""

from bridge.messages.faults import Fault, FaultCode

REPLY_SIZE_MAX = 510
"""Octets of a reply line without its CRLF (RFC 5321, 4.5.3.1.5)."""

SMTP_REPLIES: dict[FaultCode, str] = {
    FaultCode.BAD_CREDENTIALS: "535 5.7.8",
    FaultCode.NOT_ALLOWED_HERE: "550 5.7.1",
    FaultCode.ACCOUNT_DISABLED: "525 5.7.13",
    FaultCode.UNTRUSTED_SENDER: "550 5.7.1",
    FaultCode.FOREIGN_DOMAIN: "550 5.7.1",
    FaultCode.BAD_REQUEST: "554 5.5.0",
    FaultCode.BAD_RECIPIENT: "550 5.1.3",
    FaultCode.KIND_REFUSED: "550 5.1.2",
    FaultCode.NO_RECIPIENT: "554 5.5.1",
    FaultCode.TOO_MANY_RECIPIENTS: "554 5.5.3",
    FaultCode.OPTED_OUT: "550 5.7.1",
    FaultCode.BAD_ORIGINATOR: "550 5.7.1",
    FaultCode.EMPTY_TEXT: "554 5.6.0",
    FaultCode.TOO_MANY_PARTS: "552 5.2.3",
    FaultCode.MESSAGE_TOO_LARGE: "552 5.3.4",
    FaultCode.UNREADABLE_MESSAGE: "554 5.6.0",
    FaultCode.NO_ROUTE: "550 5.1.2",
    FaultCode.NO_CREDIT: "554 5.7.0",
    FaultCode.NOT_FOUND: "550 5.1.1",
    FaultCode.ALREADY_EXISTS: "554 5.5.0",
    FaultCode.KEY_REUSED: "554 5.5.0",
    FaultCode.TOO_LATE: "554 5.5.0",
    FaultCode.TOO_FAST: "452 4.7.0",
    FaultCode.QUEUE_FULL: "452 4.3.1",
    FaultCode.DISK_FULL: "452 4.3.1",
    FaultCode.TRY_LATER: "451 4.3.0",
}
"""One entry per fault code; 4xx exactly for the temporary ones."""

# Replies that no fault stands behind: they speak about the mail or the connection, not about a submission.
SENDER_OK = "250 2.1.0 OK"
RECIPIENT_OK = "250 2.1.5 OK"
BAD_SENDER = "553 5.1.7 The sender's address cannot be read"
NEEDS_SMTPUTF8 = "553 5.6.7 An address with other than ASCII letters needs SMTPUTF8"
AUTOMATIC_MAIL = "550 5.7.1 Bounces, automatic replies and this appliance's own mails are never sent as SMS"
RECIPIENTS_FULL = "452 4.5.3 Too many recipients in one mail, send the others in a second one"
NEEDS_TLS = "538 5.7.11 Encryption required before logging in from this network"
LOGGED_IN = "235 2.7.0 Logged in"
ALREADY_LOGGED_IN = "503 5.5.1 Already logged in"
BAD_AUTH = "501 5.5.2 The login cannot be read"
AUTH_CANCELLED = "501 5.7.0 Login cancelled"
UNKNOWN_MECHANISM = "504 5.5.4 Only AUTH PLAIN and AUTH LOGIN are known"
GO_AHEAD = "354 End the mail with a dot on a line of its own"
NO_RECIPIENT_YET = "503 5.5.1 No recipient was accepted"
NO_ARGUMENT = "501 5.5.4 This command takes no argument"
TALKS_AHEAD = "503 5.5.0 Wait for the answer to DATA before sending the mail"
TOO_LARGE = "552 5.3.4 The mail is too large"
LINE_TOO_LONG = "554 5.6.0 A line of the mail is longer than 64 KiB"
NOT_HTTP = "521 5.5.1 This port speaks SMTP, not HTTP"
TLS_FAILED = "454 4.7.0 TLS failed"
TOO_MANY_ERRORS = "421 4.7.0 Too many errors, goodbye"
TOO_MANY_CONNECTIONS = "421 4.3.2 Too many connections, try again later"
TOO_SLOW = "421 4.4.2 Time is up, goodbye"
GOING_DOWN = "421 4.3.2 Going down, try again later"


def reply(fault: Fault) -> str:
    """The reply line to a fault, without CRLF."""
    return f"{SMTP_REPLIES[fault.code]} {fault.sentence}"


def line(status: str | bytes) -> bytes:
    """A reply as octets of one ASCII line, whatever a detail holds. Multi-line replies are lines of their own."""
    octets = status if isinstance(status, bytes) else status.encode("ascii", "replace")
    return octets.translate(_PRINTABLE)[:REPLY_SIZE_MAX]


_PRINTABLE = bytes(octet if 32 <= octet < 127 else 32 for octet in range(256))
