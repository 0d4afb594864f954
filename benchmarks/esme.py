"""A load of ESMEs for the benchmark of the whole cycle, in a process of its own; prints one JSON object at the end.

Speaks by fixed offsets instead of our codec: it must cost less than what it measures. Every text begins with the
monotonic clock in nanoseconds, so that whoever receives it can tell how long it was under way.
"""

import argparse
import asyncio
import json
import struct
import time
from typing import Any, cast

HEADER = struct.Struct(">IIII")
SUBMIT_SM, SUBMIT_SM_RESP, DELIVER_SM, DELIVER_SM_RESP = 0x04, 0x80000004, 0x05, 0x80000005
BIND_TRANSCEIVER, BIND_TRANSCEIVER_RESP, ENQUIRE_LINK, ENQUIRE_LINK_RESP = 0x09, 0x80000009, 0x15, 0x80000015
THROTTLED = 0x58
TEXT = b"%020d Pump 2 stopped, pressure 0.4 bar, call the operator"
RECIPIENTS = 1_000
"""None of them ends in digits that make the simulator refuse or throttle."""
RECEIPTS_WAIT_S = 30.0
"""After the last submission: how long receipts are awaited."""


class Tally:
    """What all sessions together saw."""

    def __init__(self) -> None:
        self.submitted = 0
        self.accepted = 0
        self.refused: dict[int, int] = {}
        self.receipts = 0
        self.answer_ns: list[int] = []
        self.ids: set[bytes] = set()
        self.receipt_ids: set[bytes] = set()


class Esme(asyncio.Protocol):
    """One transceiver session with `window` submissions unanswered, as long as `may_send` lets it."""

    def __init__(self, load: "Load", system_id: str, password: str) -> None:
        self._load = load
        self._bind = _bind(system_id, password)
        self._sent_ns: dict[int, int] = {}
        self._sequence = 1
        self._buffer = b""
        self._is_bound = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._bind)

    def data_received(self, data: bytes) -> None:
        data = self._buffer + data
        at, end = 0, len(data)
        answers: list[bytes] = []
        while end - at >= HEADER.size:
            length, command, status, sequence = HEADER.unpack_from(data, at)
            if end - at < length:
                break
            self._take(command, status, sequence, data[at + HEADER.size : at + length], answers)
            at += length
        self._buffer = data[at:]
        if answers:
            self._transport.write(b"".join(answers))
        self.pump()

    def _take(self, command: int, status: int, sequence: int, body: bytes, answers: list[bytes]) -> None:
        tally = self._load.tally
        if command == SUBMIT_SM_RESP:
            tally.answer_ns.append(time.monotonic_ns() - self._sent_ns.pop(sequence))
            if status:
                tally.refused[status] = tally.refused.get(status, 0) + 1
            else:
                tally.accepted += 1
                tally.ids.add(body.rstrip(b"\0"))
        elif command == DELIVER_SM:
            at = body.index(b"id:") + 3
            tally.receipts += 1
            tally.receipt_ids.add(body[at : body.index(b" ", at)])
            answers.append(HEADER.pack(17, DELIVER_SM_RESP, 0, sequence) + b"\0")
        elif command == ENQUIRE_LINK:
            answers.append(HEADER.pack(16, ENQUIRE_LINK_RESP, 0, sequence))
        elif command == BIND_TRANSCEIVER_RESP:
            if status:
                raise SystemExit(f"bind refused with 0x{status:02X}")
            self._is_bound = True
            self._load.bound()

    def pump(self) -> None:
        """Submit what window and load allow, in one write."""
        if not self._is_bound:
            return
        room = self._load.take(self._load.window - len(self._sent_ns))
        if not room:
            return
        now_ns = time.monotonic_ns()
        pdus = []
        for _ in range(room):
            self._sequence += 1
            self._sent_ns[self._sequence] = now_ns
            pdus.append(_submit(self._sequence, self._load.tally.submitted, now_ns))
            self._load.tally.submitted += 1
        self._transport.write(b"".join(pdus))

    @property
    def is_idle(self) -> bool:
        return not self._sent_ns

    def close(self) -> None:
        self._transport.close()


class Load:
    """Sessions that submit for `seconds`, as fast as the windows allow or `rate` messages per second."""

    def __init__(self, window: int, rate: float) -> None:
        self.window = window
        self.tally = Tally()
        self._rate = rate
        self._allowed = 0.0
        self._is_on = False
        self._bound = 0
        self.sessions: list[Esme] = []
        self.all_bound = asyncio.Event()

    def bound(self) -> None:
        self._bound += 1
        if self._bound == len(self.sessions):
            self.all_bound.set()

    def take(self, wanted: int) -> int:
        """How many of `wanted` submissions may go now."""
        if not self._is_on:
            return 0
        if not self._rate:
            return wanted
        given = min(wanted, int(self._allowed))
        self._allowed -= given
        return given

    async def run(self, seconds: float) -> float:
        """Submit, then wait for what is under way; gives the seconds until the last receipt."""
        await self.all_bound.wait()
        self._is_on = True
        started = time.monotonic()
        self.tally.__init__()  # type: ignore[misc]
        if not self._rate:
            for session in self.sessions:
                session.pump()
        while (passed := time.monotonic() - started) < seconds:
            if self._rate:
                self._allowed = min(self._rate * passed - self.tally.submitted, self._rate)
                for session in self.sessions:
                    session.pump()
                await asyncio.sleep(0.002)
            else:
                await asyncio.sleep(0.05)
        self._is_on = False
        end = time.monotonic() + RECEIPTS_WAIT_S
        while time.monotonic() < end and not self._is_over():
            await asyncio.sleep(0.01)
        return time.monotonic() - started

    def _is_over(self) -> bool:
        return all(session.is_idle for session in self.sessions) and self.tally.receipts >= self.tally.accepted


def _bind(system_id: str, password: str) -> bytes:
    body = f"{system_id}\0{password}\0\0".encode() + bytes((0x34, 0, 0)) + b"\0"
    return HEADER.pack(HEADER.size + len(body), BIND_TRANSCEIVER, 0, 1) + body


def _submit(sequence: int, number: int, now_ns: int) -> bytes:
    text = TEXT % now_ns
    addresses = b"\0\5\0Plant\0\1\1" + b"4670174%04d\0" % (number % RECIPIENTS)
    body = addresses + b"\0\0\0\0\0\1\0\0\0" + bytes((len(text),)) + text
    return HEADER.pack(HEADER.size + len(body), SUBMIT_SM, 0, sequence) + body


async def main(options: argparse.Namespace) -> dict[str, Any]:
    loop = asyncio.get_running_loop()
    load = Load(options.window, options.rate)
    for who in options.bind:
        system_id, _, password = who.partition(":")
        load.sessions.append(Esme(load, system_id, password))
    for session in list(load.sessions):
        await loop.create_connection(lambda session=session: session, "127.0.0.1", options.port)
    cpu = time.process_time()
    took_s = await load.run(options.seconds)
    tally = load.tally
    waits = sorted(tally.answer_ns) or [0]
    for session in load.sessions:
        session.close()
    return {
        "submitted": tally.submitted,
        "accepted": tally.accepted,
        "refused": {f"0x{status:02X}": count for status, count in tally.refused.items()},
        "receipts": tally.receipts,
        "receipts_of_other_ids": len(tally.receipt_ids - tally.ids),
        "receipts_missing": len(tally.ids - tally.receipt_ids),
        "took_s": took_s,
        "answer_p50_ms": waits[len(waits) // 2] / 1e6,
        "answer_p99_ms": waits[len(waits) * 99 // 100] / 1e6,
        "client_cpu_s": time.process_time() - cpu,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--bind", action="append", required=True, help="SYSTEM_ID:PASSWORD; once for each session")
    parser.add_argument("--window", type=int, default=100)
    parser.add_argument("--rate", type=float, default=0.0, help="messages per second; 0: as fast as the windows allow")
    parser.add_argument("--seconds", type=float, default=30.0)
    print(json.dumps(asyncio.run(main(parser.parse_args()))))
