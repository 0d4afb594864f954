"""The content of an ESME's request: what its octets say, and what of them goes out as it came.

Text is decoded to characters. A segment is text behind a header that numbers it and does nothing else, or with the SAR
TLVs, which become such a header; its octets come along, because an ESME may cut through the middle of a character.
Octets that are no text, and whatever is for an application on the handset, go out as octets.
"""

import re
from dataclasses import dataclass
from typing import Protocol

from bridge.messages import charset
from bridge.messages.charset import REPLACEMENT
from bridge.messages.data_coding import class_form
from bridge.messages.inbound import Concat
from bridge.messages.message import Coding
from bridge.messages.segment import OCTETS_MAX, part_max
from bridge.messages.user_data import UserData
from bridge.smpp import alphabets, udh
from bridge.smpp.alphabets import Kind, Scheme
from bridge.smpp.constants import DataCoding, EsmClass, Status, Tag, Version
from bridge.smpp.errors import Refused

_NOT_ASCII_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")


class Alphabets(Protocol):
    """What an account's ESMEs mean by the data_codings that several mean several alphabets by."""

    @property
    def alphabet_0(self) -> str:
        """The Alphabet that data_coding 0 means."""

    @property
    def alphabet_1(self) -> str:
        """The Alphabet that data_coding 1 means."""


@dataclass(slots=True)
class Content:
    """What a request says. Not frozen: made in the hot path, never changed."""

    text: str
    """Characters; of what is no text its octets in upper-case hex."""
    user_data: UserData | None = None
    is_little_endian: bool = False
    """UCS-2 came with swapped octets and was put right."""
    is_damaged: bool = False
    """Octets that mean nothing in its alphabet are U+FFFD now, or ASCII has controls, as GSM 03.38 read as ASCII has:
    the account's alphabet may be the wrong one."""
    is_rough: bool = False
    """Letters that GSM 03.38 lacks are the nearest that it has: the segment was too full for any other alphabet."""


def octets_of(short_message: bytes, tlvs: dict[int, bytes]) -> bytes:
    """The user data, from the one place where it is. Raises Refused."""
    payload = tlvs.get(Tag.MESSAGE_PAYLOAD)
    if payload is None:
        return short_message
    if short_message:
        raise Refused(Status.RINVMSGLEN, "both short_message and message_payload")
    return payload


def content_of(
    octets: bytes, esm_class: int, data_coding: int, tlvs: dict[int, bytes], rules: Alphabets, peer_version: int
) -> Content:
    """What user data says, with or without a header, for a session of this version. Raises Refused."""
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
    if scheme.kind is Kind.BINARY:
        return Content(body.hex().upper(), UserData(b"" if header is None else header.octets, body, data_coding))
    if header is not None and not header.is_segment:
        body, data_coding = _for_application(body, data_coding, scheme, len(header.octets))
        return Content(body.hex().upper(), UserData(header.octets, body, data_coding))
    if scheme.kind is Kind.UCS2:
        text, body, is_little_endian = alphabets.decode_ucs2(body)
    else:
        text, is_little_endian = alphabets.decode(body, scheme.codec), False
    if header is not None:
        return _segment(text, body, header.octets, scheme, is_little_endian)
    user_data = None if scheme.message_class is None else _class_only(scheme)
    is_damaged = REPLACEMENT in text or (scheme.codec == "ascii" and _NOT_ASCII_TEXT.search(text) is not None)
    return Content(text, user_data, is_little_endian, is_damaged)


def _class_only(scheme: Scheme) -> UserData:
    coding = Coding.UCS2 if scheme.kind is Kind.UCS2 else Coding.GSM7
    return UserData(data_coding=class_form(coding, scheme.message_class or 0))


def _segment(text: str, body: bytes, header: bytes, scheme: Scheme, is_little_endian: bool) -> Content:
    # A class is GSM's word, so octets of another alphabet could not go out beside it: only the text comes along.
    is_plain = scheme.message_class is None or scheme.kind is Kind.UCS2 or scheme.codec == "gsm"
    if scheme.is_latin and not _fits(text, body if is_plain else None, len(header)):
        # Its ESME counts on the conversion to septets, and the other segments are useless without this one.
        rough = charset.roughly(charset.normalise_text(text), part_max(Coding.GSM7, len(header)))
        return Content(rough, UserData(header, data_coding=scheme.data_coding), is_rough=True)
    return Content(text, UserData(header, body if is_plain else None, scheme.data_coding), is_little_endian)


def _fits(text: str, body: bytes | None, header_size: int) -> bool:
    """Whether a segment has room beside its header, as text or as the octets that came."""
    if body is not None and header_size + len(body) <= OCTETS_MAX:
        return True
    text = charset.normalise_text(text)
    coding = charset.choose(text)
    return charset.unit_count(text, coding) <= part_max(coding, header_size)


def _for_application(body: bytes, data_coding: int, scheme: Scheme, header_size: int) -> tuple[bytes, int]:
    """The octets of a text for an application on the handset, and the data_coding that says what they are.

    Untouched, unless their data_coding means the account's own alphabet: to a carrier it means GSM 03.38, so the same
    characters go in that, else in UCS-2, else the octets under their alphabet's own name.
    """
    if scheme.codec == "gsm":
        return body, DataCoding.DEFAULT if data_coding == DataCoding.IA5 else data_coding
    if scheme.message_class is None and scheme.data_coding == data_coding:
        return body, data_coding
    text = alphabets.decode(body, scheme.codec)
    if REPLACEMENT not in text:
        for coding, plain in ((Coding.GSM7, DataCoding.DEFAULT), (Coding.UCS2, DataCoding.UCS2)):
            is_possible = coding is Coding.UCS2 or not charset.forced_ucs2(text)
            if is_possible and charset.unit_count(text, coding) <= part_max(coding, header_size):
                named = plain if scheme.message_class is None else class_form(coding, scheme.message_class)
                return charset.encode(text, coding), named
    return body, DataCoding.LATIN1 if scheme.is_latin else DataCoding.IA5


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
