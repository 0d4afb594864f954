"""A day in the ledger's life, told in rounds: mail comes in, parts go out, answers, receipts and money come back.

It runs the real verbs through the real worker, whose loop runs in the calling thread, so that a run is the same every
time. Everything that is answered is noted in a journal outside the ledger, with the moment of the answer; `findings`
holds it against what a catastrophe left.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bridge.intake.accept import Group
from bridge.ledger import migrate, sqlite
from bridge.ledger.outbox import NoticeClaim, NoticeOutcome
from bridge.ledger.queue import Claim, Prepared, Retry
from bridge.ledger.receive import Delivery
from bridge.ledger.refusals import Refusal
from bridge.ledger.retries import digest
from bridge.ledger.settle import Settlement
from bridge.ledger.worker import LedgerFailed, Result, Worker
from bridge.messages.faults import Fault
from bridge.messages.ids import row_of
from bridge.messages.inbound import Concat, InboundPart
from bridge.messages.message import ClaimedPart, Coding, Lane, MailThread, Outcome, OutcomeKind, PartState
from bridge.messages.receipt import Receipt
from bridge.runtime.ledger_verbs import VERBS
from tests.books import LINK, NOW_MS, RECIPIENT

PAGES_BETWEEN_CHECKPOINTS = 12
"""So few that checkpoints happen all the time, and between the commits of one round."""
CACHE_PAGES = 40
"""So few that reads come from the file."""
TRIES = 3
"""How often a peer that was told "later" comes back."""
HOLD_MS = 60_000
MINUTE_MS = 60_000
PRICE_MC = 1000
FILE = "ledger.sqlite"
ROUNDS = 4
SEVERAL = 3
"""Recipients of the mail to several."""


@dataclass(frozen=True, slots=True)
class Fact:
    """What an answer said is stored: a query whose first value is true for as long as it is."""

    text: str
    sql: str
    values: tuple[Any, ...]


@dataclass(slots=True)
class Journal:
    """What was asked and what was answered, kept where no catastrophe reaches it."""

    moment: Callable[[], int]
    """How far the world is, in operations of the disk."""
    facts: list[tuple[int, Fact]] = field(default_factory=list)
    groups: dict[str, int] = field(default_factory=dict)
    """Every group that was ever handed in, answered or not -> how many messages it has."""
    refused: int = 0
    """Answers "later" that the peer got."""
    unknown: list["Ask"] = field(default_factory=list)
    """Requests whose outcome nobody knows."""
    surprises: list[str] = field(default_factory=list)
    """Errors that no peer should ever see."""

    def until(self, moment: int) -> list[Fact]:
        """What had been answered by then."""
        return [fact for at, fact in self.facts if at <= moment]


@dataclass(slots=True)
class Ask:
    """One request, and which facts its answer states."""

    verb: str
    argument: Any
    states: Callable[[Any], list[Fact]] = lambda value: []
    name: str = ""
    """Of the group, if it is one."""
    value: Any = None
    is_answered: bool = False
    is_refused: bool = False


class Stopped(Exception):
    """The worker failed and takes no more requests."""


class Desk:
    """The ledger's writer and the one peer that talks to it."""

    def __init__(self, path: Path, journal: Journal, synchronous: str = "") -> None:
        self._journal = journal
        self.failures: list[Exception] = []
        self.connection = sqlite.open_writer(path)
        try:
            self.connection.execute(f"PRAGMA wal_autocheckpoint = {PAGES_BETWEEN_CHECKPOINTS}")
            self.connection.execute(f"PRAGMA cache_size = {CACHE_PAGES}")
            if synchronous:
                self.connection.execute(f"PRAGMA synchronous = {synchronous}")
            migrate.prepare(self.connection)
            row = self.connection.execute("SELECT value FROM setting_of_ledger WHERE name = 'id_key'").fetchone()
            self.key = int(row[0])
        except BaseException:
            self.connection.close()
            raise
        self.worker = Worker(self.connection, VERBS, self._deliver, self.failures.append)

    def close(self) -> None:
        self.connection.close()

    def ask(self, *asks: Ask) -> None:
        """Hand all in at once, as one batch; those told "later" come again. Raises Stopped when the disk failed."""
        waiting = list(asks)
        for _ in range(TRIES):
            try:
                for one in waiting:
                    self.worker.submit(one.verb, one.argument, one)
            except LedgerFailed as error:
                raise Stopped(str(error)) from error
            self.worker._queue.put(None)
            self.worker._work()
            if self.failures:
                raise Stopped(str(self.failures[0]))
            waiting = [one for one in waiting if not one.is_answered and not one.is_refused]
            if not waiting:
                return

    def takes_requests(self) -> bool:
        """Whether the worker would still do anything for anybody."""
        try:
            self.worker.submit("tidy", {"now_ms": NOW_MS}, Ask("tidy", None))
        except LedgerFailed:
            return False
        return True

    def _deliver(self, results: list[Result]) -> None:
        for result in results:
            one: Ask = result.token
            if result.error is None:
                one.is_answered, one.value = True, result.value
                moment = self._journal.moment()
                self._journal.facts += [(moment, fact) for fact in one.states(result.value)]
            elif isinstance(result.error, LedgerFailed):
                self._journal.unknown.append(one)
            elif isinstance(result.error, Fault) and result.error.is_temporary:
                self._journal.refused += 1
            elif isinstance(result.error, Fault):
                one.is_refused = True
            else:
                one.is_refused = True
                self._journal.surprises.append(f"{one.verb}: {result.error!r}")


class Story:
    """What happens, in rounds of a minute."""

    def __init__(self, desk: Desk, journal: Journal) -> None:
        self._desk = desk
        self._journal = journal
        self._now_ms = NOW_MS
        self._groups = 0
        self._smsc_ids = 0
        self._rich = self._poor = self._rounds = 0
        self._is_open = False

    def tell(self, rounds: int) -> None:
        """Open the accounts and live so many rounds. Raises Stopped when the disk failed for good."""
        if self._open():
            for _ in range(rounds):
                self.tell_more()

    def tell_more(self) -> None:
        """One round more."""
        if not self._is_open and not self._open():
            return
        self._now_ms += MINUTE_MS
        self._round(self._rounds)
        self._rounds += 1

    def _ask(self, verb: str, argument: Any, states: Callable[[Any], list[Fact]] = lambda value: []) -> Any:
        one = Ask(verb, argument, states)
        self._desk.ask(one)
        return one.value

    def _open(self) -> bool:
        """Two accounts and a virtual number; False when the ledger could not take them now."""
        self._rich = self._rich or self._account("rich")
        self._poor = self._poor or self._account("poor")
        if not (self._rich and self._poor):
            return False
        self._top_up("rich", 500 * PRICE_MC, "opening")
        self._top_up("poor", 2 * PRICE_MC, "opening")
        number = {"account": "rich", "number": "46700000001", "mail": "owner@example.com", "now_ms": self._now_ms}
        self._is_open = self._ask("number_add", number) is not None
        return self._is_open

    def _account(self, name: str) -> int:
        fact = Fact(f"account {name}", "SELECT count(*) FROM account WHERE name = ?", (name,))
        opened = self._ask("account_add", {"name": name, "now_ms": self._now_ms}, lambda value: [fact])
        return int(opened["account_id"]) if opened else 0

    def _top_up(self, name: str, amount_mc: int, key: str) -> None:
        sql = "SELECT count(*) FROM posting JOIN account USING (account_id) WHERE name = ? AND cause = ?"
        fact = Fact(f"top-up {key} of {name}", sql, (name, f"top_up:{key}"))
        values = {"name": name, "amount_mc": amount_mc, "key": key, "now_ms": self._now_ms}
        self._ask("account_top_up", values, lambda value: [fact])

    def _round(self, number: int) -> None:
        self._desk.ask(
            self._group(self._rich, ("short",)),
            self._group(self._rich, *[(f"to recipient {n}",) for n in range(SEVERAL)]),
            self._group(self._rich, ("a long text " * 12, "its second part", "its third")),
            self._group(self._poor, ("who cannot pay for all of it",), ("nothing goes out",), ("of this",)),
        )
        self._group_of_the_poor(number)
        claimed: list[ClaimedPart] = self._ask("claim", Claim(LINK, 6, self._now_ms), self._claimed) or []
        self._answers(claimed)
        self._arrivals(number)
        self._notices()
        if number % 3 == 2:
            self._top_up("rich", (number + 1) * PRICE_MC, f"round {number}")
            self._sweep()

    def _group_of_the_poor(self, number: int) -> None:
        text = f"refused text {number}"
        refusal = Refusal(self._poor, "smtp", "no_credit", "nothing left", "", RECIPIENT, text, self._now_ms)
        fact = Fact(f"refusal {number}", "SELECT count(*) FROM refusal WHERE text = ?", (text,))
        self._desk.ask(self._group(self._poor, ("one",)), Ask("refuse", refusal, lambda value: [fact]))

    def _group(self, account_id: int, *messages: tuple[str, ...]) -> Ask:
        self._groups += 1
        name = f"group {self._groups}"
        self._journal.groups[name] = len(messages)
        prepared = tuple(self._prepared(name, place, texts) for place, texts in enumerate(messages))

        def states(value: Any) -> list[Fact]:
            facts = []
            for one, texts in zip(value, messages, strict=False):
                row = row_of(one.message_id, self._desk.key)
                sql = "SELECT count(*) = ? FROM part JOIN message USING (message_id) WHERE message_id = ?"
                facts.append(Fact(f"message {row} of {name}", sql, (len(texts), row)))
                sql = "SELECT sum(amount_mc) = ? FROM posting WHERE kind = 'charge' AND cause = ?"
                facts.append(Fact(f"charge of message {row}", sql, (-len(texts) * PRICE_MC, f"message:{row}")))
            return facts

        return Ask("accept", Group(account_id, self._now_ms, prepared), states, name)

    def _prepared(self, reference: str, place: int, texts: tuple[str, ...]) -> Prepared:
        return Prepared(
            door="smtp",
            originator="",
            recipient=f"{RECIPIENT[:-1]}{place}",
            coding=Coding.GSM7,
            lane=Lane.NORMAL,
            texts=texts,
            price_mc=PRICE_MC,
            links=(LINK, "second"),
            expires_at_ms=self._now_ms + 20 * MINUTE_MS,
            reference=reference,
            thread=MailThread("sender@example.com", "<original@example.com>", "", "Alarm"),
            retry=Retry(digest(reference), digest(*texts), is_strict=False),
        )

    def _claimed(self, parts: list[ClaimedPart]) -> list[Fact]:
        sql = "SELECT claimed_at_ms >= ? FROM part WHERE part_id = ?"
        return [Fact(f"claim of part {part.part_id}", sql, (self._now_ms, part.part_id)) for part in parts]

    def _answers(self, parts: list[ClaimedPart]) -> None:
        """What the carrier says of each: mostly yes, and every other kind of answer in turn."""
        kinds = [OutcomeKind.SUBMITTED] * 2 + [
            OutcomeKind.REJECTED,
            OutcomeKind.IN_DOUBT,
            OutcomeKind.DEFERRED,
            OutcomeKind.UNWRITTEN,
        ]
        outcomes, facts, receipts = [], [], []
        for part, kind in zip(parts, kinds, strict=False):
            smsc_id = ""
            if kind is OutcomeKind.SUBMITTED:
                self._smsc_ids += 1
                smsc_id = f"R{self._smsc_ids}"  # No number in any base: one id never reads like another.
                receipts.append((smsc_id, part.recipient))
            retry_at_ms = self._now_ms + (0 if kind is OutcomeKind.UNWRITTEN else MINUTE_MS)
            outcomes.append(
                Outcome(part.part_id, kind, self._now_ms, smsc_id=smsc_id, reason=kind.value, retry_at_ms=retry_at_ms)
            )
            facts += _settled(part.part_id, kind, smsc_id, self._now_ms)
        if receipts:
            # The first one's receipt overtakes its answer.
            self._receipt(*receipts[0], PartState.DELIVERED)
        if outcomes:
            self._ask("settle", Settlement(LINK, outcomes), lambda value: facts)
        if receipts[1:]:
            self._receipt(*receipts[1], PartState.UNDELIVERABLE if self._smsc_ids % 3 else PartState.DELIVERED)

    def _receipt(self, smsc_id: str, originator: str, state: PartState) -> None:
        receipt = Receipt(smsc_id, state, "000", self._now_ms, originator)
        sql = """SELECT EXISTS (SELECT 1 FROM parked_receipt WHERE smsc_id = ?)
            OR EXISTS (SELECT 1 FROM part WHERE smsc_id = ? AND state = ?)"""
        fact = Fact(f"receipt {smsc_id}", sql, (smsc_id, smsc_id, state.value))
        self._ask("receive", Delivery(LINK, [receipt], self._now_ms), lambda value: [fact])

    def _arrivals(self, number: int) -> None:
        """An inbound message, and one in two pieces."""
        text = f"inbound {number}"
        whole = InboundPart("46733000001", "46700000001", text)
        pieces = [InboundPart("46733000002", "46700000001", f"{text}.{n}", Concat(number, 2, n)) for n in (1, 2)]
        sql = """SELECT count(*) = 1 FROM inbound JOIN notice USING (inbound_id)
            WHERE text = ? AND notice.kind = 'inbound'"""
        facts = [Fact(f"{text} and its notice", sql, (text,))]
        self._ask("receive", Delivery(LINK, [whole, pieces[0]], self._now_ms), lambda value: facts)
        joined = f"{text}.1{text}.2"
        facts_of_joined = [Fact(f"{text} in two pieces", sql, (joined,))]
        self._ask("receive", Delivery(LINK, [pieces[1]], self._now_ms), lambda value: facts_of_joined)

    def _notices(self) -> None:
        notices = self._ask("claim_notices", NoticeClaim(20, self._now_ms)) or []
        outcomes = [NoticeOutcome(notice.notice_id, True, self._now_ms) for notice in notices]
        sql = "SELECT state = 'done' FROM notice WHERE notice_id = ?"
        facts = [Fact(f"notice {n.notice_id} done", sql, (n.notice_id,)) for n in notices]
        if outcomes:
            self._ask("settle_notices", outcomes, lambda value: facts)

    def _sweep(self) -> None:
        self._ask("resolve_doubts", {"now_ms": self._now_ms, "never_resend": []})
        self._ask("expire", {"now_ms": self._now_ms})
        self._ask("tidy", {"now_ms": self._now_ms})
        self._ask("truncate_wal", {})


def _settled(part_id: int, kind: OutcomeKind, smsc_id: str, now_ms: int) -> list[Fact]:
    """What the answer to a settlement says about one part, for ever."""
    if kind is OutcomeKind.SUBMITTED:
        sql = "SELECT smsc_id = ? AND submitted_at_ms IS NOT NULL FROM part WHERE part_id = ?"
        return [Fact(f"part {part_id} submitted", sql, (smsc_id, part_id))]
    if kind is OutcomeKind.REJECTED:
        sql = """SELECT state = 'rejected' AND (is_possible_duplicate OR EXISTS
            (SELECT 1 FROM posting WHERE kind = 'refund' AND cause = ?)) FROM part WHERE part_id = ?"""
        return [Fact(f"part {part_id} rejected and refunded", sql, (f"part:{part_id}", part_id))]
    if kind is OutcomeKind.UNWRITTEN:
        sql = "SELECT state != 'claimed' OR claimed_at_ms > ? FROM part WHERE part_id = ?"
        return [Fact(f"part {part_id} queued again", sql, (now_ms, part_id))]
    sql = "SELECT count(*) FROM history JOIN part USING (message_id, part_no) WHERE part_id = ? AND event = ?"
    return [Fact(f"part {part_id} {kind}", sql, (part_id, str(kind.value)))]


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder in memory where there is one: nothing here depends on a real disk."""
    shm = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shm if shm.is_dir() else None, prefix="smsbridge-crash-") as folder:
        yield Path(folder)
