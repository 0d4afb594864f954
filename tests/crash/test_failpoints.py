"""Every named place where the process may end: killed there once, started again, held to every promise."""

import ast
import json
import re
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import bridge
from bridge import failpoints
from bridge.ledger import migrate
from bridge.messages.message import OutcomeKind
from bridge.runtime.ledger_verbs import VERBS
from tests.books import LINK, NOW_MS, Books
from tests.crash.appliance import OWN_TREE
from tests.crash.side_by_side import IS_LONG, side_by_side
from tests.system.appliance import RECIPIENT, Appliance, until

PLACES = ("before_commit", "committed")

SWEEP = {
    "accept": 1,  # the first of its run, so that nothing unanswered can be of an earlier commit
    "accept_each": 1,  # the same
    "claim": 3,
    "settle": 3,
    "receive": 2,
    "refuse": 1,
    "claim_notices": 2,
    "settle_notices": 2,
    "claim_esme_notices": 2,
    "settle_esme_notices": 2,
    "recover": 1,
    "run_begin": 1,
    "run_recovered": 1,
    "resolve_doubts": 2,
    "expire": 2,
    "tidy": 1,
    "erase_texts": 1,
    "forget_messages": 1,
    "account_top_up": 1,
    "run_end": 1,
}
"""Verbs of the ledger, each killed before and after its commit, and at which time of being there."""

SWEPT_PLACES = {
    "link.written": 25,
    "link.answered": 10,
    "link.acknowledged": 2,
    "smtp.answered": 3,
    "http.answered": 3,
    "relay.answered": 2,
}

MIGRATION = {"migrate.before_commit", "migrate.committed"}

DOCS = Path(bridge.__file__).parents[1] / "docs" / "crashes.md"


def swept() -> dict[str, int]:
    """Every failpoint of the sweep with its count."""
    return {f"{verb}.{place}": count for verb, count in SWEEP.items() for place in PLACES} | SWEPT_PLACES


def in_code() -> set[str]:
    """Every failpoint of the program: the places named in it, and two for each verb that it calls by itself."""
    names: set[str] = set()
    for path in Path(bridge.__file__).parent.rglob("*.py"):
        by_people = path.parent.name == "operations" or path.name == "ledger_client.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or not node.args:
                continue
            first = node.args[0]
            if not isinstance(first, ast.Constant) or not isinstance(first.value, str):
                continue
            if node.func.attr == "reach":
                names.add(first.value)
            elif node.func.attr == "do" and not by_people:
                names |= {f"{first.value}.{place}" for place in PLACES}
    hot = {"accept", "accept_each", "refuse", "claim", "settle", "receive", "claim_notices", "settle_notices"}
    hot |= {"claim_esme_notices", "settle_esme_notices"}
    assert hot <= set(VERBS)
    return names | {f"{verb}.{place}" for verb in hot for place in PLACES}


def test_every_test_that_the_docs_name_is_there() -> None:
    for path, name in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", DOCS.read_text(encoding="utf-8")):
        assert f"def {name}(" in (OWN_TREE / path).read_text(encoding="utf-8"), (path, name)


def in_docs(section: str) -> set[str]:
    """Names in the first column of the tables of one section of docs/crashes.md."""
    text = DOCS.read_text(encoding="utf-8")
    body = text.split(f"## {section}\n")[1].split("\n## ")[0]
    cells = re.findall(r"^\| (`[^|]+) \|", body, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`([a-z_]+\.[a-z_]+)`", cell)}


def test_every_failpoint_is_rehearsed_or_says_where_it_is() -> None:
    here, elsewhere = in_docs("Where the process may end"), in_docs("Rehearsed by tests of their own")
    assert here == set(swept())
    assert elsewhere >= MIGRATION
    assert in_code() - here - elsewhere == set(), "a failpoint that docs/crashes.md does not know"
    assert elsewhere - in_code() == set(), "docs/crashes.md knows a failpoint that is gone"


@pytest.mark.timeout(3600 if IS_LONG else 300)
def test_killed_at_every_failpoint_every_promise_holds(tmp_path: Path) -> None:
    names = [f"{name}:{count}" for name, count in swept().items()]
    rounds = 5 if IS_LONG else 1
    jobs = [
        ["--failpoints", ",".join(names[half::2]), "--seed", str(100 * number + half + 1)]
        for number in range(rounds)
        for half in (0, 1)
    ]
    found: dict[str, dict[str, int]] = {}
    for run in side_by_side(tmp_path, jobs):
        print(run.said, flush=True)
        assert run.code == 0, run.said
        found |= {kill["failpoint"].partition(":")[0]: kill for kill in run.facts["kills"]}
    assert set(found) == set(swept())
    _is_what_the_docs_say(found)


def _is_what_the_docs_say(found: dict[str, dict[str, int]]) -> None:
    """The windows whose outcome can be seen in the ledger the moment the process is gone."""
    by_others = {name: kill["committed"] - kill["committed_of_esmes"] for name, kill in found.items()}
    assert found["accept.before_commit"]["unanswered"]
    assert not by_others["accept.before_commit"]
    assert by_others["accept.committed"]
    assert found["accept_each.before_commit"]["unanswered"]
    assert not found["accept_each.before_commit"]["committed_of_esmes"]
    assert found["accept_each.committed"]["committed_of_esmes"]
    for name in ("claim.committed", "link.written", "link.answered", "settle.before_commit"):
        assert found[name]["states"].get("claimed"), name
    for name in ("relay.answered", "settle_notices.before_commit"):
        assert found[name]["owed"].get("claimed"), name
    assert found["settle_esme_notices.before_commit"]["owed_to_esmes"].get("claimed")


@pytest.mark.parametrize("is_old", [False, True], ids=["a new file", "an old file"])
@pytest.mark.parametrize("place", sorted(MIGRATION))
def test_killed_while_the_schema_changes_it_is_the_old_or_the_new(tmp_path: Path, place: str, is_old: bool) -> None:
    path = tmp_path / "ledger.sqlite"
    if is_old:
        _old_ledger(path)
    before = _version(path)
    program = "import sys; from bridge.ledger import migrate, sqlite; from pathlib import Path; "
    program += "migrate.prepare(sqlite.open_writer(Path(sys.argv[1])))"
    command = [sys.executable, "-c", program, str(path)]
    killed = subprocess.run(command, env={failpoints.VARIABLE: place, "PYTHONPATH": str(OWN_TREE)}, check=False)
    assert killed.returncode == -9
    assert _version(path) == (before if place == "migrate.before_commit" else before + 1 if is_old else _newest())
    subprocess.run(command, env={"PYTHONPATH": str(OWN_TREE)}, check=True)
    assert _version(path) == _newest()


def test_a_warning_by_text_is_one_message_though_the_process_ended_after_it(tmp_path: Path) -> None:
    house = Appliance(tmp_path)
    try:
        house.environment = {failpoints.VARIABLE: "warning.submitted"}
        house.start()
        pin = house.add_account(credit="5")
        facts = {"mobile": RECIPIENT, "low_limit_mc": 4_500, "is_low_texted": True}
        house.ask("account_set", name="demo", facts=facts)
        assert house.get(account="demo", pin=pin, to=RECIPIENT, text="Pump 2 stopped")[0] == 200
        assert house.process is not None
        assert house.process.wait(30) == -9
        house.environment = {}
        house.start()
        until(lambda: not house.ask("queue")["notices"])
        warnings = [message for message in house.messages() if message["door"] == "warning"]
        assert len(warnings) == 1
        events = [line["event"] for line in house.message(warnings[0]["message_id"])["history"]]
        assert "merged" in events, "the second try was merged with the first"
    finally:
        house.close()


LATER_MS = NOW_MS + 3_600_000

HEARTBEAT = {"link": LINK, "recipient": RECIPIENT, "originator": "", "text": "beat", "limit_ms": 60_000}
HEARTBEAT |= {"validity_ms": 60_000, "now_ms": NOW_MS}

OTHERS: dict[str, dict[str, Any]] = {
    "shift": {"by_ms": 3_600_000, "now_ms": LATER_MS},
    "mark_unanswered": {"now_ms": NOW_MS},
    "message_cancel": {"actor": "somebody", "now_ms": NOW_MS},
    "message_replace": {"texts": ["three"], "now_ms": NOW_MS},
    "release_scheduled": {"now_ms": LATER_MS},
    "claim_questions": {"link": LINK, "count_max": 10, "now_ms": LATER_MS},
    "link_told": {"link": LINK, "state": "stopped", "actor": "somebody", "now_ms": NOW_MS},
    "link_paced": {"link": LINK, "parts_per_second": 2.0, "actor": "somebody", "now_ms": NOW_MS},
    "replan": {"link": LINK, "why": "link stopped", "usable": ["spare"], "now_ms": NOW_MS},
    "selftest_begin": HEARTBEAT,
    "selftest_look": {"now_ms": NOW_MS + 1000},
}
"""Verbs that no load leads to: the clock that was set, the client that left before its answer, an ESME's errands, what
people tell links, and heartbeats."""
PROGRAM = """
import json, queue, sys
from pathlib import Path
from bridge.ledger import migrate, sqlite
from bridge.ledger.worker import Worker
from bridge.runtime.ledger_verbs import VERBS
connection = sqlite.open_writer(Path(sys.argv[1]))
migrate.prepare(connection)
done = queue.SimpleQueue()
worker = Worker(connection, VERBS, done.put, done.put)
worker.start()
worker.submit(sys.argv[2], json.loads(sys.argv[3]), None)
(result,) = done.get(timeout=30)
worker.stop()
sys.exit(result.error is not None)
"""


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("verb", OTHERS)
def test_killed_around_a_rare_commit_all_of_it_is_there_or_nothing(books: Books, verb: str, place: str) -> None:
    account_id = books.account()
    due_at_ms = LATER_MS if verb == "release_scheduled" else 0
    facts = {"due_at_ms": due_at_ms, "expires_at_ms": 2 * LATER_MS, "links": (LINK, "spare")}
    accepted = books.accept(account_id, books.prepared("one", **facts), books.prepared("two", **facts))
    values = dict(OTHERS[verb])
    if verb == "mark_unanswered":
        values["message_ids"] = [one.message_id for one in accepted]
    elif verb.startswith("message_"):
        values |= {"account_id": account_id, "message_id": accepted[0].message_id}
    elif verb in ("claim_questions", "selftest_look"):
        if verb == "selftest_look":
            books.do("selftest_begin", **HEARTBEAT)
        for number, part in enumerate(books.claim()):
            books.settle(part, OutcomeKind.SUBMITTED, smsc_id=f"A{number}", retry_at_ms=NOW_MS + 1000)
    before = _dump(books.path)
    command = [sys.executable, "-c", PROGRAM, str(books.path), verb, json.dumps(values)]
    environment = {failpoints.VARIABLE: f"{verb}.{place}", "PYTHONPATH": str(OWN_TREE)}
    killed = subprocess.run(command, env=environment, check=False)
    assert killed.returncode == -9
    after = _dump(books.path)
    assert (after == before) is (place == "before_commit")
    if verb == "message_cancel" and place == "committed":
        return  # What is cancelled cannot be cancelled again.
    books.do(verb, **values)
    if verb == "mark_unanswered":
        assert (_dump(books.path) == after) is (place == "committed"), "a repeat must change nothing"


def _dump(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    try:
        return list(connection.iterdump())
    finally:
        connection.close()


def _old_ledger(path: Path) -> None:
    """A ledger as the first released program made it."""
    connection = sqlite3.connect(path, isolation_level=None)
    migrate.apply(connection, migrate.steps()[1], 1)
    connection.close()


def _newest() -> int:
    return max(migrate.steps())


def _version(path: Path) -> int:
    connection = sqlite3.connect(path)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return int(connection.execute("PRAGMA user_version").fetchone()[0])
    finally:
        connection.close()
