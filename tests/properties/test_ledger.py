"""The ledger machine: whatever happens in whatever order, its laws hold after every step.

Hypothesis plays accounts, links and carriers against the real ledger and a small model of it.
"""

import itertools
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from bridge.intake.accept import Group
from bridge.ledger.esme import EsmeNoticeKind
from bridge.ledger.queue import Retry
from bridge.ledger.reading import id_key
from bridge.ledger.retries import CRASH_MS, KEY_KEPT_MS, UNANSWERED_KEPT_MS, digest
from bridge.messages.faults import Fault
from bridge.messages.ids import row_of
from bridge.messages.message import LEGAL_MOVES, ClaimedPart, Lane, OutcomeKind, PartState, fold
from tests.books import LINK, THREAD, Books

HOLD_MS = 60_000
OTHER = "second"
UNDELIVERED = {PartState.UNDELIVERABLE, PartState.EXPIRED, PartState.DELETED, PartState.REJECTED}
OTHER_KINDS = [kind for kind in OutcomeKind if kind is not OutcomeKind.SUBMITTED]


class LedgerMachine(RuleBasedStateMachine):
    claimed = Bundle("claimed")
    answered = Bundle("answered")

    @initialize(credit=st.sampled_from([3, 40, 1000]), refunds=st.sampled_from(["unaccepted", "undeliverable"]))
    def open(self, credit: int, refunds: str) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.books = Books(Path(self.folder.name))
        self.account = self.books.account(credit_mc=credit * 1000, refunds=refunds)
        self.pays_undeliverable = refunds == "undeliverable"
        self.model_mc = credit * 1000
        self.refunded: set[int] = set()
        self.seen: dict[int, PartState] = {}
        self.keys: dict[str, int] = {}
        self.smsc_ids = 0
        self.numbers = itertools.count()
        self.named: dict[tuple[str, str], tuple[str, int]] = {}
        self.lost: dict[str, list[tuple[str, int]]] = {}
        """Text -> messages whose answer was lost, and until when a repeat becomes them."""
        self.told: set[int] = set()
        """Notices that a session has, or that an ESME took or refused."""
        self.unbooked: set[int] = set()
        """Those of them of which the session never said what became of them."""
        self.young: dict[str, tuple[str, int]] = {}
        """Unnamed messages by id: their text, and when they were answered, as new or as a repeat."""

    def teardown(self) -> None:
        if hasattr(self, "books"):
            self.books.close()
            self.folder.cleanup()

    @rule(parts=st.integers(1, 4), messages=st.integers(1, 3), by_mail=st.booleans())
    def accept(self, parts: int, messages: int, by_mail: bool) -> None:
        self.accept_some(parts, messages, by_mail)

    @rule(
        parts=st.integers(1, 2),
        registered_delivery=st.sampled_from([0, 1, 1, 2, 3, 0x11]),
        due_min=st.sampled_from([0, 0, 1, 30, 70]),
    )
    def accept_from_esme(self, parts: int, registered_delivery: int, due_min: int) -> None:
        """Like any other, and it may be sent later only; what it says of itself is kept with it."""
        facts: dict[str, Any] = {"registered_delivery": registered_delivery}
        if due_min:
            facts["due_at_ms"] = self.books.now_ms + due_min * 60_000
            facts["expires_at_ms"] = facts["due_at_ms"] + 30 * 60_000
        self.accept_some(parts, 1, by_mail=False, **facts)

    def accept_some(self, parts: int, messages: int, by_mail: bool, **esme: Any) -> None:
        facts: dict[str, Any] = {"links": (LINK, OTHER), "thread": THREAD if by_mail else None}
        # Texts of their own: what a crash leaves unanswered shall be repeated by `accept_unnamed` alone.
        texts = [str(next(self.numbers)), *["x"] * (parts - 1)]
        prepare = self.books.esme_message if esme else self.books.prepared
        wanted = [prepare(*texts, **facts, **esme) for _ in range(messages)]
        price_mc = 1000 * parts * messages
        if price_mc > self.model_mc:
            with pytest.raises(Fault, match="no_credit"):
                self.books.accept(self.account, *wanted)
        else:
            self.books.accept(self.account, *wanted)
            self.model_mc -= price_mc

    @rule(
        name=st.sampled_from(["<1@x>", "<2@x>", "<3@x>"]),
        content=st.sampled_from(["one", "two"]),
        copies=st.integers(1, 3),
    )
    def accept_named(self, name: str, content: str, copies: int) -> None:
        """The same under the same name is one message for a day, however often and in whatever commit it comes."""
        retry = Retry(digest(name), digest(content), is_strict=False)
        groups = [Group(self.account, self.books.now_ms, (self.books.prepared(content, retry=retry),))] * copies
        answers = self.books.group("accept", groups)
        message_id, until_ms = self.named.get((name, content), ("", 0))
        if until_ms <= self.books.now_ms:
            if self.model_mc < 1000:
                assert all(isinstance(answer, Fault) for answer in answers)
                return
            message_id = answers[0][0].message_id
            self.model_mc -= 1000
            self.named[name, content] = (message_id, self.books.now_ms + KEY_KEPT_MS)
        assert {answer[0].message_id for answer in answers} == {message_id}

    @rule(text=st.sampled_from(["zone 1", "zone 2"]), is_heard=st.booleans())
    def accept_unnamed(self, text: str, is_heard: bool) -> None:
        """Without a name a repeat is a new message, unless the answer to the first was lost."""
        lost = [one for one in self.lost.get(text, []) if one[1] > self.books.now_ms]
        if not lost and self.model_mc < 1000:
            return
        (accepted,) = self.books.accept(self.account, self.books.prepared(text, links=(LINK, OTHER), door="http"))
        assert accepted.is_repeat == bool(lost)
        if lost:
            lost.remove(next(one for one in lost if one[0] == accepted.message_id))
        else:
            self.model_mc -= 1000
        self.young[accepted.message_id] = (text, self.books.now_ms)
        if not is_heard:
            self.books.do("mark_unanswered", message_ids=[accepted.message_id], now_ms=self.books.now_ms)
            lost.append((accepted.message_id, self.books.now_ms + UNANSWERED_KEPT_MS[Lane.NORMAL]))
        self.lost[text] = lost

    @rule(amount=st.integers(1, 5), key=st.sampled_from(["a", "b", "c"]))
    def top_up(self, amount: int, key: str) -> None:
        values = {"name": "demo", "amount_mc": amount * 1000, "key": key, "now_ms": self.books.now_ms}
        if self.keys.get(key, amount) != amount:
            with pytest.raises(Fault, match="another amount"):
                self.books.do("account_top_up", **values)
        else:
            assert self.books.do("account_top_up", **values)["is_new"] == (key not in self.keys)
            self.model_mc += 0 if key in self.keys else amount * 1000
            self.keys[key] = amount

    @rule(target=claimed, parts=st.integers(1, 4), by_mail=st.booleans())
    def accept_and_claim(self, parts: int, by_mail: bool) -> Any:
        """The usual case: what comes in goes out at once."""
        self.accept_some(parts, 1, by_mail)
        return self.claim(count=5, link=LINK)

    @rule(target=claimed, count=st.integers(1, 5), link=st.sampled_from([LINK, LINK, LINK, OTHER]))
    def claims(self, count: int, link: str) -> Any:
        return self.claim(count, link)

    def claim(self, count: int, link: str) -> Any:
        parts = self.books.claim(count, link)
        assert len(parts) <= count
        return multiple(*[(link, part) for part in parts])

    @rule(target=answered, taken=consumes(claimed))
    def submitted(self, taken: tuple[str, ClaimedPart]) -> Any:
        link, part = taken
        self.smsc_ids += 1
        smsc_id = f"{self.smsc_ids:08X}"
        self.books.settle(part, OutcomeKind.SUBMITTED, link=link, smsc_id=smsc_id)
        return (link, smsc_id)

    @rule(taken=consumes(claimed), kind=st.sampled_from(OTHER_KINDS))
    def other_outcome(self, taken: tuple[str, ClaimedPart], kind: OutcomeKind) -> None:
        self.other_outcome_of(taken, kind)

    def other_outcome_of(self, taken: tuple[str, ClaimedPart], kind: OutcomeKind) -> None:
        link, part = taken
        before = self.states()[part.part_id]
        self.books.settle(part, kind, link=link, reason=kind.value, retry_at_ms=self.books.now_ms + HOLD_MS)
        if kind is OutcomeKind.REJECTED and before is PartState.CLAIMED and not part.is_possible_duplicate:
            self.pay_back({part.part_id})

    def pay_back(self, part_ids: set[int]) -> None:
        """Each part is refunded once, whoever has a reason for it."""
        self.model_mc += 1000 * len(part_ids - self.refunded)
        self.refunded |= part_ids

    @rule(taken=consumes(claimed))
    def is_rejected(self, taken: tuple[str, ClaimedPart]) -> None:
        self.other_outcome_of(taken, OutcomeKind.REJECTED)

    @rule(target=claimed, taken=consumes(claimed))
    def vanishes_and_is_sent_again(self, taken: tuple[str, ClaimedPart]) -> Any:
        """The link dies under a part; it is held, and goes out once more if it may."""
        link, part = taken
        self.books.settle(part, OutcomeKind.IN_DOUBT, link=link, retry_at_ms=self.books.now_ms)
        self.books.do("resolve_doubts", now_ms=self.books.now_ms, never_resend=[])
        return self.claim(count=5, link=link)

    @rule(where=answered, state=st.sampled_from(sorted(s for s in PartState if s.is_final and s != "cancelled")))
    def receipt(self, where: tuple[str, str], state: PartState) -> None:
        link, smsc_id = where
        before = self.states()
        self.books.receipt(smsc_id, state, link=link)
        failed = {part for part, after in self.states().items() if after is not before[part] and after in UNDELIVERED}
        if self.pays_undeliverable:
            self.pay_back(failed)

    @rule(state=st.sampled_from(sorted(s for s in PartState if s.is_final and s != "cancelled")))
    def receipt_of_nobody(self, state: PartState) -> None:
        """It is kept for a while, and moves nothing: of a handset to which nothing was sent."""
        before = self.states()
        self.books.receipt("NEVER-GIVEN", state, originator="46709999123")
        assert self.states() == before

    @rule(index=st.integers(0, 1000))
    def operator_refunds(self, index: int) -> None:
        """A person gives back what did not get through: never what was delivered, never twice, never while it waits."""
        messages = self.books.read("message_list")
        if not messages:
            return
        message_id = messages[index % len(messages)]["message_id"]
        row = row_of(message_id, id_key(self.books._reader))
        parts = dict(
            self.books.connection.execute("SELECT part_id, state FROM part WHERE message_id = ?", (row,)).fetchall()
        )
        failed = {part_id for part_id, state in parts.items() if state != PartState.DELIVERED}
        values = {"message_id": message_id, "reason": "goodwill", "actor": "me", "now_ms": self.books.now_ms}
        if not failed or not all(PartState(state).is_final for state in parts.values()):
            with pytest.raises(Fault, match="bad_request"):
                self.books.do("message_refund", **values)
            return
        self.books.do("message_refund", **values)
        self.pay_back(failed)

    def some_message(self, index: int) -> tuple[str, list[tuple[int, PartState, bool]]] | None:
        """Public id of one of the messages there are, with its parts: (part_id, state, is possible duplicate)."""
        messages = self.books.read("message_list")
        if not messages:
            return None
        message_id: str = messages[index % len(messages)]["message_id"]
        row = row_of(message_id, id_key(self.books._reader))
        parts = self.books.connection.execute(
            "SELECT part_id, state, is_possible_duplicate FROM part WHERE message_id = ? ORDER BY part_no", (row,)
        ).fetchall()
        return message_id, [(part_id, PartState(state), bool(is_twice)) for part_id, state, is_twice in parts]

    @rule(index=st.integers(0, 1000))
    def cancel(self, index: int) -> None:
        """A message is taken back whole with its price, while no carrier can have any of it; later nothing happens."""
        if (found := self.some_message(index)) is None:
            return
        message_id, parts = found
        values = {"account_id": self.account, "message_id": message_id, "actor": "esme", "now_ms": self.books.now_ms}
        if can_change(parts):
            assert self.books.do("message_cancel", **values)["cancelled"] == [message_id]
            self.pay_back({part_id for part_id, *_ in parts})
            self.is_known(message_id)
            assert set(self.books.states(message_id)) == {"cancelled"}
        else:
            before = self.states()
            with pytest.raises(Fault, match="too_late"):
                self.books.do("message_cancel", **values)
            assert self.states() == before

    @rule(index=st.integers(0, 1000), more=st.sampled_from([0, 0, 1]), due_min=st.sampled_from([0, 0, 5]))
    def replace(self, index: int, more: int, due_min: int) -> None:
        """A message that waits says something else in as many parts, for the same price."""
        if (found := self.some_message(index)) is None:
            return
        message_id, parts = found
        texts = tuple(f"new {next(self.numbers)}" for _ in range(len(parts) + more))
        values = {"account_id": self.account, "message_id": message_id, "texts": texts, "now_ms": self.books.now_ms}
        if due_min:
            values["due_at_ms"] = self.books.now_ms + due_min * 60_000
            values["expires_at_ms"] = values["due_at_ms"] + 60_000
        if can_change(parts) and not more:
            self.books.do("message_replace", **values)
            assert self.books.read("message_show", message_id=message_id)["text"] == "".join(texts)
            self.is_known(message_id)
        else:
            with pytest.raises(Fault, match="bad_request" if can_change(parts) else "too_late"):
                self.books.do("message_replace", **values)

    def is_known(self, message_id: str) -> None:
        """Who changes a message knows of it: its text is no repeat any more, whatever became of its answer."""
        self.young.pop(message_id, None)
        self.lost = {text: [one for one in lost if one[0] != message_id] for text, lost in self.lost.items()}

    @rule(where=answered)
    def is_still_tried(self, where: tuple[str, str]) -> None:
        """It ends nothing, and is told once to the ESME that wants to know. At most it tells that a part was taken."""
        before = self.states()
        self.books.receipt(where[1], None, link=where[0])
        moved = {(state, after) for part, after in self.states().items() if (state := before[part]) is not after}
        assert moved <= {(PartState.IN_DOUBT, PartState.SUBMITTED)}

    @rule(
        count=st.integers(1, 3), kind=st.sampled_from([EsmeNoticeKind.DONE, *EsmeNoticeKind]), is_booked=st.booleans()
    )
    def tell_esme(self, count: int, kind: EsmeNoticeKind, is_booked: bool) -> None:
        """A session claims what is owed; its ESME takes it, or wants it later, or the session breaks before it says."""
        notices = self.books.esme_notices(self.account, count)
        assert len(notices) <= count
        for notice in notices:
            assert notice.esme_notice_id not in self.told, "it was taken, or is being told by another session"
            assert notice.message is not None
            self.told.add(notice.esme_notice_id)
            if is_booked:
                self.books.esme_settled(notice, kind, self.books.now_ms + 60_000)
                if kind is EsmeNoticeKind.RETRY:
                    self.told.discard(notice.esme_notice_id)
            else:
                self.unbooked.add(notice.esme_notice_id)

    @rule(amount=st.integers(-5, 5).filter(bool), key=st.sampled_from(["x", "y"]))
    def adjust(self, amount: int, key: str) -> None:
        """A correction counts once for its key, and never takes more than there is."""
        values = {"name": "demo", "amount_mc": amount * 1000, "key": key, "reason": "r", "now_ms": self.books.now_ms}
        known = self.keys.get(f"adjust {key}")
        if (known is not None and known != amount) or (known is None and self.model_mc + amount * 1000 < 0):
            with pytest.raises(Fault, match="bad_request"):
                self.books.do("account_adjust", **values)
            return
        assert self.books.do("account_adjust", **values)["is_new"] == (known is None)
        self.model_mc += 0 if known is not None else amount * 1000
        self.keys[f"adjust {key}"] = amount

    @rule(target=answered, taken=consumes(claimed))
    def receipt_before_answer(self, taken: tuple[str, ClaimedPart]) -> Any:
        link, part = taken
        self.smsc_ids += 1
        smsc_id = f"{self.smsc_ids:08X}"
        self.books.receipt(smsc_id, PartState.DELIVERED, link=link)
        self.books.settle(part, OutcomeKind.SUBMITTED, link=link, smsc_id=smsc_id)
        return (link, smsc_id)

    @rule(minutes=st.sampled_from([0, 1, 1, 1, 10, 61]), never=st.booleans())
    def time_passes(self, minutes: int, never: bool) -> None:
        self.books.now_ms += minutes * 60_000
        self.books.do("resolve_doubts", now_ms=self.books.now_ms, never_resend=[LINK] if never else [])
        before = {
            row[0] for row in self.books.connection.execute("SELECT part_id FROM part WHERE is_possible_duplicate = 0")
        }
        self.books.do("release_scheduled", now_ms=self.books.now_ms)
        self.books.do("expire", now_ms=self.books.now_ms)
        for part_id, state in self.states().items():
            if state is PartState.EXPIRED and self.seen.get(part_id) is not PartState.EXPIRED and part_id in before:
                # A receipt may say "expired" too; only what never left is refunded.
                (submitted,) = self.books.connection.execute(
                    "SELECT submitted_at_ms FROM part WHERE part_id = ?", (part_id,)
                ).fetchone()
                if submitted is None:
                    self.pay_back({part_id})

    @rule(how=st.sampled_from(["crash", "", "", "", "", ""]))
    def crash(self, how: str) -> None:
        """The process ends and another opens the file; seldom, so that the stories between are long."""
        if not how:
            return
        self.books.connection.close()
        self.books._reader.conn.close()
        now_ms = self.books.now_ms
        self.books = Books(Path(self.folder.name))
        self.books.now_ms = now_ms
        self.books.do("recover", now_ms=now_ms, hold_ms=HOLD_MS, crashed_at_ms=now_ms)
        self.told -= self.unbooked
        self.unbooked.clear()
        for message_id, (text, at_ms) in self.young.items():
            if at_ms >= now_ms - CRASH_MS:
                lost = [one for one in self.lost.get(text, []) if one[0] != message_id]
                self.lost[text] = [*lost, (message_id, now_ms + UNANSWERED_KEPT_MS[Lane.NORMAL])]

    def states(self) -> dict[int, PartState]:
        rows = self.books.connection.execute("SELECT part_id, state FROM part").fetchall()
        return {row[0]: PartState(row[1]) for row in rows}

    @invariant()
    def the_books_are_right(self) -> None:
        if hasattr(self, "books"):
            self.books.audit()
            assert self.books.balance_mc() == self.model_mc

    @invariant()
    def every_move_is_legal(self) -> None:
        """Between two steps a part may make several moves; each must be reachable by legal ones."""
        if not hasattr(self, "books"):
            return
        states = self.states()
        for part_id, after in states.items():
            # A part begins as queued or as scheduled; what the one can become the other can too.
            before = self.seen.get(part_id, PartState.SCHEDULED)
            assert after is before or after in reachable(before), f"{before} -> {after}"
        self.seen = states

    @invariant()
    def an_event_is_told_once(self) -> None:
        if hasattr(self, "books"):
            rows = self.books.connection.execute(
                "SELECT message_id, event, count(*) FROM notice GROUP BY 1, 2"
            ).fetchall()
            assert all(row[2] == 1 for row in rows)

    @invariant()
    def esmes_are_owed_what_they_asked_for(self) -> None:
        if not hasattr(self, "books"):
            return
        run = self.books.connection.execute
        owed: dict[int, set[str]] = {}
        for message_id, event in run("SELECT message_id, event FROM esme_notice").fetchall():
            owed.setdefault(message_id, set()).add(event)
        for message_id, wish in run("SELECT message_id, registered_delivery FROM esme_message").fetchall():
            states = run("SELECT state FROM part WHERE message_id = ?", (message_id,)).fetchall()
            state = fold(PartState(row[0]) for row in states)
            events = owed.get(message_id, set()) - {"enroute"}
            if not state.is_final:
                assert not events, "it has not ended"
                continue
            wants = {0: False, 1: True, 2: state.is_failure, 3: not state.is_failure}[wish & 3]
            assert (state.value in events) == wants


def can_change(parts: list[tuple[int, PartState, bool]]) -> bool:
    """Whether no carrier can have any of these parts."""
    return all(state in (PartState.QUEUED, PartState.SCHEDULED) and not is_twice for _, state, is_twice in parts)


def reachable(state: PartState) -> set[PartState]:
    found: set[PartState] = set()
    fresh = {state}
    while fresh:
        fresh = {after for before, after in LEGAL_MOVES if before in fresh} - found
        found |= fresh
    return found


TestLedgerMachine = LedgerMachine.TestCase
TestLedgerMachine.settings = settings(
    max_examples=150,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
