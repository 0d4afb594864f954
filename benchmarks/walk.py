"""How fast does a message walk through the whole appliance? `python -m benchmarks.walk`

In process: submissions at the door -> ledger -> SMPP link over a real socket -> the simulator in a process of its own
-> answer and receipt -> ledger. Everything as shipped: pricing, postings, history and log lines on, synchronous=FULL,
one link with the default window. Two figures: messages per second with the processor time each costs us, and, at a
steady 100 messages per second, the wait from the yes to the carrier's answer.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.common import log_lines_to, print_table, save
from bridge.app.roles import Appliance
from bridge.app.settings import Settings
from bridge.intake.authenticate import Identity
from bridge.messages.message import Submission
from bridge.runtime import loop
from bridge.runtime.loop import now_ms

DEMO = "demo"
SUBMITTERS = 200
"""Peers that wait for their answers at the same time."""
STEADY_PER_S = 100


class Walk:
    """One appliance with the simulator outside of it."""

    def __init__(self, appliance: Appliance) -> None:
        self.appliance = appliance
        self.ledger = appliance.core.ledger

    async def open(self) -> Identity:
        await self.appliance.core.operations.account_add(name=DEMO, credit_mc=10**12)
        identity: Identity = await self.appliance.core.operations.identity(DEMO)
        return identity

    async def flood(self, identity: Identity, messages: int) -> dict[str, float]:
        """Submit as fast as the door takes; until the last receipt is booked."""
        before = await self.count("state = 'delivered'")
        numbers = iter(range(messages))

        async def submitter() -> None:
            for number in numbers:
                await self.submit(identity, number)

        started, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(submitter() for _ in range(SUBMITTERS)))
        accepted_s = time.perf_counter() - started
        await self.all_delivered(before + messages)
        took_s, cpu_s = time.perf_counter() - started, time.process_time() - cpu
        return {
            "accepted_per_s": messages / accepted_s,
            "delivered_per_s": messages / took_s,
            "cpu_us_per_message": cpu_s / messages * 1e6,
        }

    async def submit(self, identity: Identity, number: int) -> None:
        text = "Pump 2 stopped, pressure 0.4 bar, call the operator on duty"
        await self.appliance.core.door.submit(identity, [Submission("http", f"4670174{number % 1000:04d}", text)])

    async def all_delivered(self, messages: int) -> None:
        while await self.count("state = 'delivered'") < messages:
            await asyncio.sleep(0.05)

    async def count(self, where: str) -> int:
        sql = f"SELECT count(*) FROM part WHERE {where}"
        return int(await self.ledger._reports.run(lambda database: database.conn.execute(sql).fetchone()[0]))

    async def steady(self, identity: Identity, seconds: int) -> dict[str, float]:
        """Waits from acceptance to the claim and to the carrier's answer, ms (the ledger's own columns)."""
        since_ms = now_ms()
        start = time.perf_counter()
        tasks = []
        for number in range(seconds * STEADY_PER_S):
            await asyncio.sleep(start + number / STEADY_PER_S - time.perf_counter())
            tasks.append(asyncio.create_task(self.submit(identity, number)))
        await asyncio.gather(*tasks)
        while await self.count("state IN ('queued', 'claimed')"):
            await asyncio.sleep(0.05)
        sql = (
            "SELECT part.claimed_at_ms - message.accepted_at_ms, part.submitted_at_ms - message.accepted_at_ms"
            " FROM part JOIN message USING (message_id) WHERE message.accepted_at_ms >= ?"
        )
        rows = await self.ledger._reports.run(lambda database: database.conn.execute(sql, (since_ms,)).fetchall())
        figures = {}
        for index, name in enumerate(("claimed", "answered")):
            waits = sorted(row[index] for row in rows)
            figures |= {f"{name}_p50_ms": waits[len(waits) // 2], f"{name}_p99_ms": waits[len(waits) * 99 // 100]}
        return figures


async def measure(folder: Path, port: int, options: Any) -> dict[str, Any]:
    link = {
        "name": "simulator",
        "host": "127.0.0.1",
        "port": port,
        "system_id": "simulator",
        "password": "simulate",
    }
    if options.window:
        link["window"] = options.window
    settings = Settings.model_validate(
        {
            "state_folder": folder / "state",
            "links": [link],
            "smtp": {"listen": [{"port": 0}]},
            "http": {"listen": [{"port": 0}]},
        }
    )
    appliance = Appliance(settings, print)
    await appliance.start()
    try:
        walk = Walk(appliance)
        identity = await walk.open()
        await walk.flood(identity, 500)
        figures: dict[str, Any] = {"window": settings.links[0].window, "messages": options.messages}
        best: dict[str, float] = {}
        for _ in range(options.rounds):
            found = await walk.flood(identity, options.messages)
            best = max(best, found, key=lambda one: one.get("delivered_per_s", 0))
        figures["flood"] = best
        figures["steady"] = await walk.steady(identity, options.seconds)
        audit = await appliance.core.operations.ledger_audit()
        figures["audit_is_ok"] = audit["is_ok"]
    finally:
        await appliance.stop()
    return figures


async def with_simulator(options: Any) -> dict[str, Any]:
    from tests.support import free_port

    port = free_port()
    simulator = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bridge.app.main",
        "simulator",
        "--port",
        str(port),
        "--receipt-delay-ms",
        "0",
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        await asyncio.sleep(1.5)
        with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as folder:
            return await measure(Path(folder), port, options)
    finally:
        simulator.terminate()
        await simulator.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=5_000, help="messages of one round")
    parser.add_argument("--rounds", type=int, default=3, help="rounds; the best one counts")
    parser.add_argument("--seconds", type=int, default=10, help="length of the steady part")
    parser.add_argument("--window", type=int, default=0, help="window of the link instead of the default")
    parser.add_argument("--log", default="/dev/null", help="where the log lines go")
    options = parser.parse_args()
    figures = on_the_reactor(lambda: with_simulator(options), options.log)
    flood, steady = figures["flood"], figures["steady"]
    print_table(
        f"Whole walk, window {figures['window']}, {figures['messages']:,} messages a round",
        ["accepted/s", "delivered/s", "CPU us/message"],
        [[round(flood["accepted_per_s"]), round(flood["delivered_per_s"]), round(flood["cpu_us_per_message"])]],
    )
    print_table(f"Steady {STEADY_PER_S} messages/s: ms since the yes", list(steady), [list(steady.values())])
    print(f"\n  audit {'ok' if figures['audit_is_ok'] else 'FAILED'}")
    save("walk", figures)


def on_the_reactor(work: Any, log_file: str) -> Any:
    """Run a coroutine function as the appliance runs: Twisted on our loop, log lines written to a file."""
    event_loop = loop.install()
    from twisted.internet import reactor as installed

    reactor: Any = installed
    outcome: list[Any] = []

    async def live() -> None:
        try:
            outcome.append(await work())
        finally:
            reactor.stop()

    with log_lines_to(log_file):
        reactor.callWhenRunning(lambda: event_loop.create_task(live()))
        reactor.run(installSignalHandlers=False)
    event_loop.run_until_complete(event_loop.shutdown_default_executor())
    if not outcome:
        raise SystemExit("the benchmark failed; see above")
    return outcome[0]


if __name__ == "__main__":
    main()
