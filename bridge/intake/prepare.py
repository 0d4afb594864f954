"""Judge a submission and make it ready to be accepted: recipient, originator, alphabet, parts, route, price. Pure."""

from dataclasses import dataclass

from bridge.intake.authenticate import Identity
from bridge.intake.settings import IntakeSettings
from bridge.ledger.queue import Prepared, Retry
from bridge.ledger.retries import digest
from bridge.messages import address, charset, segment
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.message import TEST_LINK, Coding, Lane, MailThread, RetryKey, Submission
from bridge.routing.routes import RouteTable
from bridge.routing.tariff import Tariff

TEXT_MAX = 255 * 153
"""Characters that any number of parts could hold; a longer text is refused before it is looked at."""
REFERENCE_MAX = 64
HOUR_MS = 3600 * 1000


@dataclass(frozen=True, slots=True)
class Tables:
    """The business tables as they are now; a new set replaces the old one when they change."""

    tariff: Tariff
    routes: RouteTable


def check_recipient(identity: Identity, raw: str, settings: IntakeSettings) -> str:
    """What can be said about a recipient before the text is known: normalised digits. Raises Fault BAD_RECIPIENT.

    A test number need not be one that could exist.
    """
    return settings.test_number(raw) or address.parse_recipient(raw, identity.home_country)


def prepare(
    identity: Identity, submission: Submission, tables: Tables, settings: IntakeSettings, now_ms: int
) -> Prepared:
    """Everything about a message that can be decided without the ledger.

    Raises Fault BAD_RECIPIENT, BAD_ORIGINATOR, EMPTY_TEXT, TOO_MANY_PARTS, NO_ROUTE or BAD_REQUEST.
    """
    recipient = check_recipient(identity, submission.recipient, settings)
    originator = submission.originator or identity.originator
    if originator:
        originator = address.parse_originator(originator)
    coding, texts = _parts(submission.text, settings)
    links, price_mc = _way(identity, recipient, tables, settings, now_ms)
    if not links or price_mc is None:
        raise Fault(FaultCode.NO_ROUTE, "it has no price" if links else "", private=f"{recipient[:6]}...")
    if len(submission.reference) > REFERENCE_MAX:
        raise Fault(FaultCode.BAD_REQUEST, f"a reference has at most {REFERENCE_MAX} characters")
    lane = identity.lane if submission.lane is None else submission.lane
    validity_h = settings.alarm_validity_h if lane is Lane.ALARM else settings.validity_h
    return Prepared(
        door=submission.door,
        originator=originator,
        recipient=recipient,
        coding=coding,
        lane=lane,
        texts=texts,
        price_mc=price_mc,
        links=links,
        expires_at_ms=now_ms + validity_h * HOUR_MS,
        reference=storable(submission.reference),
        thread=storable_thread(submission.thread),
        retry=_digests(submission.retry),
    )


def _way(
    identity: Identity, recipient: str, tables: Tables, settings: IntakeSettings, now_ms: int
) -> tuple[tuple[str, ...], int | None]:
    """Link names in order and the price of a part; nothing costs nothing but a test number."""
    if settings.test_number(recipient):
        return (TEST_LINK,), 0
    return tables.routes.links_for(recipient), tables.tariff.price_mc(identity.account_class, recipient, now_ms)


def _digests(key: RetryKey | None) -> Retry | None:
    return None if key is None else Retry(digest(key.name), digest(key.content), key.is_strict)


def storable(text: str) -> str:
    """Text without stray halves of surrogate pairs, which SQLite and UTF-8 do not take."""
    return text.encode(errors="replace").decode()


def storable_thread(thread: MailThread | None) -> MailThread | None:
    """The same for a mail's thread."""
    if thread is None:
        return None
    return MailThread(
        reply_to=storable(thread.reply_to),
        message_id=storable(thread.message_id),
        references=storable(thread.references),
        subject=storable(thread.subject),
    )


def _parts(text: str, settings: IntakeSettings) -> tuple[Coding, tuple[str, ...]]:
    if len(text) > TEXT_MAX:
        raise Fault(FaultCode.TOO_MANY_PARTS, f"{len(text)} characters, at most {settings.parts_max} parts are allowed")
    text = charset.normalise_text(text)
    if settings.downgrade:
        text = charset.downgrade(text)
    if not text.strip():
        raise Fault(FaultCode.EMPTY_TEXT)
    coding = charset.choose(text)
    texts = tuple(segment.segment(text, coding))
    if len(texts) > settings.parts_max:
        because = ""
        if coding is Coding.UCS2:
            because = f" (the character {charset.forced_ucs2(text)!r} leaves only 67 characters to a part)"
        raise Fault(FaultCode.TOO_MANY_PARTS, f"{len(texts)} parts, at most {settings.parts_max} are allowed{because}")
    return coding, texts
