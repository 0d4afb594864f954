"""Claims that wait in the writer, and what goes along with the next commit."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bridge.ledger import bells, migrate, requests, sqlite, worker
from bridge.ledger.database import Transaction
from bridge.ledger.requests import Result
from bridge.ledger.worker import LedgerFailed, Worker
from bridge.messages.faults import Fault

WAIT_S = 30.0
BELL = "fruit"


@dataclass
class Pick:
    """What a claim asks for."""

    count_max: int


def hang(tx: Transaction, arguments: list[str]) -> list[str]:
    """Hangs fruit; "bug" breaks its group."""
    for argument in arguments:
        if argument == "bug":
            raise ZeroDivisionError("a bug in a verb")
        tx.run("tariff_upsert", {"account_class": "t", "prefix": argument, "valid_from_ms": 0, "price_mc": 1})
    tx.bells.add(BELL)
    return arguments


def pick(tx: Transaction, claims: list[Pick]) -> list[list[str]]:
    found: list[list[str]] = []
    for claim in claims:
        rows = tx._connection.execute(
            "DELETE FROM tariff WHERE account_class = 't' AND prefix IN"
            " (SELECT prefix FROM tariff WHERE account_class = 't' ORDER BY prefix LIMIT ?) RETURNING prefix",
            (claim.count_max,),
        )
        found.append(sorted(row[0] for row in rows))
    return found


def late(tx: Transaction, claims: list[Pick]) -> list[list[str]]:
    """Picks, and knows that something more is due a moment later."""
    bells.due_in(tx, BELL, 50)
    return pick(tx, claims)


def swell(tx: Transaction, claims: list[Pick]) -> list[list[str]]:
    """A claim that finds the disk full."""
    tx.run("tariff_upsert", {"account_class": "t" * 10_000_000, "prefix": "1", "valid_from_ms": 0, "price_mc": 1})
    return [[] for _ in claims]


def note(tx: Transaction, arguments: list[str]) -> list[str]:
    return arguments


class Orchard:
    """A worker with a verb that makes something due, a claim, and a lazy verb."""

    def __init__(self, path: Path) -> None:
        connection = sqlite.open_writer(path)
        migrate.prepare(connection)
        self.groups: list[set[str]] = []
        self.results: dict[str, Result] = {}
        self.failures: list[Exception] = []
        self._news = threading.Condition()
        verbs = {"hang": hang, "pick": pick, "late": late, "swell": swell, "settle": note}
        self.worker = Worker(connection, verbs, self._deliver, self.failures.append)

    def _deliver(self, results: list[Result]) -> None:
        with self._news:
            self.groups.append({result.token for result in results})
            self.results |= {result.token: result for result in results}
            self._news.notify_all()

    def wait_for(self, token: str, count_max: int = 10, wait_s: float = WAIT_S) -> None:
        self.worker.submit_waiting("pick", lambda: Pick(count_max), token, bell=BELL, wait_s=wait_s)

    def of(self, *tokens: str) -> list[Result]:
        """The results of these requests, as soon as all are there."""
        with self._news:
            assert self._news.wait_for(lambda: self.results.keys() >= set(tokens), timeout=10), tokens
            return [self.results[token] for token in tokens]

    def settled(self) -> None:
        """Everything handed in so far was tried."""
        self.worker.submit("settle", "done", "settled")
        self.of("settled")
        del self.results["settled"]


@pytest.fixture
def orchard(tmp_path: Path) -> Iterator[Orchard]:
    opened = Orchard(tmp_path / "ledger.sqlite")
    yield opened
    opened.worker.stop()


def test_a_claim_that_waits_is_answered_by_the_commit_that_made_something_due(orchard: Orchard) -> None:
    orchard.wait_for("claim")
    orchard.worker.start()
    orchard.settled()
    assert "claim" not in orchard.results
    orchard.worker.submit("hang", "1", "hung")
    (claim,) = orchard.of("claim")
    assert claim.value == ["1"]
    assert {"claim", "hung"} in orchard.groups


def test_what_is_due_already_is_given_at_once_and_the_next_claim_waits_without_a_look(orchard: Orchard) -> None:
    orchard.worker.submit("hang", "1", "hung")
    orchard.wait_for("first")
    orchard.worker.start()
    assert orchard.of("first")[0].value == ["1"]
    commits = orchard.worker.tally.commits
    orchard.wait_for("second")
    orchard.worker.submit("hang", "2", "hung again")
    assert orchard.of("second")[0].value == ["2"]
    assert orchard.worker.tally.commits == commits + 1


def test_a_claim_that_got_all_it_asked_for_is_followed_by_a_look(orchard: Orchard) -> None:
    for number in "123":
        orchard.worker.submit("hang", number, number)
    orchard.wait_for("first", count_max=2)
    orchard.worker.start()
    assert orchard.of("first")[0].value == ["1", "2"]
    orchard.wait_for("second", count_max=2)
    assert orchard.of("second")[0].value == ["3"]


def test_two_claims_of_one_bell_never_get_the_same(orchard: Orchard) -> None:
    orchard.wait_for("one", count_max=1)
    orchard.wait_for("other", count_max=1)
    orchard.worker.start()
    orchard.settled()
    orchard.worker.submit("hang", "1", "hung")
    orchard.settled()
    assert len(orchard.results.keys() & {"one", "other"}) == 1
    orchard.worker.submit("hang", "2", "hung again")
    assert [one.value for one in orchard.of("one", "other")] in ([["1"], ["2"]], [["2"], ["1"]])


def test_a_claim_whose_time_is_over_is_tried_once_more(orchard: Orchard) -> None:
    orchard.wait_for("claim", wait_s=0.05)
    orchard.worker.start()
    orchard.settled()
    stranger = sqlite3.connect(orchard.worker._connection.execute("PRAGMA database_list").fetchone()[2])
    stranger.execute("INSERT INTO tariff (account_class, prefix, valid_from_ms, price_mc) VALUES ('t', '7', 0, 1)")
    stranger.commit()
    stranger.close()
    assert orchard.of("claim")[0].value == ["7"]


def test_a_bug_beside_it_does_not_hurt_a_claim_that_waits(orchard: Orchard) -> None:
    orchard.wait_for("claim")
    orchard.worker.start()
    orchard.settled()
    orchard.worker.submit("hang", "bug", "bug")
    assert isinstance(orchard.of("bug")[0].error, ZeroDivisionError)
    assert "claim" not in orchard.results
    orchard.worker.submit("hang", "1", "hung")
    assert orchard.of("claim")[0].value == ["1"]


def test_whoever_waits_hears_of_a_broken_file(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    orchard = Orchard(path)
    orchard.wait_for("claim")
    orchard.worker.start()
    orchard.settled()
    orchard.worker._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    orchard.worker._connection.execute("PRAGMA cache_size = 0")
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))
    orchard.worker.submit("hang", "1", "hung")
    assert all(isinstance(one.error, LedgerFailed) for one in orchard.of("hung", "claim"))
    orchard.worker.stop()


def test_a_stop_answers_whoever_waits(orchard: Orchard) -> None:
    orchard.wait_for("claim")
    orchard.worker.start()
    orchard.worker.stop()
    assert orchard.results["claim"].value == []
    with pytest.raises(LedgerFailed):
        orchard.wait_for("late")


def test_too_many_requests_are_refused_whether_they_wait_or_not(
    orchard: Orchard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "QUEUE_MAX", 1)
    orchard.wait_for("claim")
    with pytest.raises(Fault):
        orchard.wait_for("one too many")
    orchard.worker.start()


def test_what_nobody_waits_for_goes_along_with_what_somebody_does(
    orchard: Orchard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "LINGER_S", WAIT_S)
    orchard.worker.start()
    orchard.worker.submit("settle", "a", "a")
    orchard.worker.submit("settle", "b", "b")
    started = time.monotonic()
    orchard.worker.submit("hang", "1", "hung")
    orchard.of("a", "b", "hung")
    assert time.monotonic() - started < WAIT_S, "it waited for company that was there"
    assert orchard.groups == [{"a", "b", "hung"}]


def test_what_nobody_waits_for_goes_alone_after_a_moment(orchard: Orchard) -> None:
    orchard.worker.start()
    orchard.worker.submit("settle", "a", "a")
    assert orchard.of("a")[0].value == "a"


def test_a_claim_is_made_anew_for_every_try(orchard: Orchard) -> None:
    made: list[Any] = []

    def make() -> Pick:
        made.append(None)
        return Pick(10)

    orchard.worker.submit_waiting("pick", make, "claim", bell=BELL, wait_s=WAIT_S)
    orchard.worker.start()
    orchard.settled()
    orchard.worker.submit("hang", "1", "hung")
    orchard.of("claim")
    assert len(made) == 2


def test_what_is_due_by_the_clock_is_found_in_its_time(orchard: Orchard) -> None:
    orchard.worker.start()
    for token in ("tried", "not even tried"):
        orchard.worker.submit_waiting("late", lambda: Pick(10), token, bell=BELL, wait_s=WAIT_S)
        assert orchard.of(token)[0].value == []


def test_a_claim_that_may_take_nothing_is_answered_soon(orchard: Orchard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "NOT_ALLOWED_S", 0.05)
    orchard.worker.submit("hang", "1", "hung")
    orchard.wait_for("none allowed", count_max=0)
    orchard.worker.start()
    assert orchard.of("none allowed")[0].value == []
    orchard.wait_for("allowed again")
    assert orchard.of("allowed again")[0].value == ["1"]


def test_what_a_failed_commit_gave_back_is_found_at_once(orchard: Orchard) -> None:
    connection = orchard.worker._connection
    connection.execute("INSERT INTO tariff (account_class, prefix, valid_from_ms, price_mc) VALUES ('t', '1', 0, 1)")
    pages = connection.execute("PRAGMA page_count").fetchone()[0] + 10
    connection.execute(f"PRAGMA max_page_count = {pages}")
    orchard.wait_for("claim")
    orchard.worker.submit_waiting("swell", lambda: Pick(10), "full", bell="other", wait_s=WAIT_S)
    orchard.worker.start()
    assert all(isinstance(one.error, Fault) for one in orchard.of("claim", "full"))
    orchard.wait_for("again")
    assert orchard.of("again")[0].value == ["1"]


def test_what_was_given_is_not_kept(orchard: Orchard) -> None:
    orchard.worker.start()
    orchard.worker.submit_waiting("pick", lambda: Pick(1), "other", bell="other", wait_s=WAIT_S / 2)
    orchard.wait_for("claim")
    orchard.settled()
    orchard.worker.submit("hang", "1", "hung")
    assert orchard.of("claim")[0].value == ["1"]
    (remembered,) = [waiter for _, _, waiter in orchard.worker._waiting._ends if waiter.token == "claim"]
    assert remembered.result is None
