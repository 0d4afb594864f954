"""The other side of the crash tests, in a process of its own that nobody kills: an SMSC with moods and a mail sink.

    python -m tests.crash.carrier --folder DIR --seed 7

The SMSC journals every submit_sm, deliver_sm and answer; the sink every mail. What happens to a part is drawn from
the seed and the part itself, so that it does not depend on the order of arrival. Commands come on standard input, one
a line, and are answered with one line: `load` (handsets begin to write), `drain` (answer everything at once, hold
nothing back, no more from handsets), `pending` (how many deliveries wait for their answer), `quit`.
"""

import argparse
import asyncio
import email
import email.policy
import itertools
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bridge.runtime import logs
from bridge.runtime.logs_settings import LogSettings
from bridge.runtime.loop import monotonic_ms, now_ms
from bridge.simulator.connection import SmscConnection
from bridge.simulator.deliveries import Delivery, inbound_parts, receipt_of
from bridge.simulator.mail_sink import Caught, MailSink
from bridge.simulator.script import Behaviour
from bridge.simulator.settings import MailSinkSettings
from bridge.smpp import pdus, translate
from bridge.smpp.constants import MessageState, Status
from bridge.smpp.session import Answered, Event, Requested, Role, Session, TimedOut
from tests.crash.journal import Journal

VIRTUAL_NUMBER = "46709999999"
SYSTEM_ID, PASSWORD = "crash", "secret"
AGAIN_S = 0.2
"""After which time a deliver_sm that was not taken is sent again."""
INBOUND_EVERY_S = 0.15
WINDOW = 100
ANSWER = "answer"
"""What the lines that answer a command begin with; others are the log."""

_ABOUT = re.compile(r"^  (Message|Inbound) id +([0-9A-F]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Mood:
    """What happens to one try of one part."""

    status: int = 0
    is_silent: bool = False
    """Taken and never answered."""
    answer_s: float = 0.0
    has_id: bool = True
    state: MessageState | None = MessageState.DELIVERED
    receipt_s: float = 0.0
    is_receipt_early: bool = False
    receipts: int = 1


def mood(seed: int, to: str, text: str, attempt: int) -> Mood:
    """The mood of the carrier for the `attempt`-th try (1 or more) of a part."""
    dice = random.Random(f"{seed}:{to}:{text}")
    roll = dice.random()
    if roll < 0.05:
        return Mood(status=Status.RINVDSTADR)
    if roll < 0.055 and attempt == 1:
        return Mood(status=Status.RTHROTTLED)
    states = (MessageState.DELIVERED, MessageState.UNDELIVERABLE, MessageState.EXPIRED, None)
    return Mood(
        is_silent=0.06 <= roll < 0.12 and attempt == 1,
        answer_s=dice.choice((0.0, dice.uniform(0.02, 1.0), dice.uniform(0.02, 1.0))),
        has_id=not 0.12 <= roll < 0.14,
        state=dice.choices(states, (80, 10, 5, 5))[0],
        receipt_s=dice.choice((0.0, 0.05, dice.uniform(0.1, 2.0))),
        is_receipt_early=dice.random() < 0.15,
        receipts=dice.choices((1, 2), (85, 15))[0],
    )


@dataclass(slots=True, eq=False)
class Parcel:
    """One deliver_sm, sent until it is taken."""

    number: int
    delivery: Delivery
    facts: dict[str, object]
    tries: int = 0


@dataclass(slots=True)
class Carrier:
    """The SMSC; the owner of its connections."""

    journal: Journal
    seed: int
    is_mute: bool = False
    is_draining: bool = False
    is_written_to: bool = False
    """Whether handsets write just now."""
    _connections: list[SmscConnection] = field(default_factory=list)
    _tries: Counter[tuple[str, str]] = field(default_factory=Counter)
    _withheld: dict[asyncio.TimerHandle, Callable[[], None]] = field(default_factory=dict)
    _parcels: list[Parcel] = field(default_factory=list)
    _open: int = 0
    _submits: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    _ids: "itertools.count[int]" = field(default_factory=lambda: itertools.count(int(time.time() * 1000)))

    def connection(self) -> SmscConnection:
        return SmscConnection(Session(Role.SMSC, window_max=WINDOW, now_ms=monotonic_ms()), self)

    @property
    def pending(self) -> int:
        """Deliveries that nobody has answered for good."""
        return self._open

    def drain(self) -> None:
        """Give every answer and receipt that is held back, now."""
        self.is_draining, self.is_written_to = True, False
        withheld, self._withheld = self._withheld, {}
        for timer, act in withheld.items():
            timer.cancel()
            act()

    # --- what connections tell ---

    def on_open(self, connection: SmscConnection) -> bool:
        self._connections.append(connection)
        return True

    def on_lost(self, connection: SmscConnection, unanswered: list[object]) -> None:
        self._connections.remove(connection)
        for parcel in unanswered:
            if isinstance(parcel, Parcel):
                self._again(parcel, "lost")

    def on_event(self, connection: SmscConnection, event: Event) -> None:
        if isinstance(event, Requested):
            self._requested(connection, event.pdu, event.sequence)
        elif isinstance(event, Answered) and isinstance(event.token, Parcel):
            self._taken(event.token, event.response.status)
        elif isinstance(event, TimedOut) and isinstance(event.token, Parcel):
            self._again(event.token, "timed out")

    def on_read(self, connection: SmscConnection) -> None:
        self._send_parcels()

    def _requested(self, connection: SmscConnection, pdu: pdus.Pdu, sequence: int) -> None:
        if isinstance(pdu, pdus.SubmitSm):
            self._submitted(connection, pdu, sequence)
        elif isinstance(pdu, pdus.Bind):
            is_right = (pdu.system_id, pdu.password) == (SYSTEM_ID, PASSWORD)
            status = Status.ROK if is_right else Status.RINVPASWD
            self.journal.write("bind", status=status)
            connection.respond(sequence, pdus.RESPONSE_TO[pdu.COMMAND_ID](status=status))
        else:
            connection.respond(sequence, pdus.GenericNack(status=Status.RINVCMDID))

    # --- parts ---

    def _submitted(self, connection: SmscConnection, pdu: pdus.SubmitSm, sequence: int) -> None:
        text, concat = translate.content_of(pdu)
        to = pdu.destination_addr
        self._tries[to, text] += 1
        attempt = self._tries[to, text]
        does = mood(self.seed, to, text, attempt)
        if self.is_draining and does.status == Status.RTHROTTLED:
            does = Mood()
        smsc_id = f"{next(self._ids) & 0xFFFFFFFF:08X}" if not does.status and does.has_id else ""
        number = next(self._submits)
        place = [concat.number, concat.total] if concat else [1, 1]
        self.journal.write(
            "submit", n=number, to=to, text=text, place=place, status=does.status, id=smsc_id, try_no=attempt
        )
        wants_receipt = smsc_id and does.state is not None
        if wants_receipt and does.is_receipt_early:
            self._receipt(pdu, smsc_id, does)
        if not does.is_silent:
            answer = pdus.SubmitSmResp(message_id=smsc_id, status=does.status)
            self._later(does.answer_s, lambda: self._answer(connection, sequence, number, answer))
        if wants_receipt and not does.is_receipt_early:
            self._later(does.answer_s + does.receipt_s, lambda: self._receipt(pdu, smsc_id, does))

    def _answer(self, connection: SmscConnection, sequence: int, number: int, answer: pdus.SubmitSmResp) -> None:
        is_there = connection.is_open
        self.journal.write("answer", n=number, status=answer.status, id=answer.message_id, is_written=is_there)
        if is_there:
            connection.respond(sequence, answer)
            connection.flush()

    def _later(self, after_s: float, act: Callable[[], None]) -> None:
        """Do it after a while; at once while draining."""
        if self.is_draining or not after_s:
            act()
            return

        def ring() -> None:
            self._withheld.pop(timer, None)
            act()

        timer = asyncio.get_running_loop().call_later(after_s, ring)
        self._withheld[timer] = act

    # --- receipts and inbound texts ---

    def _receipt(self, pdu: pdus.SubmitSm, smsc_id: str, does: Mood) -> None:
        assert does.state is not None
        for _ in range(does.receipts):
            delivery = receipt_of(pdu, smsc_id, Behaviour(state=does.state), now_ms())
            self._send(delivery, kind="receipt", id=smsc_id, state=does.state.name)

    def inbound(self, number: int) -> None:
        """A text from a handset; every fifth is a long one."""
        text = f"MO{number:06d} " + (f"word {number} " * (20 if number % 5 == 0 else 1)).strip()
        originator = f"46732{number:06d}"
        pieces = inbound_parts(originator, VIRTUAL_NUMBER, text, reference=number & 0xFF)
        for place, delivery in enumerate(pieces, 1):
            self._send(delivery, kind="inbound", text=text, originator=originator, place=[place, len(pieces)])

    def _send(self, delivery: Delivery, **facts: object) -> None:
        self._open += 1
        self._parcels.append(Parcel(next(self._numbers), delivery, facts))
        self._send_parcels()

    def _send_parcels(self) -> None:
        for connection in self._connections:
            room = connection.session.room if connection.is_open else 0
            going, self._parcels = self._parcels[:room], self._parcels[room:]
            for parcel in going:
                parcel.tries += 1
                self.journal.write("deliver", d=parcel.number, try_no=parcel.tries, **parcel.facts)
                connection.send(parcel.delivery.pdu, parcel)
            if going:
                connection.flush()

    def _taken(self, parcel: Parcel, status: int) -> None:
        self.journal.write("delivered", d=parcel.number, status=status)
        if status == Status.ROK:
            self._open -= 1
        else:
            self._again(parcel, f"status {status}")

    def _again(self, parcel: Parcel, why: str) -> None:
        self.journal.write("again", d=parcel.number, why=why)

        def back() -> None:
            self._parcels.append(parcel)
            self._send_parcels()

        asyncio.get_running_loop().call_later(AGAIN_S, back)


def _note_mail(journal: Journal, caught: Caught) -> None:
    mail = email.message_from_bytes(caught.content, policy=email.policy.default)
    body = mail.get_content()
    about = _ABOUT.search(body)
    journal.write(
        "mail",
        message_id=str(mail["Message-ID"]),
        to=list(caught.rcpt_tos),
        mail_from=caught.mail_from,
        kind={"Message": "report", "Inbound": "inbound"}[about[1]] if about else "other",
        about=about[2] if about else "",
        subject=str(mail["Subject"]),
        body=body,
    )


async def _write_inbound(carrier: Carrier) -> None:
    """Handsets write as long as the load lasts."""
    for number in itertools.count(1):
        await asyncio.sleep(INBOUND_EVERY_S)
        if carrier.is_written_to:
            carrier.inbound(number)


async def serve(folder: Path, seed: int) -> None:
    """Listen, say where, and do what standard input says until it ends."""
    logs.configure(LogSettings(level="error"))
    carrier = Carrier(Journal(folder / "carrier.journal"), seed)
    mails = Journal(folder / "mails.journal")
    sink = MailSink(MailSinkSettings(port=0, folder=folder / "mails"), lambda caught: _note_mail(mails, caught))
    loop = asyncio.get_running_loop()
    server = await loop.create_server(carrier.connection, "127.0.0.1", 0)
    await sink.start()
    print(ANSWER, server.sockets[0].getsockname()[1], sink.port, flush=True)
    handsets = loop.create_task(_write_inbound(carrier))
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while (line := (await reader.readline()).decode().strip()) not in ("", "quit"):
        if line == "drain":
            carrier.drain()
        elif line == "load":
            carrier.is_written_to = True
        print(ANSWER, carrier.pending, flush=True)
    handsets.cancel()
    server.close()
    await sink.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where the journals and the mails go")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    asyncio.run(serve(given.folder, given.seed))


if __name__ == "__main__":
    main()
