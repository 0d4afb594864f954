"""Bad PDUs beside good sessions: a whole appliance, ESMEs that submit and get receipts, and ESMEs that send rubbish.

    python -m tests.fuzz.smpp --seconds 60 --seed 7
    python -m tests.fuzz.smpp --pdus 100000 --good 20

The appliance is started in a folder of its own on free ports. The same seed gives the same bad PDUs; how they fall
between the others is up to the machine. Prints what was done to whom and ends with 1 when a good session was
disturbed, something was lost, or the appliance logged an error; its folder is kept then.
"""

import argparse
import asyncio
import os
import random
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fuzz.esmes import PASSWORD, GoodEsme, HostileEsme
from tests.fuzz.mutations import Mutations
from tests.support import eventually, free_port
from tests.system.appliance import Appliance

HOSTILE = 8
"""Hostile connections at a time."""
PAUSE_S = 0.1
"""Between an answer and the next message of a good session."""
RECEIPTS_WAIT_S = 30.0
"""How long the last receipts may take."""
QUIET_S = 2.0
"""How long the appliance is watched after the run."""
LOG_LINE = re.compile(r"\d\d:\d\d:\d\d  (?P<room>\S+) +(?P<name>.+?)(?= +\w+=| *$)")


@dataclass(slots=True)
class Report:
    """What a run did, and what became of the good sessions."""

    bad_pdus: int = 0
    connections: int = 0
    answered_octets: int = 0
    seconds: float = 0.0
    messages: int = 0
    """Messages of the good sessions that were answered with an id."""
    slowest_s: float = 0.0
    rss_before_kib: int = 0
    rss_after_kib: int = 0
    rss_peak_kib: int = 0
    rss_on_the_way_kib: list[int] = field(default_factory=list)
    """Ten times during the run."""
    cpu_s: float = 0.0
    """CPU time of the appliance during the run."""
    cpu_after: float = 0.0
    """Share of a core that it takes when all is over."""
    log_lines: Counter[str] = field(default_factory=Counter)
    """By room and event; without the lines about single messages."""
    log_octets: int = 0
    faults: list[str] = field(default_factory=list)
    """What went wrong; empty in a good run."""

    def __str__(self) -> str:
        lines = [
            f"{self.bad_pdus} bad PDUs on {self.connections} connections in {self.seconds:.1f} s, "
            f"{self.bad_pdus / max(self.seconds, 0.001):.0f}/s; they were answered with {self.answered_octets} octets",
            f"{self.messages} messages of the good sessions, each answered and receipted; slowest answer "
            f"{self.slowest_s * 1000:.0f} ms",
            f"memory {self.rss_before_kib / 1024:.1f} MiB before, {self.rss_after_kib / 1024:.1f} after, "
            f"{self.rss_peak_kib / 1024:.1f} at most; on the way "
            + " ".join(f"{kib / 1024:.0f}" for kib in self.rss_on_the_way_kib),
            f"CPU {self.cpu_s:.1f} s during the run, {self.cpu_after:.1%} of a core after it",
            f"log {self.log_octets / 1024:.0f} KiB; lines that are not about a message:",
            *(f"    {count:7} {kind}" for kind, count in self.log_lines.most_common()),
            *(f"FAULT: {fault}" for fault in self.faults),
        ]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how hard. It ends with whichever of `pdus` and `seconds` comes first."""

    pdus: int
    seconds: float
    seed: int
    good: int = 20
    hostile: int = HOSTILE


def appliance_in(folder: Path, **smpp: Any) -> Appliance:
    """An appliance with an SMPP door and two accounts: the good one and the hostile one."""
    made = Appliance(folder)
    made.has_sink = False
    made.extra = {
        "smpp": {"listen": [{"port": free_port()}], "pdu_timeout_s": 2, "bind_timeout_s": 2, **smpp},
    }
    made.start()
    for name in ("good", "hostile"):
        made.ask("account_add", name=name, pin=PASSWORD, networks=["127.0.0.0/8"], credit_mc=10**9)
        made.ask("account_set", name=name, facts={"smpp_binds_max": 1000})
    return made


async def rage(made: Appliance, plan: Plan) -> Report:
    """Run a plan against a started appliance."""
    return await _Run(made, plan).run()


class _Run:
    def __init__(self, made: Appliance, plan: Plan) -> None:
        self._plan = plan
        self._made = made
        self._report = Report()
        self._port: int = made.extra["smpp"]["listen"][0]["port"]
        self._receipts: set[str] = set()
        self._until_s = 0.0

    async def run(self) -> Report:
        report, plan = self._report, self._plan
        loop = asyncio.get_running_loop()
        good = [GoodEsme(f"session {n}", self._receipts, PAUSE_S) for n in range(plan.good)]
        for esme in good:
            await loop.create_connection(lambda esme=esme: esme, "127.0.0.1", self._port)  # type: ignore[misc]
        await eventually(lambda: all(len(esme.answered) > 1 for esme in good))
        report.rss_before_kib, cpu_before_s = rss_kib(self._pid), cpu_s(self._pid)
        started_s = time.monotonic()
        self._until_s = started_s + plan.seconds
        if plan.hostile:
            chances = [random.Random(f"{plan.seed} {n}") for n in range(plan.hostile)]  # noqa: S311 - the seed repeats it
            await asyncio.gather(*map(self._hostile, chances))
        else:  # To see what the good ones cost alone.
            await asyncio.sleep(plan.seconds)
        report.seconds = time.monotonic() - started_s
        report.cpu_s = cpu_s(self._pid) - cpu_before_s
        for esme in good:
            esme.is_over = True
        await asyncio.gather(*(esme.is_idle.wait() for esme in good))
        await self._judge(good)
        for esme in good:
            esme.close()
        await self._watch()
        return report

    @property
    def _pid(self) -> int:
        assert self._made.process is not None
        return self._made.process.pid

    def _may_send(self) -> bool:
        if self._report.bad_pdus >= self._plan.pdus or time.monotonic() >= self._until_s:
            return False
        self._report.bad_pdus += 1
        if self._report.bad_pdus % max(1, self._plan.pdus // 10) == 0:
            self._report.rss_on_the_way_kib.append(rss_kib(self._pid))
        return True

    async def _hostile(self, chance: random.Random) -> None:
        loop = asyncio.get_running_loop()
        mutations = Mutations(chance)
        while self._report.bad_pdus < self._plan.pdus and time.monotonic() < self._until_s:
            self._report.connections += 1
            _, esme = await loop.create_connection(lambda: HostileEsme(chance, mutations), "127.0.0.1", self._port)
            await esme.rage(self._may_send)
            self._report.answered_octets += esme.got

    async def _judge(self, good: list[GoodEsme]) -> None:
        report = self._report
        ids = [message_id for esme in good for message_id in esme.answered]
        report.messages = len(ids)
        report.slowest_s = max(esme.slowest_s for esme in good)
        if len(set(ids)) != len(ids):
            report.faults.append("two messages have one id")
        if lost := sum(esme.is_lost for esme in good):
            report.faults.append(f"{lost} good sessions were closed")
        if refused := Counter(status for esme in good for status in esme.refused):
            report.faults.append(f"good submissions were refused: {dict(refused)}")
        try:
            await eventually(lambda: set(ids) <= self._receipts, RECEIPTS_WAIT_S)
        except AssertionError:
            report.faults.append(f"{len(set(ids) - self._receipts)} receipts did not come")

    async def _watch(self) -> None:
        """What the appliance looks like when all is over."""
        report = self._report
        before_s = cpu_s(self._pid)
        await asyncio.sleep(QUIET_S)
        report.cpu_after = (cpu_s(self._pid) - before_s) / QUIET_S
        report.rss_after_kib, report.rss_peak_kib = rss_kib(self._pid), rss_kib(self._pid, "VmHWM")
        text = self._made.log()
        report.log_octets = len(text)
        for line in text.splitlines():
            if (found := LOG_LINE.match(line)) is None:
                report.log_lines[f"a trace: {line[:100]}"] += 1
            elif " message=" not in line:
                report.log_lines[f"{found['room']}: {found['name']}"] += 1
        if errors := [kind for kind in report.log_lines if "ERROR" in kind or "trace" in kind]:
            report.faults.append(f"the log has errors: {errors[:5]}")


def rss_kib(pid: int, what: str = "VmRSS") -> int:
    """Resident memory of a process, now or (VmHWM) at most."""
    text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith(f"{what}:"))


def cpu_s(pid: int) -> float:
    """CPU time that a process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.smpp", description="Bad PDUs beside good sessions.")
    parser.add_argument("--seconds", type=float, default=0, help="stop after this time (default: no limit)")
    parser.add_argument("--pdus", type=int, default=0, help="stop after so many bad PDUs (default: no limit)")
    parser.add_argument("--seed", type=int, default=1, help="which bad PDUs (default 1)")
    parser.add_argument("--good", type=int, default=20, help="good sessions beside (default 20)")
    parser.add_argument("--hostile", type=int, default=HOSTILE, help=f"hostile sessions at a time (default {HOSTILE})")
    told = parser.parse_args()
    seconds = told.seconds or (60.0 if not told.pdus else 86_400.0)
    plan = Plan(told.pdus or sys.maxsize, seconds, told.seed, told.good, told.hostile)
    folder = Path(tempfile.mkdtemp(prefix="smpp-fuzz-"))
    made = appliance_in(folder)
    try:
        report = asyncio.run(rage(made, plan))
        if made.stop():
            report.faults.append("it did not stop cleanly")
        audit = made.command("ledger", "audit", check=False)
        if audit.returncode:
            report.faults.append(audit.stdout + audit.stderr)
    finally:
        if made.process is not None and made.process.poll() is None:
            made.kill()
    print(report)  # noqa: T201 - it is what the operator asked for
    if report.faults:
        print(f"kept: {folder}")  # noqa: T201
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
