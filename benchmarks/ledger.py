"""How fast is the ledger? `python -m benchmarks.ledger`

Rows per second through each hot verb in groups of 100, and how long one caller waits for a commit at a steady 500
messages per second: with an idle loop, and with a loop that is busy all the time. Then the same on a slow disk. The
ledger runs as shipped: WAL, synchronous=FULL, pricing, postings and history on. The file lies in the current folder's
disk, not in memory.
"""

import argparse
import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from benchmarks.common import log_lines_to, print_table, save
from bridge.intake.accept import Group
from bridge.ledger.queue import Prepared
from bridge.messages.message import ClaimedPart, Coding, Lane, Outcome, OutcomeKind, PartState
from bridge.messages.receipt import Receipt
from bridge.runtime.ledger_client import LedgerClient
from bridge.runtime.loop import SWITCH_INTERVAL_S, now_ms

LINK = "upstream"
GROUP = 100
AT_ONCE = 20
"""Groups of outcomes or receipts that are handed in together."""
STEADY_PER_S = 500
SLOW_DISK_MS = 10
SPIN_S = 0.0005
"""How long the busy loop computes between two looks at its sockets."""


def prepared(number: int) -> Prepared:
    return Prepared(
        door="smtp",
        originator="Pump",
        recipient=f"467017406{number % 100:02d}",
        coding=Coding.GSM7,
        lane=Lane.NORMAL,
        texts=("Pump 2 stopped, pressure 0.4 bar, call the operator on duty",),
        price_mc=1000,
        links=(LINK,),
        expires_at_ms=now_ms() + 3_600_000,
    )


class Bench:
    def __init__(self, ledger: LedgerClient, messages: int) -> None:
        self.ledger = ledger
        self.messages = messages
        self.rows: list[list[Any]] = []

    async def run(self) -> dict[str, float]:
        await self.ledger.do("account_add", name="demo", now_ms=now_ms())
        await self.ledger.do("account_top_up", name="demo", amount_mc=10**12, key="opening", now_ms=now_ms())
        parts: list[ClaimedPart] = []
        return {
            "accept": await self.timed("accept: charge and queue", self.accept_all),
            "claim": await self.timed("claim", lambda: self.claim_all(parts)),
            "submitted": await self.timed("submitted", lambda: self.submit_all(parts)),
            "receipt": await self.timed("receipt", lambda: self.receive_all(parts)),
        }

    async def timed(self, name: str, work: Any) -> float:
        started = time.perf_counter()
        await work()
        per_s = self.messages / (time.perf_counter() - started)
        self.rows.append([name, round(per_s), 1e6 / per_s])
        return per_s

    async def accept_all(self) -> None:
        """As many peers at once, each waiting for its own answer: the writer groups what is there."""
        for start in range(0, self.messages, GROUP):
            groups = [Group(1, now_ms(), (prepared(number),)) for number in range(start, start + GROUP)]
            await asyncio.gather(*map(self.ledger.accept, groups))

    async def claim_all(self, parts: list[ClaimedPart]) -> None:
        while claimed := await self.ledger.claim(LINK, GROUP, now_ms()):
            parts += claimed

    async def submit_all(self, parts: list[ClaimedPart]) -> None:
        async def settle(some: list[ClaimedPart]) -> None:
            outcomes = [
                Outcome(part.part_id, OutcomeKind.SUBMITTED, now_ms(), smsc_id=f"{part.part_id:08X}") for part in some
            ]
            await self.ledger.settle(LINK, outcomes)

        await self.in_groups(parts, settle)

    async def receive_all(self, parts: list[ClaimedPart]) -> None:
        async def receive(some: list[ClaimedPart]) -> None:
            receipts = [
                Receipt(f"{part.part_id:08X}", PartState.DELIVERED, "000", now_ms(), part.recipient) for part in some
            ]
            await self.ledger.receive(LINK, list(receipts), now_ms())

        await self.in_groups(parts, receive)

    async def in_groups(self, parts: list[ClaimedPart], call: Callable[[list[ClaimedPart]], Awaitable[None]]) -> None:
        """Some groups at a time, as several links would: one alone is kept a moment for company."""
        groups = [parts[start : start + GROUP] for start in range(0, len(parts), GROUP)]
        for start in range(0, len(groups), AT_ONCE):
            await asyncio.gather(*map(call, groups[start : start + AT_ONCE]))

    async def steady(self, seconds: int) -> dict[str, float]:
        """Latency of one accept, milliseconds, at STEADY_PER_S from as many independent peers."""
        waits: list[float] = []

        async def one(number: int) -> None:
            started = time.perf_counter()
            await self.ledger.accept(Group(1, now_ms(), (prepared(number),)))
            waits.append((time.perf_counter() - started) * 1000)

        tasks = []
        start = time.perf_counter()
        for number in range(seconds * STEADY_PER_S):
            await asyncio.sleep(start + number / STEADY_PER_S - time.perf_counter())
            tasks.append(asyncio.create_task(one(number)))
        await asyncio.gather(*tasks)
        waits.sort()
        return {"p50_ms": waits[len(waits) // 2], "p99_ms": waits[len(waits) * 99 // 100], "max_ms": waits[-1]}


async def saturate() -> None:
    """Keep the loop computing, as a flood of PDUs would."""
    while True:
        end = time.perf_counter() + SPIN_S
        while time.perf_counter() < end:
            pass
        await asyncio.sleep(0)


async def measure(folder: Path, messages: int, seconds: int) -> dict[str, Any]:
    ledger = LedgerClient(folder / "ledger.sqlite", print)
    await ledger.start()
    bench = Bench(ledger, messages)
    figures: dict[str, Any] = {"messages_per_s": await bench.run(), "rows": bench.rows}
    figures["idle_loop"] = await bench.steady(seconds)
    busy = asyncio.create_task(saturate())
    figures["busy_loop"] = await bench.steady(seconds)
    busy.cancel()
    await ledger.stop()
    return figures


def on_a_slow_disk(messages: int, seconds: int) -> dict[str, Any] | None:
    """The same with SLOW_DISK_MS more for every sync of the disk, by strace; None where that is not installed."""
    if shutil.which("strace") is None:
        return None
    delay = ["-e", "trace=fdatasync,fsync", "-e", f"inject=fdatasync,fsync:delay_exit={SLOW_DISK_MS * 1000}"]
    with tempfile.NamedTemporaryFile("r", encoding="utf-8", suffix=".json") as figures:
        options = ["--messages", str(messages), "--seconds", str(seconds), "--figures-to", figures.name]
        strace = ["strace", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", *delay]
        subprocess.run([*strace, sys.executable, "-m", "benchmarks.ledger", *options], check=True)
        measured: dict[str, Any] = json.load(figures)
        return measured


def show(title: str, figures: dict[str, Any]) -> None:
    print_table(title, ["verb", "messages/s", "us/message"], figures["rows"])
    waits = [[name.replace("_", " "), *figures[name].values()] for name in ("idle_loop", "busy_loop")]
    print_table(f"Wait for the commit at {STEADY_PER_S} messages/s", ["loop", "p50 ms", "p99 ms", "max ms"], waits)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=40_000, help="messages for the throughput part")
    parser.add_argument("--seconds", type=int, default=5, help="length of each steady part")
    parser.add_argument("--figures-to", type=Path, help="write the figures to this file, as JSON, and show nothing")
    arguments = parser.parse_args()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as folder, log_lines_to("/dev/null"):
        figures = asyncio.run(measure(Path(folder), arguments.messages, arguments.seconds))
    if arguments.figures_to is not None:
        arguments.figures_to.write_text(json.dumps(figures), encoding="utf-8")
        return
    title = f"Ledger, {arguments.messages:,} messages of one part, groups of {GROUP}, WAL and synchronous=FULL"
    show(title, figures)
    slow = on_a_slow_disk(arguments.messages // 4, arguments.seconds)
    if slow is not None:
        show(f"The same with {SLOW_DISK_MS} ms more for every sync of the disk", slow)
        figures["slow_disk"] = slow
    save("ledger", figures)


if __name__ == "__main__":
    main()
