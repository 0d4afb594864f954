"""One phone number: shown, exported, erased; the books stay, and everybody else's messages too."""

import json
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.app.operations.everything import Operations
from bridge.app.operations.person import PAGE_SIZE
from bridge.app.settings import Settings
from bridge.app.times import with_times
from bridge.ledger.outbox import NoticeOutcome
from bridge.ledger.queue import Retry
from bridge.ledger.refusals import Refusal
from bridge.ledger.reports_person import PLACES, SPELLINGS_MAX
from bridge.ledger.retention import OVERDUE_MS, ROUND_MAX
from bridge.messages.address import spellings
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.inbound import Concat, InboundPart
from bridge.messages.message import MailThread, Outcome, OutcomeKind, PartState, Submission
from bridge.messages.receipt import Receipt
from bridge.messages.user_data import UserData
from bridge.runtime.loop import now_ms
from tests.books import LINK, Books
from tests.house import House, open_house
from tests.support import asyncio_test

NUMBER = "46701740605"
AT_HOME = "0701740605"
OTHER = "46709999123"
VIRTUAL = "46701740699"
WRITTEN = [NUMBER, f"+{NUMBER}", "+46 70-174 06 05", f"00{NUMBER}", AT_HOME, "070-174 06 05", "+46 (0)70 174 06 05"]


@pytest.mark.parametrize("written", WRITTEN)
def test_a_number_is_known_however_it_was_written(books: Books, written: str) -> None:
    account_id = books.account()
    books.call("refuse", Refusal(account_id, "http", "no_credit", "", "", written, "secret", books.now_ms))
    books.call("refuse", Refusal(account_id, "http", "no_credit", "", "", OTHER, "other", books.now_ms))
    assert books.read("person_show", number=NUMBER)["counts"]["refusal"] == 1


@pytest.mark.parametrize(
    "number", [NUMBER, "447911123456", "12025550123", "358401234567", "393331234567", "4790123456"]
)
def test_spellings_of_a_number(number: str) -> None:
    found = spellings(number)
    assert number in found
    assert f"00{number}" in found
    assert all(one.isdigit() for one in found)
    assert len(found) <= SPELLINGS_MAX


def test_a_national_number_that_could_be_anothers_is_not_taken_for_this_one() -> None:
    assert "2025550123" not in spellings("12025550123"), "Egypt has numbers like that"
    assert "701740605" in spellings(NUMBER)


# --- erasing, through the operations ---


@asynccontextmanager
async def open_desk(folder: Path) -> AsyncIterator[tuple[House, Operations]]:
    async with open_house(folder) as house:
        await house.add_account(pin="1234567", credit_mc=2_000_000)
        yield house, Operations(Settings(state_folder=folder), house.ledger, house.gatekeeper, house.door)


async def send(house: House, recipient: str, text: str = "hello", **facts: Any) -> str:
    identity = await house.identity("demo", "1234567")
    (accepted,) = await house.door.submit(identity, [Submission("smtp", recipient, text, **facts)])
    return accepted.message_id


async def end_all(house: House, kind: OutcomeKind = OutcomeKind.REJECTED) -> None:
    while parts := await house.ledger.claim(LINK, 100, now_ms()):
        await house.ledger.settle(LINK, [Outcome(p.part_id, kind, now_ms(), reason="no", smsc_id="A1") for p in parts])


async def tell_all(house: House) -> None:
    while notices := await house.ledger.claim_notices(100, now_ms()):
        await house.ledger.settle_notices([NoticeOutcome(n.notice_id, is_done=True, at_ms=now_ms()) for n in notices])


THREAD = MailThread(f"{NUMBER}@handset.example", "<a@b>", "", "about you")


@asyncio_test
async def test_what_has_ended_is_erased_from_tables_and_files(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as (house, desk):
        await send(house, NUMBER, "canary text", thread=THREAD, reference="canary reference")
        kept = await send(house, OTHER, "somebody else's")
        sent_by = await send(house, OTHER, "canary of the sender", originator=NUMBER)
        await end_all(house)
        await house.ledger.receive(LINK, [InboundPart(AT_HOME, VIRTUAL, "canary from the handset")], now_ms())
        pieces = [InboundPart(NUMBER, VIRTUAL, f"canary piece {n}", Concat(7, 2, n)) for n in (1, 2)]
        await house.ledger.receive(LINK, pieces, now_ms())
        receipt = Receipt("FFFF", PartState.DELIVERED, "000", None, f"+{NUMBER}")
        await house.ledger.receive(LINK, [receipt], now_ms())
        identity = await house.identity("demo", "1234567")
        for written in WRITTEN:
            refusal = Refusal(identity.account_id, "http", "no_route", "", "", written, "canary refused", now_ms())
            await house.ledger.refuse(refusal)
        await tell_all(house)
        statement = (await desk.account_show(name="demo"))["postings"]

        done = await desk.person_erase(number="+46 70 174 06 05", actor="anna")
        assert done["left"] == []
        assert done["is_log_cut"]
        assert done["number"] == NUMBER
        assert done["counts"] | {"notice": 0} == dict.fromkeys(PLACES, 0) | {
            "message": 2,
            "inbound": 2,
            "inbound_part": 2,
            "refusal": len(WRITTEN),
            "parked_receipt": 1,
        }
        for file in tmp_path.glob("ledger.sqlite*"):
            octets = file.read_bytes()
            for trace in ("canary", NUMBER, "1740605", "about you", *WRITTEN):
                assert trace.encode() not in octets, (file.name, trace)
        assert (await desk.message_show(message_id=kept))["text"] == "somebody else's"
        shown = await desk.message_show(message_id=sent_by)
        assert (shown["recipient"], shown["originator"], shown["text"]) == (OTHER, "erased", "")
        assert (await desk.account_show(name="demo"))["postings"] == statement
        assert not any((await desk.person_show(number=NUMBER))["counts"].values())

        (action,) = await desk.action_list()
        assert (action["actor"], action["action"]) == ("anna", "person_erase")
        assert "message 2, inbound 2" in action["detail"]
        assert not any(trace in json.dumps(action) for trace in (NUMBER, "1740605"))


@asyncio_test
async def test_what_has_not_ended_is_left_and_named(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as (house, desk):
        waiting = await send(house, NUMBER, "still to be sent")
        shown = await desk.person_show(number=NUMBER)
        assert (shown["unfinished"], shown["unfinished_count"]) == ([waiting], 1)
        early = Receipt("A1", PartState.DELIVERED, "000", None, NUMBER)
        await house.ledger.receive(LINK, [early], now_ms())
        await house.ledger.receive(LINK, [InboundPart(NUMBER, VIRTUAL, "half", Concat(7, 2, 1))], now_ms())
        done = await desk.person_erase(number=NUMBER)
        assert done["left"] == [f"message {waiting}", "a piece of a text that is not whole yet"]
        assert not any(done["counts"].values())
        (part,) = await house.ledger.claim(LINK, 10, now_ms())
        assert (part.text, part.recipient) == ("still to be sent", NUMBER)
        await house.ledger.settle(LINK, [Outcome(part.part_id, OutcomeKind.SUBMITTED, now_ms(), smsc_id="A1")])
        assert (await desk.message_show(message_id=waiting))["state"] == "delivered", "its early receipt was kept"
        await house.ledger.receive(LINK, [InboundPart(NUMBER, VIRTUAL, "whole", Concat(7, 2, 2))], now_ms())
        done = await desk.person_erase(number=NUMBER)
        assert done["left"] == []
        assert (done["counts"]["message"], done["counts"]["inbound"]) == (1, 1)


@asyncio_test
async def test_a_report_that_is_still_owed_comes_first(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as (house, desk):
        message_id = await send(house, NUMBER, thread=MailThread("a@example.com"))
        await end_all(house)
        assert (await desk.person_erase(number=NUMBER))["left"] == [f"message {message_id}"]
        await tell_all(house)
        assert (await desk.person_erase(number=NUMBER))["counts"]["message"] == 1


def test_a_message_that_nobody_reported_on_is_erased_after_a_while(books: Books) -> None:
    books.accept(books.account(), books.prepared(recipient=NUMBER))
    (part,) = books.claim()
    books.submitted(part, f"named-after-{NUMBER}")
    assert erase(books)["left"] != []
    books.now_ms += OVERDUE_MS
    assert erase(books)["left"] == []
    assert traces(books) == []


@asyncio_test
async def test_a_number_of_ours_is_told_and_stays(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as (house, desk):
        await house.add_account("ward7", mobile="070-174 06 05", home_country="SE")
        await desk.number_add(number=NUMBER, account="demo", mail="ward7@example.com")
        from_it = await send(house, OTHER, "kept", originator=NUMBER)
        await send(house, NUMBER, "gone")
        await end_all(house)
        done = await desk.person_erase(number=NUMBER)
        assert (done["accounts"], done["virtual"]) == (["ward7"], "demo")
        assert done["counts"]["message"] == 1
        assert (await desk.message_show(message_id=from_it))["text"] == "kept"
        assert (await desk.number_list())[0]["number"] == NUMBER


@asyncio_test
async def test_a_large_number_of_messages_takes_rounds_and_pages(tmp_path: Path) -> None:
    count = ROUND_MAX + 20
    async with open_desk(tmp_path) as (house, desk):
        identity = await house.identity("demo", "1234567")
        for _ in range(count):
            await house.door.submit(identity, [Submission("http", NUMBER, "å" * 120)])
        await end_all(house)
        found: list[dict[str, Any]] = []
        after: int | None = 0
        pages = 0
        while after is not None:
            page = await desk.person_list(number=NUMBER, place="message", after=after)
            assert len(json.dumps(page)) < 2 * PAGE_SIZE, "it must fit the control socket's line"
            found += page["rows"]
            after = page["next"]
            pages += 1
        assert len({row["message_id"] for row in found}) == count
        assert pages > 1
        assert {row["text"] for row in found} == {"å" * 120}
        assert found[0]["accepted_at"].endswith("Z")
        assert (await desk.person_erase(number=NUMBER))["counts"]["message"] == count


@asyncio_test
async def test_an_export_tells_what_an_erasure_would_touch(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as (house, desk):
        message_id = await send(house, NUMBER, "hello", thread=THREAD)
        await end_all(house)
        await house.ledger.receive(LINK, [InboundPart(NUMBER, VIRTUAL, "answer")], now_ms())
        pages = {place: (await desk.person_list(number=NUMBER, place=place))["rows"] for place in PLACES}
        (message,) = pages["message"]
        assert message["message_id"] == message_id
        assert (message["text"], message["recipient"], message["state"]) == ("hello", NUMBER, "rejected")
        assert [part["text"] for part in message["parts"]] == ["hello"]
        assert message["mail"]["subject"] == "about you"
        assert message["notices"][0]["address"] == f"{NUMBER}@handset.example"
        (inbound,) = pages["inbound"]
        assert (inbound["text"], inbound["originator"]) == ("answer", NUMBER)
        assert set(inbound) >= {"inbound_id", "received_at", "received_at_ms"}
        shown = await desk.person_show(number=NUMBER)
        assert {place: len(rows) for place, rows in pages.items()} == shown["counts"]
        with pytest.raises(Fault) as refused:
            await desk.person_list(number=NUMBER, place="account")
        assert refused.value.code is FaultCode.BAD_REQUEST


@asyncio_test
async def test_what_is_no_number_is_refused(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as (_, desk):
        for wrong in ("demo", "", "0701740605", "%"):
            with pytest.raises(Fault) as refused:
                await desk.person_erase(number=wrong)
            assert refused.value.code is FaultCode.BAD_RECIPIENT
        assert await desk.action_list() == []


def test_times_are_told_twice() -> None:
    told = with_times({"accepted_at_ms": 1_795_498_300_123, "parts": [{"at_ms": 0, "final_at_ms": None}], "n": 1})
    assert told == {
        "accepted_at_ms": 1_795_498_300_123,
        "accepted_at": "2026-11-24T05:31:40.123Z",
        "parts": [{"at_ms": 0, "at": "1970-01-01T00:00:00.000Z", "final_at_ms": None}],
        "n": 1,
    }


# --- any ledger ---


def erase(books: Books) -> dict[str, Any]:
    """The erasure as the operation does it, on a ledger without its thread."""
    left: list[str] = []
    for place in PLACES:
        if place == "parked_receipt" and left:
            continue
        if ids := books.read("person_ids", number=NUMBER, place=place, after=0):
            values = {"place": place, "ids": ids, "number": NUMBER, "sender": NUMBER}
            left += books.do("person_erase", **values, now_ms=books.now_ms)["left"]
    return {"left": left}


def traces(books: Books) -> list[tuple[str, Any]]:
    """Rows of any table in which the number stands, as digits or as it was written."""
    found: list[tuple[str, Any]] = []
    tables = books.connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    for (table,) in tables:
        for row in books.connection.execute(f'SELECT * FROM "{table}"'):
            told = " ".join(str(value) for value in row)
            if any(written in told for written in (*WRITTEN, "1740605", "SECRET")):
                found.append((table, row))
    return found


def of_others(books: Books) -> list[Any]:
    return books.connection.execute(
        "SELECT message.*, part.* FROM message JOIN part USING (message_id) WHERE recipient = ? ORDER BY part_id",
        (OTHER,),
    ).fetchall()


EVENTS = st.sampled_from(
    [
        "to_it",
        "to_it_by_mail",
        "to_it_named",
        "to_it_by_smpp",
        "to_other",
        "refused",
        "inbound",
        "piece",
        "claim",
        "receipt",
    ]
    + ["early_receipt", "tell", "time", "resolve"]
)


class Story:
    """Random life of a ledger in which one number plays a part."""

    def __init__(self, books: Books) -> None:
        self.books = books
        self.account_id = books.account(credit_mc=1_000_000, email="ward7@example.com")
        values = {"number": VIRTUAL, "account": "demo", "mail": "ward7@example.com", "is_for_esme": True}
        books.do("number_add", **values, now_ms=books.now_ms)
        self.names = 0
        self.answered: list[str] = []

    def play(self, event: str, written: str, kind: OutcomeKind) -> None:
        books = self.books
        if event.startswith("to_"):
            self.accept(event)
        elif event == "refused":
            refusal = Refusal(
                self.account_id, "http", "no_credit", f"for {written}", "", written, "SECRET", books.now_ms
            )
            books.call("refuse", refusal)
        elif event == "inbound":
            books.inbound(InboundPart(AT_HOME if written[0] == "0" else NUMBER, VIRTUAL, "SECRET"))
        elif event == "piece":
            self.names += 1
            books.inbound(InboundPart(NUMBER, VIRTUAL, "SECRET", Concat(1, 2, 1 + self.names % 2)))
        elif event == "claim":
            self.claim(kind)
        elif event == "receipt" and self.answered:
            books.receipt(self.answered.pop(), PartState.UNDELIVERABLE if "0" in written[:1] else PartState.DELIVERED)
        elif event == "early_receipt":
            books.receipt(f"early-{written}", originator=written)
        elif event == "tell":
            self.tell()
        elif event == "time":
            books.now_ms += 61 * 60_000
            books.do("expire", now_ms=books.now_ms)
        elif event == "resolve":
            books.do("resolve_doubts", now_ms=books.now_ms + 60_000, never_resend=[])

    def accept(self, event: str) -> None:
        thread = MailThread(f"{NUMBER}@x.example", "<1@x>", "", "SECRET") if event == "to_it_by_mail" else None
        recipient, text = (OTHER, "other") if event == "to_other" else (NUMBER, "SECRET")
        reference = f"ref {NUMBER}" if event == "to_it_named" else ""
        self.names += 1
        retry = Retry(bytes([self.names]) * 16, b"print", is_strict=False) if event == "to_it_named" else None
        facts: dict[str, Any] = {"recipient": recipient, "thread": thread, "reference": reference, "retry": retry}
        prepared = self.books.prepared(text, text, **facts)
        if event == "to_it_by_smpp":
            octets = UserData(body=b"SECRET", data_coding=4)
            prepared = self.books.esme_message(text, user_data=octets, destination_addr=f"+{NUMBER}", **facts)
        self.books.accept(self.account_id, prepared)

    def claim(self, kind: OutcomeKind) -> None:
        for part in self.books.claim(3):
            self.names += 1
            # A carrier that names parts after the handset.
            name = f"{self.names}-{part.recipient}"
            # Reasons of refunds stand in the books for ever, and are our own words only.
            reason = "no" if kind is OutcomeKind.REJECTED else f"{kind} for {part.recipient}"
            self.books.settle(part, kind, smsc_id=name, reason=reason, retry_at_ms=self.books.now_ms)
            if kind is OutcomeKind.SUBMITTED:
                self.answered.append(name)

    def tell(self) -> None:
        notices = self.books.notices()
        outcomes = [NoticeOutcome(n.notice_id, is_done=True, at_ms=self.books.now_ms) for n in notices]
        if outcomes:
            self.books.call("settle_notices", outcomes)
        for notice in self.books.esme_notices(self.account_id):
            self.books.esme_settled(notice)

    def end(self) -> None:
        """Time passes until nothing waits for anything."""
        while parts := self.books.claim():
            for part in parts:
                self.books.settle(part, OutcomeKind.REJECTED, reason="no")
        self.books.now_ms += OVERDUE_MS
        for _ in range(3):
            self.books.do("resolve_doubts", now_ms=self.books.now_ms, never_resend=[LINK])
            self.books.do("expire", now_ms=self.books.now_ms)
            self.books.do("tidy", now_ms=self.books.now_ms)
            self.tell()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(EVENTS, st.sampled_from(WRITTEN), st.sampled_from(list(OutcomeKind))), max_size=25))
def test_whatever_happened_nothing_is_left_of_an_erased_number(events: list[tuple[str, str, OutcomeKind]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        books = Books(Path(folder))
        try:
            story = Story(books)
            for event, written, kind in events:
                story.play(event, written, kind)
            balance_mc, others = books.balance_mc(), of_others(books)
            early = erase(books)
            books.audit()
            assert (books.balance_mc(), of_others(books)) == (balance_mc, others)
            assert bool(early["left"]) == bool(traces(books))
            story.end()
            others = of_others(books)
            assert erase(books)["left"] == []
            books.audit()
            assert traces(books) == []
            assert of_others(books) == others
        finally:
            books.close()
