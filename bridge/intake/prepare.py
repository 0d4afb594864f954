"""Judge a submission and make it ready to be accepted: recipient, originator, alphabet, parts, route, price. Pure."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bridge.intake.authenticate import Identity
from bridge.intake.content import Content, content_of, storable
from bridge.intake.settings import IntakeSettings
from bridge.intake.times import VALIDITY_MS_MAX, check_due, times_of, validity_ms
from bridge.ledger.queue import Prepared, Retry
from bridge.ledger.retries import digest
from bridge.messages.data_coding import class_of
from bridge.messages.esme import EsmeFacts
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.message import (
    TEST_LINK,
    Coding,
    Lane,
    MailThread,
    Replacement,
    RetryKey,
    Submission,
)
from bridge.messages.number_kinds import WORDS, NumberKind
from bridge.messages.numbers import Number, normalise
from bridge.messages.segment import HEADER_SIZE
from bridge.routing.health import HealthView
from bridge.routing.hours import ALWAYS, DestinationHours
from bridge.routing.networks import NetworkTable
from bridge.routing.originators import OriginatorTable
from bridge.routing.plan import HEALTHY, Plan, draw_of, plan
from bridge.routing.routes import Question, RouteTable
from bridge.routing.tariff import Tariff

REFERENCE_MAX = 64
FACT_MAX = 64
"""Characters of an ESME's address or service_type that are kept: more than SMPP has room for."""


@dataclass(frozen=True, slots=True)
class Tables:
    """The business tables as they are now; a new set replaces the old one when they change."""

    tariff: Tariff
    routes: RouteTable
    header_sizes: Mapping[str, int] = field(default_factory=dict)
    """Octets of the header that numbers the parts of a long text, of links where it is not the usual one."""

    networks: NetworkTable = NetworkTable()
    links: Collection[str] | None = None
    """The links that exist; None: all that routes name."""
    health: HealthView = HEALTHY
    hours: DestinationHours = DestinationHours()
    """When messages to a destination may be sent."""
    originators: OriginatorTable = OriginatorTable()

    def header_size(self, links: Iterable[str]) -> int:
        """Of the largest of these links, so that each of them can send the parts as they are cut."""
        return max((self.header_sizes.get(link, HEADER_SIZE) for link in links), default=HEADER_SIZE)


def read_recipient(identity: Identity, raw: str, settings: IntakeSettings) -> Number:
    """What can be said about a recipient before the text is known. Raises Fault BAD_RECIPIENT or KIND_REFUSED.

    A test number need not be one that could exist, and may be of any kind.
    """
    digits = settings.test_number(raw)
    if digits is not None:
        return Number(digits, NumberKind.UNKNOWN, "")
    number = normalise(raw, identity.home_country)
    if number.kind in settings.refused_kind_set and settings.test_number(number.digits) is None:
        raise Fault(FaultCode.KIND_REFUSED, f"it is {WORDS[number.kind]}")
    return number


def prepare(
    identity: Identity, submission: Submission, tables: Tables, settings: IntakeSettings, now_ms: int
) -> Prepared:
    """Everything about a message that can be decided without the ledger.

    Raises Fault BAD_RECIPIENT, KIND_REFUSED, BAD_ORIGINATOR, EMPTY_TEXT, TOO_MANY_PARTS, MESSAGE_TOO_LARGE, NO_ROUTE or
    BAD_REQUEST.
    """
    number = read_recipient(identity, submission.recipient, settings)
    recipient = number.digits
    originator = tables.originators.of_message(identity.account_id, submission.originator, identity.originator)
    content = content_of(submission.text, submission.user_data, settings)
    way, price_mc = way_of(identity, submission, originator, number, content, tables, settings, now_ms)
    links = way.links
    if not links or price_mc is None:
        raise Fault(FaultCode.NO_ROUTE, "it has no price" if links else way.missing, private=f"{recipient[:6]}...")
    header_size = tables.header_size(links)
    if header_size != HEADER_SIZE and len(content.texts) > 1:
        content = content_of(submission.text, submission.user_data, settings, header_size)
    if len(submission.reference) > REFERENCE_MAX:
        raise Fault(FaultCode.BAD_REQUEST, f"a reference has at most {REFERENCE_MAX} characters")
    sender = tables.originators.for_route(originator, number.routed, number.country, links[0])
    lane = identity.lane if submission.lane is None else submission.lane
    hours = ALWAYS if tables.hours.is_empty else tables.hours.find(number.routed, number.country, lane)
    due_at_ms, expires_at_ms, said = times_of(submission, identity.times, lane, hours, settings, now_ms)
    return Prepared(
        door=submission.door,
        originator=sender.originator,
        recipient=recipient,
        coding=content.coding,
        lane=lane,
        texts=content.texts,
        price_mc=price_mc,
        links=links,
        expires_at_ms=expires_at_ms,
        reference=storable(submission.reference),
        thread=storable_thread(submission.thread),
        retry=_digests(submission.retry),
        user_data=content.user_data,
        due_at_ms=due_at_ms,
        esme=_storable_facts(submission.esme),
        is_replacing=submission.is_replacing,
        time=said,
        notes=(*_notes(number, way), *((("originator_replaced", sender.note),) if sender.note else ())),
        pool=sender.originator if sender.pool else "",
        pool_numbers=sender.pool,
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
        "lane_validity_ms": tuple(validity_ms(lane, settings) for lane in Lane),
        "registered_delivery": r.registered_delivery,
    }
    if r.text is None:
        return values
    # Whatever its route: each link can send what is cut for the largest header.
    content = content_of(r.text, r.user_data, settings, tables.header_size(tables.header_sizes))
    return values | {"texts": content.texts, "coding": content.coding, "user_data": content.user_data}


def way_of(
    identity: Identity,
    submission: Submission,
    originator: str,
    number: Number,
    content: Content,
    tables: Tables,
    settings: IntakeSettings,
    now_ms: int,
) -> tuple[Plan, int | None]:
    """The plan of a message, and the price of a part; nothing costs nothing but a test number."""
    recipient = number.routed
    if settings.is_test_number(recipient):
        return Plan(None, (TEST_LINK,)), 0
    network = tables.networks.find(recipient)
    question = Question(
        recipient,
        max(submission.due_at_ms, now_ms),
        identity.account_class,
        originator,
        content.coding.value,
        kind_of(content),
        (network.country if network is not None else "") or number.country,
        network,
    )
    draw = draw_of(identity.account_id, recipient)
    way = plan(question, tables.routes, tables.links, tables.health, draw)
    return way, tables.tariff.price_mc(identity.account_class, recipient, now_ms)


def kind_of(content: Content) -> str:
    """What kind of message a route sees: "binary", "flash" (class 0: shown at once, not kept) or "text"."""
    if content.coding is Coding.BINARY:
        return "binary"
    data_coding = content.user_data.data_coding if content.user_data is not None else None
    return "flash" if data_coding is not None and class_of(data_coding) == 0 else "text"


def missing_of(identity: Identity, submission: Submission, fault: Fault) -> str:
    """The digits of a recipient that was refused because its route or price is missing; empty: for another reason.

    A destination that a route says is not to be served is not missing: its fault has no detail.
    """
    if fault.code is not FaultCode.NO_ROUTE or not fault.detail:
        return ""
    return normalise(submission.recipient, identity.home_country).routed


def _notes(number: Number, way: Plan) -> tuple[tuple[str, str], ...]:
    """What the history of a message tells from the start."""
    if not (number.rule or way.passed_over):
        return ()
    noted = (("number_read", number.rule), ("passed_over", way.note if way.passed_over else ""))
    return tuple(note for note in noted if note[1])


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
