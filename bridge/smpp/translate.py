"""Between what we mean and what SMPP says, on links: a part to submit_sm, a deliver_sm to a receipt or an inbound part.

Parts of a long text are numbered in the form that the link's carrier takes (LongForm). Every form has the same
reference, so that a handset may join what came in several. With PAYLOAD each part goes out by itself too, header and
all in message_payload: parts are claimed, paid and settled one by one, so the carrier never gets a text to cut up.
A header of the sender's own that does more than number pieces goes out untouched, whatever the form.
"""

from dataclasses import dataclass
from enum import StrEnum

from bridge.messages import charset
from bridge.messages.data_coding import class_form, class_of
from bridge.messages.inbound import Concat, InboundPart
from bridge.messages.message import ClaimedPart, Coding
from bridge.messages.receipt import Receipt
from bridge.messages.segment import HEADER_SIZE, OCTETS_MAX, part_max
from bridge.smpp import alphabets, receipt_text, times, udh
from bridge.smpp.alphabets import Alphabet, decode_text
from bridge.smpp.constants import DataCoding, EsmClass, MessageState, Npi, RegisteredDelivery, Tag, Ton
from bridge.smpp.pdus import DeliverSm, ShortMessagePdu, SubmitSm

__all__ = [
    "AddressRule",
    "LongForm",
    "SubmitOptions",
    "Validity",
    "content_of",
    "decode_text",
    "from_deliver_sm",
    "source_of",
    "source_ton_npi",
    "submit_sm",
    "user_message_reference",
]

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


class LongForm(StrEnum):
    """How a part of a longer text says which one it is."""

    UDH8 = "udh8"
    """A header with an 8-bit reference: what nearly every carrier takes."""
    UDH16 = "udh16"
    """A header with a 16-bit reference."""
    SAR = "sar"
    """The TLVs sar_msg_ref_num, sar_total_segments and sar_segment_seqnum; the carrier makes the header."""
    PAYLOAD = "payload"
    """As UDH8, header and text in message_payload."""

    @property
    def header_size(self) -> int:
        """Octets of a part that its text must leave free: of our own header, or of any that the carrier makes."""
        return HEADER_SIZE + 1 if self in (LongForm.UDH16, LongForm.SAR) else HEADER_SIZE


@dataclass(frozen=True, slots=True)
class AddressRule:
    """Digits that a carrier wants in front of a number, or does not want."""

    strip: str = ""
    """The rule holds for numbers that begin so."""
    prepend: str = ""
    """What they begin with instead."""


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
    long_form: LongForm = LongForm.UDH8
    alphabet: Alphabet = Alphabet.GSM
    """What data_coding 0 means to the carrier."""
    data_coding_gsm7: int = DataCoding.DEFAULT
    """The data_coding of text in that alphabet."""
    data_coding_ucs2: int = DataCoding.UCS2
    data_coding_binary: int | None = None
    """Of binary content without a class; None: as its sender gave it."""
    source_rules: tuple[AddressRule, ...] = ()
    """For numeric originators; the first that holds is applied."""
    dest_rules: tuple[AddressRule, ...] = ()
    has_user_message_reference: bool = False
    """Whether to send the TLV user_message_reference, for carriers that echo it in receipts."""


def submit_sm(part: ClaimedPart, options: SubmitOptions, *, now_ms: int | None = None) -> SubmitSm:
    """The submit_sm for a part. `now_ms` (Unix time) is needed for a relative validity only.

    GSM 03.38 goes as one septet per octet. What the sender settled in `part.user_data` goes out as it came, apart
    from the form of a header that numbers pieces. Always possible: what the carrier's alphabet lacks goes as UCS-2
    where it fits, else as the nearest letter.
    """
    octets, data_coding = _body(part, options)
    esm_class = EsmClass.DEFAULT
    tlvs: dict[int, bytes] = {}
    if part.part_total > 1 or (part.user_data is not None and part.user_data.header):
        header, tlvs = _numbering(part, options.long_form, octets)
        if header:
            octets, esm_class = header + octets, EsmClass.UDHI
            if options.long_form is LongForm.PAYLOAD:
                octets, tlvs = b"", {Tag.MESSAGE_PAYLOAD: octets}
    if options.has_user_message_reference:
        tlvs[Tag.USER_MESSAGE_REFERENCE] = user_message_reference(part.part_id).to_bytes(2, "big")
    ton, npi, source_addr = source_of(part.originator, options)
    return SubmitSm(
        service_type=options.service_type,
        source_addr_ton=ton,
        source_addr_npi=npi,
        source_addr=source_addr,
        dest_addr_ton=options.dest_ton,
        dest_addr_npi=options.dest_npi,
        destination_addr=_by_rule(part.recipient, options.dest_rules) if options.dest_rules else part.recipient,
        esm_class=esm_class,
        protocol_id=part.user_data.protocol_id if part.user_data is not None else 0,
        validity_period=_validity(part.network_until_ms, options.validity, now_ms),
        registered_delivery=options.registered_delivery,
        data_coding=data_coding,
        short_message=octets,
        tlvs=tlvs,
    )


def source_of(originator: str, options: SubmitOptions) -> tuple[int, int, str]:
    """TON, NPI and address of an originator as the link sends it."""
    ton, npi = source_ton_npi(originator)
    return (
        ton if options.source_ton is None else options.source_ton,
        npi if options.source_npi is None else options.source_npi,
        _by_rule(originator, options.source_rules) if options.source_rules else originator,
    )


def user_message_reference(part_id: int) -> int:
    """Our 16-bit reference of a part, as a carrier echoes it: one part in 65,536 has the same."""
    return part_id & 0xFFFF


def _by_rule(address: str, rules: tuple[AddressRule, ...]) -> str:
    """A number as the carrier wants it; a name stays as it is."""
    if not (address.isascii() and address.isdigit()):
        return address
    for rule in rules:
        if address.startswith(rule.strip):
            return rule.prepend + address[len(rule.strip) :]
    return address


def _body(part: ClaimedPart, options: SubmitOptions) -> tuple[bytes, int]:
    """The octets behind any header, and their data_coding."""
    coding, given = part.coding, None
    if part.user_data is not None:
        given = part.user_data.data_coding
        if part.user_data.body is not None:
            return part.user_data.body, _data_coding(coding, given, options)
    if coding is Coding.BINARY:
        return bytes.fromhex(part.text), _data_coding(coding, given, options)
    message_class = None if given is None else class_of(given)
    octets = None
    if coding is Coding.GSM7 and options.alphabet is not Alphabet.GSM:
        octets = alphabets.encode(part.text, options.alphabet)
        if octets is None and _fits_ucs2(part, options.long_form):
            coding = Coding.UCS2
        elif octets is None:
            octets = alphabets.encode_roughly(part.text, options.alphabet)
    if octets is None:
        octets = charset.encode(part.text, coding)
    if message_class is not None:
        return octets, class_form(coding, message_class)
    return octets, options.data_coding_ucs2 if coding is Coding.UCS2 else options.data_coding_gsm7


def _data_coding(coding: Coding, given: int | None, options: SubmitOptions) -> int:
    """The data_coding of octets that go out as they came."""
    if given is None:
        given = {Coding.GSM7: DataCoding.DEFAULT, Coding.UCS2: DataCoding.UCS2}.get(coding, DataCoding.BINARY)
    if given == DataCoding.UCS2:
        return options.data_coding_ucs2
    if given in (DataCoding.BINARY, DataCoding.BINARY_ALIAS) and options.data_coding_binary is not None:
        return options.data_coding_binary
    return given


def _fits_ucs2(part: ClaimedPart, form: LongForm) -> bool:
    header_size = len(part.user_data.header) if part.user_data is not None else 0
    if part.part_total > 1 or header_size:
        header_size = max(header_size, form.header_size)
    return charset.unit_count(part.text, Coding.UCS2) <= part_max(Coding.UCS2, header_size)


def _numbering(part: ClaimedPart, form: LongForm, octets: bytes) -> tuple[bytes, dict[int, bytes]]:
    """The header of a part of these octets, or the TLVs that stand for it."""
    concat = Concat(part.concat_ref, part.part_total, part.part_no)
    header = part.user_data.header if part.user_data is not None else b""
    is_16_bit = form is LongForm.UDH16
    if header:
        found = udh.pure_concat(header)
        if found is None:
            return header, {}
        concat = found
        # Other pieces of the same text may be too full for one more octet, and all should have the same form.
        is_16_bit = is_16_bit and len(header) > udh.CONCAT_SIZE
    elif is_16_bit:
        is_16_bit = _has_room_for_16_bit(part, octets)
    reference, total, number = concat.reference, concat.total, concat.number
    if form is LongForm.SAR:
        return b"", {
            Tag.SAR_MSG_REF_NUM: reference.to_bytes(2, "big"),
            Tag.SAR_TOTAL_SEGMENTS: bytes((total,)),
            Tag.SAR_SEGMENT_SEQNUM: bytes((number,)),
        }
    if is_16_bit:
        return udh.build_concat(reference, total, number, is_16_bit=True), {}
    return udh.build_concat(reference & 0xFF, total, number), {}


def _has_room_for_16_bit(part: ClaimedPart, octets: bytes) -> bool:
    """Whether a part of ours leaves room for one more octet: not one that was cut for a link of another form."""
    if len(octets) <= OCTETS_MAX - HEADER_SIZE - 1:
        return True
    is_packed = part.coding is Coding.GSM7
    return is_packed and charset.unit_count(part.text, Coding.GSM7) <= part_max(Coding.GSM7, HEADER_SIZE + 1)


def source_ton_npi(originator: str) -> tuple[int, int]:
    """TON and NPI by the look of an originator: a name, a short code, an international number, or nothing."""
    if not originator:
        return Ton.UNKNOWN, Npi.UNKNOWN
    if not (originator.isascii() and originator.isdigit()):
        return Ton.ALPHANUMERIC, Npi.UNKNOWN
    if len(originator) <= SHORT_CODE_DIGITS_MAX:
        return Ton.NETWORK_SPECIFIC, Npi.UNKNOWN
    return Ton.INTERNATIONAL, Npi.ISDN


def _validity(until_ms: int, form: Validity, now_ms: int | None) -> str:
    if not until_ms or form is Validity.NONE:
        return ""
    if form is Validity.ABSOLUTE:
        return times.format_absolute(until_ms)
    if now_ms is None:
        raise ValueError("a relative validity needs the time")
    return times.format_relative(until_ms - now_ms)


def from_deliver_sm(pdu: DeliverSm, alphabet: Alphabet = Alphabet.GSM) -> Receipt | InboundPart:
    """What the SMSC tells us: a receipt or an inbound text. Never fails; what cannot be read is shown as it came.

    `alphabet` is what data_coding 0 means on the link.
    A receipt is known by its esm_class, by its TLVs, or by its text, for carriers that forget to mark it.
    """
    tlvs = pdu.tlvs
    is_marked = pdu.esm_class & EsmClass.TYPE_MASK in (EsmClass.DELIVERY_RECEIPT, EsmClass.INTERMEDIATE_NOTIFICATION)
    if is_marked or (Tag.RECEIPTED_MESSAGE_ID in tlvs and Tag.MESSAGE_STATE in tlvs):
        return _receipt(pdu, receipt_text.parse(_plain_text(pdu)))
    said = receipt_text.parse_unmarked(_plain_text(pdu))
    if said is not None:
        return _receipt(pdu, said)
    content, concat = content_of(pdu, alphabet)
    return InboundPart(
        originator=_number(pdu.source_addr, pdu.source_addr_ton),
        recipient=_number(pdu.destination_addr, pdu.dest_addr_ton),
        text=content,
        concat=concat,
    )


def content_of(pdu: ShortMessagePdu, alphabet: Alphabet = Alphabet.GSM) -> tuple[str, Concat | None]:
    """The text of a submit_sm or deliver_sm, and which piece of a longer text it is (by UDH, else by SAR TLVs).

    Octets come from short_message or message_payload. A broken header is shown as part of the text.
    """
    octets, header = _user_data(pdu)
    concat = header.concat if header else None
    return decode_text(octets, pdu.data_coding, alphabet), concat or _sar_concat(pdu.tlvs)


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
    tlvs = pdu.tlvs
    by_tlv = tlvs.get(Tag.RECEIPTED_MESSAGE_ID, b"").split(b"\0")[0][: receipt_text.SMSC_ID_SIZE_MAX]
    state = _tlv_state(tlvs) or said.state
    reference = tlvs.get(Tag.USER_MESSAGE_REFERENCE, b"")
    is_intermediate = pdu.esm_class & EsmClass.TYPE_MASK == EsmClass.INTERMEDIATE_NOTIFICATION
    if is_intermediate and state is MessageState.UNKNOWN:
        state = None  # A word of the carrier's own, as "PENDING": whatever it means, it is not the end.
    return Receipt(
        smsc_id=by_tlv.decode("latin-1") or said.smsc_id,
        state=None if state is None else receipt_text.PART_STATES[state],
        error=_error(said.error, tlvs.get(Tag.NETWORK_ERROR_CODE, b"")),
        network_at_ms=said.done_at_ms,
        originator=_number(pdu.source_addr, pdu.source_addr_ton),
        recipient=_number(pdu.destination_addr, pdu.dest_addr_ton),
        submitted_at_ms=said.submitted_at_ms,
        reference=int.from_bytes(reference, "big") if len(reference) == 2 else None,
        is_trying=state is MessageState.ENROUTE or (state is None and is_intermediate),
    )


def _tlv_state(tlvs: dict[int, bytes]) -> MessageState | None:
    value = int.from_bytes(tlvs.get(Tag.MESSAGE_STATE, b""), "big")
    return MessageState(value) if MessageState.ENROUTE <= value <= MessageState.SKIPPED else None


def _error(said: str, octets: bytes) -> str:
    """The error code of a receipt: as its text says, unless that is none ("000") and the TLV has one."""
    return said if said.strip("0 ") else _network_error(octets) or said


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
