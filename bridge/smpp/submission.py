"""What an ESME's submit_sm, data_sm, submit_multi and replace_sm ask for, as values of the house.

Text is decoded to characters, whatever its data_coding; it goes out in an alphabet of our own choice. What is not just
text goes out as it came: binary content, and the user data header of a segment. A segment (one numbered piece of a
longer text, by header or by SAR TLVs) is a message of its own; the handset joins them. Its octets come along, because
an ESME may cut through the middle of a character. Whether recipient, originator and size will do is the intake's word.
"""

import re
from dataclasses import dataclass, field, replace
from typing import Protocol

from bridge.messages.charset import REPLACEMENT
from bridge.messages.esme import EsmeFacts
from bridge.messages.inbound import Concat
from bridge.messages.message import Coding, Lane, Submission
from bridge.messages.user_data import UserData
from bridge.smpp import alphabets, times, udh
from bridge.smpp.alphabets import Kind, Scheme
from bridge.smpp.constants import EsmClass, RegisteredDelivery, Status, Tag, Ton, Version
from bridge.smpp.fields import DistributionList, SmeAddress, UnsuccessSme
from bridge.smpp.pdus import DataSm, ReplaceSm, SubmitMulti, SubmitSm

DOOR = "smpp"
"""The door's name in messages and logs."""
PRIORITY_MAX = 3
"""The highest priority_flag (SMPP 3.4, 5.2.14); it takes the alarm lane."""
TON_MAX = Ton.ABBREVIATED
NPI_MAX = 18
"""The highest numbering plan (SMPP 3.4, 5.2.6)."""
SCHEDULE_DAYS_MAX = 30
"""How far ahead a message may be scheduled: it is paid for now, and its text is kept all the while."""
SCHEDULE_LATE_MS_MAX = 24 * 3_600_000
"""A schedule so far in the past means "at once": clients send the time of their own clock and time zone."""
DAY_MS = 86_400_000

_NOT_ASCII_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")

_RECEIPT_BITS = 0x03 | RegisteredDelivery.INTERMEDIATE
"""The bits of registered_delivery that count; acknowledgements by the handset's owner are not for us to promise."""


class Rules(Protocol):
    """What the account settled."""

    @property
    def receipts(self) -> str:
        """ "honour" registered_delivery, or "always", or "never" send receipts."""

    @property
    def alphabet_0(self) -> str:
        """The Alphabet that data_coding 0 means."""

    @property
    def alphabet_1(self) -> str:
        """The Alphabet that data_coding 1 means."""


@dataclass(frozen=True, slots=True)
class DefaultRules:
    """The rules of an account that settled nothing."""

    receipts: str = "honour"
    alphabet_0: str = "gsm"
    alphabet_1: str = "ascii"


class Refused(Exception):
    """A request that makes no sense. `status` is the command_status to answer, `reason` says why in plain words."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(slots=True)
class Reading:
    """What a submit_sm or data_sm asks for. Not frozen: made in the hot path, never changed."""

    submission: Submission
    is_little_endian: bool = False
    """UCS-2 came with swapped octets and was put right: the ESME should be told."""
    is_damaged: bool = False
    """Octets that mean nothing in its alphabet are U+FFFD now, or ASCII has controls, as GSM 03.38 read as ASCII has:
    the account's alphabet may be the wrong one."""


@dataclass(slots=True)
class MultiReading:
    """What a submit_multi asks for: the readings in the order of the destinations, and those that cannot be served."""

    readings: list[Reading]
    failed: list[UnsuccessSme] = field(default_factory=list)


@dataclass(slots=True)
class Replacement:
    """What a replace_sm asks for."""

    text: str
    user_data: UserData | None
    due_at_ms: int
    """0: at once."""
    expires_at_ms: int
    """0: not said."""
    registered_delivery: int
    is_little_endian: bool = False
    is_damaged: bool = False


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
            submission = replace(common.submission, recipient=as_written(entry.destination_addr), esme=esme)
            found.readings.append(replace(common, submission=submission))
    return found


def _bad_destination(entry: SmeAddress) -> int:
    if entry.dest_addr_ton > TON_MAX:
        return Status.RINVDSTTON
    return Status.RINVDSTNPI if entry.dest_addr_npi > NPI_MAX else Status.ROK


def read_replacement(
    pdu: ReplaceSm, rules: Rules, *, now_ms: int, data_coding: int = 0, peer_version: int = Version.V34
) -> Replacement:
    """What a replace_sm asks for. It has no data_coding: that of the message it replaces counts. Raises Refused."""
    if pdu.sm_default_msg_id:
        raise Refused(Status.RINVDFTMSGID, f"there is no predefined message {pdu.sm_default_msg_id}")
    octets = _octets(pdu.short_message, pdu.tlvs)
    content = _content(octets, 0, data_coding, pdu.tlvs, rules, peer_version)
    due_at_ms, expires_at_ms = _moments(pdu.schedule_delivery_time, pdu.validity_period, now_ms)
    return Replacement(
        text=content.text,
        user_data=content.user_data,
        due_at_ms=due_at_ms,
        expires_at_ms=expires_at_ms,
        registered_delivery=receipts_wanted(pdu.registered_delivery, rules.receipts),
        is_little_endian=content.is_little_endian,
        is_damaged=content.is_damaged,
    )


def receipts_wanted(registered_delivery: int, rule: str) -> int:
    """registered_delivery as it counts after the account's rule: bits 0, 1 (final receipts) and 4 (intermediate)."""
    if rule == "never":
        return RegisteredDelivery.NONE
    if rule == "always":
        return registered_delivery & RegisteredDelivery.INTERMEDIATE | RegisteredDelivery.FINAL
    return registered_delivery & _RECEIPT_BITS


def as_written(address: str) -> str:
    """An address by its looks, for TON and NPI are often wrong: 00 in front says "international" as a plus does."""
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
    lane, protocol_id, is_replacing, due_at_ms, expires_at_ms = None, 0, False, 0, 0
    if isinstance(pdu, DataSm):
        octets = _octets(b"", pdu.tlvs)
        if lives_s := int.from_bytes(pdu.tlvs.get(Tag.QOS_TIME_TO_LIVE, b""), "big"):
            expires_at_ms = now_ms + 1000 * lives_s
    else:
        _check_flags(pdu)
        octets = _octets(pdu.short_message, pdu.tlvs)
        lane = Lane.ALARM if pdu.priority_flag == PRIORITY_MAX else None
        protocol_id, is_replacing = pdu.protocol_id, pdu.replace_if_present_flag == 1
        if pdu.schedule_delivery_time or pdu.validity_period:
            due_at_ms, expires_at_ms = _moments(pdu.schedule_delivery_time, pdu.validity_period, now_ms)
    content = _content(octets, pdu.esm_class, pdu.data_coding, pdu.tlvs, rules, peer_version)
    user_data = content.user_data
    if protocol_id:
        user_data = replace(user_data or UserData(), protocol_id=protocol_id)
    if is_replacing and user_data is not None and user_data.header:
        # The first segment of a text makes room for all of them, else each would replace the one before.
        concat = udh.parse(user_data.header)[0].concat
        is_replacing = concat is None or concat.number == 1
    reference = pdu.tlvs.get(Tag.USER_MESSAGE_REFERENCE)
    submission = Submission(
        door=door,
        recipient=as_written(destination),
        text=content.text,
        originator=as_written(pdu.source_addr),
        lane=lane,
        reference=pdu.service_type,
        user_data=user_data,
        due_at_ms=due_at_ms,
        expires_at_ms=expires_at_ms,
        is_replacing=is_replacing,
        esme=EsmeFacts(
            service_type=pdu.service_type,
            source_addr=pdu.source_addr,
            source_addr_ton=pdu.source_addr_ton,
            source_addr_npi=pdu.source_addr_npi,
            registered_delivery=receipts_wanted(pdu.registered_delivery, rules.receipts),
            user_message_reference=None if reference is None else int.from_bytes(reference, "big"),
            data_coding=pdu.data_coding,
        ),
    )
    return Reading(submission, content.is_little_endian, content.is_damaged)


def _check_flags(pdu: SubmitSm | SubmitMulti) -> None:
    if pdu.sm_default_msg_id:
        raise Refused(Status.RINVDFTMSGID, f"there is no predefined message {pdu.sm_default_msg_id}")
    if pdu.priority_flag > PRIORITY_MAX:
        raise Refused(Status.RINVPRTFLG, f"priority_flag is {pdu.priority_flag}")
    if pdu.replace_if_present_flag > 1:
        raise Refused(Status.RINVREPFLAG, f"replace_if_present_flag is {pdu.replace_if_present_flag}")


def _octets(short_message: bytes, tlvs: dict[int, bytes]) -> bytes:
    """The user data, from the one place where it is."""
    payload = tlvs.get(Tag.MESSAGE_PAYLOAD)
    if payload is None:
        return short_message
    if short_message:
        raise Refused(Status.RINVMSGLEN, "both short_message and message_payload")
    return payload


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


# content


@dataclass(slots=True)
class _Content:
    text: str
    user_data: UserData | None = None
    is_little_endian: bool = False
    is_damaged: bool = False


def _content(
    octets: bytes, esm_class: int, data_coding: int, tlvs: dict[int, bytes], rules: Rules, peer_version: int
) -> _Content:
    scheme = alphabets.scheme_of(data_coding, rules.alphabet_0, rules.alphabet_1)
    if scheme is None:
        status = Status.RINVDCS if peer_version >= Version.V50 else Status.RSUBMITFAIL
        raise Refused(status, f"data_coding 0x{data_coding:02X} is reserved or compressed")
    if esm_class & EsmClass.TYPE_MASK:
        raise Refused(Status.RINVESMCLASS, f"esm_class 0x{esm_class:02X} is not a message to send")
    if Tag.USSD_SERVICE_OP in tlvs:
        raise Refused(Status.ROPTPARNOTALLWD, "ussd_service_op: no USSD here")
    header, body = _header(octets, esm_class, tlvs) if esm_class & EsmClass.UDHI or tlvs else (None, octets)
    if scheme.kind is Kind.UCS2 and len(body) % 2:
        raise Refused(Status.RINVMSGLEN, f"{len(body)} octets of UCS-2 are not whole characters")
    if scheme.kind is Kind.BINARY or (header is not None and not header.is_segment):
        octets_before = b"" if header is None else header.octets
        return _Content(body.hex().upper(), UserData(octets_before, body, data_coding))
    if scheme.kind is Kind.UCS2:
        text, body, is_little_endian = alphabets.decode_ucs2(body)
    else:
        text, is_little_endian = alphabets.decode(body, scheme.codec), False
    if header is not None:
        # A class is GSM's word, so octets of another alphabet could not go out beside it: only the text comes along.
        is_plain = scheme.message_class is None or scheme.kind is Kind.UCS2 or scheme.codec == "gsm"
        return _Content(text, UserData(header.octets, body if is_plain else None, scheme.data_coding), is_little_endian)
    user_data = None if scheme.message_class is None else _class_only(scheme)
    is_damaged = REPLACEMENT in text or (scheme.codec == "ascii" and _NOT_ASCII_TEXT.search(text) is not None)
    return _Content(text, user_data, is_little_endian, is_damaged)


def _class_only(scheme: Scheme) -> UserData:
    coding = Coding.UCS2 if scheme.kind is Kind.UCS2 else Coding.GSM7
    return UserData(data_coding=alphabets.class_form(coding, scheme.message_class or 0))


@dataclass(slots=True)
class _Header:
    octets: bytes
    """With the length octet."""
    is_segment: bool
    """It numbers a piece of a longer text and does nothing else."""


def _header(octets: bytes, esm_class: int, tlvs: dict[int, bytes]) -> tuple[_Header | None, bytes]:
    """The user data header and what is behind it; TLVs for segments and ports become the elements they stand for."""
    came: list[tuple[int, bytes]] = []
    body = octets
    if esm_class & EsmClass.UDHI:
        try:
            header, body = udh.parse(octets)
        except udh.UdhError as error:
            raise Refused(Status.RINVESMCLASS, f"user data header: {error}") from None
        came = header.elements
    elements = [element for element in came if not _is_alone(element)]
    identifiers = {identifier for identifier, _ in elements}
    if len(identifiers & udh.CONCATS.keys()) > 1:
        raise Refused(Status.RINVESMCLASS, "user data header: the piece is numbered twice")
    if not identifiers & udh.CONCATS.keys() and (concat := _sar(tlvs)):
        # The lower half of the reference: a segment of 153 septets leaves no room for both octets of it.
        elements.append((udh.CONCAT_8_BIT, bytes((concat.reference & 0xFF, concat.total, concat.number))))
    if Tag.DESTINATION_PORT in tlvs and not identifiers & udh.PORTS:
        elements.append((udh.PORTS_16_BIT, tlvs[Tag.DESTINATION_PORT] + tlvs.get(Tag.SOURCE_PORT, b"\0\0")))
    if not elements:
        return None, body
    whole = octets[: len(octets) - len(body)] if elements == came else _built(elements)
    return _Header(whole, all(identifier in udh.CONCATS for identifier, _ in elements)), body


def _built(elements: list[tuple[int, bytes]]) -> bytes:
    try:
        return udh.build(elements)
    except ValueError:
        raise Refused(Status.RINVMSGLEN, "the user data header is too long") from None


def _is_alone(element: tuple[int, bytes]) -> bool:
    """Whether this numbers the only piece of a text. Raises Refused for numbers that cannot be."""
    identifier, data = element
    if identifier not in udh.CONCATS:
        return False
    if len(data) != udh.CONCATS[identifier] or not 1 <= data[-1] <= data[-2]:
        raise Refused(Status.RINVESMCLASS, "user data header: no such piece of a longer text")
    return data[-2] == 1


def _sar(tlvs: dict[int, bytes]) -> Concat | None:
    """The segment that SAR TLVs speak of; None when they speak of none, or of the only one."""
    found = [tag in tlvs for tag in (Tag.SAR_MSG_REF_NUM, Tag.SAR_TOTAL_SEGMENTS, Tag.SAR_SEGMENT_SEQNUM)]
    if not any(found):
        return None
    if not all(found):
        raise Refused(Status.RMISSINGOPTPARAM, "a segment needs sar_msg_ref_num, _total_segments and _segment_seqnum")
    total, number = tlvs[Tag.SAR_TOTAL_SEGMENTS][0], tlvs[Tag.SAR_SEGMENT_SEQNUM][0]
    if not 1 <= number <= total:
        raise Refused(Status.RINVOPTPARAMVAL, f"there is no segment {number} of {total}")
    if total == 1:
        return None
    return Concat(int.from_bytes(tlvs[Tag.SAR_MSG_REF_NUM], "big"), total, number)
