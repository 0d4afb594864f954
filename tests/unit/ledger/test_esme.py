"""What ESMEs said of their messages is kept, and what they are owed is owed once, told, and not for ever."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.intake.accept import Group
from bridge.ledger import bells
from bridge.ledger.database import Transaction
from bridge.ledger.esme import KEPT_MS, EsmeClaim, EsmeNoticeKind
from bridge.ledger.restore import hold
from bridge.messages.esme import EsmeFacts
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.inbound import InboundPart
from bridge.messages.message import Accepted, Coding, OutcomeKind, PartState
from bridge.messages.user_data import UserData
from tests.books import LINK, NOW_MS, RECIPIENT, Books


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    made = Books(tmp_path)
    yield made
    made.audit()
    made.close()


def ended(books: Books, account_id: int, state: PartState = PartState.DELIVERED, *texts: str, **facts: object) -> str:
    """A message of an ESME whose parts all ended so; gives its public id."""
    (accepted,) = books.accept(account_id, books.esme_message(*texts, **facts))
    for part in books.claim():
        books.submitted(part, f"A{part.part_id}")
        books.receipt(f"A{part.part_id}", state)
    return accepted.message_id


# --- what is kept ---


def test_user_data_comes_back_with_the_claim(books: Books) -> None:
    account = books.account()
    segment = UserData(bytes.fromhex("050003070201"))
    octets = UserData(bytes.fromhex("0605040B8423F0"), b"\x00\xffWAP", 0xF5)
    flash = UserData(data_coding=0x10)
    books.accept(account, books.esme_message("first half", user_data=segment))
    books.accept(account, books.esme_message("00FF574150", coding=Coding.BINARY, user_data=octets))
    books.accept(account, books.esme_message("one", "two", user_data=flash))
    books.accept(account, books.esme_message("plain"))
    parts = books.claim()
    assert [part.user_data for part in parts] == [segment, octets, flash, flash, None]
    assert (parts[1].coding, parts[1].text) == (Coding.BINARY, "00FF574150")


def test_the_destinations_of_a_submit_multi_are_told_the_first_accepted_id(books: Books) -> None:
    account = books.account(credit_mc=3000)
    other = books.account("other")

    def multi(account_id: int, number: int, *texts: str) -> Group:
        return Group(account_id, books.now_ms, (books.esme_message(*texts),), multi=number)

    dear = ("a", "b", "c", "d")
    groups = [multi(account, 7, *dear), multi(account, 7), multi(account, 7), multi(account, 8), multi(other, 7)]
    first_request, second_request = books.group("accept_each", [groups[:3], groups[3:]])
    refused, first, second = first_request
    assert isinstance(refused, Fault)
    assert refused.code is FaultCode.NO_CREDIT
    told = {
        (accepted.message_id): books.read("message_show", message_id=accepted.message_id)["esme"]["told_id"]
        for (accepted,) in (first, second, *second_request)
    }
    (one,), (two,), ((three,), (four,)) = first, second, second_request
    assert told == {
        one.message_id: one.message_id,
        two.message_id: one.message_id,
        three.message_id: three.message_id,
        four.message_id: four.message_id,
    }


def test_a_destination_that_breaks_a_submit_multi_leaves_the_others_one_id(books: Books) -> None:
    """Each of them was told under its own id then, and the ESME had heard only of the first."""
    account = books.account()
    good, broken = books.esme_message("a"), books.esme_message("b", user_message_reference=1 << 70)
    groups = [Group(account, books.now_ms, (one,), multi=7) for one in (broken, good, broken, good, good)]
    (answers,) = books.group("accept_each", [groups])
    assert [type(answer) for answer in answers] == [Fault, list, Fault, list, list]
    ids = [answer[0].message_id for answer in answers if not isinstance(answer, Fault)]
    told = [books.read("message_show", message_id=one)["esme"]["told_id"] for one in ids]
    assert told == [ids[0]] * 3


def test_each_group_of_a_request_has_its_own_answer(books: Books) -> None:
    account = books.account(credit_mc=2000)
    groups = [Group(account, books.now_ms, (books.esme_message(text),)) for text in ("a", "b", "c")]
    (answers, none) = books.group("accept_each", [groups, []])
    assert [type(answer) for answer in answers] == [list, list, Fault]
    assert none == []
    assert books.balance_mc() == 0


def test_a_group_that_breaks_its_request_is_left_out_alone(books: Books) -> None:
    account = books.account()
    broken = books.esme_message("b", user_message_reference=1 << 70)
    wanted = [books.esme_message("a"), broken, books.esme_message("c")]
    (answers,) = books.group("accept_each", [[Group(account, books.now_ms, (one,)) for one in wanted]])
    assert [type(answer) for answer in answers] == [list, Fault, list]
    assert (answers[1].code, answers[1].private[:13]) == (FaultCode.TRY_LATER, "OverflowError")
    assert books.balance_mc() == 98_000
    assert [part.text for part in books.claim()] == ["a", "c"]


# --- receipts ---


@pytest.mark.parametrize(
    ("registered_delivery", "state", "is_owed"),
    [
        (0, PartState.DELIVERED, False),
        (0, PartState.UNDELIVERABLE, False),
        (1, PartState.DELIVERED, True),
        (1, PartState.UNDELIVERABLE, True),
        (2, PartState.DELIVERED, False),
        (2, PartState.EXPIRED, True),
        (3, PartState.DELIVERED, True),
        (3, PartState.REJECTED, False),
        (16, PartState.DELIVERED, False),
        (17, PartState.DELIVERED, True),
    ],
)
def test_registered_delivery_decides(
    books: Books, registered_delivery: int, state: PartState, *, is_owed: bool
) -> None:
    account = books.account()
    ended(books, account, state, registered_delivery=registered_delivery)
    assert books.rung() - {bells.of_link(LINK)} == ({bells.of_esmes(account)} if is_owed else set())
    assert [notice.event for notice in books.esme_notices(account)] == [state.value] * is_owed


def test_a_receipt_tells_all_of_the_message(books: Books) -> None:
    account = books.account()
    facts = {"service_type": "OTP", "user_message_reference": 4711, "source_addr_npi": 1, "dest_addr_npi": 9}
    texts = ("a long text of which only twenty characters are told", "and more")
    (accepted,) = books.accept(account, books.esme_message(*texts, **facts))
    first, second = books.claim()
    books.submitted(first, "A1")
    books.submitted(second, "A2")
    books.now_ms += 90_000
    books.receipt("A1")
    assert books.esme_notices(account) == [], "the other part is still on its way"
    books.now_ms += 1000
    books.receipt("A2", PartState.UNDELIVERABLE)
    (notice,) = books.esme_notices(account)
    view = notice.message
    assert view is not None
    assert (notice.event, notice.attempt, notice.created_at_ms) == ("partly_delivered", 1, books.now_ms)
    assert view.message_id == accepted.message_id
    assert (view.parts_total, view.parts_delivered) == (2, 1)
    assert (view.accepted_at_ms, view.final_at_ms, view.network_at_ms) == (NOW_MS, books.now_ms, books.now_ms - 60_000)
    assert (view.error, view.text_start) == ("000", "a long text of which")
    assert view.facts == EsmeFacts("OTP", "Pump", 5, 1, f"+{RECIPIENT}", 1, 9, 1, 4711)


def test_a_submit_multi_hears_its_own_id(books: Books) -> None:
    account = books.account()
    groups = [Group(account, books.now_ms, (books.esme_message(text),), multi=1) for text in "ab"]
    ((first, _),) = books.group("accept_each", [groups])
    for part in books.claim():
        books.settle(part, OutcomeKind.REJECTED, command_status=0x0B, reason="no such number")
    told = [notice.message for notice in books.esme_notices(account)]
    assert [(one.message_id, one.command_status) for one in told if one] == [(first[0].message_id, 0x0B)] * 2


def test_a_binary_message_has_no_text_to_tell(books: Books) -> None:
    account = books.account()
    ended(books, account, PartState.DELIVERED, "00FF", coding=Coding.BINARY, user_data=UserData(body=b"\x00\xff"))
    (notice,) = books.esme_notices(account)
    assert notice.message is not None
    assert notice.message.text_start == ""


def test_an_event_is_told_once_however_often_its_receipt_comes(books: Books) -> None:
    account = books.account()
    (accepted,) = books.accept(account, books.esme_message())
    (part,) = books.claim()
    books.submitted(part, "A1")
    for _ in range(3):
        books.receipt("A1")
    (notice,) = books.esme_notices(account)
    books.esme_settled(notice)
    books.receipt("A1")
    assert books.esme_notices(account) == []
    esme = books.read("message_show", message_id=accepted.message_id)["esme"]
    assert [(one["event"], one["state"]) for one in esme["notices"]] == [("delivered", "done")]


def test_an_intermediate_receipt_is_told_once_to_who_asked(books: Books) -> None:
    account = books.account()
    (asked, _) = [books.accept(account, books.esme_message(registered_delivery=bits))[0] for bits in (0x11, 0x01)]
    for part in books.claim():
        books.submitted(part, f"A{part.part_id}")
        for _ in range(2):
            books.receipt(f"A{part.part_id}", None)
    books.receipt("NOBODY", None)
    (notice,) = books.esme_notices(account)
    assert notice.message is not None
    assert (notice.event, notice.message.message_id) == ("enroute", asked.message_id)
    assert notice.message.final_at_ms is None


def test_what_ended_is_not_told_to_be_tried_still(books: Books) -> None:
    account = books.account()
    (_,) = books.accept(account, books.esme_message(registered_delivery=0x11))
    (part,) = books.claim()
    books.submitted(part, "A1")
    books.receipt("A1")
    books.receipt("A1", None)
    assert [notice.event for notice in books.esme_notices(account)] == ["delivered"]


@pytest.mark.parametrize("is_put_off_first", [True, False])
def test_that_the_network_tried_is_not_told_behind_the_end(books: Books, is_put_off_first: bool) -> None:
    """An ESME that was busy for the one and took the other would believe for ever that it is still tried."""
    account = books.account()
    books.accept(account, books.esme_message(registered_delivery=0x11))
    (part,) = books.claim()
    books.submitted(part, "A1")
    books.receipt("A1", None)
    (trying,) = books.esme_notices(account)
    for step in (True, False) if is_put_off_first else (False, True):
        if step:
            books.esme_settled(trying, EsmeNoticeKind.RETRY, retry_at_ms=books.now_ms + 5_000, reason="not now")
        else:
            books.receipt("A1")
    books.now_ms += 5_000
    assert [notice.event for notice in books.esme_notices(account)] == ["delivered"]


def test_mail_and_receipt_are_owed_beside_each_other(books: Books) -> None:
    account = books.account(email="ops@example.com")
    ended(books, account, PartState.UNDELIVERABLE)
    assert [notice.event for notice in books.esme_notices(account)] == ["undeliverable"]
    assert [notice.address for notice in books.notices()] == ["ops@example.com"]


def test_an_account_that_wants_no_mail_has_its_receipts(books: Books) -> None:
    account = books.account(email="ops@example.com", mail_events="none")
    ended(books, account, PartState.UNDELIVERABLE)
    assert len(books.esme_notices(account)) == 1
    assert books.notices() == []


# --- claiming, settling, giving up ---


def test_a_claim_takes_what_is_due_of_its_account_and_no_more(books: Books) -> None:
    account, other = books.account(), books.account("other")
    ids = [ended(books, account) for _ in range(3)]
    ended(books, other)
    now_ms = books.now_ms
    claims = [EsmeClaim(account, 2, now_ms), EsmeClaim(account, 5, now_ms), EsmeClaim(other, 5, now_ms - 1)]
    first, second, none = books.group("claim_esme_notices", claims)
    # Both saw the same two; one notice goes to one session.
    assert [notice.message.message_id for notice in first] == ids[:2]
    assert [notice.message.message_id for notice in second] == ids[2:]
    assert none == []
    assert books.esme_notices(account) == []
    assert len(books.esme_notices(other)) == 1


def test_a_notice_is_tried_again_when_its_esme_asks_for_that(books: Books) -> None:
    account = books.account()
    ended(books, account)
    (notice,) = books.esme_notices(account)
    books.esme_settled(notice, EsmeNoticeKind.RETRY, books.now_ms + 5000, "the ESME is busy")
    assert books.esme_notices(account) == []
    books.now_ms += 5000
    (again,) = books.esme_notices(account)
    assert (again.esme_notice_id, again.attempt) == (notice.esme_notice_id, 2)
    books.esme_settled(again, EsmeNoticeKind.GIVEN_UP, reason="the ESME refuses it")
    # An answer that comes twice, or for what nobody claimed, changes nothing.
    books.esme_settled(again)
    (row,) = books.connection.execute("SELECT state, waiting_for, done_at_ms FROM esme_notice").fetchall()
    assert row == ("given_up", "the ESME refuses it", books.now_ms)


def test_what_would_be_tried_too_late_is_given_up(books: Books) -> None:
    account = books.account()
    ended(books, account)
    (notice,) = books.esme_notices(account)
    books.now_ms += KEPT_MS
    books.esme_settled(notice, EsmeNoticeKind.RETRY, notice.created_at_ms + KEPT_MS + 1, "busy")
    (row,) = books.connection.execute("SELECT state, done_at_ms FROM esme_notice").fetchall()
    assert row == ("given_up", books.now_ms)


def test_nobody_is_waited_for_for_ever(books: Books) -> None:
    accounts = [books.account(name) for name in ("one", "two", "three")]
    for account in accounts:
        ended(books, account)
    books.now_ms += KEPT_MS - 1
    assert books.do("tidy", now_ms=books.now_ms)["esme_notices_given_up"] == 0
    books.now_ms += 1
    ended(books, accounts[1])
    assert books.do("tidy", now_ms=books.now_ms)["esme_notices_given_up"] == 3
    assert [len(books.esme_notices(account)) for account in accounts] == [0, 1, 0]


def test_a_start_owes_again_what_was_being_told(books: Books) -> None:
    account = books.account()
    ended(books, account)
    (notice,) = books.esme_notices(account)
    assert books.do("recover", now_ms=books.now_ms, hold_ms=0)["notices"] == 1
    (again,) = books.esme_notices(account)
    assert (again.esme_notice_id, again.attempt) == (notice.esme_notice_id, 2)


def test_a_stepped_clock_does_not_hold_receipts_back(books: Books) -> None:
    account = books.account()
    ended(books, account)
    books.now_ms -= 3_600_000
    books.do("shift", by_ms=-3_600_000, now_ms=books.now_ms)
    assert len(books.esme_notices(account)) == 1


def test_a_clock_that_steps_forward_does_not_end_the_patience(books: Books) -> None:
    """A machine without a clock of its own starts years ago: what it owes since is not old."""
    account = books.account()
    ended(books, account)
    ended(books, account)
    (under_way,) = books.esme_notices(account, 1)
    books.now_ms += 2 * KEPT_MS
    books.do("shift", by_ms=2 * KEPT_MS, now_ms=books.now_ms)
    (owed,) = books.esme_notices(account)
    for notice in (under_way, owed):
        books.esme_settled(notice, EsmeNoticeKind.RETRY, retry_at_ms=books.now_ms + 5_000, reason="not now")
    books.now_ms += 5_000
    assert {notice.esme_notice_id for notice in books.esme_notices(account)} == {
        under_way.esme_notice_id,
        owed.esme_notice_id,
    }


# --- inbound ---


def test_inbound_goes_to_the_esmes_of_its_number(books: Books) -> None:
    account, other = books.account(), books.account("other")
    books.do("number_add", number="46709", account="demo", mail="", is_for_esme=True, now_ms=books.now_ms)
    books.do("number_add", number="46708", account="other", mail="a@example.com", now_ms=books.now_ms)
    books.inbound(InboundPart("46701", "46709", "for the ESME"), InboundPart("46701", "46708", "for the mail"))
    assert books.rung() == {bells.of_esmes(account), bells.NOTICES}
    (notice,) = books.esme_notices(account)
    assert notice.inbound is not None
    assert (notice.event, notice.message) == ("inbound", None)
    assert (notice.inbound.text, notice.inbound.originator, notice.inbound.number) == ("for the ESME", "46701", "46709")
    assert books.esme_notices(other) == []
    assert [mail.address for mail in books.notices()] == ["a@example.com"]
    assert [row["is_for_esme"] for row in books.read("number_list")] == [False, True]


def test_a_number_leads_somewhere(books: Books) -> None:
    books.account()
    with pytest.raises(Fault, match="say where inbound messages go"):
        books.do("number_add", number="46709", account="demo", mail="", now_ms=books.now_ms)


# --- a restore ---


def restored(books: Books) -> None:
    books.connection.execute("BEGIN IMMEDIATE")
    hold(Transaction(books.connection), None, taken_at_ms=books.now_ms, actor="me", now_ms=books.now_ms)
    books.connection.execute("COMMIT")


def test_a_restore_holds_receipts_until_somebody_decides(books: Books) -> None:
    account = books.account()
    for _ in range(2):
        ended(books, account)
    books.esme_notices(account, count=1)
    restored(books)
    assert books.esme_notices(account) == []
    assert books.read("held_count")["notices"] == 2
    (line,) = books.read("held_list")["notices"]
    assert (line["kind"], line["count"]) == ("to ESMEs", 2)
    books.rung()
    assert books.do("held_release", actor="me", now_ms=books.now_ms)["notices"] == 2
    assert books.rung() == {bells.of_esmes(account)}
    assert len(books.esme_notices(account)) == 2


def test_held_receipts_are_given_up_when_they_are_cancelled(books: Books) -> None:
    account = books.account()
    ended(books, account)
    restored(books)
    assert books.do("held_cancel", actor="me", now_ms=books.now_ms)["notices"] == 1
    assert books.esme_notices(account) == []
    (row,) = books.connection.execute("SELECT state, waiting_for FROM esme_notice").fetchall()
    assert row == ("given_up", "cancelled by me after a restore")


# --- repeats ---


def test_an_esmes_own_number_tells_two_messages_apart(books: Books) -> None:
    """After a lost answer the same text is a repeat, unless the ESME numbers it otherwise or it is another segment."""
    account = books.account()
    header, other = UserData(bytes.fromhex("050003070201")), UserData(bytes.fromhex("050003070202"))
    first = {"user_message_reference": 1, "user_data": header}
    (lost,) = books.accept(account, books.esme_message("same", **first))
    books.do("mark_unanswered", message_ids=[lost.message_id], now_ms=books.now_ms)
    for facts in (
        {"user_message_reference": 2, "user_data": header},
        {"user_message_reference": 1, "user_data": other},
    ):
        (accepted,) = books.accept(account, books.esme_message("same", **facts))
        assert not accepted.is_repeat
    (repeat,) = books.accept(account, books.esme_message("same", **first))
    assert repeat == Accepted(lost.message_id, RECIPIENT, 1, 1000, is_repeat=True)


# --- asking ---


def test_query_tells_how_a_message_of_the_account_stands(books: Books) -> None:
    account, other = books.account(), books.account("other")
    (waiting,) = books.accept(account, books.esme_message())
    told = {"source_addr": "Pump", "service_type": "", "coding": "gsm7", "state": "queued", "final_at_ms": None}
    told["data_coding"] = 0
    asked = books.read("esme_query", account_id=account, message_id=waiting.message_id.lower())
    assert asked == told | {"error": "", "command_status": 0}
    failed = ended(books, account, PartState.UNDELIVERABLE)
    asked = books.read("esme_query", account_id=account, message_id=failed)
    assert (asked["state"], asked["final_at_ms"], asked["error"]) == ("undeliverable", books.now_ms - 60_000, "000")
    for account_id, name in ((other, failed), (account, "FFFFFFFF"), (account, "?"), (account, "F" * 12)):
        assert books.read("esme_query", account_id=account_id, message_id=name) is None
