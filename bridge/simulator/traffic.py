"""Load for any SMSC, spoken through smpplib: an implementation of SMPP that nobody here wrote.

    python -m bridge.simulator.traffic --host 127.0.0.1 --port 2775 --system-id simulator --password simulate \
        --count 1000 --rate 100

Binds as a transceiver, submits `count` short messages at `rate` per second with at most `window` of them
unanswered, answers every deliver_sm, waits for the receipts and prints what it saw. Exit status: 0 when every
message was accepted, 1 when some were not, 2 when there was no session.
"""

import argparse
import contextlib
import logging
import re
import select
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from smpplib import consts, exceptions
from smpplib.client import Client

from bridge.smpp.constants import Status

RECIPIENTS = 900
"""Different recipients, counted up from the first and then again; none ends in a number of the simulator's table."""
TEXT_SIZE_MAX = 160
"""Characters of a text: it is sent as it is, in one part."""
PROGRESS_EVERY_S = 1.0
SOCKET_TIMEOUT_S = 10.0

OTHERS_MAX = 100_000
"""Receipts that are kept because their message may still be answered; what is beyond counts as another's at once."""

_STAT = re.compile(rb"\bstat:([A-Z]+)")
_ID = re.compile(rb"\bid:([^\s\0]+)")
_HEX = re.compile(r"[0-9a-f]+")


@dataclass(frozen=True, slots=True)
class Load:
    """What to send, and where."""

    host: str
    port: int
    system_id: str
    password: str
    count: int = 100
    rate: float = 100.0
    """Messages per second; 0: as fast as the window allows."""
    window: int = 50
    originator: str = "Traffic"
    first_recipient: int = 447700900100
    text: str = "Load from the simulator's traffic generator"
    receipts_wait_s: float = 10.0
    """How long to wait for receipts after the last answer."""


@dataclass(slots=True)
class Report:
    """What was seen."""

    sent: int = 0
    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    receipts: Counter[str] = field(default_factory=Counter)
    """Of what was sent here."""
    others: int = 0
    """Receipts of messages that were not sent here: of an earlier load, or of somebody else's."""
    inbound: int = 0
    unreadable: int = 0
    """PDUs that smpplib does not know."""
    lost: str = ""
    """Why the session ended before its time."""
    answer_ms: list[float] = field(default_factory=list)
    duration_s: float = 0.0

    @property
    def answered(self) -> int:
        return self.accepted + sum(self.refused.values())

    def summary(self) -> str:
        """The report as lines for people."""
        rate = self.answered / self.duration_s if self.duration_s else 0.0
        lines = [f"sent {self.sent}, accepted {self.accepted}, unanswered {self.sent - self.answered}"]
        lines += [f"refused {count} with {name}" for name, count in self.refused.most_common()]
        lines += [f"receipts {count} {stat}" for stat, count in self.receipts.most_common()]
        if self.others:
            lines.append(f"receipts of other messages {self.others}")
        if self.inbound:
            lines.append(f"inbound messages {self.inbound}")
        if self.unreadable:
            lines.append(f"unknown PDUs {self.unreadable}")
        if self.lost:
            lines.append(f"the session was lost: {self.lost}")
        lines.append(f"{rate:.1f} answers/s over {self.duration_s:.2f} s")
        if self.answer_ms:
            ordered = sorted(self.answer_ms)
            p50, p99 = ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]
            lines.append(f"submit to answer: p50 {p50:.1f} ms, p99 {p99:.1f} ms")
        return "\n".join(lines)


class Traffic:
    """One session and its load. smpplib blocks, so it runs in a process (or thread) of its own."""

    def __init__(self, load: Load, say: Callable[[str], None]) -> None:
        self.report = Report()
        self._load = load
        self._say = say
        self._sent_at: dict[int, float] = {}
        self._own: set[str] = set()
        """Ids of what was accepted, in the spellings that a receipt may use."""
        self._early: dict[str, list[str]] = {}
        """Receipts by an id that no answer has named yet."""
        self._client = Client(load.host, load.port, timeout=SOCKET_TIMEOUT_S, allow_unknown_opt_params=True)
        self._client.set_message_sent_handler(self._on_answer)
        self._client.set_message_received_handler(self._on_deliver)
        self._client.logger.setLevel(logging.ERROR)  # What it wonders about is in the report.
        self._client.set_error_pdu_handler(lambda pdu: None)  # Refusals are counted where the answers are.

    def run(self) -> Report:
        """Bind, send, wait, unbind. Raises smpplib's exceptions when there is no session to begin with."""
        self._client.connect()
        try:
            self._client.bind_transceiver(system_id=self._load.system_id, password=self._load.password)
            started = time.monotonic()
            try:
                self._play(started)
            except (exceptions.ConnectionError, exceptions.PDUError, OSError) as error:
                self.report.lost = str(error) or "the SMSC closed the connection"
            self.report.duration_s = self.report.duration_s or time.monotonic() - started
            self.report.others += sum(len(stats) for stats in self._early.values())
        finally:
            with contextlib.suppress(OSError, exceptions.ConnectionError):
                self._client.disconnect()
        return self.report

    def _play(self, started: float) -> None:
        self._send_all(started)
        self._wait(lambda: not self._sent_at, SOCKET_TIMEOUT_S)
        self.report.duration_s = time.monotonic() - started
        expected = self.report.accepted
        self._wait(lambda: sum(self.report.receipts.values()) >= expected, self._load.receipts_wait_s)
        self._client.unbind()

    def _send_all(self, started: float) -> None:
        load = self._load
        said = started
        while self.report.sent < load.count:
            now = time.monotonic()
            if now - said >= PROGRESS_EVERY_S:
                said = now
                self._say(f"sent {self.report.sent}, answered {self.report.answered}")
            due = load.count if load.rate == 0 else int((now - started) * load.rate) + 1
            if self.report.sent < min(due, load.count) and len(self._sent_at) < load.window:
                self._send_one()
                self._read(0.0)
            else:
                self._read(0.002)

    def _send_one(self) -> None:
        load = self._load
        pdu = self._client.send_message(
            source_addr_ton=consts.SMPP_TON_ALNUM,
            source_addr_npi=consts.SMPP_NPI_UNK,
            source_addr=load.originator,
            dest_addr_ton=consts.SMPP_TON_INTL,
            dest_addr_npi=consts.SMPP_NPI_ISDN,
            destination_addr=str(load.first_recipient + self.report.sent % RECIPIENTS),
            short_message=load.text.encode("ascii"),
            registered_delivery=True,
        )
        self._sent_at[pdu.sequence] = time.monotonic()
        self.report.sent += 1

    def _wait(self, is_done: Callable[[], bool], timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while not is_done() and time.monotonic() < deadline:
            self._read(0.05)

    def _read(self, timeout_s: float) -> None:
        """Act on what has come, waiting for it at most `timeout_s`."""
        if select.select([self._client._socket], [], [], timeout_s)[0]:
            try:
                self._client.poll()
            except exceptions.UnknownCommandError:  # It has read the PDU whole before it looked.
                self.report.unreadable += 1

    def _on_answer(self, pdu: Any) -> None:
        """smpplib calls this for refusals too."""
        sent_at = self._sent_at.pop(pdu.sequence, None)
        if sent_at is None:
            return
        self.report.answer_ms.append((time.monotonic() - sent_at) * 1000)
        if pdu.is_error():
            self.report.refused[consts.DESCRIPTIONS.get(pdu.status, hex(pdu.status))] += 1
        else:
            self.report.accepted += 1
            spellings = _spellings(_text(pdu.message_id))
            self._own |= spellings
            for spelling in spellings & self._early.keys():
                self.report.receipts.update(self._early.pop(spelling))

    def _on_deliver(self, pdu: Any) -> None:
        """smpplib calls this for alert_notification too."""
        if pdu.command != "deliver_sm":
            return
        if pdu.esm_class & 0x3C:
            self._on_receipt(pdu)
        else:
            self.report.inbound += 1

    def _on_receipt(self, pdu: Any) -> None:
        """Count the receipts of what was sent here; one may come before the answer that names its message."""
        stat = _STAT.search(pdu.short_message or b"")
        word = stat[1].decode() if stat else "?"
        written = _ID.search(pdu.short_message or b"")
        name = _plain(written[1].decode("latin-1") if written else _text(getattr(pdu, "receipted_message_id", None)))
        if name in self._own:
            self.report.receipts[word] += 1
        elif name and len(self._early) < OTHERS_MAX:
            self._early.setdefault(name, []).append(word)
        else:
            self.report.others += 1


def _text(value: Any) -> str:
    """A field of smpplib's as text: it gives octets, text or None."""
    return value.decode("latin-1") if isinstance(value, bytes) else str(value or "")


def _plain(message_id: str) -> str:
    """An id in one spelling: without a NUL, leading zeros and capitals."""
    written = message_id.strip("\0 ").lower()
    return written.lstrip("0") or written


def _spellings(message_id: str) -> set[str]:
    """An id in the spellings of receipts: as it is, and in the other number base."""
    plain = _plain(message_id)
    found = {plain} if plain else set()
    if _HEX.fullmatch(plain):
        found.add(str(int(plain, 16)))
        if plain.isdigit():
            found.add(f"{int(plain):x}")
    return found


def main(arguments: list[str] | None = None) -> int:
    """The command line; see the head of this file."""
    parser = argparse.ArgumentParser(prog="python -m bridge.simulator.traffic", description="Load for any SMSC.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=2775)
    parser.add_argument("--system-id", default="simulator")
    parser.add_argument("--password", default="simulate")
    parser.add_argument("--count", type=int, default=100, help="messages to send")
    parser.add_argument(
        "--rate", type=float, default=100.0, help="messages per second; 0: as fast as the window allows"
    )
    parser.add_argument("--window", type=int, default=50, help="messages sent and not yet answered, at most")
    given = parser.parse_args(arguments)
    load = Load(given.host, given.port, given.system_id, given.password, given.count, given.rate, given.window)
    return run(load)


def run(load: Load) -> int:
    """Send the load and print what was seen; gives the exit status."""
    try:
        report = Traffic(load, lambda line: print(line, flush=True)).run()
    except (exceptions.ConnectionError, exceptions.PDUError, OSError) as error:
        print(f"no session with {load.host}:{load.port}: {_told(error)}", file=sys.stderr)
        return 2
    print(report.summary())
    return 0 if report.accepted == load.count else 1


def _told(error: Exception) -> str:
    """What went wrong, for people; smpplib puts a command_status behind its words."""
    if isinstance(error, exceptions.PDUError) and len(error.args) > 1 and isinstance(error.args[1], int):
        status = Status.name_of(error.args[1])
        return f"the SMSC answered {status} (0x{error.args[1]:02X}); its own log or its operator knows why"
    return str(error)


if __name__ == "__main__":
    sys.exit(main())
