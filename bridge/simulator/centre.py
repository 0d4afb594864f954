"""The message centre without its listener: what becomes of every request, and of every delivery.

Everything an ESME may ask comes in through `on_request`; receipts and inbound texts wait in their account until a
session takes them, and one that is answered "later" (ESME_RX_T_APPN and the like), or not at all, is sent again.
"""

import itertools
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from bridge.runtime.loop import monotonic_ms, now_ms
from bridge.simulator import answers, operations
from bridge.simulator.accounts import Account
from bridge.simulator.agenda import Agenda
from bridge.simulator.behaviour import HUNG, Behaviour
from bridge.simulator.connection import SmscConnection
from bridge.simulator.deliveries import Delivery, inbound_parts, receipt_of
from bridge.simulator.inbound import Burst, ordered
from bridge.simulator.journal import Journal, Submitted
from bridge.simulator.script import Script
from bridge.simulator.sessions import CALM, NOISE, Hangs
from bridge.simulator.settings import SimulatorSettings
from bridge.simulator.spelling import FORMS, IdForm
from bridge.simulator.stats import Counts
from bridge.smpp import pdus, times
from bridge.smpp.constants import MessageState, Status
from bridge.smpp.fields import SmeAddress, UnsuccessSme

AGAIN_MS = 1_000
"""After which time a receipt or text that could not be taken is sent again."""

AGAIN_STATUSES = frozenset({Status.RX_T_APPN, Status.RMSGQFUL, Status.RTHROTTLED, Status.RSYSERR})
"""Answers to deliver_sm that mean "later"; any other refusal is final (SMPP 3.4, 5.1.3)."""


class Centre:
    """Journal, accounts, script and agenda, and what is done with a request."""

    def __init__(self, settings: SimulatorSettings, script: Script | None = None) -> None:
        self.settings = settings
        self.script = script or Script()
        self.counts = Counts()
        self.journal = Journal(settings.journal_max)
        """Every part that was submitted, the oldest first."""
        self.answers: deque[tuple[pdus.DeliverSm, int]] = deque(maxlen=settings.journal_max)
        """Every receipt and inbound part that was answered, with the answer's status."""
        self.connections: list[SmscConnection] = []
        self.agenda = Agenda(self.send_waiting)
        passwords = {settings.system_id: settings.password}
        passwords |= {one.system_id: one.password for one in settings.accounts}
        self.accounts = {
            system_id: Account(system_id, password, settings.waiting_max, self.counts)
            for system_id, password in passwords.items()
        }
        self._begun_at_ms: int | None = None
        self._begun_bursts: set[int] = set()
        self._ids = itertools.count(int(time.time() * 1000))
        self._references = itertools.count()
        self._handlers: dict[type[pdus.Pdu], Callable[[SmscConnection, Any, int], None]] = {
            pdus.SubmitSm: self._on_submit,
            pdus.DataSm: self._on_data,
            pdus.SubmitMulti: self._on_multi,
            pdus.QuerySm: self._on_query,
            pdus.CancelSm: self._on_cancel,
            pdus.ReplaceSm: self._on_replace,
        }

    def send_waiting(self) -> None:
        """Send what waits, as far as the windows allow."""
        for account in self.accounts.values():
            account.send()
        for connection in self.connections:
            connection.flush()

    @property
    def waiting(self) -> int:
        """Deliveries that no session has taken yet, those that are not due included."""
        return len(self.agenda) + sum(len(account.waiting) for account in self.accounts.values())

    def begin(self, account: Account, takes_texts: bool) -> None:
        """A session of the account is bound: with the first one the script's clock starts, and handsets begin."""
        now = monotonic_ms()
        self._begun_at_ms = self._begun_at_ms or now
        for number, burst in enumerate(self.script.inbound):
            if takes_texts and number not in self._begun_bursts and burst.account in ("", account.system_id):
                self._begun_bursts.add(number)
                self.agenda.at(now + round(burst.after_s * 1000), self._burst, account, burst, 0)

    def on_request(self, connection: SmscConnection, pdu: pdus.Pdu, sequence: int) -> None:
        """Answer a request of a bound session, now, later or never, as the script says."""
        handler = self._handlers.get(type(pdu))
        if handler is None:
            connection.respond(sequence, pdus.GenericNack(status=Status.RINVCMDID))
        else:
            handler(connection, pdu, sequence)

    # Parts

    def _on_submit(self, connection: SmscConnection, pdu: pdus.SubmitSm, sequence: int) -> None:
        entry = self._take(connection, pdu, self._quirk(connection))
        answer = pdus.SubmitSmResp(message_id=entry.message_id, status=entry.status)
        self._answer(connection, sequence, answer, entry.does)

    def _on_data(self, connection: SmscConnection, pdu: pdus.DataSm, sequence: int) -> None:
        entry = self._take(connection, operations.submit_of_data(pdu), self._quirk(connection))
        answer = pdus.DataSmResp(message_id=entry.message_id, status=entry.status)
        self._answer(connection, sequence, answer, entry.does)

    def _on_multi(self, connection: SmscConnection, pdu: pdus.SubmitMulti, sequence: int) -> None:
        """One id for all; those that are refused are named, and the first that is not says how it is answered."""
        addresses = [one for one in pdu.dest_address if isinstance(one, SmeAddress)]
        if len(addresses) < len(pdu.dest_address):
            connection.respond(sequence, pdus.SubmitMultiResp(status=Status.RINVDLNAME))
            return
        quirk = self._quirk(connection)
        message_id = FORMS[IdForm.HEX](next(self._ids))
        entries = []
        for one in addresses:
            single = operations.submit_of_multi(pdu, one.destination_addr, one.dest_addr_ton, one.dest_addr_npi)
            entries.append(self._take(connection, single, quirk, message_id))
        refused = [
            UnsuccessSme(one.destination_addr, one.dest_addr_ton, one.dest_addr_npi, entry.status)
            for one, entry in zip(addresses, entries, strict=True)
            if entry.status
        ]
        first = next((entry for entry in entries if not entry.status), entries[0])
        answer = pdus.SubmitMultiResp(message_id=first.message_id, unsuccess_sme=refused, status=first.status)
        self._answer(connection, sequence, answer, first.does)

    def _take(
        self, connection: SmscConnection, pdu: pdus.SubmitSm, quirk: Behaviour | None, message_id: str | None = None
    ) -> Submitted:
        """Journal a part and plan its receipts."""
        now = monotonic_ms()
        does = quirk or self.script.choose(pdu, (now - (self._begun_at_ms or now)) / 1000)
        status = operations.offence(pdu) or does.status
        if does.is_nack and not status:
            status = Status.RSYSERR
        if status:
            message_id = ""
        elif does.message_id is not None:
            message_id = does.message_id
        elif message_id is None:
            message_id = FORMS[does.id_form](next(self._ids))
        leaves_at_ms = now
        if pdu.schedule_delivery_time and not status:
            leaves_at_ms += self._wait_ms(pdu.schedule_delivery_time)
        delay_ms = self.settings.receipt_delay_ms if does.receipt_delay_ms is None else does.receipt_delay_ms
        first_receipt_at_ms = leaves_at_ms + (0 if does.is_receipt_first else delay_ms)
        entry = Submitted(now, pdu, status, message_id, does, now_ms(), leaves_at_ms, first_receipt_at_ms)
        self.journal.append(entry)
        self.counts.submitted += 1
        if status:
            self.counts.refused[status] += 1
        elif does.state is not None and pdu.registered_delivery:
            self._plan_receipts(connection.account, entry, now)
            if does.is_receipt_first:
                connection.account.send_to(connection)
        return entry

    def _wait_ms(self, schedule: str) -> int:
        wall_ms = now_ms()
        return max(0, (times.parse(schedule, wall_ms) or wall_ms) - wall_ms)

    def _answer(self, connection: SmscConnection, sequence: int, answer: pdus.Pdu, does: Behaviour) -> None:
        if does.is_plain_answer:
            connection.respond(sequence, answer)
            return
        octets = answers.shaped(connection.response(sequence, answers.chosen(answer, does)), does)
        if does.is_silent:
            self.counts.unanswered += 1
        delay_ms = does.answer_delay_ms
        if does.answer_delay_max_ms > delay_ms:
            delay_ms = self.script.dice.randint(delay_ms, does.answer_delay_max_ms)
        if delay_ms:
            self.agenda.at(monotonic_ms() + delay_ms, self._write, connection, octets, does)
        else:
            self._write(connection, octets, does)

    def _write(self, connection: SmscConnection, octets: bytes, does: Behaviour) -> None:
        connection.queue(octets)
        if does.drops:
            self.counts.cut += 1
            if does.drops_with_reset:
                connection.reset()
            else:
                connection.close()

    def _quirk(self, connection: SmscConnection) -> Behaviour | None:
        """What the script does to this session at this part; the behaviour of all parts of one that hangs."""
        sessions = self.script.sessions
        if sessions is CALM:
            return None
        connection.taken += 1
        if sessions.stalls_after and connection.taken == sessions.stalls_after:
            connection.stall()
            self.agenda.at(monotonic_ms() + round(sessions.stalls_s * 1000), connection.go_on)
        if sessions.noise and connection.taken % sessions.noise_every == 0:
            turn = connection.taken // sessions.noise_every
            connection.queue(NOISE[sessions.noise[turn % len(sessions.noise)]])
        if sessions.hangs is Hangs.NEVER or connection.taken <= sessions.hangs_after:
            return None
        connection.hang(sessions.hangs)
        return None if sessions.hangs is Hangs.PROBES else HUNG

    # The fate of parts

    def _on_query(self, connection: SmscConnection, pdu: pdus.QuerySm, sequence: int) -> None:
        connection.respond(sequence, operations.query(self.journal, pdu, monotonic_ms(), now_ms()))

    def _on_cancel(self, connection: SmscConnection, pdu: pdus.CancelSm, sequence: int) -> None:
        status, cancelled = operations.cancel(self.journal, pdu, monotonic_ms())
        for entry in cancelled:
            entry.is_cancelled = True
            entry.plan += 1
            self.counts.cancelled += 1
            if operations.wants_receipt(entry.pdu.registered_delivery, MessageState.DELETED):
                self._enqueue_receipts(connection.account, entry, MessageState.DELETED)
        connection.respond(sequence, pdus.CancelSmResp(status=status))

    def _on_replace(self, connection: SmscConnection, pdu: pdus.ReplaceSm, sequence: int) -> None:
        now = monotonic_ms()
        status, found = operations.replace(self.journal, pdu, now)
        for entry in found:
            entry.pdu = operations.replaced(entry.pdu, pdu)
            if pdu.schedule_delivery_time:
                delay_ms = entry.first_receipt_at_ms - entry.leaves_at_ms
                entry.leaves_at_ms = now + self._wait_ms(pdu.schedule_delivery_time)
                entry.first_receipt_at_ms = entry.leaves_at_ms + delay_ms
            entry.plan += 1
            self._plan_receipts(connection.account, entry, now)
            self.counts.replaced += 1
        connection.respond(sequence, pdus.ReplaceSmResp(status=status))

    # Receipts and texts from handsets

    def _plan_receipts(self, account: Account, entry: Submitted, now: int) -> None:
        """Have every receipt of a part given when it is due: at once, or from the agenda."""
        does, due_at_ms = entry.does, entry.first_receipt_at_ms
        if does.state is None:
            return
        if due_at_ms <= now:
            self._give_receipt(account, entry, entry.plan, does.state)
        else:
            self._give_later(due_at_ms, account, entry, does.state)
        for state in does.later_states:
            due_at_ms += does.receipt_gap_ms
            self._give_later(due_at_ms, account, entry, state)

    def _give_later(self, at_ms: int, account: Account, entry: Submitted, state: MessageState) -> None:
        if len(self.agenda) >= self.settings.waiting_max:
            self.counts.dropped += 1
            return
        self.agenda.at(at_ms, self._give_receipt, account, entry, entry.plan, state)

    def _give_receipt(self, account: Account, entry: Submitted, plan: int, state: MessageState) -> None:
        """Enqueue a receipt, if it was asked for and the part is still meant to have it."""
        if plan == entry.plan and operations.wants_receipt(entry.pdu.registered_delivery, state):
            self._enqueue_receipts(account, entry, state)

    def _enqueue_receipts(self, account: Account, entry: Submitted, state: MessageState) -> None:
        receipt = receipt_of(entry.pdu, entry.message_id, entry.does, entry.submitted_at_ms, state)
        for _ in range(entry.does.receipt_total):
            account.enqueue(receipt)

    def _burst(self, account: Account, burst: Burst, number: int) -> None:
        for n in range(number, number + burst.count):
            parts = inbound_parts(
                burst.originator_of(n), burst.recipient, burst.text_of(n), self._reference(), burst.form
            )
            for delivery in ordered(parts, burst.order, self.script.dice):
                account.enqueue(delivery)
        if burst.every_s:
            at_ms = monotonic_ms() + round(burst.every_s * 1000)
            self.agenda.at(at_ms, self._burst, account, burst, number + burst.count)

    def _reference(self) -> int:
        return next(self._references) & 0xFF

    def on_delivery_answer(self, account: Account, delivery: Delivery, status: int) -> None:
        """An ESME has answered a deliver_sm."""
        self.answers.append((delivery.pdu, status))
        if status in AGAIN_STATUSES:
            self.again(account, delivery)
            return
        counts = self.counts
        if status:
            counts.deliveries_refused[status] += 1
        elif delivery.is_receipt:
            counts.receipts_taken += 1
        else:
            counts.inbound_taken += 1
        delivery.finish(status)

    def again(self, account: Account, delivery: Delivery) -> None:
        """Send a delivery once more, after a while."""
        self.counts.put_off += 1
        self.agenda.at(monotonic_ms() + AGAIN_MS, account.enqueue, delivery)
