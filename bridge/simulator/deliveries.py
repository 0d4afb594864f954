"""What the simulated SMSC sends towards an ESME: receipts for its parts, and texts from handsets."""

import asyncio
from dataclasses import dataclass

from bridge.messages import charset
from bridge.messages.message import Coding
from bridge.messages.segment import segment
from bridge.runtime.loop import now_ms
from bridge.simulator.script import Behaviour, IdSpelling
from bridge.smpp import receipt_text, translate, udh
from bridge.smpp.constants import DataCoding, EsmClass, MessageState, Npi, Tag, Ton
from bridge.smpp.pdus import DeliverSm, SubmitSm


@dataclass(slots=True, eq=False)
class Delivery:
    """One deliver_sm on its way, sent again until it is taken or refused for good."""

    pdu: DeliverSm
    answer: asyncio.Future[int] | None = None
    """Gets the status of the final answer, when somebody waits for it."""


def receipt_of(submit: SubmitSm, message_id: str, behaviour: Behaviour, submitted_at_ms: int) -> Delivery:
    """The receipt for a submitted part (SMPP 3.4, appendix B): addresses swapped, the state as text and as TLVs."""
    state = behaviour.state or MessageState.UNKNOWN
    spelled = spell(message_id, behaviour.id_spelling)
    text = receipt_text.build(
        smsc_id=spelled, state=state, submitted_at_ms=submitted_at_ms, done_at_ms=now_ms(), error=behaviour.error
    )
    return Delivery(
        DeliverSm(
            source_addr_ton=submit.dest_addr_ton,
            source_addr_npi=submit.dest_addr_npi,
            source_addr=submit.destination_addr,
            dest_addr_ton=submit.source_addr_ton,
            dest_addr_npi=submit.source_addr_npi,
            destination_addr=submit.source_addr,
            esm_class=EsmClass.DELIVERY_RECEIPT,
            short_message=text.encode("latin-1"),
            tlvs={
                Tag.RECEIPTED_MESSAGE_ID: spelled.encode("latin-1") + b"\0",
                Tag.MESSAGE_STATE: bytes((state,)),
            },
        )
    )


def spell(message_id: str, spelling: IdSpelling) -> str:
    """The id as a carrier of that kind writes it in its receipts; one that is no hex number stays as it is."""
    if spelling is IdSpelling.LOWER:
        return message_id.lower()
    if spelling is IdSpelling.DECIMAL:
        try:
            return str(int(message_id, 16))
        except ValueError:
            return message_id
    return message_id


def inbound_parts(originator: str, recipient: str, text: str, reference: int) -> list[Delivery]:
    """A text from a handset as deliver_sm, in parts with a concatenation header when it is long.

    `reference` 0..255 ties the parts together. Raises Fault TOO_MANY_PARTS beyond 255 of them.
    """
    coding = charset.choose(text)
    pieces = segment(text, coding)
    source_ton, source_npi = translate.source_ton_npi(originator)
    deliveries = []
    for number, piece in enumerate(pieces, 1):
        octets = charset.encode(piece, coding)
        if len(pieces) > 1:
            octets = udh.build_concat(reference, len(pieces), number) + octets
        deliveries.append(
            Delivery(
                DeliverSm(
                    source_addr_ton=source_ton,
                    source_addr_npi=source_npi,
                    source_addr=originator,
                    dest_addr_ton=Ton.INTERNATIONAL,
                    dest_addr_npi=Npi.ISDN,
                    destination_addr=recipient,
                    esm_class=EsmClass.UDHI if len(pieces) > 1 else EsmClass.DEFAULT,
                    data_coding=DataCoding.UCS2 if coding is Coding.UCS2 else DataCoding.DEFAULT,
                    short_message=octets,
                )
            )
        )
    return deliveries
