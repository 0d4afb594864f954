"""What an ESME's submit_sm, data_sm, submit_multi and replace_sm ask for, as values of the house.

Text is decoded to characters, whatever its data_coding; it goes out in an alphabet of our own choice. What is not just
text goes out as it came: see `content.py`. A segment (one numbered piece of a longer text) is a message of its own; the
handset joins them. Whether recipient, originator and size will do is the intake's word.
"""

from dataclasses import dataclass, field, replace
from typing import Protocol

from bridge.messages.esme import EsmeFacts
from bridge.messages.message import SCHEDULE_DAYS_MAX, Lane, Replacement, Submission
from bridge.messages.user_data import UserData
from bridge.smpp import times, udh
from bridge.smpp.constants import RegisteredDelivery, Status, Tag, Ton, Version
from bridge.smpp.content import Alphabets, content_of, octets_of
from bridge.smpp.errors import Refused
from bridge.smpp.fields import DistributionList, SmeAddress, UnsuccessSme
from bridge.smpp.pdus import DataSm, ReplaceSm, SubmitMulti, SubmitSm

__all__ = [
    "DefaultRules",
    "MultiReading",
    "Reading",
    "Refused",
    "ReplacementReading",
    "Rules",
    "as_written",
    "read",
    "read_multi",
    "read_replacement",
    "receipts_wanted",
]

DOOR = "smpp"
"""The door's name in messages and logs."""
PRIORITY_MAX = 3
"""The highest priority_flag (SMPP 3.4, 5.2.14); it takes the alarm lane."""
TON_MAX = Ton.ABBREVIATED
NPI_MAX = 18
"""The highest numbering plan (SMPP 3.4, 5.2.6)."""
SCHEDULE_LATE_MS_MAX = 24 * 3_600_000
"""A schedule so far in the past means "at once": clients send the time of their own clock and time zone."""
DAY_MS = 86_400_000

_RECEIPT_BITS = 0x03 | RegisteredDelivery.INTERMEDIATE
"""The bits of registered_delivery that count; acknowledgements by the handset's owner are not for us to promise."""


class Rules(Alphabets, Protocol):
    """What the account settled."""

    @property
    def receipts(self) -> str:
        """ "honour" registered_delivery, or "always", or "never" send receipts."""


@dataclass(frozen=True, slots=True)
class DefaultRules:
    """The rules of an account that settled nothing."""

    receipts: str = "honour"
    alphabet_0: str = "gsm"
    alphabet_1: str = "ascii"


@dataclass(slots=True)
class Reading:
    """What a submit_sm or data_sm asks for. Not frozen: made in the hot path, never changed."""

    submission: Submission
    is_little_endian: bool = False
    """This and what follows is of the content, see there; its ESME's people should be told."""
    is_damaged: bool = False
    is_rough: bool = False


@dataclass(slots=True)
class MultiReading:
    """What a submit_multi asks for: the readings in the order of the destinations, and those that cannot be served."""

    readings: list[Reading]
    failed: list[UnsuccessSme] = field(default_factory=list)


@dataclass(slots=True)
class ReplacementReading:
    """What a replace_sm asks for; the rest is as in a Reading."""

    replacement: Replacement
    is_little_endian: bool = False
    is_damaged: bool = False
    is_rough: bool = False


def read(
    pdu: SubmitSm | DataSm, rules: Rules, *, now_ms: int, peer_version: int = Version.V34, door: str = DOOR
) -> Reading:
    """The submission in a submit_sm or data_sm. `now_ms` is Unix time. Raises Refused, and nothing else.

    `peer_version` is the session's; some refusals have a name only from 5.0 on.
    """
    if pdu.dest_addr_ton > TON_MAX:
        raise Refused(Status.RINVDSTTON, f"dest_addr_ton is {pdu.dest_addr_ton}")
    if pdu.dest_addr_npi > NPI_MAX:
        raise Refused(Status.RINVDSTNPI, f"dest_addr_npi is {pdu.dest_addr_npi}")
    reading = _read(pdu, rules, now_ms, peer_version, door, pdu.destination_addr)
    esme = reading.submission.esme
    if esme is not None:
        esme.destination_addr = pdu.destination_addr
        esme.dest_addr_ton = pdu.dest_addr_ton
        esme.dest_addr_npi = pdu.dest_addr_npi
    return reading


def read_multi(
    pdu: SubmitMulti, rules: Rules, *, now_ms: int, peer_version: int = Version.V34, door: str = DOOR
) -> MultiReading:
    """The submissions in a submit_multi. Raises Refused for what holds for all destinations.

    A distribution list is a destination that cannot be served: RINVDLNAME.
    """
    common = _read(pdu, rules, now_ms, peer_version, door, "")
    facts = common.submission.esme or EsmeFacts()
    found = MultiReading([])
    for entry in pdu.dest_address:
        if isinstance(entry, DistributionList):
            found.failed.append(UnsuccessSme(entry.dl_name, error_status_code=Status.RINVDLNAME))
        elif status := _bad_destination(entry):
            ton, npi = entry.dest_addr_ton, entry.dest_addr_npi
            found.failed.append(UnsuccessSme(entry.destination_addr, ton, npi, status))
        else:
            esme = replace(
                facts,
                destination_addr=entry.destination_addr,
                dest_addr_ton=entry.dest_addr_ton,
                dest_addr_npi=entry.dest_addr_npi,
            )
            submission = replace(common.submission, recipient=entry.destination_addr, esme=esme)
            found.readings.append(replace(common, submission=submission))
    return found


def _bad_destination(entry: SmeAddress) -> int:
    if entry.dest_addr_ton > TON_MAX:
        return Status.RINVDSTTON
    return Status.RINVDSTNPI if entry.dest_addr_npi > NPI_MAX else Status.ROK


def read_replacement(
    pdu: ReplaceSm,
    rules: Rules,
    *,
    now_ms: int,
    message_id: str = "",
    data_coding: int = 0,
    peer_version: int = Version.V34,
) -> ReplacementReading:
    """What a replace_sm asks for. Raises Refused.

    It has no data_coding: that of the message it replaces counts. `message_id` is the public id of that.
    """
    if pdu.sm_default_msg_id:
        raise Refused(Status.RINVDFTMSGID, f"there is no predefined message {pdu.sm_default_msg_id}")
    octets = octets_of(pdu.short_message, pdu.tlvs)
    content = content_of(octets, 0, data_coding, pdu.tlvs, rules, peer_version)
    due_at_ms, expires_at_ms = _moments(pdu.schedule_delivery_time, pdu.validity_period, now_ms)
    replacement = Replacement(
        message_id=message_id,
        source_addr=pdu.source_addr,
        text=content.text if octets or Tag.MESSAGE_PAYLOAD in pdu.tlvs else None,
        user_data=content.user_data,
        # A time that has come already is one, too: at once, and not when it was to be sent before.
        due_at_ms=due_at_ms or (now_ms if pdu.schedule_delivery_time else 0),
        expires_at_ms=expires_at_ms,
        registered_delivery=receipts_wanted(pdu.registered_delivery, rules.receipts),
    )
    return ReplacementReading(replacement, content.is_little_endian, content.is_damaged, content.is_rough)


def receipts_wanted(registered_delivery: int, rule: str) -> int:
    """registered_delivery as it counts after the account's rule: bits 0, 1 (final receipts) and 4 (intermediate)."""
    if rule == "never":
        return RegisteredDelivery.NONE
    if rule == "always":
        return registered_delivery & RegisteredDelivery.INTERMEDIATE | RegisteredDelivery.FINAL
    return registered_delivery & _RECEIPT_BITS


def as_written(address: str) -> str:
    """An originator by its looks, for TON and NPI are often wrong: 00 in front says "international" as a plus does.

    How a recipient is to be read is the intake's word, the same for every door.
    """
    written = address.strip()
    return f"+{written[2:]}" if written.startswith("00") else written


def _read(
    pdu: SubmitSm | SubmitMulti | DataSm, rules: Rules, now_ms: int, peer_version: int, door: str, destination: str
) -> Reading:
    """What the three have in common."""
    if pdu.source_addr_ton > TON_MAX:
        raise Refused(Status.RINVSRCTON, f"source_addr_ton is {pdu.source_addr_ton}")
    if pdu.source_addr_npi > NPI_MAX:
        raise Refused(Status.RINVSRCNPI, f"source_addr_npi is {pdu.source_addr_npi}")
    if isinstance(pdu, DataSm):
        octets = octets_of(b"", pdu.tlvs)
    else:
        _check_flags(pdu)
        octets = octets_of(pdu.short_message, pdu.tlvs)
    content = content_of(octets, pdu.esm_class, pdu.data_coding, pdu.tlvs, rules, peer_version)
    submission = Submission(
        door=door,
        recipient=destination,
        text=content.text,
        originator=as_written(pdu.source_addr),
        reference=pdu.service_type,
        user_data=content.user_data,
        esme=_facts(pdu, rules),
    )
    if isinstance(pdu, DataSm):
        if lives_s := int.from_bytes(pdu.tlvs.get(Tag.QOS_TIME_TO_LIVE, b""), "big"):
            submission.expires_at_ms = now_ms + 1000 * lives_s
    else:
        _add_wishes(submission, pdu, now_ms)
    return Reading(submission, content.is_little_endian, content.is_damaged, content.is_rough)


def _add_wishes(submission: Submission, pdu: SubmitSm | SubmitMulti, now_ms: int) -> None:
    """What a data_sm cannot ask for."""
    if pdu.schedule_delivery_time or pdu.validity_period:
        submission.due_at_ms, submission.expires_at_ms = _moments(
            pdu.schedule_delivery_time, pdu.validity_period, now_ms
        )
    if pdu.priority_flag == PRIORITY_MAX:
        submission.lane = Lane.ALARM
    user_data = submission.user_data
    if pdu.replace_if_present_flag:
        # The first segment of a text makes room for all of them, else each would replace the one before.
        header = user_data.header if user_data is not None else b""
        concat = udh.parse(header)[0].concat if header else None
        submission.is_replacing = concat is None or concat.number == 1
    if pdu.protocol_id:
        submission.user_data = replace(user_data or UserData(), protocol_id=pdu.protocol_id)


def _facts(pdu: SubmitSm | SubmitMulti | DataSm, rules: Rules) -> EsmeFacts:
    reference = pdu.tlvs.get(Tag.USER_MESSAGE_REFERENCE)
    return EsmeFacts(
        service_type=pdu.service_type,
        source_addr=pdu.source_addr,
        source_addr_ton=pdu.source_addr_ton,
        source_addr_npi=pdu.source_addr_npi,
        registered_delivery=receipts_wanted(pdu.registered_delivery, rules.receipts),
        user_message_reference=None if reference is None else int.from_bytes(reference, "big"),
        data_coding=pdu.data_coding,
    )


def _check_flags(pdu: SubmitSm | SubmitMulti) -> None:
    if pdu.sm_default_msg_id:
        raise Refused(Status.RINVDFTMSGID, f"there is no predefined message {pdu.sm_default_msg_id}")
    if pdu.priority_flag > PRIORITY_MAX:
        raise Refused(Status.RINVPRTFLG, f"priority_flag is {pdu.priority_flag}")
    if pdu.replace_if_present_flag > 1:
        raise Refused(Status.RINVREPFLAG, f"replace_if_present_flag is {pdu.replace_if_present_flag}")


def _moments(schedule: str, validity: str, now_ms: int) -> tuple[int, int]:
    """schedule_delivery_time and validity_period as Unix times, 0 where nothing is said (or it means "at once")."""
    try:
        due_at_ms = times.parse_moment(schedule, now_ms)
    except ValueError as error:
        raise Refused(Status.RINVSCHED, f"schedule_delivery_time: {error}") from None
    try:
        expires_at_ms = times.parse_moment(validity, now_ms)
    except ValueError as error:
        raise Refused(Status.RINVEXPIRY, f"validity_period: {error}") from None
    if due_at_ms and due_at_ms < now_ms - SCHEDULE_LATE_MS_MAX:
        raise Refused(Status.RINVSCHED, "schedule_delivery_time is long past")
    if due_at_ms > now_ms + SCHEDULE_DAYS_MAX * DAY_MS:
        raise Refused(Status.RINVSCHED, f"schedule_delivery_time is more than {SCHEDULE_DAYS_MAX} days ahead")
    if due_at_ms <= now_ms:
        due_at_ms = 0
    if expires_at_ms and expires_at_ms <= max(due_at_ms, now_ms):
        raise Refused(Status.RINVEXPIRY, "validity_period ends before the message can be sent")
    return due_at_ms, expires_at_ms
