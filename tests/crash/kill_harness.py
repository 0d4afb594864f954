"""Kill the appliance under load, again and again in one state folder, then hold it to every invariant.

    python -m tests.crash.kill_harness --kills 3 --seed 7
    python -m tests.crash.kill_harness --tree DIR --failpoints accept.committed,link.written --seed 7

Exit status 0 when every invariant holds, 1 with the names of the broken ones (and traces) when not, 2 when the run
itself did not come about. `--tree` runs the appliance of another source tree; clients, carrier and checker are always
this one's. The seed decides the load, the carrier's moods and when to kill; how processes interleave it cannot.
"""

import argparse
import asyncio
import json
import random
import shutil
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from bridge.app.control_client import NotAnswering, NotRunning
from tests.crash import checker, journal
from tests.crash.appliance import OWN_TREE, NotStarted, Outside, Target
from tests.crash.errands import ACCOUNTS, errands
from tests.crash.evidence import Evidence, Rows, read_copy, read_rows
from tests.crash.journal import Journal
from tests.crash.load import Doors, Load
from tests.crash.report import UNANSWERED_MIN, Kill, Report

BURST = 55
"""Clients that ask in the same moment just before a kill."""
KILL_S = 0.04
"""Half of the kills come at a moment of so long a time after the burst began; the others after so many answers."""
KILL_S_MAX = 1.0
STEADY_S = (0.1, 0.5)
STEADY_RATE = 60.0
CREDIT_MC = {"plant": 10_000_000, "panel": 10_000_000, "alarm": 10_000_000, "poor": 25_000}
TOP_UP_MC = 20_000
TWIN = 400_000
"""Number of the errand that is asked for twice on purpose; no run gets as far."""
DRAIN_S = 40.0
STALL_S = 10.0
"""Longer than any wait of a part that still goes on: the answer's timeout, the time in doubt, and two sweeps."""
LIST_MAX = 10_000
AT_STOP = "run_end."
"""What failpoints begin with that are on the way out."""
REACH_S = 15.0
"""How long a failpoint is waited for under load."""


class Run:
    """One state folder from its first start to the verdict."""

    def __init__(self, folder: Path, seed: int, tree: Path = OWN_TREE, in_doubt: str = "hold_then_resend_once") -> None:
        self.report = Report(seed, in_doubt)
        self._dice = random.Random(seed)
        self._folder = folder
        self._outside = Outside(folder, seed)
        self.target = Target(folder, self._outside.smsc_port, self._outside.relay_port, tree, in_doubt)
        self._journal = Journal(folder / "clients.journal")
        self._doors = Doors(self.target.smtp_port, self.target.http_port, self.target.smpp_port, "sms.test", {})
        self.load = Load(self._doors, self._journal, errands(seed))
        self._top_ups: list[asyncio.Task[None]] = []
        self._steady: asyncio.Task[None] | None = None
        self.said: dict[str, Any] | None = None
        """What the appliance says is left, asked after the drain."""
        self._said_at_kills: list[tuple[Counter[str], Counter[str]]] = []
        self._started = time.monotonic()

    def close(self) -> None:
        self.target.close()
        self._outside.close()
        self._journal.close()

    # --- a life ---

    async def prepare(self) -> None:
        """The first start: accounts, credit, a virtual number."""
        await self.target.start()
        for name in ACCOUNTS:
            facts = {"name": name, "credit_mc": CREDIT_MC[name], "lane": "alarm" if name == "alarm" else "normal"}
            facts |= {"mail_events": "all" if name == "plant" else "failures", "email": f"{name}@example.com"}
            self._doors.pins[name] = (await self.target.ask("account_add", **facts))["pin"]
            self._journal.write("account", **facts)
        await self.target.ask("number_add", number="46709999999", account="plant", mail="inbox@example.com")
        self._outside.tell("load")
        self.load.esmes.bind(ACCOUNTS)
        self.load.is_up.set()

    async def kill_at_random(self) -> None:
        """Load, then a burst, and the kill while most of it is unanswered."""
        self._top_up()
        await self.load.steady(self._dice.uniform(*STEADY_S), STEADY_RATE)
        await self.load.burst(BURST)
        enough, end_s = BURST - UNANSWERED_MIN, self._dice.uniform(0, KILL_S)
        if self._dice.random() < 0.5:
            enough, end_s = self._dice.randrange(1, enough), KILL_S_MAX
        enough, end = enough + self.load.answers, time.monotonic() + end_s
        while self.load.answers < enough and time.monotonic() < end:
            await asyncio.sleep(0)
        self.target.kill()
        await self._after_kill("")

    async def run_into(self, failpoint: str) -> None:
        """Start with a failpoint set and load it until it ends there; then its state is noted."""
        if not await self.target.start(failpoint):
            await self._after_kill(failpoint)
            return
        self.load.is_up.set()
        self._top_up()
        end = time.monotonic() + REACH_S
        if failpoint.startswith(AT_STOP):
            await self.load.steady(STEADY_S[1], STEADY_RATE)
            await self.target.stop()
        while self.target.is_running and time.monotonic() < end:
            await self.load.steady(0.1, STEADY_RATE)
        if self.target.is_running or not self.target.was_killed:
            self.report.never_reached.append(failpoint)
            self.target.kill()
        await self._after_kill(failpoint)

    async def ask_while_dead(self) -> None:
        """What the command line says of a ledger that a kill left behind, and what is there."""
        rows = await asyncio.to_thread(read_copy, self.target.ledger, self._folder / "copy")
        said = await asyncio.to_thread(self.target.command, "queue", "--json")
        told = _by_state(json.loads(said.stdout)) if not said.returncode else Counter({said.stderr: 1})
        self._said_at_kills.append((told, checker.unfinished(rows)))

    async def start(self) -> None:
        """Start again after a kill, and let the clients come back."""
        await self.target.start()
        self._journal.write("start")
        self.load.is_up.set()

    async def _after_kill(self, failpoint: str) -> None:
        self.load.is_up.clear()
        assert self.target.process is not None
        self.target.process.wait()
        self._journal.write("kill", number=len(self.report.kills) + 1, failpoint=failpoint)
        await self.load.hear_out()
        rows = await asyncio.to_thread(read_copy, self.target.ledger, self._folder / "copy")
        self.report.kills.append(self._found(failpoint, rows))

    def _found(self, failpoint: str, rows: Rows) -> Kill:
        """What the life that just ended left behind."""
        entries = journal.read(self._folder / "clients.journal")
        ends = [place for place, entry in enumerate(entries) if entry["what"] == "kill"]
        # The last requests are lost a moment before the kill is written down or after; those before it were heard.
        since = ends[-2] if len(ends) > 1 else 0
        lost = {entry["errand"] for entry in entries[since:] if entry["what"] == "lost"}
        # What was asked again may have been committed by the life before.
        again = {entry["errand"] for entry in entries[:since] if entry["what"] == "lost"}
        marks = {f"E{number:07d}" for number in lost - again}
        first = {part["message_id"]: part["text"][:8] for part in rows["part"] if part["part_no"] == 1}
        of_esmes = {row["message_id"] for row in rows["message"] if row["door"] == "smpp"}
        return Kill(
            failpoint,
            unanswered=len(lost),
            states=dict(Counter(part["state"] for part in rows["part"])),
            committed=sum(mark in marks for mark in first.values()),
            committed_of_esmes=sum(mark in marks for row, mark in first.items() if row in of_esmes),
            owed=dict(Counter(notice["state"] for notice in rows["notice"])),
            owed_to_esmes=dict(Counter(notice["state"] for notice in rows["esme_notice"])),
        )

    def _top_up(self) -> None:
        """Give the poor account something, with a key, until it is acknowledged: through any number of crashes."""
        key = f"topup{len(self._top_ups) + 1}"
        self._journal.write("top_up", key=key, name="poor", amount_mc=TOP_UP_MC)
        self._top_ups.append(asyncio.create_task(self._top_up_until_heard(key)))

    async def _top_up_until_heard(self, key: str) -> None:
        values = {"name": "poor", "amount_mc": TOP_UP_MC, "key": key, "reason": "crash test", "actor": "harness"}
        while True:
            await self.load.is_up.wait()
            try:
                await self.target.ask("account_top_up", **values)
            except (NotRunning, NotAnswering, OSError):
                await asyncio.sleep(0.05)
            else:
                self._journal.write("topped_up", key=key)
                return

    # --- the end ---

    async def finish(self) -> Report:
        """Let everything come to its end, stop, and judge."""
        troubles: list[checker.Verdict] = []
        self._outside.tell("drain")
        try:
            await self.load.finish(DRAIN_S)
            await asyncio.gather(*self._top_ups)
            await self._twins()
            await self._drained()
            self.said = said = await self._ask_what_is_left()
            code = await self.target.stop()
        except TimeoutError:
            troubles.append(_trouble("everybody_is_answered", f"clients still wait after {DRAIN_S} s"))
        except (NotRunning, NotAnswering) as error:
            troubles.append(_trouble("it_stays_up", f"it does not answer: {error}\n{self.target.log()}"))
        else:
            if code:
                troubles.append(_trouble("it_stops_cleanly", f"exit code {code}"))
            for one in said["audit"]["checks"]:
                if not one["is_ok"]:
                    troubles.append(_trouble("its_own_audit", f"{one['name']}: {one['detail']}"))
        self.target.close()
        self.load.cancel()
        for task in self._top_ups:
            task.cancel()
        return self._judge(troubles)

    def _judge(self, troubles: list[checker.Verdict]) -> Report:
        evidence = Evidence(
            journal.read(self._folder / "clients.journal"),
            journal.read(self._folder / "carrier.journal"),
            journal.read(self._folder / "mails.journal"),
            read_rows(self.target.ledger),
            never_resend=self.target.in_doubt == "never_resend",
            said=self.said,
        )
        report = self.report
        report.verdicts = troubles + checker.check(evidence)
        report.traces = checker.told(report.verdicts, evidence)
        report.figures = self._figures(evidence)
        report.seconds = time.monotonic() - self._started
        return report

    async def _twins(self) -> None:
        """The same text asked for twice on purpose, both times answered, without a name: two messages."""
        twin = next(errands(self.report.seed, first=TWIN))
        self.load.send(replace(twin, account="plant", door="get", key="", key_kind="", copies=2))
        await self.load.finish(DRAIN_S)

    async def _drained(self) -> None:
        """Wait until nothing waits for a word that will still come, or nothing moves any more."""
        moved, seen = time.monotonic(), (-1, -1)
        while True:
            left = (await asyncio.to_thread(self._unfinished), self._outside.tell("pending"))
            if left == (0, 0):
                return
            if left != seen:
                moved, seen = time.monotonic(), left
            if time.monotonic() - moved > STALL_S:
                return
            await asyncio.sleep(0.1)

    def _unfinished(self) -> int:
        connection = sqlite3.connect(f"file:{self.target.ledger}?mode=ro", uri=True)
        try:
            return int(
                connection.execute(
                    "SELECT (SELECT count(*) FROM part WHERE state IN ('queued', 'claimed', 'in_doubt'))"
                    " + (SELECT count(*) FROM notice WHERE state IN ('owed', 'claimed'))"
                    " + (SELECT count(*) FROM esme_notice WHERE state IN ('owed', 'claimed'))"
                ).fetchone()[0]
            )
        finally:
            connection.close()

    async def _ask_what_is_left(self) -> dict[str, Any]:
        unknown = await self.target.ask("message_list", account=None, state="unknown", count_max=LIST_MAX)
        return {
            "parts": _by_state(await self.target.ask("queue")),
            "unknown": [message["message_id"] for message in unknown],
            "at_a_kill": self._said_at_kills,
            "audit": await self.target.ask("ledger_audit"),
        }

    def _figures(self, evidence: Evidence) -> dict[str, int]:
        rows = evidence.rows
        histories = Counter(line["event"] for line in rows["history"])
        heard = [wish for wish in evidence.wishes.values() if wish.promised()]
        esme_messages = {message["message_id"] for message in rows["message"] if message["door"] == "smpp"}
        return {
            "requests": sum(len(wish.intents) for wish in evidence.wishes.values()),
            "acknowledged": len(heard),
            "asked again": sum(len(wish.intents) > 1 for wish in evidence.wishes.values()),
            "merged": histories["merged"],
            "messages": len(rows["message"]),
            "parts": len(rows["part"]),
            "in doubt": histories["in_doubt"],
            "resent": histories["resend"],
            "taken twice": sum(sum(one.is_taken for one in tries) > 1 for tries in evidence.tries.values()),
            "unknown": sum(part["state"] == "unknown" for part in rows["part"]),
            "parked receipts": len(rows["parked_receipt"]),
            "inbound": len(rows["inbound"]),
            "mails": len({mail["message_id"] for mail in evidence.mails}),
            "mails repeated": len(evidence.mails) - len({mail["message_id"] for mail in evidence.mails}),
            "submitted by ESMEs": sum(message["door"] == "smpp" for message in rows["message"]),
            "merged of ESMEs": len(
                {line["message_id"] for line in rows["history"] if line["event"] == "merged"} & esme_messages
            ),
            "receipts": len(evidence.receipts),
            "receipts repeated": len(evidence.receipts) - len({(one["id"], one["stat"]) for one in evidence.receipts}),
        }


def _trouble(name: str, what: str) -> checker.Verdict:
    return checker.Verdict(name, [checker.Broken(what)])


def _by_state(queue: dict[str, Any]) -> Counter[str]:
    """Parts by state as the answer to `queue` counts them."""
    parts: Counter[str] = Counter()
    for line in queue["parts"]:
        parts[line["state"]] += line["count"]
    return parts


async def run(
    folder: Path, *, seed: int, kills: int = 0, failpoints: tuple[str, ...] = (), tree: Path = OWN_TREE,
    in_doubt: str = "hold_then_resend_once", on_said: Callable[[dict[str, Any]], None] | None = None,
) -> Report:  # fmt: skip
    """One run: as many random kills as it takes for `kills` that count, then each failpoint, then the verdict.

    `on_said` gets what the appliance said of itself in the end. Raises NotStarted.
    """
    one = Run(folder, seed, tree, in_doubt)
    try:
        await one.prepare()
        while one.report.counted < kills and len(one.report.kills) < 3 * kills + 3:
            await one.kill_at_random()
            if one.report.counted == kills:
                await one.ask_while_dead()
            await one.start()
        for place, failpoint in enumerate(failpoints):
            if place == 0:
                one.target.kill()
                one.load.is_up.clear()
                await one.load.hear_out()
            await one.run_into(failpoint)
        if failpoints:
            await one.start()
        report = await one.finish()
        if on_said is not None and one.said is not None:
            on_said(one.said)
        return report
    finally:
        one.close()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tree", type=Path, default=OWN_TREE, help="source tree of the appliance")
    parser.add_argument("--kills", type=int, default=0, help="random kills that count")
    parser.add_argument("--failpoints", default="", help="names, each with an optional :count, separated by commas")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--in-doubt", default="hold_then_resend_once", help="policy of the link")
    parser.add_argument("--json", type=Path, help="file for the report as JSON")
    parser.add_argument("--keep", type=Path, help="folder for ledger, journals and log, kept afterwards")
    given = parser.parse_args(arguments)
    folder = given.keep or Path(tempfile.mkdtemp(prefix="smsbridge-crash-"))
    folder.mkdir(parents=True, exist_ok=True)
    print(f"seed {given.seed}", flush=True)
    try:
        report = asyncio.run(
            run(
                folder,
                seed=given.seed,
                kills=given.kills,
                failpoints=tuple(name for name in given.failpoints.split(",") if name),
                tree=given.tree.absolute(),
                in_doubt=given.in_doubt,
            )
        )
    except NotStarted as error:
        print(f"the appliance did not start: {error}", file=sys.stderr)
        return 2
    finally:
        if given.keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    print(report)
    if given.json is not None:
        given.json.write_text(json.dumps(report.facts()), encoding="utf-8")
    if given.failpoints:
        print(report.by_failpoint())
    if report.counted < given.kills:
        print(f"only {report.counted} kills counted", file=sys.stderr)
        return 2
    return 0 if report.is_ok else 1


if __name__ == "__main__":
    sys.exit(main())
