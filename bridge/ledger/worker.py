"""The writer: one thread owns the one writing connection and commits what is waiting in groups.

Callers hand in (verb, argument, token) and get their results together, after the commit that makes them true.
A verb takes the whole group: `verb(tx, arguments) -> results`, one result or Fault for each argument. An argument
that breaks the group (a bug, a constraint) is found by running the group one by one under savepoints; it gets its
exception and the rest commits.

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
from bridge.messages.faults import Fault, FaultCode

BATCH_MAX = 256
"""Requests of one commit: enough to hide the disk's flush, few enough to keep the wait for it short."""
QUEUE_MAX = 10_000
"""Requests waiting for the writer; beyond it callers are told to come back later."""
STOP_TIMEOUT_S = 30.0

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
class Result:
    """What became of one request: `error` is a Fault or another exception, else `value` counts."""

    token: Any
    value: Any = None
    error: Exception | None = None


@dataclass(slots=True)
class _Request:
    verb: str
    argument: Any
    token: Any


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

    So is `on_full` when a commit found the disk full; whoever can make room does it there; and `ring`, with the bells
    that a commit has work for (see runtime/wakeups.py), before its results are delivered.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        verbs: Mapping[str, Verb],
        deliver: Callable[[list[Result]], None],
        on_failure: Callable[[Exception], None],
        on_full: Callable[[], None] = lambda: None,
        ring: Callable[[set[str]], None] = lambda bells: None,
    ) -> None:
        self._connection = connection
        self._verbs = verbs
        self._deliver = deliver
        self._on_failure = on_failure
        self._on_full = on_full
        self._ring = ring
        self._queue: queue.SimpleQueue[_Request | None] = queue.SimpleQueue()
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
        if self._failure is not None or self._is_stopped:
            raise LedgerFailed(self._failure or "the ledger is closed")
        if self._queue.qsize() >= QUEUE_MAX:
            raise Fault(FaultCode.QUEUE_FULL, private="the writer cannot keep up")
        self._queue.put(_Request(verb, argument, token))

    def _work(self) -> None:
        while (batch := self._take()) is not None:
            chores = [request for request in batch if request.verb in CHORES]
            if chores:
                batch = [request for request in batch if request.verb not in CHORES]
            if batch:
                self._deliver(self._settle(batch))
            if chores:
                self._deliver(self._do(chores))

    def _do(self, chores: list[_Request]) -> list[Result]:
        """Work on the bare connection, between two commits."""
        if self._failure is not None:
            return [Result(r.token, error=LedgerFailed(self._failure)) for r in chores]
        try:
            return [Result(request.token, CHORES[request.verb](self._connection)) for request in chores]
        except sqlite3.Error as error:
            return self._failed(chores, error)

    def _take(self) -> list[_Request] | None:
        """Wait for a request and take what else is there already; None when the end was asked for."""
        first = self._queue.get()
        if first is None:
            return None
        batch = [first]
        while len(batch) < BATCH_MAX:
            try:
                request = self._queue.get_nowait()
            except queue.Empty:
                break
            if request is None:
                self._queue.put(None)
                break
            batch.append(request)
        return batch

    def _settle(self, batch: list[_Request]) -> list[Result]:
        """Run and commit one batch; every request gets exactly one result."""
        if self._failure is not None:
            return [Result(r.token, error=LedgerFailed(self._failure)) for r in batch]
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

    def _commit(self, batch: list[_Request]) -> list[Result]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            try:
                results = self._run_grouped(batch)
            except Exception as error:
                if _code(error) in _NOBODYS_FAULT:
                    raise
                # Somebody in the group broke it: start over and find out who.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                self._connection.execute("BEGIN IMMEDIATE")
                results = self._run_one_by_one(batch)
            _reach(batch, "before_commit")
            self._connection.execute("COMMIT")
            _reach(batch, "committed")
            if self._tx.bells:
                self._ring(self._tx.bells)
                self._tx.bells = set()
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        return results

    def _run_grouped(self, batch: list[_Request]) -> list[Result]:
        groups: dict[str, list[_Request]] = {}
        for request in batch:
            groups.setdefault(request.verb, []).append(request)
        results: list[Result] = []
        for verb, requests in groups.items():
            values = self._verbs[verb](self._tx, [request.argument for request in requests])
            results += [_result(request, value) for request, value in zip(requests, values, strict=True)]
        return results

    def _run_one_by_one(self, batch: list[_Request]) -> list[Result]:
        results: list[Result] = []
        for request in batch:
            try:
                with self._tx.savepoint():
                    (value,) = self._verbs[request.verb](self._tx, [request.argument])
                results.append(_result(request, value))
            except Exception as error:
                if _code(error) in _NOBODYS_FAULT:
                    raise
                results.append(Result(request.token, error=error))
        return results

    def _failed(self, batch: list[_Request], error: sqlite3.Error) -> list[Result]:
        """The commit itself failed. Busy or full: nothing was stored. Anything else: nobody knows, so stop."""
        if _code(error) in _RETRY_CODES:
            if _code(error) == sqlite3.SQLITE_FULL:
                self._on_full()
            fault = Fault(FaultCode.TRY_LATER, private=f"ledger: {error}")
            return [Result(request.token, error=fault) for request in batch]
        self._failure = error
        self._on_failure(error)
        return [Result(request.token, error=LedgerFailed(error)) for request in batch]


def _reach(batch: list[_Request], place: str) -> None:
    """The failpoints of every commit: `<verb>.before_commit` and `<verb>.committed`, before anybody is told."""
    if failpoints.is_armed:
        for verb in {request.verb for request in batch}:
            failpoints.reach(f"{verb}.{place}")


def _result(request: _Request, value: Any) -> Result:
    return Result(request.token, error=value) if isinstance(value, Fault) else Result(request.token, value)


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
