"""A disk that fills, fails, hangs or loses the ledger, under a whole appliance.

Nothing acknowledged is lost, nothing is charged twice, and who cannot be served is told to come again.
"""

import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.crash.small_disk import ext4, fill, meddling, tmpfs
from tests.system.appliance import RECIPIENT, Appliance, until

IS_LONG = os.environ.get("SMSBRIDGE_LONG") == "1"
MIB = 1024 * 1024
VIRTUAL = "46737494150"
LIMITS = {"free_min_mib": 8, "free_min_percent": 0, "sending_min_mib": 4, "ballast_mib": 2}
NO_LIMITS = {"free_min_mib": 0, "free_min_percent": 0, "sending_min_mib": 0, "ballast_mib": 1}
ANSWER_S_MAX = 10.0
"""What is promised to everybody who submits, on the slowest disk."""


def on(disk: Path, folder: Path, limits: dict[str, int]) -> Appliance:
    """An appliance whose state is on `disk`, and nothing else of it."""
    made = Appliance(folder)
    made.state = disk / "state"
    made.has_sink = False
    made.extra = {"disk": limits}
    return made


@pytest.fixture
def appliance(tmp_path: Path) -> Iterator[Appliance]:
    made = Appliance(tmp_path)
    made.has_sink = False
    # Whatever else the machine's disk holds, these tests are about other things.
    made.extra = {"disk": NO_LIMITS}
    yield made
    made.close()


class Client:
    """Submits texts that are all different, and remembers what it was told."""

    def __init__(self, appliance: Appliance) -> None:
        self.pin = appliance.add_account(credit="10000")
        self._appliance = appliance
        self._count = 0
        self.yes: dict[str, str] = {}
        """text -> id"""
        self.unsure: list[str] = []
        """Texts that were not acknowledged."""

    def submit(self) -> int:
        """One text; the HTTP status, 0 when there was no answer."""
        self._count += 1
        return self.submit_text(f"text {self._count}")

    def submit_text(self, text: str) -> int:
        try:
            status, body = self._appliance.get(account="demo", pin=self.pin, to=RECIPIENT, text=text)
        except OSError:
            status, body = 0, ""
        if status == 200:
            self.yes[text] = body.split()[1]
        else:
            assert status in (0, 503), body
            self.unsure.append(text)
        return status

    def retry(self) -> None:
        """What a client does with what was not acknowledged."""
        texts, self.unsure = self.unsure, []
        for text in texts:
            assert self.submit_text(text) == 200

    def check(self) -> None:
        """Every yes is there exactly once, with its text and one charge; nothing else is there."""
        with closing(sqlite3.connect(self._appliance.state / "ledger.sqlite")) as ledger:
            texts = [row[0] for row in ledger.execute("SELECT text FROM part")]
            assert ledger.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            (charged,) = ledger.execute("SELECT count(*) FROM posting WHERE kind = 'charge'").fetchone()
        assert set(self.yes) <= set(texts), "an acknowledged message is lost"
        assert len(texts) == len(set(texts)) == charged, "stored or charged twice"
        assert set(texts) <= set(self.yes) | set(self.unsure)


def level(appliance: Appliance) -> str:
    return str(appliance.ask("status")["disk"]["level"])


def ended(appliance: Appliance) -> int:
    """The exit code of an appliance that ends by itself, at once: without the goodbye of a clean stop."""
    assert appliance.process is not None
    code = appliance.process.wait(timeout=20)
    assert "stopping" not in appliance.log()
    return int(code)


def refused(appliance: Appliance) -> tuple[int, str]:
    """Exit code and words of a start that fails."""
    done = appliance.command("run", check=False)
    return done.returncode, done.stderr


# --- room ---


def test_intake_stops_before_sending_and_both_come_back(tmp_path: Path) -> None:
    with tmpfs(tmp_path, "24m") as disk:
        appliance = on(disk, tmp_path, LIMITS)
        appliance.link = {"parts_per_second": 2}
        try:
            appliance.start()
            client = Client(appliance)
            appliance.command("number", "add", VIRTUAL, "--account", "demo", "--mail", "x@example.com")
            assert (disk / "state" / "ballast").stat().st_size == 2 * MIB
            until(lambda: appliance.ask("link_list")[0]["state"] == "bound")

            fill(disk, 7 * MIB)
            until(lambda: level(appliance) == "no_intake")
            assert client.submit() == 503
            answer = appliance.mail("demo", client.pin, f"{RECIPIENT}@sms.test")
            assert answer == "452 4.3.1 No room to store anything just now; try again later"
            status = appliance.command("status").stdout
            assert "NOTHING IS ACCEPTED, until 9 MiB are free" in status
            appliance.ask("simulator_inbound", **inbound("received all the same"))
            assert [one["text"] for one in appliance.ask("inbound_list", count_max=9)] == ["received all the same"]

            (disk / "filler").unlink()
            until(lambda: level(appliance) == "open")
            while len(client.yes) < 20:
                client.submit()
            fill(disk, 3 * MIB)
            until(lambda: level(appliance) == "no_sending")
            assert not (disk / "state" / "ballast").exists()
            late = threading.Thread(target=appliance.ask, args=("simulator_inbound",), kwargs=inbound("come again"))
            late.start()
            until(lambda: "receive put off" in appliance.log())
            # What was on its way is settled; from then on nothing leaves.
            until(lambda: waiting(appliance, "claimed") == 0)
            left = waiting(appliance, "queued")
            assert left > 0
            until_looked_again(appliance)
            assert waiting(appliance, "queued") == left
            assert "the disk is full: nothing is sent" in appliance.command("link", "list").stdout

            (disk / "filler").unlink()
            until(lambda: level(appliance) == "open", 30)
            until((disk / "state" / "ballast").exists)
            late.join(30)
            texts = [one["text"] for one in appliance.ask("inbound_list", count_max=9)]
            assert texts == ["come again", "received all the same"]
            client.retry()
            until(lambda: waiting(appliance, "queued") == 0, 30)
            assert appliance.stop() == 0
            client.check()
            appliance.audit()
            changes = [line for line in appliance.log().splitlines() if "disk is short" in line or "has room" in line]
            assert len(changes) <= 6, changes
        finally:
            appliance.close()


def inbound(text: str) -> dict[str, str]:
    return {"originator": RECIPIENT, "recipient": VIRTUAL, "text": text}


def waiting(appliance: Appliance, state: str) -> int:
    return sum(line["count"] for line in appliance.ask("queue")["parts"] if line["state"] == state)


def until_looked_again(appliance: Appliance) -> None:
    """Wait for two looks at the disk, which also are more than two looks of the link into its queue."""
    lock = appliance.state / "instance.lock"
    for _ in range(2):
        seen = lock.stat().st_mtime_ns
        until(lambda seen=seen: lock.stat().st_mtime_ns > seen)


@pytest.mark.parametrize("run", range(20 if IS_LONG else 1))
def test_a_disk_that_is_full_to_the_last_octet(tmp_path: Path, run: int) -> None:
    with tmpfs(tmp_path, "12m") as disk:
        appliance = on(disk, tmp_path, NO_LIMITS)
        try:
            appliance.start()
            client = Client(appliance)
            for _ in range(10):
                filler = fill(disk, 0)
                while client.submit() == 200:
                    assert len(client.yes) < 5000, "it never filled"
                if "ballast given back" in appliance.log():
                    break
                filler.unlink()  # A look shut the doors before a write met the end of the disk: once more.
                until(lambda: client.submit() == 200, 30)
            assert not (disk / "state" / "ballast").exists(), "given back for what is on its way"
            appliance.kill()
            appliance.start()
            filler.unlink()
            until(lambda: client.submit() == 200, 30)
            client.retry()
            assert appliance.stop() == 0
            client.check()
            appliance.audit()
        finally:
            appliance.close()


FILL_A_LEDGER = """
import asyncio, pathlib, sys
from bridge.messages.faults import Fault
from bridge.messages.message import Submission
from tests.house import House

async def main(folder):
    house = House(folder)
    await house.ledger.start()
    try:
        await house.add_account(pin="SECRETPIN2", credit_mc=10**9)
        identity = await house.identity("demo", "SECRETPIN2")
        for number in range(3000):
            await house.door.submit(identity, [Submission("http", "46701740605", f"text {number}")])
            print("yes", number, flush=True)
    except Fault as fault:
        print("fault", fault.code)
    finally:
        house.gatekeeper.close()
        await house.ledger.stop()

asyncio.run(main(pathlib.Path(sys.argv[1])))
"""


@pytest.mark.parametrize("size_kib", range(512, 1312, 4) if IS_LONG else (512, 900, 1300))
def test_wherever_the_room_ends_the_process_does_not_crash(tmp_path: Path, size_kib: int) -> None:
    """Also where the log or its shared memory wants to grow."""
    with tmpfs(tmp_path, f"{size_kib}k") as disk:
        done = subprocess.run(
            [sys.executable, "-c", FILL_A_LEDGER, str(disk)], capture_output=True, text=True, timeout=100, check=False
        )
        assert done.returncode >= 0, f"killed by a signal\n{done.stderr}"
        acknowledged = {int(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("yes")}
        subprocess.run(["mount", "-o", "remount,size=16m", str(disk)], check=True)
        with closing(sqlite3.connect(disk / "ledger.sqlite")) as ledger:
            assert ledger.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            if acknowledged:
                texts = [row[0] for row in ledger.execute("SELECT text FROM part")]
                assert {f"text {number}" for number in acknowledged} <= set(texts)
                assert len(texts) <= len(acknowledged) + 1


# --- errors ---

SHORT_SWEEP = [("fdatasync", "when=2+"), ("fdatasync", "when=9"), ("pwrite64", "when=7"), ("pwrite64", "when=40+")]
LONG_SWEEP = [
    (call, f"when={n}{end}") for call in ("fdatasync", "pwrite64") for n in range(1, 301, 6) for end in ("+", "")
]


@pytest.mark.parametrize(("call", "when"), LONG_SWEEP if IS_LONG else SHORT_SWEEP)
def test_a_failed_write_or_sync_ends_it_at_once(appliance: Appliance, call: str, when: str) -> None:
    """Nothing more is acknowledged; the retries of what was not become the same messages."""
    appliance.start()
    client = Client(appliance)
    client.submit()
    assert appliance.process is not None
    with meddling(appliance.process.pid, appliance.folder / "strace.txt", call, f"error=EIO:{when}"):
        answers = []
        while appliance.process.poll() is None:
            answers.append(client.submit())
        assert ended(appliance) == 74
    first_no = next(index for index, status in enumerate(answers) if status != 200)
    assert 200 not in answers[first_no:], "a yes after the disk had failed"
    assert "ledger failed" in appliance.log()
    assert client.unsure
    appliance.start()
    assert "last run crashed" in appliance.log()
    client.retry()
    assert appliance.stop() == 0
    client.check()
    assert set(client.yes) == {f"text {n}" for n in range(1, len(client.yes) + 1)}
    appliance.audit()


def test_a_disk_that_dies_and_comes_back(tmp_path: Path) -> None:
    with ext4(tmp_path) as disk:
        appliance = on(disk.at, tmp_path, NO_LIMITS)
        try:
            appliance.start()
            client = Client(appliance)
            for _ in range(20):
                assert client.submit() == 200
            disk.die()
            client.submit()
            assert ended(appliance) == 74
            disk.unmount()
            disk.mount()
            disk.turn("ro")
            code, told = refused(appliance)
            assert code == 78
            assert "this user may not write to" in told
            disk.turn("rw")
            appliance.start()
            client.retry()
            assert appliance.stop() == 0
            client.check()
            appliance.audit()
        finally:
            appliance.close()


# --- somebody else's lock, and slowness ---

HOLD = """
import sqlite3, sys
ledger = sqlite3.connect(sys.argv[1], isolation_level=None)
ledger.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
ledger.execute("ROLLBACK")
"""


def test_a_ledger_that_somebody_locks_answers_come_again(appliance: Appliance) -> None:
    appliance.start()
    client = Client(appliance)
    assert client.submit() == 200
    ledger = str(appliance.state / "ledger.sqlite")
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, ledger], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        answers = at_once(client.submit, lambda: appliance.mail("demo", client.pin, f"{RECIPIENT}@sms.test"))
        assert answers[0][0] == 503
        assert str(answers[1][0]).startswith("451 4.3.0")
        assert all(took_s < ANSWER_S_MAX for _, took_s in answers)
        holder.communicate("")
    until(lambda: client.submit() == 200)
    client.retry()
    # Nobody knows whether the mail was stored when its answer was due; its repetition is no second message.
    assert appliance.mail("demo", client.pin, f"{RECIPIENT}@sms.test").startswith("250 ")
    client.yes["Pump 2 stopped"] = ""
    assert appliance.stop() == 0
    client.check()
    appliance.audit()


def at_once(*calls) -> list[tuple[object, float]]:  # type: ignore[no-untyped-def]
    """Results of calls that run at the same time, and how long each took, seconds."""
    results: list[tuple[object, float]] = [(None, 0.0)] * len(calls)

    def one(index: int) -> None:
        started = time.monotonic()
        result = calls[index]()
        results[index] = (result, time.monotonic() - started)

    threads = [threading.Thread(target=one, args=(index,)) for index in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.parametrize("delay_s", [0.2, 2, 20] if IS_LONG else [2, 20])
def test_on_a_slow_disk_everybody_is_answered_in_time_and_sessions_stay(appliance: Appliance, delay_s: float) -> None:
    appliance.link = {"enquire_link_s": 1}
    appliance.start()
    client = Client(appliance)
    until(lambda: appliance.ask("link_list")[0]["state"] == "bound")
    assert appliance.process is not None
    delay = f"delay_exit={round(delay_s * 1_000_000)}"
    with meddling(appliance.process.pid, appliance.folder / "strace.txt", "fdatasync", delay):
        answers = at_once(*[client.submit] * 12)
        link = appliance.ask("link_list")[0]
    assert max(took_s for _, took_s in answers) <= ANSWER_S_MAX
    assert {status for status, _ in answers} == ({503} if delay_s > ANSWER_S_MAX else {200})
    assert link["state"] == "bound"
    assert "link lost" not in appliance.log()
    until(lambda: client.submit() == 200, 60)
    client.retry()
    assert appliance.stop() == 0
    assert len(client.yes) == 13
    client.check()
    appliance.audit()


# --- the file itself ---


def test_a_ledger_that_is_taken_away_ends_it_and_no_empty_one_takes_its_place(appliance: Appliance) -> None:
    appliance.start()
    client = Client(appliance)
    client.submit()
    ledger, elsewhere = appliance.state / "ledger.sqlite", appliance.folder / "elsewhere.sqlite"
    ledger.rename(elsewhere)
    assert ended(appliance) == 74
    assert "its file cannot be found any more" in appliance.log()
    assert "put it back where it was, or restore a backup with" in appliance.log()
    code, told = refused(appliance)
    assert code == 65
    assert "smsbridge restore FILE" in told
    assert not ledger.exists()
    ledger.touch()
    assert refused(appliance)[0] == 65
    assert ledger.stat().st_size == 0
    elsewhere.rename(ledger)
    appliance.start()
    assert appliance.stop() == 0
    client.check()
    appliance.audit()


def test_another_file_in_the_ledgers_place_is_noticed(appliance: Appliance) -> None:
    appliance.start()
    client = Client(appliance)
    client.submit()
    ledger = appliance.state / "ledger.sqlite"
    copy = appliance.folder / "copy.sqlite"
    copy.write_bytes(ledger.read_bytes())
    copy.rename(ledger)
    assert ended(appliance) == 74
    assert "another file was put in its place" in appliance.log()
    appliance.start()
    assert appliance.stop() == 0


def test_a_file_damaged_in_a_crash_stays_down_untouched(appliance: Appliance) -> None:
    appliance.start()
    client = Client(appliance)
    for _ in range(30):
        client.submit()
    assert appliance.stop() == 0
    appliance.start()
    appliance.kill()
    ledger = appliance.state / "ledger.sqlite"
    damaged = bytearray(ledger.read_bytes())
    damaged[4096 * 3 + 5] ^= 0x10
    ledger.write_bytes(damaged)
    newest = max((appliance.state / "backups").glob("*.sqlite"))
    for _ in range(2):
        code, told = refused(appliance)
        assert code == 65
        assert "the ledger is damaged (" in told
        assert "***" not in told
        assert "keep the file as it is and restore a backup with `smsbridge restore FILE`" in told
        assert f"(the newest is {newest})" in told
        assert ledger.read_bytes() == bytes(damaged)
    assert appliance.command("account", "add", "x", check=False).returncode == 65
    assert ledger.read_bytes() == bytes(damaged)


def test_an_audit_that_meets_damage_says_so_and_the_appliance_ends(appliance: Appliance) -> None:
    appliance.start()
    client = Client(appliance)
    for _ in range(30):
        client.submit()
    assert appliance.stop() == 0
    ledger = appliance.state / "ledger.sqlite"
    with closing(sqlite3.connect(ledger)) as connection:
        (page_no,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'posting'").fetchone()
    appliance.start()
    # A page that nothing but a charge or an audit reads.
    with ledger.open("r+b") as file:
        file.seek((page_no - 1) * 4096)
        file.write(b"\xff" * 64)
    told = appliance.command("ledger", "audit", check=False)
    assert told.returncode == 65
    assert "FAIL  the file is sound: " in told.stdout
    assert "smsbridge: the ledger is damaged; stop the appliance, keep the file as it is and restore" in told.stderr
    assert appliance.process is not None
    assert appliance.process.wait(timeout=20) == 65
    assert "ledger failed" in appliance.log()


def run_mark(appliance: Appliance) -> str:
    with closing(sqlite3.connect(appliance.state / "ledger.sqlite")) as ledger:
        return str(ledger.execute("SELECT value FROM setting_of_ledger WHERE name = 'run'").fetchone()[0])


def test_a_command_between_a_crash_and_the_next_start_hides_nothing(appliance: Appliance) -> None:
    appliance.start()
    client = Client(appliance)
    client.submit()
    appliance.kill()
    crashed_ms = time.time_ns() // 1_000_000
    assert run_mark(appliance) == "running"
    appliance.command("account", "list")
    mark = run_mark(appliance)
    word, at_ms = mark.split()
    assert word == "crashed"
    assert crashed_ms - 5_000 < int(at_ms) <= crashed_ms
    appliance.command("account", "top-up", "demo", "1")
    assert run_mark(appliance) == mark
    appliance.start()
    assert "last run crashed" in appliance.log()
    assert run_mark(appliance) == "running"
    assert appliance.stop() == 0
    assert run_mark(appliance) == "stopped"
    appliance.command("account", "list")
    assert run_mark(appliance) == "stopped"


def test_a_crash_loop_changes_nothing(appliance: Appliance) -> None:
    appliance.has_simulator = False
    appliance.start()
    client = Client(appliance)
    client.submit()
    (sent,) = client.yes.values()
    before = appliance.message(sent)
    appliance.kill()
    for _ in range(20 if IS_LONG else 3):
        appliance.environment = {"SMSBRIDGE_FAILPOINT": "recover.before_commit"}
        with pytest.raises(AssertionError):
            appliance.start()
        assert ended(appliance) == -9
    appliance.environment = {}
    appliance.start()
    after = appliance.message(sent)
    assert json.dumps(after["parts"][0]["attempt"]) == json.dumps(before["parts"][0]["attempt"])
    assert appliance.stop() == 0
    client.check()
    appliance.audit()
