"""Judge a submission and make it ready to be accepted: recipient, originator, alphabet, parts, route, price. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bridge.intake.authenticate import Identity
from bridge.intake.content import content_of, storable
from bridge.intake.settings import IntakeSettings
from bridge.ledger.queue import Prepared, Retry
from bridge.ledger.retries import digest
from bridge.messages import address
from bridge.messages.esme import EsmeFacts
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.message import (
    SCHEDULE_DAYS_MAX,
    TEST_LINK,
    Lane,
    MailThread,
    Replacement,
    RetryKey,
    Submission,
)
from bridge.messages.segment import HEADER_SIZE
from bridge.routing.routes import RouteTable
from bridge.routing.tariff import Tariff

REFERENCE_MAX = 64
HOUR_MS = 3600 * 1000
DAY_MS = 24 * HOUR_MS
VALIDITY_MS_MAX = 7 * DAY_MS
"""A sender may ask for so long a validity, as for the longest of the settings; more is cut, as carriers do."""
FACT_MAX = 64
"""Characters of an ESME's address or service_type that are kept: more than SMPP has room for."""


@dataclass(frozen=True, slots=True)
class Tables:
    """The business tables as they are now; a new set replaces the old one when they change."""

    tariff: Tariff
    routes: RouteTable
    header_sizes: Mapping[str, int] = field(default_factory=dict)
    """Octets of the header that numbers the parts of a long text, of links where it is not the usual one."""

    def header_size(self, links: Iterable[str]) -> int:
        """Of the largest of these links, so that each of them can send the parts as they are cut."""
        return max((self.header_sizes.get(link, HEADER_SIZE) for link in links), default=HEADER_SIZE)


def check_recipient(identity: Identity, raw: str, settings: IntakeSettings) -> str:
    """What can be said about a recipient before the text is known: normalised digits. Raises Fault BAD_RECIPIENT.

    A test number need not be one that could exist.
    """
    return settings.test_number(raw) or address.parse_recipient(raw, identity.home_country)


def prepare(
    identity: Identity, submission: Submission, tables: Tables, settings: IntakeSettings, now_ms: int
) -> Prepared:
    """Everything about a message that can be decided without the ledger.

    Raises Fault BAD_RECIPIENT, BAD_ORIGINATOR, EMPTY_TEXT, TOO_MANY_PARTS, MESSAGE_TOO_LARGE, NO_ROUTE or BAD_REQUEST.
    """
    recipient = check_recipient(identity, submission.recipient, settings)
    originator = submission.originator or identity.originator
    if originator:
        originator = address.parse_originator(originator)
    links, price_mc = _way(identity, recipient, tables, settings, now_ms)
    content = content_of(submission.text, submission.user_data, settings, tables.header_size(links))
    if not links or price_mc is None:
        raise Fault(FaultCode.NO_ROUTE, "it has no price" if links else "", private=f"{recipient[:6]}...")
    if len(submission.reference) > REFERENCE_MAX:
        raise Fault(FaultCode.BAD_REQUEST, f"a reference has at most {REFERENCE_MAX} characters")
    lane = identity.lane if submission.lane is None else submission.lane
    due_at_ms = check_due(submission.due_at_ms, now_ms)
    return Prepared(
        door=submission.door,
        originator=originator,
        recipient=recipient,
        coding=content.coding,
        lane=lane,
        texts=content.texts,
        price_mc=price_mc,
        links=links,
        expires_at_ms=check_expiry(submission.expires_at_ms, due_at_ms, now_ms)
        or max(due_at_ms, now_ms) + _validity_ms(lane, settings),
        reference=storable(submission.reference),
        thread=storable_thread(submission.thread),
        retry=_digests(submission.retry),
        user_data=content.user_data,
        due_at_ms=due_at_ms,
        esme=_storable_facts(submission.esme),
        is_replacing=submission.is_replacing,
    )


def replacement_of(replacement: Replacement, tables: Tables, settings: IntakeSettings, now_ms: int) -> dict[str, Any]:
    """The values of the verb message_replace. Raises Fault as `prepare` does for a text or a time."""
    r = replacement
    due_at_ms = check_due(r.due_at_ms, now_ms)
    values: dict[str, Any] = {
        "source_addr": storable(r.source_addr),
        # A time that has come already: at once.
        "due_at_ms": due_at_ms or (now_ms if r.due_at_ms else 0),
        # How it goes with the due time that the message has, and in which lane it is, the ledger knows.
        "expires_at_ms": r.expires_at_ms,
        "validity_ms_max": VALIDITY_MS_MAX,
        "lane_validity_ms": tuple(_validity_ms(lane, settings) for lane in Lane),
        "registered_delivery": r.registered_delivery,
    }
    if r.text is None:
        return values
    # Whatever its route: each link can send what is cut for the largest header.
    content = content_of(r.text, r.user_data, settings, tables.header_size(tables.header_sizes))
    return values | {"texts": content.texts, "coding": content.coding, "user_data": content.user_data}


def _validity_ms(lane: Lane, settings: IntakeSettings) -> int:
    """How long a message of a lane is worth sending from its first chance on, when nobody says."""
    return HOUR_MS * (settings.alarm_validity_h if lane is Lane.ALARM else settings.validity_h)


def check_due(due_at_ms: int, now_ms: int) -> int:
    """When a part may be sent first; 0: at once, also when that time has come. Raises Fault BAD_REQUEST."""
    if due_at_ms <= now_ms:
        return 0
    if due_at_ms > now_ms + SCHEDULE_DAYS_MAX * DAY_MS:
        raise Fault(FaultCode.BAD_REQUEST, f"scheduled more than {SCHEDULE_DAYS_MAX} days ahead")
    return due_at_ms


def check_expiry(expires_at_ms: int, due_at_ms: int, now_ms: int) -> int:
    """Until when a part may be sent, at most VALIDITY_MS_MAX from its first chance on; 0: nothing was said.

    Raises Fault BAD_REQUEST for a validity that is over before the part may be sent.
    """
    if not expires_at_ms:
        return 0
    if expires_at_ms <= now_ms:
        raise Fault(FaultCode.BAD_REQUEST, "its validity is over already")
    if expires_at_ms <= due_at_ms:
        raise Fault(FaultCode.BAD_REQUEST, "its validity is over before the time it is scheduled for")
    return min(expires_at_ms, max(due_at_ms, now_ms) + VALIDITY_MS_MAX)


def _way(
    identity: Identity, recipient: str, tables: Tables, settings: IntakeSettings, now_ms: int
) -> tuple[tuple[str, ...], int | None]:
    """Link names in order and the price of a part; nothing costs nothing but a test number."""
    if settings.test_number(recipient):
        return (TEST_LINK,), 0
    return tables.routes.links_for(recipient), tables.tariff.price_mc(identity.account_class, recipient, now_ms)


def _digests(key: RetryKey | None) -> Retry | None:
    return None if key is None else Retry(digest(key.name), digest(key.content), key.is_strict)


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


def _storable_facts(facts: EsmeFacts | None) -> EsmeFacts | None:
    if facts is None:
        return None
    written = (facts.service_type, facts.source_addr, facts.destination_addr)
    if all(one.isascii() and len(one) <= FACT_MAX for one in written):
        return facts
    return replace(
        facts,
        service_type=storable(facts.service_type[:FACT_MAX]),
        source_addr=storable(facts.source_addr[:FACT_MAX]),
        destination_addr=storable(facts.destination_addr[:FACT_MAX]),
    )
