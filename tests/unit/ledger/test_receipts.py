"""Receipts: early, late, twice, in other spellings, contradicting; and never to the wrong message."""

import pytest

from bridge.ledger.receive import Delivery
from bridge.ledger.settle import Settlement
from bridge.messages.message import Outcome, OutcomeKind, PartState
from bridge.messages.receipt import Receipt
from tests.books import LINK, RECIPIENT, THREAD, Books


def sent(books: Books, smsc_id: str, **facts: object) -> str:
    """A submitted message of one part; gives its public id."""
    if not books.read("account_list"):
        books.account()
    (accepted,) = books.accept(1, books.prepared(**facts))
    (part,) = books.claim()
    books.submitted(part, smsc_id)
    return accepted.message_id


@pytest.mark.parametrize(
    ("answered", "reported"),
    [
        ("0e999f21", "E999F21"),
        ("1101c1", "1101C1"),
        ("04062", "4062"),
        ("0000000A", "10"),
        ("10", "A"),
        ("d3b07384d113edec", "15253818952184491500"),
        ("3f2504e0-4f89-11d3-9a0c-0305e82c3301", "3F2504E0-4F89-11D3-9A0C-0305E82C3301"),
        ("0", "0"),
        (" 77 ", "77"),
    ],
)
def test_spellings_of_one_id_meet(books: Books, answered: str, reported: str) -> None:
    message = sent(books, answered)
    books.receipt(reported)
    assert books.states(message) == ["delivered"]


def test_another_number_base_counts_only_for_the_same_handset(books: Books) -> None:
    """Id "10" in hex is another message's "16": the handset decides, and a stranger's receipt is parked."""
    message = sent(books, "16")
    books.receipt("10", originator="46701740699")
    assert books.states(message) == ["submitted"]
    books.receipt("10", originator="0701740605")
    assert books.states(message) == ["delivered"]


def test_one_id_for_two_messages_is_decided_by_the_handset_or_by_nobody(books: Books) -> None:
    first = sent(books, "55")
    second = sent(books, "55", recipient="46701740606")
    books.receipt("55", originator="")
    assert books.states(first) + books.states(second) == ["submitted", "submitted"]
    books.receipt("55", originator="46701740606")
    assert books.states(first) + books.states(second) == ["submitted", "delivered"]


@pytest.mark.parametrize("when", ["after the answers", "all at once", "before the answers"])
def test_an_smsc_may_name_all_parts_of_a_long_message_alike(books: Books, when: str) -> None:
    """Of more than eight parts the first ones got no receipt, however many came."""
    texts = [f"part {n}" for n in range(12)]
    (accepted,) = books.accept(books.account(), books.prepared(*texts))
    parts = books.claim()
    told = [Receipt("55", PartState.DELIVERED, "000", books.now_ms + n, RECIPIENT) for n in range(12)]
    if when == "before the answers":
        books.call("receive", Delivery(LINK, list(told), books.now_ms))
    answers = [Outcome(part.part_id, OutcomeKind.SUBMITTED, books.now_ms, smsc_id="55") for part in parts]
    books.call("settle", Settlement(LINK, answers))
    if when == "all at once":
        books.call("receive", Delivery(LINK, list(told), books.now_ms))
    elif when == "after the answers":
        for one in told:
            books.call("receive", Delivery(LINK, [one], books.now_ms))
    assert books.states(accepted.message_id) == ["delivered"] * 12
    assert books.read("unfinished")["parked"] == 0


def test_a_receipt_before_the_answer_is_kept_for_it(books: Books) -> None:
    (accepted,) = books.accept(books.account(), books.prepared(thread=THREAD))
    (part,) = books.claim()
    books.receipt("early")
    assert books.read("unfinished")["parked"] == 1
    books.submitted(part, "EARLY")
    assert books.states(accepted.message_id) == ["delivered"]
    assert books.read("unfinished")["parked"] == 0
    assert len(books.notices()) == 1


def test_the_same_receipt_a_hundred_times_is_one_move_and_one_report(books: Books) -> None:
    message = sent(books, "5", thread=THREAD)
    for _ in range(100):
        books.receipt("5")
    assert books.states(message) == ["delivered"]
    assert len(books.notices()) == 1
    assert books.events(message) == []


@pytest.mark.parametrize("first", [s for s in PartState if s.value in ("delivered", "undeliverable", "expired")])
@pytest.mark.parametrize("second", [s for s in PartState if s.value in ("delivered", "rejected", "unknown")])
def test_the_first_final_state_stays(books: Books, first: PartState, second: PartState) -> None:
    message = sent(books, "8")
    books.receipt("8", first)
    books.receipt("8", second)
    assert books.states(message) == [first.value]
    is_contradiction = second not in (first, PartState.UNKNOWN)
    assert books.events(message) == (["contradicting_receipt"] if is_contradiction else [])


def test_unknown_yields_to_the_truth(books: Books) -> None:
    message = sent(books, "8", thread=THREAD)
    books.receipt("8", PartState.UNKNOWN)
    books.receipt("8", PartState.DELIVERED)
    assert books.states(message) == ["delivered"]
    assert [notice.key.split(".")[2] for notice in books.notices()] == ["unknown", "delivered"]


def test_an_intermediate_receipt_moves_nothing(books: Books) -> None:
    message = sent(books, "8")
    books.receipt("8", None)
    assert books.states(message) == ["submitted"]
    assert books.read("unfinished")["parked"] == 0


def test_a_receipt_counts_only_on_its_own_link(books: Books) -> None:
    message = sent(books, "8")
    books.receipt("8", link="another")
    assert books.states(message) == ["submitted"]


def test_the_network_time_may_precede_the_submission(books: Books) -> None:
    message = sent(books, "8")
    books.receipt("8")
    (part,) = books.read("message_show", message_id=message)["parts"]
    assert part["network_at_ms"] < part["submitted_at_ms"]


def test_parked_receipts_are_forgotten_after_three_days(books: Books) -> None:
    books.receipt("nobody's")
    books.now_ms += 72 * 3_600_000
    assert books.do("tidy", now_ms=books.now_ms)["receipts_forgotten"] == 0
    books.now_ms += 1
    assert books.do("tidy", now_ms=books.now_ms)["receipts_forgotten"] == 1


def test_handsets_are_compared_by_digits_only(books: Books) -> None:
    message = sent(books, "10")
    books.receipt("A", originator="+" + RECIPIENT)
    assert books.states(message) == ["delivered"]


def test_an_id_that_comes_round_again_means_the_message_that_is_still_open(books: Books) -> None:
    """An SMSC that restarted its counter, and an alarm system that always writes to one number."""
    first = sent(books, "55")
    books.receipt("55")
    second = sent(books, "55")
    books.receipt("55", PartState.UNDELIVERABLE)
    assert books.states(first) + books.states(second) == ["delivered", "undeliverable"]


def test_one_id_for_all_parts_of_a_message_is_understood(books: Books) -> None:
    books.account()
    (accepted,) = books.accept(1, books.prepared("a", "b"))
    for part in books.claim():
        books.submitted(part, "7")
    books.receipt("7")
    assert sorted(books.states(accepted.message_id)) == ["delivered", "submitted"]
    books.receipt("7")
    assert books.states(accepted.message_id) == ["delivered", "delivered"]


def test_a_parked_receipt_of_another_handset_is_never_applied(books: Books) -> None:
    books.receipt("88", originator="46701740699")
    message = sent(books, "88")
    assert books.states(message) == ["submitted"]
    books.receipt("88")
    assert books.states(message) == ["delivered"]


def test_an_early_receipt_is_not_for_another_handset_that_had_the_same_id_before(books: Books) -> None:
    """An SMSC that started its ids anew, and whose receipts overtake its answers: the first "5" is still open."""
    first = sent(books, "5", recipient="46701740699")
    (accepted,) = books.accept(1, books.prepared())
    (part,) = books.claim()
    books.receipt("5")
    assert books.states(first) == ["submitted"]
    books.submitted(part, "5")
    assert books.states(first) + books.states(accepted.message_id) == ["submitted", "delivered"]


def test_where_one_id_means_two_parts_in_two_number_bases_the_handset_decides(books: Books) -> None:
    """The decimal "16" of one part is the hex "10" of another: the id as it stands is no better than the handset."""
    other = sent(books, "16", recipient="46701740699")
    meant = sent(books, "10")
    books.receipt("16")
    assert books.states(other) + books.states(meant) == ["submitted", "delivered"]


@pytest.mark.parametrize("is_early", [False, True])
def test_a_receipt_whose_addresses_are_not_swapped_names_the_handset_too(books: Books, is_early: bool) -> None:
    books.account()
    (accepted,) = books.accept(1, books.prepared(originator="46701740000"))
    (part,) = books.claim()
    unswapped = Receipt("7", PartState.DELIVERED, originator="46701740000", recipient=RECIPIENT)
    if not is_early:
        books.submitted(part, "7")
    books.call("receive", Delivery(LINK, [unswapped], books.now_ms))
    if is_early:
        books.submitted(part, "7")
    assert books.states(accepted.message_id) == ["delivered"]


def test_an_early_receipt_in_another_number_base_is_applied_with_its_answer(books: Books) -> None:
    books.receipt("6699")
    message = sent(books, "1A2B")
    assert books.states(message) == ["delivered"]


def test_a_receipt_is_not_for_a_message_of_last_week(books: Books) -> None:
    message = sent(books, "9")
    books.now_ms += 8 * 24 * 3_600_000
    books.receipt("9")
    assert books.states(message) == ["submitted"]


def test_an_smsc_that_gives_one_id_to_everything_stops_nobody(books: Books) -> None:
    """A thousand parts of one name: what a receipt costs does not grow with them."""
    books.account(credit_mc=2_000_000)
    books.accept(1, *[books.prepared(recipient=f"4670174{n:04d}") for n in range(1000)])
    for part in books.claim(500) + books.claim(500):
        books.submitted(part, "0")
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    books.connection.set_progress_handler(count, 100)
    books.receipt("0", originator="")
    books.connection.set_progress_handler(None, 0)
    assert steps < 50, f"{steps} hundred steps of SQLite's machine"
    assert books.read("unfinished")["submitted"] == 1000
