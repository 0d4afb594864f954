"""What the simulated SMSC sends towards an ESME: receipts for its parts, and texts from handsets."""

import asyncio
from dataclasses import dataclass, replace
from functools import lru_cache

from bridge.messages import charset
from bridge.messages.message import Coding
from bridge.messages.segment import segment
from bridge.runtime.loop import now_ms
from bridge.simulator.behaviour import Behaviour, ReceiptDates, ReceiptText
from bridge.simulator.inbound import LongForm
from bridge.simulator.spelling import IdSpelling, spell
from bridge.smpp import receipt_text, translate, udh
from bridge.smpp.constants import DataCoding, EsmClass, MessageState, Npi, Tag, Ton, Version
from bridge.smpp.pdus import DeliverSm, SubmitSm
from bridge.smpp.times import NO_RECEIPT_DATE, format_receipt_date

GARBAGE = b"\x00\xff%s%n id stat:\x1b\x1b done date:99999999999999999999 \xc3\x28\xf0\x9f"
TEN_YEARS_MS = 3652 * 86_400_000
NETWORK_GSM = 3
"""The first octet of network_error_code (SMPP 3.4, 5.3.2.31)."""
MINUTE_MS = 60_000


@dataclass(slots=True, eq=False)
class Delivery:
    """One deliver_sm on its way, sent again until it is taken or refused for good."""

    pdu: DeliverSm
    answer: asyncio.Future[int] | None = None
    """Gets the status of the final answer, when somebody waits for it."""
    is_receipt: bool = False

    def finish(self, status: int) -> None:
        """Tell whoever waits for the end of it."""
        if self.answer is not None and not self.answer.done():
            self.answer.set_result(status)

    def for_version(self, version: int) -> DeliverSm:
        """The PDU for a peer that speaks this version; 0 is taken for 3.4. Before that there are no TLVs."""
        if self.pdu.tlvs and 0 < version < Version.V34:
            return replace(self.pdu, tlvs={})
        return self.pdu


def receipt_of(
    submit: SubmitSm, message_id: str, behaviour: Behaviour, submitted_at_ms: int, state: MessageState | None = None
) -> Delivery:
    """The receipt for a submitted part (SMPP 3.4, appendix B): addresses swapped, the state as text and as TLVs.

    `state` is the behaviour's own unless another is named.
    """
    state = state or behaviour.state or MessageState.UNKNOWN
    spelled = spell(message_id, behaviour.id_spelling) if behaviour.id_spelling is not IdSpelling.SAME else message_id
    esm_class = behaviour.esm_class
    if state is MessageState.ENROUTE and esm_class == EsmClass.DELIVERY_RECEIPT:
        esm_class = EsmClass.INTERMEDIATE_NOTIFICATION
    return Delivery(
        DeliverSm(
            service_type=submit.service_type,
            source_addr_ton=submit.dest_addr_ton,
            source_addr_npi=submit.dest_addr_npi,
            source_addr=submit.destination_addr,
            dest_addr_ton=submit.source_addr_ton,
            dest_addr_npi=submit.source_addr_npi,
            destination_addr=submit.source_addr,
            esm_class=esm_class,
            short_message=_receipt_octets(spelled, state, behaviour, submitted_at_ms),
            tlvs=_receipt_tlvs(submit, spelled, state, behaviour.error) if behaviour.has_tlvs else {},
        ),
        is_receipt=True,
    )


def _receipt_octets(spelled: str, state: MessageState, behaviour: Behaviour, submitted_at_ms: int) -> bytes:
    if behaviour.receipt_text is not ReceiptText.FULL:
        return GARBAGE if behaviour.receipt_text is ReceiptText.GARBAGE else b""
    submitted, done = _dates(behaviour.dates, submitted_at_ms)
    # As receipt_text.build has it, without making the same two dates for every message of a minute.
    name = "" if behaviour.id_spelling is IdSpelling.NONE else f"id:{spelled} "
    delivered = "001" if state is MessageState.DELIVERED else "000"
    return (
        f"{name}sub:001 dlvrd:{delivered} submit date:{submitted} done date:{done}"
        f" stat:{receipt_text.STATS[state]} err:{behaviour.error} text:"
    ).encode("latin-1", "replace")


def _dates(dates: ReceiptDates, submitted_at_ms: int) -> tuple[str, str]:
    match dates:
        case ReceiptDates.NOW:
            return _date(submitted_at_ms // MINUTE_MS), _date(now_ms() // MINUTE_MS)
        case ReceiptDates.EPOCH:
            return _date(0), _date(0)
        case ReceiptDates.FUTURE:
            far = (submitted_at_ms + TEN_YEARS_MS) // MINUTE_MS
            return _date(far), _date(far)
    return NO_RECEIPT_DATE, NO_RECEIPT_DATE


@lru_cache(maxsize=64)
def _date(minute: int) -> str:
    return format_receipt_date(minute * MINUTE_MS)


def _receipt_tlvs(submit: SubmitSm, spelled: str, state: MessageState, error: str) -> dict[int, bytes]:
    tlvs: dict[int, bytes] = {Tag.MESSAGE_STATE: bytes((state,))}
    if spelled:
        tlvs[Tag.RECEIPTED_MESSAGE_ID] = spelled.encode("latin-1", "replace") + b"\0"
    if error.isdigit() and int(error):
        tlvs[Tag.NETWORK_ERROR_CODE] = bytes((NETWORK_GSM,)) + int(error).to_bytes(2, "big")
    if submit.tlvs and (reference := submit.tlvs.get(Tag.USER_MESSAGE_REFERENCE)):
        tlvs[Tag.USER_MESSAGE_REFERENCE] = reference
    return tlvs


def inbound_parts(
    originator: str, recipient: str, text: str, reference: int, form: LongForm = LongForm.UDH8
) -> list[Delivery]:
    """A text from a handset as deliver_sm, in parts or as a payload when it is long.

    `reference` 0..255 ties the parts together. Raises Fault TOO_MANY_PARTS beyond 255 of them.
    """
    coding = charset.choose(text)
    pieces = segment(text, coding)
    source_ton, source_npi = translate.source_ton_npi(originator)
    whole = DeliverSm(
        source_addr_ton=source_ton,
        source_addr_npi=source_npi,
        source_addr=originator,
        dest_addr_ton=Ton.INTERNATIONAL,
        dest_addr_npi=Npi.ISDN,
        destination_addr=recipient,
        data_coding=DataCoding.UCS2 if coding is Coding.UCS2 else DataCoding.DEFAULT,
    )
    if len(pieces) == 1:
        return [Delivery(replace(whole, short_message=charset.encode(text, coding)))]
    if form is LongForm.PAYLOAD:
        return [Delivery(replace(whole, tlvs={Tag.MESSAGE_PAYLOAD: charset.encode(text, coding)}))]
    octets = [charset.encode(piece, coding) for piece in pieces]
    return [
        Delivery(_piece(whole, piece, reference, len(octets), number, form)) for number, piece in enumerate(octets, 1)
    ]


def _piece(whole: DeliverSm, octets: bytes, reference: int, total: int, number: int, form: LongForm) -> DeliverSm:
    """Part `number` of `total`, numbered in the way of `form`."""
    if form is LongForm.SAR:
        tlvs: dict[int, bytes] = {
            Tag.SAR_MSG_REF_NUM: reference.to_bytes(2, "big"),
            Tag.SAR_TOTAL_SEGMENTS: bytes((total,)),
            Tag.SAR_SEGMENT_SEQNUM: bytes((number,)),
        }
        return replace(whole, short_message=octets, tlvs=tlvs)
    if form is LongForm.UDH16:
        header = bytes((6, udh.CONCAT_16_BIT, 4, 0, reference, total, number))
    else:
        header = udh.build_concat(reference, total, number)
    return replace(whole, esm_class=EsmClass.UDHI, short_message=header + octets)
