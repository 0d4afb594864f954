"""Retention: texts go first, messages later, the books never; and what is gone is gone from the files too."""

import itertools
from pathlib import Path
from typing import Any

import pytest

from bridge.app.retention import Retention
from bridge.app.retention_settings import RetentionSettings
from bridge.ledger import sqlite
from bridge.ledger.outbox import NoticeOutcome
from bridge.ledger.refusals import Refusal
from bridge.ledger.retention import DAY_MS, OVERDUE_MS, ROUND_MAX, SETTLED_MS_MIN, text_limit_ms
from bridge.mail import compose
from bridge.messages.inbound import InboundPart
from bridge.messages.message import MailThread, Outcome, OutcomeKind, PartState, Submission
from bridge.runtime.loop import now_ms
from tests.books import LINK, RECIPIENT, THREAD, Books
from tests.house import open_house
from tests.support import asyncio_test

TEXT_DAYS = 30
MESSAGE_DAYS = 400
CANARY = "canary-7Q2X the pump"
HANDSET = "46709999123"
VIRTUAL = "46701740699"


def erase_texts(books: Books, text_days: int = TEXT_DAYS) -> dict[str, int]:
    """All rounds there are; gives the sums."""
    sums = {"messages": 0, "inbound": 0, "refusals": 0}
    while True:
        done = erase_round(books, text_days)
        sums = {kind: sums[kind] + done[kind] for kind in sums}
        if not done["is_more"]:
            return sums


def erase_round(books: Books, text_days: int = TEXT_DAYS) -> dict[str, Any]:
    before_ms = text_limit_ms(books.now_ms, text_days)
    due = books.read("texts_due", before_ms=before_ms)
    done: dict[str, Any] = books.do("erase_texts", message_ids=due, before_ms=before_ms)
    return done


def forget(books: Books) -> dict[str, Any]:
    done: dict[str, Any] = books.do("forget_messages", before_ms=books.now_ms - MESSAGE_DAYS * DAY_MS)
    return done


def texts(books: Books) -> list[str]:
    return [row[0] for row in books.connection.execute("SELECT text FROM part ORDER BY part_id")]


def rows(books: Books, table: str) -> int:
    return int(books.connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


_smsc_ids = itertools.count(1)


def sent(books: Books, account_id: int, *wanted: str, **facts: Any) -> str:
    """A message that was submitted; gives its public id. Its parts are named from the counter."""
    (accepted,) = books.accept(account_id, books.prepared(*wanted, **facts))
    for part in books.claim():
        books.submitted(part, f"{next(_smsc_ids):08X}")
    return accepted.message_id


def delivered(books: Books, account_id: int, *wanted: str, **facts: Any) -> str:
    message_id = sent(books, account_id, *wanted, **facts)
    for part in books.read("message_show", message_id=message_id)["parts"]:
        books.receipt(part["smsc_id"])
    return message_id


def all_told(books: Books) -> None:
    notices = books.notices()
    if notices:
        books.call("settle_notices", [NoticeOutcome(n.notice_id, is_done=True, at_ms=books.now_ms) for n in notices])


def test_a_text_goes_when_its_days_are_over_and_not_before(books: Books) -> None:
    message_id = delivered(books, books.account(), "one ", "two", thread=THREAD)
    all_told(books)
    books.now_ms += TEXT_DAYS * DAY_MS - 1
    assert erase_texts(books)["messages"] == 0
    assert texts(books) == ["one ", "two"]
    books.now_ms += 1
    assert erase_texts(books)["messages"] == 1
    assert texts(books) == ["", ""]
    assert rows(books, "mail_thread") == 0
    shown = books.read("message_show", message_id=message_id)
    assert (shown["state"], shown["recipient"], shown["text"]) == ("delivered", RECIPIENT, "")
    assert [notice["address"] for notice in shown["notices"]] == [""]
    assert erase_texts(books) == {"messages": 0, "inbound": 0, "refusals": 0}


def test_zero_days_means_as_soon_as_everything_was_told(books: Books) -> None:
    delivered(books, books.account(), thread=THREAD)
    books.now_ms += SETTLED_MS_MIN
    assert erase_texts(books, text_days=0)["messages"] == 0, "the report quotes the text"
    (notice,) = books.notices()
    assert notice.message is not None
    assert notice.message.text == "hello"
    assert erase_texts(books, text_days=0)["messages"] == 0, "it is being mailed just now"
    books.call("settle_notices", [NoticeOutcome(notice.notice_id, is_done=True, at_ms=books.now_ms)])
    assert erase_texts(books, text_days=0)["messages"] == 1


def test_the_text_is_kept_whole_until_the_last_part_has_ended(books: Books) -> None:
    message_id = sent(books, books.account(), "one ", "two")
    first, second = [part["smsc_id"] for part in books.read("message_show", message_id=message_id)["parts"]]
    books.receipt(first)
    books.now_ms += 6 * DAY_MS
    books.receipt(second)
    books.now_ms += (TEXT_DAYS - 6) * DAY_MS
    assert erase_texts(books)["messages"] == 0
    books.now_ms += 6 * DAY_MS
    assert erase_texts(books)["messages"] == 1
    assert texts(books) == ["", ""]


def test_a_part_that_nobody_reported_on_is_waited_for_and_then_no_longer(books: Books) -> None:
    account_id = books.account()
    sent(books, account_id, thread=THREAD)
    delivered(books, account_id, "later")
    books.now_ms += TEXT_DAYS * DAY_MS + OVERDUE_MS - 1
    assert erase_texts(books)["messages"] == 1
    assert texts(books) == ["hello", ""]
    books.now_ms += 1
    assert erase_texts(books)["messages"] == 1
    assert texts(books) == ["", ""]
    assert rows(books, "mail_thread") == 0


def test_a_text_that_may_still_be_sent_is_never_erased(books: Books) -> None:
    books.accept(books.account(), books.prepared())
    books.now_ms += 1000 * DAY_MS
    assert erase_texts(books)["messages"] == 0
    assert forget(books)["messages"] == 0
    assert texts(books) == ["hello"]
    books.do("expire", now_ms=books.now_ms)
    books.now_ms += TEXT_DAYS * DAY_MS
    assert erase_texts(books)["messages"] == 1, "the walk that passed it by has not lost it"


def test_a_mail_that_nobody_takes_keeps_the_text_a_while_only(books: Books) -> None:
    delivered(books, books.account(), thread=THREAD)
    books.now_ms += TEXT_DAYS * DAY_MS + OVERDUE_MS - 1
    assert erase_texts(books)["messages"] == 0
    books.now_ms += 1
    assert erase_texts(books)["messages"] == 1
    (notice,) = books.notices()
    assert notice.address == THREAD.reply_to, "it is still owed"
    assert notice.message is not None
    assert notice.message.text == ""
    assert b"The text" not in compose.mail(notice, "sms@sms.example", "sms.example")


def test_what_stands_in_the_way_of_many_does_not_stop_the_others(books: Books) -> None:
    account_id = books.account(credit_mc=1_000_000)
    for _ in range(3):
        books.accept(account_id, *[books.prepared(thread=THREAD) for _ in range(ROUND_MAX // 2)])
    while parts := books.claim():
        for part in parts:
            books.submitted(part, f"{next(_smsc_ids):08X}")
            books.receipt(f"{next(_smsc_ids) - 1:08X}")
    delivered(books, account_id, "told")
    books.now_ms += TEXT_DAYS * DAY_MS
    assert erase_texts(books)["messages"] == 1
    assert texts(books)[-1] == ""


def test_a_backlog_takes_several_rounds_of_bounded_size(books: Books) -> None:
    account_id = books.account(credit_mc=1_000_000)
    books.accept(account_id, *[books.prepared() for _ in range(2 * ROUND_MAX + 10)])
    books.now_ms += 2 * 3_600_000
    while any(books.do("expire", now_ms=books.now_ms).values()):
        pass
    books.now_ms += MESSAGE_DAYS * DAY_MS
    assert [erase_round(books)["messages"] for _ in range(3)] == [ROUND_MAX, ROUND_MAX, 10]
    done = [forget(books) for _ in range(3)]
    assert [(d["messages"], d["is_more"]) for d in done] == [(ROUND_MAX, True), (ROUND_MAX, True), (10, False)]
    assert rows(books, "message") == rows(books, "part") == 0
    assert books.balance_mc() == 1_000_000, "all were refunded, and the postings stay"


def test_messages_that_never_end_do_not_keep_the_others_for_ever(books: Books) -> None:
    """A whole round of held messages, before the first that had ended, stopped all forgetting for good."""
    account_id = books.account(credit_mc=1_000_000)
    books.accept(account_id, *[books.prepared() for _ in range(ROUND_MAX)])
    books.connection.execute("UPDATE part SET state = 'held', waiting_for = 'restored'")
    for _ in range(3):
        delivered(books, account_id)
    books.now_ms += MESSAGE_DAYS * DAY_MS
    delivered(books, account_id, "young")
    assert [(done["messages"], done["is_more"]) for done in (forget(books), forget(books))] == [(0, True), (3, False)]
    books.do("held_cancel", actor="kim", now_ms=books.now_ms)
    books.now_ms += MESSAGE_DAYS * DAY_MS
    assert [forget(books)["messages"] for _ in range(2)] == [ROUND_MAX, 1], "it comes back to those that ended later"
    assert rows(books, "message") == 0


def test_texts_from_handsets_go_when_somebody_was_told_of_them(books: Books) -> None:
    books.account()
    books.do("number_add", number=VIRTUAL, account="demo", mail="ward7@example.com", now_ms=books.now_ms)
    books.inbound(InboundPart(HANDSET, VIRTUAL, "to the ward"), InboundPart(HANDSET, "46701740000", "to nobody"))
    books.now_ms += TEXT_DAYS * DAY_MS
    assert erase_texts(books)["inbound"] == 1
    assert [line["text"] for line in books.read("inbound_list")] == ["", "to the ward"]
    all_told(books)
    assert erase_texts(books)["inbound"] == 1
    assert {line["text"] for line in books.read("inbound_list")} == {""}
    assert books.connection.execute("SELECT address FROM notice").fetchall() == [("",)]
    books.inbound(InboundPart(HANDSET, VIRTUAL, "a new one"))
    assert erase_texts(books)["inbound"] == 0
    books.now_ms += MESSAGE_DAYS * DAY_MS
    assert forget(books)["inbound"] == 2, "the one that somebody is still to be told of stays"


def test_texts_of_refusals_go_too(books: Books) -> None:
    account_id = books.account()
    books.call("refuse", Refusal(account_id, "http", "no_credit", "", "", HANDSET, "refused text", books.now_ms))
    books.now_ms += TEXT_DAYS * DAY_MS
    assert erase_texts(books)["refusals"] == 1
    (line,) = books.read("refusal_list")
    assert (line["text"], line["recipient"], line["fault"]) == ("", HANDSET, "no_credit")
    books.now_ms += MESSAGE_DAYS * DAY_MS
    assert forget(books)["refusals"] == 1


def test_a_message_goes_with_all_that_hangs_on_it_and_its_postings_stay(books: Books) -> None:
    account_id = books.account()
    delivered(books, account_id, "one ", "two", thread=THREAD)
    books.accept(account_id, books.prepared())
    (part,) = books.claim()
    books.settle(part, OutcomeKind.DEFERRED, reason="busy", retry_at_ms=books.now_ms)
    (part,) = books.claim()
    books.settle(part, OutcomeKind.REJECTED, reason="refused")
    all_told(books)
    postings = books.connection.execute("SELECT * FROM posting").fetchall()
    balance_mc = books.balance_mc()
    books.now_ms += MESSAGE_DAYS * DAY_MS - 1
    assert forget(books)["messages"] == 0
    books.now_ms += 1
    assert forget(books)["messages"] == 2
    for table in ("message", "part", "history", "mail_thread", "notice"):
        assert rows(books, table) == 0, table
    assert books.connection.execute("SELECT * FROM posting").fetchall() == postings
    assert books.balance_mc() == balance_mc
    assert len(books.read("account_show", name="demo")["postings"]) == len(postings)
    books.audit()
    number = books.accept(account_id, books.prepared())[0].message_id
    assert books.read("message_show", message_id=number)["state"] == "queued", "numbers do not come again"


LOSSES = {
    "a message that was not erased": "DELETE FROM message WHERE message_id = (SELECT max(message_id) FROM message)",
    "an old message that nobody erased": "DELETE FROM message WHERE message_id = (SELECT min(message_id) FROM message)",
}


@pytest.mark.parametrize("loss", LOSSES.values(), ids=list(LOSSES))
def test_the_audit_still_sees_what_is_lost(books: Books, loss: str) -> None:
    account_id = books.account()
    sent(books, account_id)
    for _ in range(2):
        delivered(books, account_id)
    books.now_ms += MESSAGE_DAYS * DAY_MS
    delivered(books, account_id)
    assert forget(books)["messages"] == 2, "the first was never reported on, the last is new"
    books.audit()
    books.connection.execute("PRAGMA foreign_keys = OFF")
    books.connection.execute("BEGIN")
    books.connection.execute(loss)
    books.connection.execute("DELETE FROM part WHERE message_id NOT IN (SELECT message_id FROM message)")
    books.connection.execute("COMMIT")
    broken = [check["name"] for check in books.read("ledger_audit")["checks"] if not check["is_ok"]]
    assert broken
    assert all("erased" in name for name in broken)
    # Let the fixture's own audit find a whole ledger again.
    books.connection.execute("UPDATE setting_of_ledger SET value = '3' WHERE name = 'messages_erased'")
    top = "(SELECT CAST(max(value + 1) AS TEXT) FROM sequence)"
    books.connection.execute(f"UPDATE setting_of_ledger SET value = {top} WHERE name LIKE '%_erased_below'")


def test_a_receipt_for_an_erased_message_does_no_harm(books: Books) -> None:
    message_id = delivered(books, books.account())
    (part,) = books.read("message_show", message_id=message_id)["parts"]
    books.now_ms += MESSAGE_DAYS * DAY_MS
    forget(books)
    books.receipt(part["smsc_id"], PartState.UNDELIVERABLE)
    assert books.read("message_show", message_id=message_id) is None


# --- the files ---


def traces(folder: Path, *needles: str) -> dict[str, list[str]]:
    """Which of the needles stand in which of the ledger's files."""
    files = sorted(folder.glob("ledger.sqlite*"))
    assert [file.name for file in files if file.name.endswith(("sqlite", "-wal"))] == [
        "ledger.sqlite",
        "ledger.sqlite-wal",
    ]
    found = {file.name: [n for n in needles if n.encode() in file.read_bytes()] for file in files}
    return {name: needles for name, needles in found.items() if needles}


@asyncio_test
async def test_after_an_erasure_no_octet_of_the_text_is_left_in_the_files(tmp_path: Path) -> None:
    thread = MailThread("canary-sender@example.com", "<canary-id@example.com>", "<canary-ref@x>", "canary-subject")
    secrets = [CANARY, "canary-sender", "canary-id", "canary-ref", "canary-subject", "canary-inbound", "canary-refused"]
    async with open_house(tmp_path) as house:
        await house.add_account(pin="1234567", credit_mc=500_000)
        identity = await house.identity("demo", "1234567")
        for turn in range(40):
            text = f"{CANARY} {turn} " + "x" * (20 * turn)
            wanted = Submission("smtp", f"467099{turn:05}", text, thread=thread)
            await house.door.submit(identity, [wanted])
        while parts := await house.ledger.claim(LINK, 50, now_ms()):
            outcomes = [Outcome(p.part_id, OutcomeKind.REJECTED, now_ms(), reason="no") for p in parts]
            await house.ledger.settle(LINK, outcomes)
        await house.ledger.receive(LINK, [InboundPart(HANDSET, "46701", "canary-inbound " * 9)], now_ms())
        refusal = Refusal(identity.account_id, "http", "no_route", "", "", HANDSET, "canary-refused", now_ms())
        await house.ledger.refuse(refusal)
        assert {n for found in traces(tmp_path, *secrets).values() for n in found} == set(secrets)

        while notices := await house.ledger.claim_notices(100, now_ms()):
            await house.ledger.settle_notices([NoticeOutcome(n.notice_id, is_done=True, at_ms=1) for n in notices])
        settings = RetentionSettings(text_days=TEXT_DAYS, message_days=MESSAGE_DAYS)
        await Retention(house.ledger, settings).run()
        assert CANARY in traces(tmp_path, CANARY)["ledger.sqlite"], "it is not its time yet"
        later = Retention(house.ledger, settings, clock=lambda: now_ms() + TEXT_DAYS * DAY_MS + 1)
        await later.run()
        assert traces(tmp_path, *secrets) == {}
        assert len(await house.messages(count_max=100)) == 40
        assert traces(tmp_path, HANDSET, "46709900039") != {}, "numbers stay as long as the message"

        await Retention(house.ledger, settings, clock=lambda: now_ms() + MESSAGE_DAYS * DAY_MS + 1).run()
        assert traces(tmp_path, HANDSET, *[f"467099{turn:05}" for turn in range(40)]) == {}
        assert await house.messages() == []
        assert await house.balance_mc() == 500_000


@asyncio_test
async def test_a_reader_that_needs_the_log_is_not_waited_for_and_the_log_is_cut_later(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await house.add_account()
        reader = sqlite.open_reader(tmp_path / "ledger.sqlite")
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM account").fetchone() == (1,)
        await house.add_account("other")
        await Retention(house.ledger, RetentionSettings()).run()
        assert house.ledger.has_erased
        reader.execute("COMMIT")
        reader.close()
        await Retention(house.ledger, RetentionSettings()).run()
        assert not house.ledger.has_erased
        assert (tmp_path / "ledger.sqlite-wal").stat().st_size == 0
        assert await house.ledger.read("account_show", name="other") is not None


def test_the_writer_overwrites_what_it_deletes(books: Books) -> None:
    assert books.connection.execute("PRAGMA secure_delete").fetchone() == (1,)
