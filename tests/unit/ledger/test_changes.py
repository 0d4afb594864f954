"""A message is taken back, or replaced, while no carrier has it; after that it is too late."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.intake.accept import Group
from bridge.ledger.database import Transaction
from bridge.ledger.restore import hold
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.message import Coding, Lane, MailThread, OutcomeKind, PartState
from bridge.messages.user_data import UserData
from tests.books import NOW_MS, RECIPIENT, Books

HOUR_MS = 3_600_000
SCHEDULED = {"due_at_ms": NOW_MS + HOUR_MS, "expires_at_ms": NOW_MS + 24 * HOUR_MS}
ADDRESSED = {"source_addr": "Pump", "destination_addr": f"+{RECIPIENT}"}


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    made = Books(tmp_path)
    yield made
    made.audit()
    made.close()


def cancel(books: Books, **values: Any) -> list[str]:
    done = books.do("message_cancel", actor="its ESME", now_ms=books.now_ms, **values)
    cancelled: list[str] = done["cancelled"]
    return cancelled


def restore(books: Books) -> None:
    books.connection.execute("BEGIN IMMEDIATE")
    hold(Transaction(books.connection), None, taken_at_ms=books.now_ms, actor="me", now_ms=books.now_ms)
    books.connection.execute("COMMIT")


# --- scheduled ---


def test_a_scheduled_message_is_paid_and_waits_for_its_time(books: Books) -> None:
    account = books.account(credit_mc=2000)
    (accepted,) = books.accept(account, books.esme_message("one", "two", **SCHEDULED))
    assert books.balance_mc() == 0
    message = books.read("message_show", message_id=accepted.message_id)
    assert (message["state"], message["next_action_at_ms"]) == ("scheduled", NOW_MS + HOUR_MS)
    books.now_ms += HOUR_MS - 1
    books.do("release_scheduled", now_ms=books.now_ms)
    assert books.claim() == []
    books.now_ms += 1
    books.rung()
    assert books.do("release_scheduled", now_ms=books.now_ms) == {"expired": [], "is_more": False}
    assert books.rung() == {"link:upstream"}
    assert [part.text for part in books.claim()] == ["one", "two"]


def test_what_was_scheduled_while_the_appliance_was_off_is_sent_late_or_expires(books: Books) -> None:
    account = books.account(credit_mc=2000)
    (late,) = books.accept(account, books.esme_message(**SCHEDULED))
    (over,) = books.accept(account, books.esme_message(**(SCHEDULED | {"expires_at_ms": NOW_MS + 2 * HOUR_MS})))
    books.now_ms += 2 * HOUR_MS
    assert books.do("release_scheduled", now_ms=books.now_ms) == {"expired": [over.message_id], "is_more": False}
    assert (books.states(late.message_id), books.states(over.message_id)) == (["queued"], ["expired"])
    assert books.balance_mc() == 1000
    assert [notice.event for notice in books.esme_notices(account)] == ["expired"]


def test_a_clock_that_steps_does_not_move_a_time_of_day(books: Books) -> None:
    account = books.account()
    (accepted,) = books.accept(account, books.esme_message(**SCHEDULED))
    books.do("shift", by_ms=5 * HOUR_MS, now_ms=NOW_MS + 5 * HOUR_MS)
    assert books.read("message_show", message_id=accepted.message_id)["next_action_at_ms"] == NOW_MS + HOUR_MS


def test_an_account_with_scheduled_messages_is_not_closed(books: Books) -> None:
    account = books.account()
    books.accept(account, books.esme_message(**SCHEDULED))
    with pytest.raises(Fault, match="1 scheduled"):
        books.do("account_close", name="demo", key="k", reason="", refund_days=14, actor="me", now_ms=books.now_ms)


# --- taken back ---


@pytest.mark.parametrize("facts", [{}, SCHEDULED])
def test_a_message_is_taken_back_whole_with_its_price(books: Books, facts: dict[str, Any]) -> None:
    account = books.account(credit_mc=2000)
    (accepted,) = books.accept(account, books.esme_message("one", "two", **facts))
    assert cancel(books, account_id=account, message_id=accepted.message_id, source_addr="Pump") == [
        accepted.message_id
    ]
    assert (books.states(accepted.message_id), books.balance_mc()) == (["cancelled", "cancelled"], 2000)
    books.now_ms += 2 * HOUR_MS
    books.do("release_scheduled", now_ms=books.now_ms)
    assert books.claim() == []
    (notice,) = books.esme_notices(account)
    assert notice.event == "cancelled"
    with pytest.raises(Fault) as again:
        cancel(books, account_id=account, message_id=accepted.message_id)
    assert (again.value.code, again.value.detail) == (FaultCode.TOO_LATE, "it is cancelled")
    assert books.balance_mc() == 2000


def sent_in_part(books: Books) -> None:
    books.claim(count=1)


def submitted(books: Books) -> None:
    for part in books.claim():
        books.submitted(part, f"A{part.part_id}")


def to_be_resent(books: Books) -> None:
    for part in books.claim():
        books.settle(part, OutcomeKind.IN_DOUBT, retry_at_ms=books.now_ms)
    books.do("resolve_doubts", now_ms=books.now_ms, never_resend=[])


@pytest.mark.parametrize(
    ("happens", "why"),
    [
        (sent_in_part, "it is being sent"),
        (submitted, "it is submitted"),
        (to_be_resent, "it may have been sent once already"),
    ],
)
def test_what_a_carrier_may_have_is_neither_taken_back_nor_replaced(
    books: Books, happens: Callable[[Books], None], why: str
) -> None:
    account = books.account()
    (accepted,) = books.accept(account, books.esme_message("one", "two"))
    happens(books)
    before = books.states(accepted.message_id)
    values = {"account_id": account, "message_id": accepted.message_id}
    for verb, more in (("message_cancel", {"actor": "me"}), ("message_replace", {"texts": ("1", "2")})):
        with pytest.raises(Fault) as late:
            books.do(verb, **values, **more, now_ms=books.now_ms)
        assert (late.value.code, late.value.detail) == (FaultCode.TOO_LATE, why)
    assert (books.states(accepted.message_id), books.balance_mc()) == (before, 98_000)


def test_nobody_takes_back_what_is_anothers(books: Books) -> None:
    account, other = books.account(), books.account("other")
    (accepted,) = books.accept(account, books.esme_message())
    wrong: list[dict[str, Any]] = [
        {"account_id": other, "message_id": accepted.message_id},
        {"account_id": account, "message_id": accepted.message_id, "source_addr": "Door"},
        {"account_id": account, "message_id": "00000000"},
        {"account_id": account, "message_id": "no id"},
        {"account_id": other, **ADDRESSED},
        {"account_id": account, **ADDRESSED, "service_type": "OTP"},
    ]
    for values in wrong:
        with pytest.raises(Fault) as refused:
            cancel(books, **values)
        assert refused.value.code is FaultCode.NOT_FOUND, values
    with pytest.raises(Fault, match="name the message"):
        cancel(books, account_id=None, **ADDRESSED)
    assert books.states(accepted.message_id) == ["queued"]


def test_without_an_id_all_between_two_addresses_are_taken_back(books: Books) -> None:
    account = books.account()
    accepted = [
        books.accept(account, books.esme_message(**facts))[0].message_id
        for facts in ({}, SCHEDULED, {"service_type": "OTP"}, {"destination_addr": "+46709"})
    ]
    books.accept(account, books.prepared("came by mail"))
    assert cancel(books, account_id=account, **ADDRESSED, service_type="OTP") == [accepted[2]]
    assert sorted(cancel(books, account_id=account, **ADDRESSED)) == sorted(accepted[:2])
    assert books.states(accepted[3]) == ["queued"]
    with pytest.raises(Fault) as late:
        cancel(books, account_id=account, **ADDRESSED)
    assert late.value.code is FaultCode.TOO_LATE


def test_an_id_that_stands_for_several_takes_them_all_back(books: Books) -> None:
    account = books.account()
    wanted = [books.esme_message(destination_addr=f"+4670{n}") for n in range(3)]
    groups = [Group(account, books.now_ms, (one,), multi=1) for one in wanted]
    (answers,) = books.group("accept_each", [groups])
    ids = [answer[0].message_id for answer in answers]
    assert cancel(books, account_id=account, message_id=ids[0], destination_addr="+46702") == [ids[2]]
    assert cancel(books, account_id=account, message_id=ids[0]) == ids[:2]


def test_an_operator_takes_back_a_message_of_any_door(books: Books) -> None:
    account = books.account()
    (accepted,) = books.accept(account, books.prepared())
    assert cancel(books, message_id=accepted.message_id) == [accepted.message_id]
    assert books.balance_mc() == 100_000


def mails(books: Books) -> list[tuple[str, str]]:
    """Whom a mail is owed to, and about what; it counts as sent then."""
    return [(one.address, one.message.state.value) for one in books.notices() if one.message]


def test_what_an_esme_takes_back_itself_is_told_to_it_and_mailed_to_nobody(books: Books) -> None:
    account = books.account(email="demo@example.com")
    (by_id,) = books.accept(account, books.esme_message())
    cancel(books, account_id=account, message_id=by_id.message_id)
    books.accept(account, books.esme_message("two"))
    cancel(books, account_id=account, **ADDRESSED)
    books.accept(account, books.esme_message("three"))
    books.accept(account, books.esme_message("four", is_replacing=True))
    assert mails(books) == []
    assert [notice.event for notice in books.esme_notices(account)] == ["cancelled"] * 3


def test_what_others_take_back_is_mailed(books: Books) -> None:
    account = books.account(email="demo@example.com")
    (by_operator,) = books.accept(account, books.esme_message())
    cancel(books, message_id=by_operator.message_id)
    assert mails(books) == [("demo@example.com", "cancelled")]
    books.accept(account, books.esme_message("held"))
    restore(books)
    books.do("held_cancel", actor="me", now_ms=books.now_ms)
    assert mails(books) == [("demo@example.com", "cancelled")]


def test_the_sender_of_a_mail_hears_that_an_esme_of_its_account_took_it_back(books: Books) -> None:
    account = books.account(email="demo@example.com")
    (mailed,) = books.accept(account, books.prepared(thread=MailThread("kim@example.com")))
    cancel(books, account_id=account, message_id=mailed.message_id)
    assert mails(books) == [("kim@example.com", "cancelled")]


def test_what_is_held_since_a_restore_ends_and_stays_charged(books: Books) -> None:
    account = books.account(credit_mc=1000)
    (accepted,) = books.accept(account, books.esme_message())
    restore(books)
    assert cancel(books, account_id=account, message_id=accepted.message_id) == [accepted.message_id]
    assert (books.states(accepted.message_id), books.balance_mc()) == (["cancelled"], 0)
    assert books.read("held_count")["parts"] == 0


@pytest.mark.parametrize("is_after_a_crash", [False, True])
def test_what_was_taken_back_can_be_sent_again(books: Books, *, is_after_a_crash: bool) -> None:
    """Its answer was lost; the ESME took it back by its addresses and wants the same text once more."""
    account = books.account()
    (lost,) = books.accept(account, books.esme_message("same"))
    if not is_after_a_crash:
        books.do("mark_unanswered", message_ids=[lost.message_id], now_ms=books.now_ms)
    cancel(books, account_id=account, **ADDRESSED)
    if is_after_a_crash:
        books.do("recover", now_ms=books.now_ms, hold_ms=0, crashed_at_ms=books.now_ms)
    (again,) = books.accept(account, books.esme_message("same"))
    assert not again.is_repeat


# --- replaced ---


def replace(books: Books, account_id: int, message_id: str, **values: Any) -> None:
    books.do("message_replace", account_id=account_id, message_id=message_id, now_ms=books.now_ms, **values)


def test_a_waiting_message_says_something_else(books: Books) -> None:
    account = books.account()
    flash = UserData(data_coding=0x10)
    (accepted,) = books.accept(
        account, books.esme_message("old one", "old two", user_data=flash, registered_delivery=0)
    )
    new = ("new \N{SNOWMAN}", "and two")
    replace(books, account, accepted.message_id, texts=new, coding=Coding.UCS2, registered_delivery=1)
    parts = books.claim()
    assert [(part.text, part.coding, part.user_data) for part in parts] == [(text, Coding.UCS2, None) for text in new]
    shown = books.read("message_show", message_id=accepted.message_id)
    assert [(line["event"], line["detail"]) for line in shown["history"]] == [("replaced", "text")]
    assert (shown["esme"]["registered_delivery"], books.balance_mc()) == (1, 98_000)
    rows = books.connection.execute("SELECT count(*) FROM user_data").fetchone()
    assert rows == (0,)


def test_what_the_handset_is_to_do_with_it_stays(books: Books) -> None:
    account = books.account()
    (accepted,) = books.accept(
        account, books.esme_message("old", user_data=UserData(data_coding=0x10, protocol_id=0x41))
    )
    replace(books, account, accepted.message_id, texts=("new",))
    assert [(part.text, part.user_data) for part in books.claim()] == [("new", UserData(protocol_id=0x41))]


def test_a_piece_of_a_longer_text_is_not_replaced(books: Books) -> None:
    account = books.account()
    segment = UserData(b"\x05\x00\x03\x07\x02\x01")
    (accepted,) = books.accept(account, books.esme_message("old", user_data=segment))
    with pytest.raises(Fault, match="it has a header"):
        replace(books, account, accepted.message_id, texts=("new",))
    (part,) = books.claim()
    assert (part.text, part.user_data) == ("old", segment)


def test_another_time_is_another_time(books: Books) -> None:
    account = books.account()
    (accepted,) = books.accept(account, books.esme_message("text", **SCHEDULED))
    later = NOW_MS + 3 * HOUR_MS
    replace(books, account, accepted.message_id, due_at_ms=later, expires_at_ms=later + 1)
    (part,) = books.read("message_show", message_id=accepted.message_id)["parts"]
    kept = (part["state"], part["next_action_at_ms"], part["expires_at_ms"], part["text"])
    assert kept == ("scheduled", later, later + 1, "text")
    with pytest.raises(Fault, match="validity is over before"):
        replace(books, account, accepted.message_id, due_at_ms=later + 1)
    with pytest.raises(Fault, match="over already"):
        replace(books, account, accepted.message_id, expires_at_ms=books.now_ms)


DAY_MS = 24 * HOUR_MS
USUAL = {"lane_validity_ms": (HOUR_MS, DAY_MS, DAY_MS), "validity_ms_max": 7 * DAY_MS}


@pytest.mark.parametrize(
    ("before", "asked", "after"),
    [
        # A validity counts from the time it is scheduled for, whichever of them was replaced.
        ((20, 21), (0, 25), (20, 25)),
        ((20, 21), (0, 30), (20, 27)),
        ((0, 1), (0, 9), (0, 7)),
        ((1, 2), (20, 30), (20, 27)),
        # The settings' own moves with the time, either way.
        ((1, 2), (20, 0), (20, 21)),
        ((20, 21), (1, 0), (1, 2)),
        ((0, 1), (3, 0), (3, 4)),
        ((1, 2), (1.5, 0), (1.5, 2.5)),
        # One that somebody gave stays.
        ((1, 5), (4, 0), (4, 5)),
        ((1, 5), (0.5, 0), (0.5, 5)),
        ((1, 5), (5, 0), None),
        ((20, 27), (0, 20), None),
    ],
)
def test_due_time_and_validity_go_together_as_in_a_submission(
    books: Books, before: tuple[int, int], asked: tuple[int, int], after: tuple[float, float] | None
) -> None:
    """In days from now, 0: at once, or not said. Beyond a week, or the settings' validity, they were refused."""
    account = books.account()
    due, expiry = before
    times = {"due_at_ms": NOW_MS + due * DAY_MS if due else 0, "expires_at_ms": NOW_MS + expiry * DAY_MS}
    (accepted,) = books.accept(account, books.esme_message("one", "two", **times))

    def shown() -> set[tuple[float, float]]:
        parts = books.read("message_show", message_id=accepted.message_id)["parts"]
        return {
            ((part["next_action_at_ms"] - NOW_MS) / DAY_MS, (part["expires_at_ms"] - NOW_MS) / DAY_MS) for part in parts
        }

    wanted = {"due_at_ms": asked[0], "expires_at_ms": asked[1]}
    wanted = {name: int(NOW_MS + days * DAY_MS) for name, days in wanted.items() if days}
    if after is None:
        with pytest.raises(Fault, match="validity is over before"):
            replace(books, account, accepted.message_id, **wanted, **USUAL)
        assert shown() == {before}
    else:
        replace(books, account, accepted.message_id, **wanted, **USUAL)
        assert shown() == {after}


def test_the_validity_of_an_alarm_is_that_of_its_lane(books: Books) -> None:
    account = books.account()
    alarm = {"lane": Lane.ALARM, "expires_at_ms": NOW_MS + HOUR_MS}
    (accepted,) = books.accept(account, books.esme_message(**alarm))
    replace(books, account, accepted.message_id, due_at_ms=NOW_MS + DAY_MS, **USUAL)
    replace(books, account, accepted.message_id, due_at_ms=NOW_MS + 2 * DAY_MS, **USUAL)
    (part,) = books.read("message_show", message_id=accepted.message_id)["parts"]
    assert part["expires_at_ms"] == NOW_MS + 2 * DAY_MS + HOUR_MS


def test_a_queued_message_that_gets_a_time_waits_for_it(books: Books) -> None:
    account = books.account()
    (accepted,) = books.accept(account, books.esme_message(expires_at_ms=NOW_MS + 9 * HOUR_MS))
    replace(books, account, accepted.message_id, due_at_ms=NOW_MS + HOUR_MS)
    assert books.claim() == []
    books.now_ms += HOUR_MS
    assert len(books.claim()) == 1


def test_a_text_of_more_parts_replaces_nothing(books: Books) -> None:
    account = books.account()
    (accepted,) = books.accept(account, books.esme_message("old", **SCHEDULED))
    with pytest.raises(Fault, match="needs 2 parts and what it replaces has 1"):
        replace(books, account, accepted.message_id, texts=("a", "b"), due_at_ms=NOW_MS + 2 * HOUR_MS)
    shown = books.read("message_show", message_id=accepted.message_id)
    assert (shown["text"], shown["next_action_at_ms"], shown["history"]) == ("old", NOW_MS + HOUR_MS, [])


def test_only_its_own_account_replaces_it(books: Books) -> None:
    account, other = books.account(), books.account("other")
    (accepted,) = books.accept(account, books.esme_message("old"))
    for account_id, source_addr in ((other, ""), (account, "Door")):
        with pytest.raises(Fault, match="not_found"):
            replace(books, account_id, accepted.message_id, source_addr=source_addr, texts=("new",))
    restore(books)
    with pytest.raises(Fault, match="it is held"):
        replace(books, account, accepted.message_id, texts=("new",))
    assert PartState(books.states(accepted.message_id)[0]) is PartState.HELD


# --- replaced by another submission ---


def test_what_waits_gives_way_to_what_replaces_it(books: Books) -> None:
    account, other = books.account(credit_mc=5000), books.account("other")
    (old,) = books.accept(account, books.esme_message("one", "two", service_type="CMT", **SCHEDULED))
    (queued,) = books.accept(account, books.esme_message("three", service_type="CMT"))
    others = [
        *books.accept(account, books.esme_message("other type", service_type="OTP")),
        *books.accept(account, books.esme_message("other number", service_type="CMT", destination_addr="+46")),
        *books.accept(other, books.esme_message("other account", service_type="CMT")),
    ]
    assert books.balance_mc() == 0
    with pytest.raises(Fault, match="no_credit"):
        books.accept(account, books.esme_message("new", service_type="CMT", is_replacing=True))
    assert books.states(old.message_id) == ["scheduled"] * 2, "it stays when what replaces it is refused"
    books.do("account_top_up", name="demo", amount_mc=1000, key="1", reason="", actor="me", now_ms=books.now_ms)
    (new,) = books.accept(account, books.esme_message("new", service_type="CMT", is_replacing=True))
    assert (books.states(old.message_id), books.states(queued.message_id)) == (["cancelled"] * 2, ["cancelled"])
    assert books.balance_mc() == 3000
    shown = books.read("message_show", message_id=old.message_id)
    assert {part["waiting_for"] for part in shown["parts"]} == {f"by message {new.message_id}, which replaces it"}
    assert [notice.event for notice in books.esme_notices(account)] == ["cancelled", "cancelled"]
    assert {part.message_id for part in books.claim()} == {new.message_id, *(one.message_id for one in others)}


def test_the_last_of_one_commit_replaces_the_others(books: Books) -> None:
    account = books.account()
    groups = [
        Group(account, books.now_ms, (books.esme_message(text, is_replacing=True),)) for text in ("one", "two", "three")
    ]
    answers = books.call("accept_each", groups)
    assert [books.states(answer[0].message_id) for answer in answers] == [["cancelled"], ["cancelled"], ["queued"]]
    assert books.balance_mc() == 99_000


def test_what_a_carrier_may_have_is_not_replaced(books: Books) -> None:
    account = books.account()
    (claimed,) = books.accept(account, books.esme_message("on its way"))
    (part,) = books.claim()
    (new,) = books.accept(account, books.esme_message("new", is_replacing=True))
    assert (books.states(claimed.message_id), books.states(new.message_id)) == (["claimed"], ["queued"])
    books.settle(part, OutcomeKind.IN_DOUBT)
    assert books.events(claimed.message_id) == ["in_doubt"]
    (long,) = books.accept(account, books.esme_message("one", "two", destination_addr="+46"))
    first, _ = (part for part in books.claim() if part.message_id == long.message_id)
    books.settle(first, OutcomeKind.DEFERRED, retry_at_ms=books.now_ms + 1)
    books.accept(account, books.esme_message("short", destination_addr="+46", is_replacing=True))
    assert books.states(long.message_id) == ["queued", "claimed"], "all of its parts or none"
    restore(books)
    (newer,) = books.accept(account, books.esme_message("newer", is_replacing=True))
    assert "cancelled" not in books.states(new.message_id), "it may have been sent before the restore"
    assert books.states(newer.message_id) == ["queued"]


def test_a_repeat_of_what_replaced_something_replaces_nothing_more(books: Books) -> None:
    account = books.account()
    (new,) = books.accept(account, books.esme_message("new", is_replacing=True))
    books.do("mark_unanswered", message_ids=[new.message_id], now_ms=books.now_ms)
    (between,) = books.accept(account, books.esme_message("meanwhile"))
    (again,) = books.accept(account, books.esme_message("new", is_replacing=True))
    assert (again.message_id, again.is_repeat) == (new.message_id, True)
    assert books.states(between.message_id) == ["queued"]


def test_what_differs_by_its_protocol_id_is_no_repeat(books: Books) -> None:
    account = books.account()
    (silent,) = books.accept(account, books.esme_message("same", user_data=UserData(protocol_id=0x40)))
    books.do("mark_unanswered", message_ids=[silent.message_id], now_ms=books.now_ms)
    (loud,) = books.accept(account, books.esme_message("same"))
    (again,) = books.accept(account, books.esme_message("same", user_data=UserData(protocol_id=0x40)))
    assert (loud.is_repeat, again.is_repeat, again.message_id) == (False, True, silent.message_id)
