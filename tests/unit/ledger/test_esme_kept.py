"""What is kept for ESMEs goes when its time is over, not before; and the audit sees what is wrong with it."""

import pytest

from bridge.intake.accept import Group
from bridge.ledger.audit import CHECKS
from bridge.ledger.esme import KEPT_MS, EsmeNoticeKind
from bridge.ledger.retention import DAY_MS, SETTLED_MS_MIN
from bridge.messages.inbound import InboundPart
from bridge.messages.message import Coding, PartState
from bridge.messages.user_data import UserData
from tests.books import NOW_MS, RECIPIENT, Books
from tests.unit.ledger.test_audit_credit import failed, spoil, spoilt
from tests.unit.ledger.test_retention import erase_texts, forget, rows, texts

OCTETS = {"coding": Coding.BINARY, "user_data": UserData(b"\x05\x00\x03\x07\x02\x01", b"\x00\xff", 4)}
TABLES = ("user_data", "esme_message", "esme_notice")


def delivered(books: Books, account_id: int) -> str:
    """A binary message that was delivered, whose receipt is owed."""
    (accepted,) = books.accept(account_id, books.esme_message("00FF", **OCTETS))
    (part,) = books.claim()
    books.submitted(part, f"A{part.part_id}")
    books.receipt(f"A{part.part_id}")
    return accepted.message_id


def told(books: Books, account_id: int) -> None:
    for notice in books.esme_notices(account_id):
        books.esme_settled(notice)


def test_octets_go_with_the_texts_once_the_esme_was_told(books: Books) -> None:
    account = books.account()
    delivered(books, account)
    books.now_ms += SETTLED_MS_MIN
    assert erase_texts(books, text_days=0)["messages"] == 0, "the receipt quotes the text"
    told(books, account)
    assert erase_texts(books, text_days=0)["messages"] == 1
    assert (texts(books), rows(books, "user_data"), rows(books, "esme_message")) == ([""], 0, 1)
    books.audit()


def test_everything_goes_with_the_message(books: Books) -> None:
    account = books.account()
    delivered(books, account)
    books.do("number_add", number="46709", account="demo", mail="", is_for_esme=True, now_ms=books.now_ms)
    books.inbound(InboundPart("46701", "46709", "hello"))
    books.now_ms += 400 * DAY_MS
    done = forget(books)
    assert (done["messages"], done["inbound"]) == (0, 0), "somebody is still to be told"
    told(books, account)
    done = forget(books)
    assert (done["messages"], done["inbound"]) == (1, 1)
    assert [rows(books, table) for table in TABLES] == [0, 0, 0]
    books.audit()


def test_an_inbound_text_waits_for_its_esme(books: Books) -> None:
    account = books.account()
    books.do("number_add", number="46709", account="demo", mail="", is_for_esme=True, now_ms=books.now_ms)
    books.inbound(InboundPart("46701", "46709", "hello"))
    books.now_ms += SETTLED_MS_MIN
    assert erase_texts(books, text_days=0)["inbound"] == 0
    told(books, account)
    assert erase_texts(books, text_days=0)["inbound"] == 1


def test_a_number_is_found_and_erased_as_its_esme_wrote_it(books: Books) -> None:
    account = books.account()
    message_id = delivered(books, account)
    values = {"number": RECIPIENT, "place": "esme_message"}
    assert books.read("person_show", number=RECIPIENT)["counts"]["esme_message"] == 1
    (row,) = books.read("person_rows", **values, after=0)
    assert (row["message_id"], row["destination_addr"]) == (message_id, f"+{RECIPIENT}")
    assert books.read("person_show", number=RECIPIENT)["unfinished"] == [message_id]
    ids = books.read("person_ids", **values, after=0)
    erase = {"place": "esme_message", "ids": ids, "number": RECIPIENT, "sender": RECIPIENT, "now_ms": books.now_ms}
    assert books.do("person_erase", **erase) == {"erased": 0, "left": [f"message {message_id}"]}
    told(books, account)
    assert books.do("person_erase", **erase) == {"erased": 1, "left": []}
    assert books.read("message_show", message_id=message_id)["esme"]["destination_addr"] == "erased"
    assert books.read("person_ids", **values, after=0) == []


def test_people_see_what_an_esme_is_owed(books: Books) -> None:
    account = books.account()
    message_id = delivered(books, account)
    (line,) = books.read("queue")["notices"]
    assert (line["kind"], line["count"]) == ("to ESMEs", 1)
    assert books.read("unfinished")["owed_to_esmes"] == 1
    (notice,) = books.esme_notices(account)
    books.esme_settled(notice, EsmeNoticeKind.RETRY, NOW_MS + 5000, "the ESME is busy")
    shown = books.read("message_show", message_id=message_id)
    assert shown["esme"]["notices"] == [
        {
            "event": "delivered",
            "state": "owed",
            "attempt": 1,
            "reason": "the ESME is busy",
            "next_action_at_ms": NOW_MS + 5000,
            "created_at_ms": NOW_MS,
            "done_at_ms": None,
        }
    ]
    (part,) = shown["parts"]
    assert (part["header"], part["data_coding"], shown["coding"]) == ("050003070201", 4, "binary")


# --- the audit ---


@pytest.fixture
def busy(books: Books) -> Books:
    """1 is scheduled and binary, 2 delivered and told, 3 and 4 a submit_multi that waits, 5 an inbound message."""
    account = books.account()
    books.account("other")
    books.do("number_add", number="46709", account="demo", mail="", is_for_esme=True, now_ms=books.now_ms)
    due = {"due_at_ms": NOW_MS + 1000, "expires_at_ms": NOW_MS + 2000}
    books.accept(account, books.esme_message("00FF", **OCTETS, **due))
    books.accept(account, books.esme_message())
    (part,) = books.claim()
    books.submitted(part, "A1")
    books.receipt("A1", PartState.DELIVERED)
    groups = [Group(account, books.now_ms, (books.esme_message(registered_delivery=0),), multi=1) for _ in range(2)]
    books.call("accept_each", groups)
    books.inbound(InboundPart("46701", "46709", "hello"))
    books.audit()
    return books


DUE = "every scheduled part says for when"
BINARY = "the octets of every binary part that waits to be sent are there"
ORPHAN = "every user data is of a part"
TOLD = "every ESME was told the id of a message of its own account"
OWED = "what is owed to an ESME is about a message or an inbound message of its account"
EARLY = "an ESME is told the end of a message only when it has ended"
FORGOTTEN = "every ESME that asked for a receipt is owed it, or has it"
HELD = "every held part and notice says why"


@pytest.mark.parametrize(
    ("spoiling", "found"),
    [
        ("UPDATE part SET next_action_at_ms = 0 WHERE state = 'scheduled'", DUE),
        ("UPDATE part SET expires_at_ms = next_action_at_ms WHERE state = 'scheduled'", DUE),
        ("UPDATE user_data SET body = x'00FE'", BINARY),
        ("UPDATE user_data SET body = NULL", BINARY),
        ("DELETE FROM user_data", BINARY),
        ("INSERT INTO user_data VALUES (99, x'', NULL, 16, 0)", ORPHAN),
        ("UPDATE esme_message SET told_id = 99 WHERE message_id = 4", TOLD),
        ("UPDATE esme_notice SET account_id = 2 WHERE event = 'inbound'", OWED),
        ("UPDATE esme_notice SET account_id = 2 WHERE event = 'delivered'", OWED),
        ("UPDATE esme_notice SET event = 'enroute' WHERE event = 'inbound'", OWED),
        ("UPDATE esme_notice SET inbound_id = 99 WHERE event = 'inbound'", OWED),
        ("UPDATE esme_notice SET message_id = 4 WHERE event = 'inbound'", OWED),
        ("UPDATE esme_notice SET message_id = 3 WHERE event = 'delivered'", EARLY),
        ("DELETE FROM esme_notice WHERE event = 'delivered'", FORGOTTEN),
        ("UPDATE esme_notice SET event = 'enroute' WHERE event = 'delivered'", FORGOTTEN),
        ("UPDATE esme_notice SET state = 'held' WHERE event = 'inbound'", HELD),
    ],
)
def test_the_audit_finds_it(busy: Books, spoiling: str, found: str) -> None:
    assert not found or found in CHECKS
    with spoilt(busy):
        assert spoil(busy, spoiling) == (1 if found else 0)
        assert failed(busy)[:1] == ([found] if found else [])


def test_nobody_is_told_what_another_account_was_told(busy: Books) -> None:
    (accepted,) = busy.accept(2, busy.esme_message())
    with spoilt(busy):
        assert spoil(busy, "UPDATE esme_message SET told_id = 1 WHERE message_id = 6") == 1
        assert failed(busy) == [TOLD]
    assert busy.states(accepted.message_id) == ["queued"]


def test_what_was_never_told_ends_by_itself(busy: Books) -> None:
    busy.now_ms += KEPT_MS
    assert busy.do("tidy", now_ms=busy.now_ms)["esme_notices_given_up"] == 2
    busy.audit()
