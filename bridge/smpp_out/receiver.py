"""Receipts and inbound messages come back: stored first, and only then answered.

A deliver_sm (or a data_sm, which some SMSCs use for the same) is answered with ESME_ROK after the ledger
committed it, and with ESME_RX_T_APPN when it could not: the SMSC then sends it again. Nothing is
acknowledged that is not stored.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bridge import failpoints
from bridge.ledger.worker import LedgerFailed
from bridge.messages.faults import Fault
from bridge.messages.inbound import InboundPart
from bridge.messages.receipt import Receipt
from bridge.runtime import logs
from bridge.runtime.batches import Batches
from bridge.runtime.link_ledger import ReceiveLedger
from bridge.runtime.loop import now_ms
from bridge.smpp import pdus, translate
from bridge.smpp.constants import Status
from bridge.smpp_out.connection import LinkConnection
from bridge.smpp_out.settings import LinkSettings

RECEIVE_MAX = 500
"""Arrivals in one call to the ledger."""
WAITING_MAX = 5_000
"""Arrivals waiting for the ledger; beyond that the SMSC is asked to come again, so that memory stays bounded."""

log = logs.get("link")


@dataclass(slots=True)
class _Arrival:
    value: Receipt | InboundPart
    connection: LinkConnection | None = None
    """Where the SMSC waits for an answer; None: it does not, as the value came by another way."""
    sequence: int = 0
    answer: type[pdus.DeliverSmResp | pdus.DataSmResp] = pdus.DeliverSmResp

    def respond(self, status: int) -> None:
        if self.connection is not None:
            self.connection.respond(self.sequence, self.answer(status=status))


class Receiver:
    """The receiving half of one link."""

    def __init__(self, settings: LinkSettings, ledger: ReceiveLedger, told: Callable[[], Awaitable[None]]) -> None:
        """`told` lets the ledger have what the SMSC answered so far: a receipt may be about one of these parts."""
        self.receipts = 0
        self.inbound = 0
        self.put_off = 0
        self._name = settings.name
        self._alphabet = settings.alphabet
        self._errors = settings.causes()
        self._id_format = settings.id_format
        self._has_references = settings.sends_reference
        self._ledger = ledger
        self._told = told
        self._arrivals: Batches[_Arrival] = Batches(f"receive {self._name}", self._store, RECEIVE_MAX)

    def requested(self, connection: LinkConnection, pdu: pdus.Pdu, sequence: int) -> None:
        """The SMSC asks something of us."""
        if isinstance(pdu, pdus.DeliverSm):
            self._deliver(connection, pdu, sequence, pdus.DeliverSmResp)
        elif isinstance(pdu, pdus.DataSm):
            self._deliver(connection, _as_deliver_sm(pdu), sequence, pdus.DataSmResp)
        elif isinstance(pdu, pdus.AlertNotification | pdus.Outbind):
            log.info("ignored", link=self._name, command=type(pdu).__name__)
        else:
            log.warning("not supported", link=self._name, command=type(pdu).__name__)
            connection.respond(sequence, pdus.GenericNack(status=Status.RINVCMDID))

    def learned(self, receipt: Receipt) -> None:
        """What the SMSC told when it was asked, in place of a receipt. While too much waits it is asked again later."""
        if self._arrivals.count < WAITING_MAX:
            receipt.explain(self._errors)
            self._arrivals.add(_Arrival(receipt))

    async def drained(self, timeout_s: float) -> bool:
        """Wait until all that came is stored and answered; False when it took longer."""
        return await self._arrivals.drained(timeout_s)

    def _deliver(
        self,
        connection: LinkConnection,
        pdu: pdus.DeliverSm,
        sequence: int,
        answer: type[pdus.DeliverSmResp | pdus.DataSmResp],
    ) -> None:
        status = Status.ROK
        if self._arrivals.count >= WAITING_MAX:
            status = Status.RX_T_APPN
        else:
            try:
                self._arrivals.add(_Arrival(self._read(pdu), connection, sequence, answer))
            except Exception:  # The receiver's outermost hook: our bug, and temporary to the SMSC.
                log.exception("deliver sm unreadable", link=self._name)
                status = Status.RX_T_APPN
        if status:
            self.put_off += 1
            connection.respond(sequence, answer(status=status))

    def _read(self, pdu: pdus.DeliverSm) -> Receipt | InboundPart:
        """What it says, with all that is known of how this carrier says it."""
        value = translate.from_deliver_sm(pdu, self._alphabet)
        if isinstance(value, Receipt):
            value.explain(self._errors)
            value.id_format = self._id_format
            if not self._has_references:
                value.reference = None
        return value

    async def _store(self, batch: list[_Arrival]) -> None:
        status = Status.ROK
        await self._told()
        try:
            await self._ledger.receive(self._name, [arrival.value for arrival in batch], now_ms())
        except (Fault, LedgerFailed) as trouble:  # The SMSC must send it again.
            log.error("receive put off", link=self._name, count=len(batch), why=str(trouble))
            status = Status.RX_T_APPN
        except Exception:  # The receiver's outermost hook: our bug, met by one arrival and not by its neighbours.
            log.exception("receive failed", link=self._name, count=len(batch))
            if len(batch) > 1:
                for arrival in batch:
                    await self._store([arrival])
                return
            status = Status.RX_T_APPN
        for arrival in batch:
            self._count(arrival.value, is_stored=not status)
            arrival.respond(status)
        failpoints.reach("link.acknowledged")

    def _count(self, value: Receipt | InboundPart, *, is_stored: bool) -> None:
        if not is_stored:
            self.put_off += 1
        elif isinstance(value, Receipt):
            self.receipts += 1
        else:
            self.inbound += 1


def _as_deliver_sm(pdu: pdus.DataSm) -> pdus.DeliverSm:
    """The same message as a deliver_sm; its text is in the message_payload TLV either way (SMPP 3.4, 4.7.1)."""
    return pdus.DeliverSm(
        service_type=pdu.service_type,
        source_addr_ton=pdu.source_addr_ton,
        source_addr_npi=pdu.source_addr_npi,
        source_addr=pdu.source_addr,
        dest_addr_ton=pdu.dest_addr_ton,
        dest_addr_npi=pdu.dest_addr_npi,
        destination_addr=pdu.destination_addr,
        esm_class=pdu.esm_class,
        data_coding=pdu.data_coding,
        tlvs=pdu.tlvs,
    )
