"""What goes back to ESMEs: receipts and inbound texts as deliver_sm, and the answer to query_sm.

ESMEs read receipts with patterns, each with its own, so a receipt is always the same: every field of the text in its
usual order and size, a blank and "text:" at its end even when nothing follows, the same word in the TLVs, never only
one of them, and no TLV at all towards SMPP 3.3. Addresses are the message's own, as its ESME wrote them, swapped.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from bridge.messages import charset
from bridge.messages.esme import EsmeFacts
from bridge.messages.message import Coding
from bridge.messages.segment import SINGLE_MAX, segment
from bridge.smpp import alphabets, receipt_text, times, udh
from bridge.smpp.alphabets import Alphabet
from bridge.smpp.constants import DataCoding, EsmClass, MessageState, Tag, Version
from bridge.smpp.fields import ADDRESS_SIZE_MAX, SHORT_MESSAGE_SIZE_MAX
from bridge.smpp.message_ids import IdForm, message_id_of
from bridge.smpp.pdus import DeliverSm, QuerySmResp
from bridge.smpp.translate import source_ton_npi

ENROUTE = "enroute"
"""The event of an intermediate receipt; every other one is a state of the message."""

STATE_OF_EVENT: dict[str, MessageState] = {
    ENROUTE: MessageState.ENROUTE,
    "scheduled": MessageState.SCHEDULED,
    "held": MessageState.ENROUTE,
    "queued": MessageState.ENROUTE,
    "submitted": MessageState.ENROUTE,
    "in_doubt": MessageState.ENROUTE,
    "delivered": MessageState.DELIVERED,
    "partly_delivered": MessageState.UNDELIVERABLE,
    "undeliverable": MessageState.UNDELIVERABLE,
    "expired": MessageState.EXPIRED,
    "deleted": MessageState.DELETED,
    "cancelled": MessageState.DELETED,
    "rejected": MessageState.REJECTED,
    "unknown": MessageState.UNKNOWN,
}
"""What a state of a message is called in SMPP. Delivered is what is delivered whole; dlvrd tells how many parts are."""

NO_ERROR = "000"
OTHER_ERROR = "999"
"""An error code that three digits cannot hold; the TLV network_error_code may."""
GSM_NETWORK = 3
"""The network type in network_error_code (SMPP 3.4, 5.3.2.31)."""
PARTS_SHOWN_MAX = 999
"""What the three digits of sub and dlvrd hold."""
ERROR_CODE_MAX = 255
"""What error_code of query_sm_resp holds."""


class LongInbound(StrEnum):
    """How a text that is too long for short_message reaches an ESME."""

    PAYLOAD = "payload"
    """Whole, in message_payload; towards SMPP 3.3 in parts."""
    PARTS = "parts"
    """In parts with a concatenation header, as a phone would send it."""


@dataclass(slots=True)
class OwedReceipt:
    """What became of a message, for its ESME."""

    message_id: str
    """The public id that the ESME was told."""
    event: str
    """A key of STATE_OF_EVENT."""
    submitted_at_ms: int | None
    """When we accepted it."""
    done_at_ms: int | None
    """When it became so, best by the network's word; None: unknown."""
    esme: EsmeFacts = field(default_factory=EsmeFacts)
    part_total: int = 1
    parts_delivered: int = 0
    error: str = ""
    """The network's code as it came; empty or zeros: none."""
    text_start: str = ""
    """How the text begins; 20 characters are shown. Empty for binary content."""


@dataclass(slots=True)
class OwedInbound:
    """An inbound text, whole, for the ESMEs of its number's account."""

    originator: str
    recipient: str
    text: str
    reference: int = 0
    """0..255: ties the parts together where it goes in several; texts of one originator need different ones."""
    service_type: str = ""


def deliver_sm_of_receipt(
    owed: OwedReceipt,
    *,
    peer_version: int = Version.V34,
    id_form: str = IdForm.HEX,
    alphabet: str = Alphabet.GSM,
) -> DeliverSm:
    """The deliver_sm of a receipt. `alphabet` is what data_coding 0 means to the account; raises KeyError for an
    event that nobody knows."""
    state = STATE_OF_EVENT[owed.event]
    esme = owed.esme
    message_id = message_id_of(owed.message_id, id_form, is_receipt=True)
    error = _error_number(owed.error)
    text = receipt_text.build(
        smsc_id=message_id,
        state=state,
        submitted_at_ms=owed.submitted_at_ms,
        done_at_ms=owed.done_at_ms,
        error=_error_digits(owed.error, error),
        part_total=min(owed.part_total, PARTS_SHOWN_MAX),
        parts_delivered=min(owed.parts_delivered, PARTS_SHOWN_MAX),
    )
    is_final = owed.event != ENROUTE
    return DeliverSm(
        service_type=esme.service_type,
        source_addr_ton=esme.dest_addr_ton,
        source_addr_npi=esme.dest_addr_npi,
        source_addr=_address(esme.destination_addr),
        dest_addr_ton=esme.source_addr_ton,
        dest_addr_npi=esme.source_addr_npi,
        destination_addr=_address(esme.source_addr),
        esm_class=EsmClass.DELIVERY_RECEIPT if is_final else EsmClass.INTERMEDIATE_NOTIFICATION,
        short_message=text.encode("latin-1") + _start_of(owed.text_start, alphabet),
        tlvs=_receipt_tlvs(message_id, state, error, esme) if peer_version >= Version.V34 else {},
    )


def _address(address: str) -> str:
    """What the field of deliver_sm holds of an address; that of data_sm is longer."""
    return address[: ADDRESS_SIZE_MAX - 1].encode("latin-1", "replace").decode("latin-1")


def _receipt_tlvs(message_id: str, state: MessageState, error: int, esme: EsmeFacts) -> dict[int, bytes]:
    tlvs: dict[int, bytes] = {
        Tag.RECEIPTED_MESSAGE_ID: message_id.encode("latin-1") + b"\0",
        Tag.MESSAGE_STATE: bytes((state,)),
    }
    if error:
        tlvs[Tag.NETWORK_ERROR_CODE] = bytes((GSM_NETWORK,)) + error.to_bytes(2, "big")
    if esme.user_message_reference is not None:
        tlvs[Tag.USER_MESSAGE_REFERENCE] = esme.user_message_reference.to_bytes(2, "big")
    return tlvs


def _start_of(text: str, alphabet: str) -> bytes:
    """How the text begins, on one line, and without the NUL that is GSM's "@": C programs would stop reading there."""
    shown = text[: receipt_text.TEXT_SIZE_MAX]
    if not shown.isprintable():
        shown = " ".join(shown.splitlines())
    return alphabets.encode_roughly(shown, alphabet).replace(b"\0", b"?")


def _error_number(error: str) -> int:
    """A network's error code as a number of 16 bits; 0 for none, or for what is no number. Letters mean hex."""
    written = error.strip()
    if not (written.isascii() and written.isalnum()):
        return 0
    try:
        number = int(written, 10 if written.isdigit() else 16)
    except ValueError:
        return 0
    return number if number <= 0xFFFF else 0


def _error_digits(error: str, number: int) -> str:
    """Exactly three digits, for clients that want exactly three."""
    if 0 < number <= int(OTHER_ERROR):
        return f"{number:03d}"
    return OTHER_ERROR if number or error.strip("0 ") else NO_ERROR


def deliver_sms_of_inbound(
    owed: OwedInbound,
    *,
    long_form: str = LongInbound.PAYLOAD,
    peer_version: int = Version.V34,
    alphabet: str = Alphabet.GSM,
) -> list[DeliverSm]:
    """The deliver_sm, one or several in order, of an inbound text.

    The text goes with data_coding 0 when the account's alphabet has all of it, else in UCS-2. Up to 254 octets it is
    one short_message for an ESME that takes long ones whole; one that wants parts gets what a phone would send.
    """
    coding = charset.choose(owed.text)
    octets = alphabets.encode(owed.text, alphabet)
    data_coding = DataCoding.DEFAULT if octets is not None else DataCoding.UCS2
    if octets is None:
        coding = Coding.UCS2
        octets = charset.encode(owed.text, coding)
    is_whole = long_form == LongInbound.PAYLOAD and peer_version >= Version.V34
    if charset.unit_count(owed.text, coding) <= SINGLE_MAX[coding] or (
        is_whole and len(octets) <= SHORT_MESSAGE_SIZE_MAX
    ):
        return [_inbound(owed, data_coding, octets)]
    if is_whole:
        return [_inbound(owed, data_coding, b"", tlvs={Tag.MESSAGE_PAYLOAD: octets})]
    pieces = segment(owed.text, coding)
    return [
        _inbound(
            owed,
            data_coding,
            udh.build_concat(owed.reference & 0xFF, len(pieces), number) + _octets_of(piece, data_coding, alphabet),
            esm_class=EsmClass.UDHI,
        )
        for number, piece in enumerate(pieces, 1)
    ]


def _octets_of(text: str, data_coding: int, alphabet: str) -> bytes:
    if data_coding == DataCoding.UCS2:
        return charset.encode(text, Coding.UCS2)
    return alphabets.encode_roughly(text, alphabet)


def _inbound(
    owed: OwedInbound,
    data_coding: int,
    octets: bytes,
    *,
    esm_class: int = EsmClass.DEFAULT,
    tlvs: dict[int, bytes] | None = None,
) -> DeliverSm:
    source_ton, source_npi = source_ton_npi(owed.originator)
    dest_ton, dest_npi = source_ton_npi(owed.recipient)
    return DeliverSm(
        service_type=owed.service_type,
        source_addr_ton=source_ton,
        source_addr_npi=source_npi,
        source_addr=_address(owed.originator),
        dest_addr_ton=dest_ton,
        dest_addr_npi=dest_npi,
        destination_addr=_address(owed.recipient),
        esm_class=esm_class,
        data_coding=data_coding,
        short_message=octets,
        tlvs=tlvs or {},
    )


def query_sm_resp(
    message_id: str, event: str, *, final_at_ms: int | None, error: str = "", peer_version: int = Version.V34
) -> QuerySmResp:
    """The answer to query_sm: `message_id` as the ESME wrote it, `event` a key of STATE_OF_EVENT.

    A scheduled message is ENROUTE to peers older than 5.0, which have no word for it. error_code is the network's code
    where one octet holds it, else 0; final_date is empty for what is not final.
    """
    state = STATE_OF_EVENT[event]
    if state is MessageState.SCHEDULED and peer_version < Version.V50:
        state = MessageState.ENROUTE
    is_final = state not in (MessageState.SCHEDULED, MessageState.ENROUTE)
    number = _error_number(error)
    return QuerySmResp(
        message_id=message_id,
        final_date=times.format_absolute(final_at_ms) if is_final and final_at_ms is not None else "",
        message_state=state,
        error_code=number if number <= ERROR_CODE_MAX else 0,
    )
