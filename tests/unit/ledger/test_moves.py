"""Moves of credit that people make: once for each key, with a reason, and never more than there is."""

import pytest

from bridge.ledger.credit import KEY_MAX, REASON_MAX
from bridge.messages.faults import Fault
from bridge.messages.message import OutcomeKind, PartState
from tests.books import LINK, Books


def adjust(books: Books, amount_mc: int, key: str = "k", name: str = "demo", reason: str = "mistake") -> dict[str, int]:
    done: dict[str, int] = books.do(
        "account_adjust", name=name, amount_mc=amount_mc, key=key, reason=reason, actor="kim", now_ms=books.now_ms
    )
    return done


def transfer(books: Books, giver: str, taker: str, amount_mc: int, key: str = "k") -> dict[str, int]:
    done: dict[str, int] = books.do(
        "account_transfer", giver=giver, taker=taker, amount_mc=amount_mc, key=key, actor="kim", now_ms=books.now_ms
    )
    return done


def refund(books: Books, message_id: str, **facts: object) -> dict[str, object]:
    values = {"message_id": message_id, "reason": "lost", "actor": "kim", "now_ms": books.now_ms} | facts
    done: dict[str, object] = books.do("message_refund", **values)
    return done


def outcomes(done: dict[str, object]) -> list[str]:
    assert isinstance(done["parts"], list)
    return [part["outcome"] for part in done["parts"]]


def test_an_adjustment_goes_up_or_down_once_for_each_key(books: Books) -> None:
    books.account(credit_mc=10_000)
    assert adjust(books, -2500, "a") == {"is_new": True, "balance_mc": 7500}
    assert adjust(books, -2500, "a") == {"is_new": False, "balance_mc": 7500}
    assert adjust(books, 1000, "b") == {"is_new": True, "balance_mc": 8500}
    (latest, *_) = books.read("account_show", name="demo")["postings"]
    assert (latest["kind"], latest["cause"], latest["actor"], latest["reason"]) == (
        "adjustment",
        "adjustment:b",
        "kim",
        "mistake",
    )


def test_a_key_of_an_adjustment_is_never_used_for_another_amount_or_account(books: Books) -> None:
    books.account()
    books.account("other")
    adjust(books, 1000, "a")
    for amount_mc, name in ((1001, "demo"), (-1000, "demo"), (1000, "other")):
        with pytest.raises(Fault, match="key a was used before with another amount or account"):
            adjust(books, amount_mc, "a", name)
    assert (books.balance_mc(), books.balance_mc("other")) == (101_000, 100_000)


def test_an_adjustment_takes_what_may_be_spent_and_no_more(books: Books) -> None:
    books.account(credit_mc=1000, overdraft_mc=500)
    with pytest.raises(Fault, match="has 1.000, at most 1.500 can be taken"):
        adjust(books, -1501)
    assert adjust(books, -1500)["balance_mc"] == -500


@pytest.mark.parametrize(
    ("facts", "complaint"),
    [
        ({"amount_mc": 0}, "moves something"),
        ({"amount_mc": 10**15 + 1}, "moves something"),
        ({"reason": ""}, "needs a reason"),
        ({"reason": "x" * (REASON_MAX + 1)}, "a reason has at most 200 characters, this one 201"),
        ({"key": ""}, "a key of 1 to 100"),
        ({"key": "k" * (KEY_MAX + 1)}, "a key of 1 to 100"),
    ],
)
def test_what_no_adjustment_can_be(books: Books, facts: dict[str, object], complaint: str) -> None:
    books.account()
    values = {"name": "demo", "amount_mc": 1, "key": "k", "reason": "r", "now_ms": books.now_ms} | facts
    with pytest.raises(Fault, match=complaint):
        books.do("account_adjust", **values)


def test_a_transfer_has_two_sides_that_sum_to_zero(books: Books) -> None:
    books.account("giver", credit_mc=10_000)
    books.account("taker", credit_mc=0)
    done = transfer(books, "giver", "taker", 4000)
    assert done == {"is_new": True, "giver_balance_mc": 6000, "taker_balance_mc": 4000}
    assert transfer(books, "giver", "taker", 4000) == done | {"is_new": False}
    rows = books.connection.execute("SELECT cause, amount_mc FROM posting WHERE kind = 'transfer'").fetchall()
    assert rows == [("transfer:k", -4000), ("transfer:k", 4000)]


@pytest.mark.parametrize(
    ("giver", "taker", "amount_mc"), [("a", "b", 999), ("b", "a", 1000), ("a", "c", 1000), ("c", "b", 1000)]
)
def test_a_key_of_a_transfer_is_never_used_for_another(books: Books, giver: str, taker: str, amount_mc: int) -> None:
    for name in "abc":
        books.account(name)
    transfer(books, "a", "b", 1000)
    with pytest.raises(Fault, match="used before"):
        transfer(books, giver, taker, amount_mc)
    assert [books.balance_mc(name) for name in "abc"] == [99_000, 101_000, 100_000]


def test_a_transfer_that_cannot_be_leaves_both_as_they_were(books: Books) -> None:
    books.account("giver", credit_mc=1000)
    books.account("taker", credit_mc=0)
    with pytest.raises(Fault, match="at most 1.000 can be taken"):
        transfer(books, "giver", "taker", 1001)
    with pytest.raises(Fault, match="cannot transfer to itself"):
        transfer(books, "giver", "giver", 1)
    with pytest.raises(Fault, match="more than 0"):
        transfer(books, "giver", "taker", 0)
    with pytest.raises(Fault, match="account nobody"):
        transfer(books, "giver", "nobody", 1)
    assert (books.balance_mc("giver"), books.balance_mc("taker")) == (1000, 0)


def is_told(books: Books) -> int:
    (told,) = books.connection.execute("SELECT is_low_told FROM account WHERE name = 'demo'").fetchone()
    return int(told)


def test_what_people_take_or_give_warns_and_arms_as_sending_and_topping_up_do(books: Books) -> None:
    books.account(credit_mc=10_000, low_limit_mc=5000, email="demo@example.org")
    books.account("other")
    adjust(books, -5001, "down")
    assert [notice.kind for notice in books.notices()] == ["low_credit"]
    assert is_told(books)
    adjust(books, 1, "up")
    assert not is_told(books)
    transfer(books, "demo", "other", 1000, "out")
    assert is_told(books)
    transfer(books, "other", "demo", 999, "too little")
    assert is_told(books)
    transfer(books, "other", "demo", 1, "enough")
    assert not is_told(books)
    adjust(books, -1, "down again")
    books.do("account_top_up", name="demo", amount_mc=1, key="k", now_ms=books.now_ms)
    assert not is_told(books)


# --- refunds that a person decides ---


def unknown(books: Books, *texts: str, **facts: object) -> str:
    """A message whose first part has no known outcome, the others are delivered."""
    (accepted,) = books.accept(books.account(**facts), books.prepared(*texts))
    first, *others = books.claim()
    books.settle(first, OutcomeKind.IN_DOUBT, retry_at_ms=books.now_ms)
    books.do("resolve_doubts", now_ms=books.now_ms, never_resend=[LINK])
    for number, part in enumerate(others):
        books.submitted(part, f"{number:08X}")
        books.receipt(f"{number:08X}", PartState.DELIVERED)
    return accepted.message_id


def test_a_part_of_unknown_outcome_is_refunded_with_one_command_and_once(books: Books) -> None:
    message_id = unknown(books, "one ", "two")
    assert books.balance_mc() == 98_000
    done = refund(books, message_id)
    assert done | {"parts": []} == {
        "account": "demo",
        "book": "credit",
        "amount_mc": 1000,
        "balance_mc": 99_000,
        "parts": [],
    }
    assert outcomes(done) == ["refunded", "was delivered"]
    again = refund(books, message_id.lower())
    assert (again["amount_mc"], outcomes(again)) == (0, ["was refunded before", "was delivered"])
    assert books.balance_mc() == 99_000
    told = books.read("message_show", message_id=message_id)["postings"]
    assert [(line["kind"], line["amount_mc"], line["reason"]) for line in told] == [
        ("charge", -2000, ""),
        ("refund", 1000, "lost"),
    ]


def test_what_is_not_finished_is_not_refunded(books: Books) -> None:
    (accepted,) = books.accept(books.account(), books.prepared("one ", "two"))
    with pytest.raises(Fault, match="part 1 of message .* is queued; refund it when its state is final"):
        refund(books, accepted.message_id)
    first, second = books.claim()
    books.settle(first, OutcomeKind.REJECTED, reason="refused")
    books.submitted(second, "1")
    with pytest.raises(Fault, match="part 2 of message .* is submitted"):
        refund(books, accepted.message_id)
    assert outcomes(refund(books, accepted.message_id, part_no=1)) == ["was refunded before"]
    assert books.balance_mc() == 99_000


def test_what_was_delivered_or_cost_nothing_is_not_refunded(books: Books) -> None:
    message_id = unknown(books, "one ", "two")
    with pytest.raises(Fault, match="nothing to give back .*: part 2 was delivered"):
        refund(books, message_id, part_no=2)
    (free,) = books.accept(books.account("other"), books.prepared(price_mc=0, links=("test",)))
    (part,) = books.claim(link="test")
    books.settle(part, OutcomeKind.REJECTED, link="test")
    with pytest.raises(Fault, match="part 1 cost nothing"):
        refund(books, free.message_id)


def test_a_refund_names_a_message_and_part_that_are_there_and_a_reason(books: Books) -> None:
    message_id = unknown(books)
    for name in ("", "12345678", "ZZZZZZZZ", "FFFFFFFFFFFF", "1" * 40):
        with pytest.raises(Fault, match="not_found"):
            refund(books, name)
    with pytest.raises(Fault, match="part 3 of message .*; it has 1"):
        refund(books, message_id, part_no=3)
    for reason in ("", "x" * (REASON_MAX + 1)):
        with pytest.raises(Fault, match="a refund needs a reason"):
            refund(books, message_id, reason=reason)
    assert books.balance_mc() == 99_000


def test_a_receipt_after_a_refund_tells_the_truth_and_moves_no_money(books: Books) -> None:
    """The carrier answers late, and says it was undeliverable: that would be refunded, and was."""
    (accepted,) = books.accept(books.account(refunds="undeliverable"), books.prepared())
    (part,) = books.claim()
    books.submitted(part, "77")
    books.receipt("77", PartState.UNKNOWN)
    refund(books, accepted.message_id)
    books.receipt("77", PartState.UNDELIVERABLE)
    assert books.states(accepted.message_id) == ["undeliverable"]
    assert books.balance_mc() == 100_000


def test_a_refund_may_turn_out_to_be_a_gift(books: Books) -> None:
    (accepted,) = books.accept(books.account(), books.prepared())
    (part,) = books.claim()
    books.submitted(part, "77")
    books.receipt("77", PartState.UNKNOWN)
    refund(books, accepted.message_id)
    books.receipt("77", PartState.DELIVERED)
    assert books.states(accepted.message_id) == ["delivered"]
    assert books.balance_mc() == 100_000
