"""The writer: one thread owns the one writing connection and commits what is waiting in groups.

Callers hand in (verb, argument, token) and get their results together, after the commit that makes them true.
A verb takes the whole group: `verb(tx, arguments) -> results`, one result or Fault for each argument. An argument
that breaks the group (a bug, a constraint) is found by running the group one by one under savepoints; it gets its
exception and the rest commits.

Claims may wait here until a commit has something for them, and are answered by that commit (see requests.py): what is
accepted is claimed at once when its link has room. What a LAZY verb books has happened already, and can wait a moment:
it goes with the next commit, and makes one of its own only when none comes within LINGER_S.

A failed write or sync of the disk means "unknown", not "not stored": then nothing more is acknowledged, every waiting
caller gets LedgerFailed and `on_failure` is told, so that the appliance can stop at once.
"""

import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bridge import failpoints
from bridge.ledger import sqlite
from bridge.ledger.database import Transaction
from bridge.ledger.requests import Request, Result, Ring, Waiter, Waiting
from bridge.messages.faults import Fault, FaultCode

BATCH_MAX = 256
"""Requests of one commit: enough to hide the disk's flush, few enough to keep the wait for it short."""
QUEUE_MAX = 10_000
"""Requests waiting for the writer; beyond it callers are told to come back later."""
STOP_TIMEOUT_S = 30.0
LAZY = frozenset({"receive", "settle", "settle_notices", "settle_esme_notices"})
"""What carriers and ESMEs answered or reported: nobody waits for these but a carrier for the answer to its receipt."""
LINGER_S = 0.004
"""How long they are kept for company: a commit of its own costs more than all that one of them has to say. A crash in
that time leaves as much in doubt as one before the commit would."""

Verb = Callable[[Transaction, list[Any]], Sequence[Any]]

CHORES: Mapping[str, Callable[[sqlite3.Connection], Any]] = {"truncate_wal": sqlite.truncate_wal}
"""What a transaction cannot do: asked for like a verb, done between two commits."""

_DAMAGE_CODES = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_FATAL_CODES = _DAMAGE_CODES | {sqlite3.SQLITE_IOERR}
_RETRY_CODES = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL})
_NOBODYS_FAULT = _FATAL_CODES | _RETRY_CODES
"""Result codes that say something about the disk, not about a request."""


class LedgerFailed(Exception):
    """The disk failed the ledger; what was in flight may or may not be stored. Carries SQLite's code of the failure."""

    def __init__(self, cause: object) -> None:
        super().__init__(str(cause))
        self.sqlite_errorcode = getattr(cause, "sqlite_errorcode", 0)


@dataclass(slots=True)
class Tally:
    """How the writer is doing; read by anybody, written by the writer only."""

    commits: int = 0
    requests: int = 0
    commit_seconds: list[float] = field(default_factory=list)
    """Seconds of the latest commits, BEGIN to COMMIT, at most COMMITS_KEPT of them."""


COMMITS_KEPT = 10_000


class Worker:
    """Runs verbs in groups on its own thread. `deliver` is called there with all results of one commit.

    So is `on_full` when a commit found the disk full; whoever can make room does it there.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        verbs: Mapping[str, Verb],
        deliver: Callable[[list[Result]], None],
        on_failure: Callable[[Exception], None],
        on_full: Callable[[], None] = lambda: None,
    ) -> None:
        self._connection = connection
        self._verbs = verbs
        self._deliver = deliver
        self._on_failure = on_failure
        self._on_full = on_full
        self._queue: queue.SimpleQueue[Request | Ring | None] = queue.SimpleQueue()
        self._waiting = Waiting()
        self._failure: Exception | None = None
        self._is_stopped = False
        self._busy_since: float | None = None
        self._tx = Transaction(connection)
        self._thread = threading.Thread(target=self._work, name="ledger", daemon=True)
        self.tally = Tally()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Commit everything handed in so far, end the thread and close the connection."""
        self._is_stopped = True
        self._queue.put(None)
        self._thread.join(STOP_TIMEOUT_S)
        self._connection.close()

    @property
    def memory(self) -> dict[str, Any]:
        """What verbs remember between commits: see `Transaction.memory`. To be read only, by anybody."""
        return self._tx.memory

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive() and self._failure is None

    @property
    def busy_s(self) -> float:
        """How long the commit that is being made takes already; 0.0 while none is."""
        since = self._busy_since
        return 0.0 if since is None else time.perf_counter() - since

    def submit(self, verb: str, argument: Any, token: Any) -> None:
        """Hand one request in; its Result comes through `deliver`.

        Raises Fault QUEUE_FULL when too many wait, LedgerFailed after a disk failure.
        """
        self._put(Request(verb, argument, token))

    def submit_waiting(self, verb: str, make: Callable[[], Any], token: Any, *, bell: str, wait_s: float) -> None:
        """Hand in a claim that may wait `wait_s` for `bell`; `make` gives its argument and is called on the writer's
        thread. A token that is not waited for any more must be waited for all the same: what it claimed is its own.
        """
        self._put(Waiter(verb, make, token, bell=bell, until_s=time.monotonic() + wait_s))

    def ring(self, bell: str) -> None:
        """Have every claim that waits for `bell` answered now, whatever there is. May be called on any thread."""
        self._queue.put(Ring(bell))

    def _put(self, request: Request) -> None:
        if self._failure is not None or self._is_stopped:
            raise LedgerFailed(self._failure or "the ledger is closed")
        if self._queue.qsize() >= QUEUE_MAX:
            raise Fault(FaultCode.QUEUE_FULL, private="the writer cannot keep up")
        self._queue.put(request)

    def _work(self) -> None:
        while (batch := self._take()) is not None:
            chores = [request for request in batch if request.verb in CHORES]
            if chores:
                batch = [request for request in batch if request.verb not in CHORES]
            if batch:
                self._deliver(self._settle(batch))
            if chores:
                self._deliver(self._do(chores))
        self._deliver([Result(waiter.token, []) for waiter in self._waiting.take_all()])

    def _do(self, chores: list[Request]) -> list[Result]:
        """Work on the bare connection, between two commits."""
        if self._failure is not None:
            return [Result(r.token, error=LedgerFailed(self._failure)) for r in chores]
        try:
            return [Result(request.token, CHORES[request.verb](self._connection)) for request in chores]
        except sqlite3.Error as error:
            return self._failed(chores, error)

    def _take(self) -> list[Request] | None:
        """Wait for work and take what else is there already; None when the end was asked for."""
        batch: list[Request] = []
        is_urgent = False
        linger_until_s = 0.0
        while len(batch) < BATCH_MAX:
            if not batch:
                wait_s = self._waiting.wait_s()
            else:
                wait_s = 0.0 if is_urgent else max(0.0, linger_until_s - time.monotonic())
            try:
                request = self._queue.get(timeout=wait_s)
            except queue.Empty:
                break
            if request is None:
                if not batch:
                    return None
                self._queue.put(None)
                break
            if isinstance(request, Ring):
                rung = self._waiting.take(request.bell)
                for waiter in rung:
                    waiter.until_s = 0.0
                batch += rung
                is_urgent = is_urgent or bool(rung)
            elif isinstance(request, Waiter) and self._waiting.is_dry(request.bell) and not request.is_over:
                self._waiting.add(request)
            else:
                batch.append(request)
                if request.verb not in LAZY:
                    is_urgent = True
                elif len(batch) == 1:
                    linger_until_s = time.monotonic() + LINGER_S
        return batch + self._waiting.take_over()

    def _settle(self, batch: list[Request]) -> list[Result]:
        """Run and commit one batch; every request gets exactly one result."""
        if self._failure is not None:
            return [Result(r.token, error=LedgerFailed(self._failure)) for r in batch + self._waiting.take_all()]
        started = self._busy_since = time.perf_counter()
        try:
            results = self._commit(batch)
        except sqlite3.Error as error:
            results = self._failed(batch, error)
        self._busy_since = None
        self.tally.commits += 1
        self.tally.requests += len(batch)
        self.tally.commit_seconds.append(time.perf_counter() - started)
        if len(self.tally.commit_seconds) > COMMITS_KEPT:
            del self.tally.commit_seconds[: COMMITS_KEPT // 2]
        return results

    def _commit(self, batch: list[Request]) -> list[Result]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            try:
                self._run(batch, self._run_grouped)
            except Exception as error:
                if _code(error) in _NOBODYS_FAULT:
                    raise
                # Somebody in the group broke it: start over and find out who.
                self._waiting.forget_found()
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                self._connection.execute("BEGIN IMMEDIATE")
                self._run(batch, self._run_one_by_one)
            _reach(batch, "before_commit")
            self._connection.execute("COMMIT")
            _reach(batch, "committed")
        except BaseException:
            self._waiting.forget_found()
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        return self._results(batch)

    def _run(self, batch: list[Request], run: Callable[[list[Request]], None]) -> None:
        """Run the verbs of a batch, and then the claims that wait for what they have made due, which join it."""
        self._tx.bells.clear()
        self._tx.due_in_ms.clear()
        run([request for request in batch if not isinstance(request, Waiter)])
        for bell in self._tx.bells:
            batch += self._waiting.take(bell)
        run([request for request in batch if isinstance(request, Waiter)])

    def _run_grouped(self, batch: list[Request]) -> None:
        groups: dict[str, list[Request]] = {}
        for request in batch:
            groups.setdefault(request.verb, []).append(request)
        for verb, requests in groups.items():
            arguments = [request.argument_now() for request in requests]
            values = self._verbs[verb](self._tx, arguments)
            for request, argument, value in zip(requests, arguments, values, strict=True):
                self._note(request, argument, value)

    def _run_one_by_one(self, batch: list[Request]) -> None:
        for request in batch:
            try:
                with self._tx.savepoint():
                    argument = request.argument_now()
                    (value,) = self._verbs[request.verb](self._tx, [argument])
                self._note(request, argument, value)
            except Exception as error:
                if _code(error) in _NOBODYS_FAULT:
                    raise
                request.result = Result(request.token, error=error)

    def _note(self, request: Request, argument: Any, value: Any) -> None:
        if isinstance(value, Fault):
            request.result = Result(request.token, error=value)
            return
        request.result = Result(request.token, value)
        if isinstance(request, Waiter):
            self._waiting.found(request, argument.count_max, len(value), self._tx.due_in_ms.get(request.bell))

    def _results(self, batch: list[Request]) -> list[Result]:
        """What is delivered; a claim that found nothing goes on waiting."""
        results: list[Result] = []
        for request in batch:
            if isinstance(request, Waiter) and request.has_nothing:
                self._waiting.add(request)
            elif request.result is not None:
                results.append(request.result)
                request.result = None  # Who has waited is remembered for a while, and must not keep what it was given.
        return results

    def _failed(self, batch: list[Request], error: sqlite3.Error) -> list[Result]:
        """The commit itself failed. Busy or full: nothing was stored. Anything else: nobody knows, so stop."""
        if _code(error) in _RETRY_CODES:
            if _code(error) == sqlite3.SQLITE_FULL:
                self._on_full()
            fault = Fault(FaultCode.TRY_LATER, private=f"ledger: {error}")
            return [Result(request.token, error=fault) for request in batch]
        self._failure = error
        self._on_failure(error)
        return [Result(request.token, error=LedgerFailed(error)) for request in batch + self._waiting.take_all()]


def _reach(batch: list[Request], place: str) -> None:
    """The failpoints of every commit: `<verb>.before_commit` and `<verb>.committed`, before anybody is told."""
    if failpoints.is_armed:
        for verb in {r.verb for r in batch if not (isinstance(r, Waiter) and r.has_nothing)}:
            failpoints.reach(f"{verb}.{place}")


def is_nobodys_fault(error: BaseException) -> bool:
    """Whether an error says something about the disk, and nothing about the request that met it."""
    return _code(error) in _NOBODYS_FAULT


def is_fatal(error: BaseException) -> bool:
    """Whether an error says that file or disk cannot be trusted any more, also one that only a reader met."""
    return _code(error) in _FATAL_CODES


def is_damage(error: BaseException) -> bool:
    """Whether an error says that the file itself is broken, rather than the disk or somebody's lock."""
    return _code(error) in _DAMAGE_CODES


def _code(error: BaseException) -> int:
    """SQLite's primary result code of an exception, 0 when it is none."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
