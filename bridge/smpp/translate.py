"""Between what we mean and what SMPP says: a part to submit_sm, a deliver_sm to a receipt or an inbound part."""

from dataclasses import dataclass
from enum import StrEnum

from bridge.messages import charset
from bridge.messages.inbound import Concat, InboundPart
from bridge.messages.message import ClaimedPart, Coding
from bridge.messages.receipt import Receipt
from bridge.smpp import receipt_text, times, udh
from bridge.smpp.constants import DataCoding, EsmClass, MessageState, Npi, RegisteredDelivery, Tag, Ton
from bridge.smpp.pdus import DeliverSm, ShortMessagePdu, SubmitSm

SHORT_CODE_DIGITS_MAX = 8
"""A numeric originator of at most so many digits is a short code, not an international number."""


class Validity(StrEnum):
    """How submit_sm says until when a part is worth sending."""

    ABSOLUTE = "absolute"
    """A moment in UTC."""
    RELATIVE = "relative"
    """A span from now, for carriers with a wrong clock."""
    NONE = "none"
    """Not at all: the carrier's default."""


@dataclass(frozen=True, slots=True)
class SubmitOptions:
    """What a link wants its submit_sm to look like."""

    source_ton: int | None = None
    """None: by the look of the originator."""
    source_npi: int | None = None
    dest_ton: int = Ton.INTERNATIONAL
    dest_npi: int = Npi.ISDN
    service_type: str = ""
    validity: Validity = Validity.ABSOLUTE
    registered_delivery: int = RegisteredDelivery.FINAL


def submit_sm(part: ClaimedPart, options: SubmitOptions, *, now_ms: int | None = None) -> SubmitSm:
    """The submit_sm for a part. `now_ms` (Unix time) is needed for a relative validity only.

    One of several parts carries an 8-bit concatenation header; GSM 03.38 goes as one septet per octet with
    data_coding 0, UCS-2 with data_coding 8.
    """
    octets = charset.encode(part.text, part.coding)
    esm_class = EsmClass.DEFAULT
    if part.part_total > 1:
        octets = udh.build_concat(part.concat_ref, part.part_total, part.part_no) + octets
        esm_class = EsmClass.UDHI
    ton, npi = source_ton_npi(part.originator)
    return SubmitSm(
        service_type=options.service_type,
        source_addr_ton=ton if options.source_ton is None else options.source_ton,
        source_addr_npi=npi if options.source_npi is None else options.source_npi,
        source_addr=part.originator,
        dest_addr_ton=options.dest_ton,
        dest_addr_npi=options.dest_npi,
        destination_addr=part.recipient,
        esm_class=esm_class,
        validity_period=_validity(part.expires_at_ms, options.validity, now_ms),
        registered_delivery=options.registered_delivery,
        data_coding=DataCoding.UCS2 if part.coding is Coding.UCS2 else DataCoding.DEFAULT,
        short_message=octets,
    )


def source_ton_npi(originator: str) -> tuple[int, int]:
    """TON and NPI by the look of an originator: a name, a short code, an international number, or nothing."""
    if not originator:
        return Ton.UNKNOWN, Npi.UNKNOWN
    if not (originator.isascii() and originator.isdigit()):
        return Ton.ALPHANUMERIC, Npi.UNKNOWN
    if len(originator) <= SHORT_CODE_DIGITS_MAX:
        return Ton.NETWORK_SPECIFIC, Npi.UNKNOWN
    return Ton.INTERNATIONAL, Npi.ISDN


def _validity(expires_at_ms: int, form: Validity, now_ms: int | None) -> str:
    if not expires_at_ms or form is Validity.NONE:
        return ""
    if form is Validity.ABSOLUTE:
        return times.format_absolute(expires_at_ms)
    if now_ms is None:
        raise ValueError("a relative validity needs the time")
    return times.format_relative(expires_at_ms - now_ms)


def from_deliver_sm(pdu: DeliverSm) -> Receipt | InboundPart:
    """What the SMSC tells us: a receipt or an inbound text. Never fails; what cannot be read is shown as it came.

    A receipt is known by its esm_class, by its TLVs, or by its text, for carriers that forget to mark it.
    """
    tlvs = pdu.tlvs
    is_marked = pdu.esm_class & EsmClass.TYPE_MASK in (EsmClass.DELIVERY_RECEIPT, EsmClass.INTERMEDIATE_NOTIFICATION)
    if is_marked or (Tag.RECEIPTED_MESSAGE_ID in tlvs and Tag.MESSAGE_STATE in tlvs):
        return _receipt(pdu, receipt_text.parse(_plain_text(pdu)))
    said = receipt_text.parse_unmarked(_plain_text(pdu))
    if said is not None:
        return _receipt(pdu, said)
    content, concat = content_of(pdu)
    return InboundPart(
        originator=_number(pdu.source_addr, pdu.source_addr_ton),
        recipient=_number(pdu.destination_addr, pdu.dest_addr_ton),
        text=content,
        concat=concat,
    )


def content_of(pdu: ShortMessagePdu) -> tuple[str, Concat | None]:
    """The text of a submit_sm or deliver_sm, and which piece of a longer text it is (by UDH, else by SAR TLVs).

    Octets come from short_message or message_payload. A broken header is shown as part of the text.
    """
    octets, header = _user_data(pdu)
    concat = header.concat if header else None
    return decode_text(octets, pdu.data_coding), concat or _sar_concat(pdu.tlvs)


def decode_text(octets: bytes, data_coding: int) -> str:
    """Characters by data_coding (SMPP 3.4, 5.2.19; 3GPP TS 23.038 for the class groups). Never fails: U+FFFD."""
    alphabet = _ALPHABETS.get(data_coding) or _class_group_alphabet(data_coding)
    if isinstance(alphabet, Coding):
        return charset.decode(octets, alphabet)
    return octets.decode(alphabet, errors="replace")


_ALPHABETS: dict[int, Coding | str] = {
    DataCoding.DEFAULT: Coding.GSM7,
    DataCoding.IA5: "ascii",
    DataCoding.BINARY_ALIAS: "latin-1",
    DataCoding.LATIN1: "latin-1",
    DataCoding.BINARY: "latin-1",
    DataCoding.JIS: "shift_jis",
    DataCoding.CYRILLIC: "iso8859_5",
    DataCoding.HEBREW: "iso8859_8",
    DataCoding.UCS2: Coding.UCS2,
    DataCoding.PICTOGRAM: "shift_jis",
    DataCoding.ISO_2022_JP: "iso2022_jp",
    DataCoding.EXTENDED_KANJI: "euc_jp",
    DataCoding.KS_C_5601: "euc_kr",
}


def _class_group_alphabet(data_coding: int) -> Coding | str:
    """The alphabet of a data_coding that is a GSM data coding scheme, such as 0x10 or 0xF0 (flash)."""
    group = data_coding & 0xF0
    if group == 0xE0:
        return Coding.UCS2
    bits = data_coding & (0x04 if group == 0xF0 else 0x0C)
    if group >= 0x80 and group != 0xF0:
        return Coding.GSM7
    return {0x04: "latin-1", 0x08: Coding.UCS2}.get(bits, Coding.GSM7)


def _user_data(pdu: ShortMessagePdu) -> tuple[bytes, udh.Udh | None]:
    octets = pdu.tlvs.get(Tag.MESSAGE_PAYLOAD) or pdu.short_message
    if not pdu.esm_class & EsmClass.UDHI:
        return octets, None
    try:
        header, rest = udh.parse(octets)
    except udh.UdhError:
        return octets, None
    return rest, header


def _sar_concat(tlvs: dict[int, bytes]) -> Concat | None:
    """Concatenation by the SAR TLVs (SMPP 3.4, 5.3.2.22 to 24); None unless all three make sense."""
    reference = int.from_bytes(tlvs.get(Tag.SAR_MSG_REF_NUM, b""), "big")
    total = int.from_bytes(tlvs.get(Tag.SAR_TOTAL_SEGMENTS, b""), "big")
    number = int.from_bytes(tlvs.get(Tag.SAR_SEGMENT_SEQNUM, b""), "big")
    if reference > 0xFFFF or not 2 <= total <= 255 or not 1 <= number <= total:
        return None
    return Concat(reference, total, number)


def _plain_text(pdu: DeliverSm) -> str:
    """The text of what may be a receipt: ASCII on the wire, whatever data_coding 0 would make of "_" and "@"."""
    octets, _ = _user_data(pdu)
    return octets.decode("utf-16-be" if pdu.data_coding == DataCoding.UCS2 else "latin-1", errors="replace")


def _receipt(pdu: DeliverSm, said: receipt_text.ReceiptText) -> Receipt:
    by_tlv = pdu.tlvs.get(Tag.RECEIPTED_MESSAGE_ID, b"").split(b"\0")[0][: receipt_text.SMSC_ID_SIZE_MAX]
    state = _tlv_state(pdu.tlvs) or said.state
    return Receipt(
        smsc_id=by_tlv.decode("latin-1") or said.smsc_id,
        state=None if state is None else receipt_text.PART_STATES[state],
        error=said.error or _network_error(pdu.tlvs.get(Tag.NETWORK_ERROR_CODE, b"")),
        network_at_ms=said.done_at_ms,
        originator=_number(pdu.source_addr, pdu.source_addr_ton),
    )


def _tlv_state(tlvs: dict[int, bytes]) -> MessageState | None:
    value = int.from_bytes(tlvs.get(Tag.MESSAGE_STATE, b""), "big")
    return MessageState(value) if MessageState.ENROUTE <= value <= MessageState.SKIPPED else None


def _network_error(octets: bytes) -> str:
    """network_error_code as text: a network type and two octets of code, or three digits where carriers send those."""
    if len(octets) != 3:
        return ""
    if octets.isdigit():
        return octets.decode("ascii")
    return f"{int.from_bytes(octets[1:], 'big'):03d}"


def _number(address: str, ton: int) -> str:
    """An address as digits where it is a number: without the plus, and without 00 before an international one."""
    if ton == Ton.ALPHANUMERIC:
        return address
    number = address.strip().removeprefix("+")
    if ton == Ton.INTERNATIONAL:
        number = number.removeprefix("00")
    return number
