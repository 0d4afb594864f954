"""How long does an alarm wait behind newsletters? `python -m benchmarks.lanes`

A link limited to 50 parts per second has a backlog of 50,000 bulk messages of one account. For half a minute alarms
come in, by turns of that account and of another, and now and then a normal message of the other. Told is the time from
the commit of each to its arrival at the simulator, which is what the link's own pace leaves of it. The ledger runs as
shipped, on the current folder's disk; the simulator shares the process.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.common import print_table, save
from benchmarks.walk import on_the_reactor
from bridge.intake.accept import Group
from bridge.ledger.queue import Prepared
from bridge.messages.message import Coding, Lane
from bridge.runtime.ledger_client import LedgerClient
from bridge.runtime.loop import now_ms
from bridge.simulator.settings import SimulatorSettings
from bridge.simulator.smsc import Smsc, Submitted
from bridge.smpp_out.link import Link
from bridge.smpp_out.settings import LinkSettings

LINK = "upstream"
PACE = 50.0
BACKLOG = 50_000
GROUP = 500
ALARMS_PER_S = 7.0
NORMAL_EVERY = 5
"""Alarms to one normal message: together they leave the link places for its backlog."""
GOAL_MS = 1_000
"""All recipients end in 0000: to the simulator other last digits are orders to misbehave."""


def prepared(recipient: str, lane: Lane) -> Prepared:
    return Prepared(
        door="smtp",
        originator="Pump",
        recipient=recipient,
        coding=Coding.GSM7,
        lane=lane,
        texts=("Pump 2 stopped, pressure 0.4 bar, call the operator on duty",),
        price_mc=1000,
        links=(LINK,),
        expires_at_ms=now_ms() + 3_600_000,
    )


class Arrivals:
    """Takes the place of the simulator's journal: when each recipient's part came."""

    def __init__(self) -> None:
        self.at_s: dict[str, float] = {}

    def append(self, submitted: Submitted) -> None:
        self.at_s.setdefault(submitted.pdu.destination_addr, time.perf_counter())


class Bench:
    def __init__(self, ledger: LedgerClient, arrivals: Arrivals) -> None:
        self.ledger = ledger
        self.arrivals = arrivals
        self.accepted_s: dict[str, tuple[str, float]] = {}
        """By recipient what it is, and when it was committed."""

    async def furnish(self) -> None:
        for name in ("newsletters", "ward"):
            await self.ledger.do("account_add", name=name, now_ms=now_ms())
            await self.ledger.do("account_top_up", name=name, amount_mc=10**12, key="opening", now_ms=now_ms())
        for start in range(0, BACKLOG, GROUP):
            messages = [prepared(f"4670{number:05d}0000", Lane.BULK) for number in range(start, start + GROUP)]
            await self.ledger.accept(Group(1, now_ms(), tuple(messages)))

    async def send(self, what: str, account_id: int, lane: Lane) -> None:
        recipient = f"4673{len(self.accepted_s):05d}0000"
        self.accepted_s[recipient] = what, 0.0
        await self.ledger.accept(Group(account_id, now_ms(), (prepared(recipient, lane),)))
        self.accepted_s[recipient] = what, time.perf_counter()

    async def traffic(self, seconds: float) -> None:
        chance = random.Random(1)  # noqa: S311 - spreads arrivals, hides nothing
        end_s = time.perf_counter() + seconds
        number = 0
        while time.perf_counter() < end_s:
            await asyncio.sleep(chance.expovariate(ALARMS_PER_S))
            number += 1
            what = ("alarm of the same account", "alarm of another account")[number % 2]
            await self.send(what, 1 + number % 2, Lane.ALARM)
            if number % NORMAL_EVERY == 0:
                await self.send("normal of another account", 2, Lane.NORMAL)

    async def arrived(self) -> None:
        while missing := self.accepted_s.keys() - self.arrivals.at_s.keys():
            print(f"  waiting for {len(missing)} more", file=sys.stderr)
            await asyncio.sleep(1)

    def waits(self, kind: str) -> dict[str, Any]:
        found = sorted(
            max(0.0, self.arrivals.at_s[recipient] - at_s) * 1000
            for recipient, (what, at_s) in self.accepted_s.items()
            if what.startswith(kind)
        )
        middle, high = found[len(found) // 2], found[len(found) * 99 // 100]
        return {"count": len(found), "p50_ms": middle, "p99_ms": high, "max_ms": found[-1]}


async def measure(folder: Path, seconds: float) -> dict[str, Any]:
    ledger = LedgerClient(folder / "ledger.sqlite", print)
    await ledger.start()
    smsc = Smsc(SimulatorSettings(port=0, receipt_delay_ms=100))
    arrivals = Arrivals()
    smsc.journal = arrivals  # type: ignore[assignment]
    await smsc.start()
    bench = Bench(ledger, arrivals)
    await bench.furnish()
    address = {"host": "127.0.0.1", "port": smsc.port, "system_id": "simulator", "password": "simulate"}
    link = Link(LinkSettings(name=LINK, parts_per_second=PACE, **address), ledger)
    await link.start()
    while len(arrivals.at_s) < PACE:
        await asyncio.sleep(0.05)
    before, started_s = len(arrivals.at_s), time.perf_counter()
    await bench.traffic(seconds)
    per_s = (len(arrivals.at_s) - before) / (time.perf_counter() - started_s)
    await bench.arrived()
    kinds = ("alarm", "alarm of the same account", "alarm of another account", "normal of another account")
    bulk = len(arrivals.at_s) - len(bench.accepted_s)
    figures = {"waits": {kind: bench.waits(kind) for kind in kinds}, "parts_per_s": per_s, "bulk_arrived": bulk}
    await link.stop()
    audit = await ledger.read("ledger_audit")
    await smsc.stop()
    await ledger.stop()
    if not audit["is_ok"]:
        raise SystemExit(f"the books are wrong: {audit}")
    return figures


def main() -> int:
    """0 when the goal is met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30, help="how long messages come in")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as folder:
        figures = on_the_reactor(lambda: measure(Path(folder), arguments.seconds), "/dev/null")
    rows = [[kind, *waits.values()] for kind, waits in figures["waits"].items()]
    title = f"From commit to the carrier, behind {BACKLOG:,} bulk messages at {PACE:g} parts/s"
    print_table(title, ["message", "count", "p50 ms", "p99 ms", "max ms"], rows)
    print(f"\n  {figures['parts_per_s']:.1f} parts/s left, {figures['bulk_arrived']:,} bulk messages among them in all")
    save("lanes", {"backlog": BACKLOG, "pace": PACE, "goal_ms": GOAL_MS, **figures})
    return int(figures["waits"]["alarm"]["p99_ms"] >= GOAL_MS)


if __name__ == "__main__":
    sys.exit(main())
