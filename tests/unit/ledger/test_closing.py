"""Closing an account: what is left is the newest credit, the newest of that is paid back, and then it is over."""

from typing import Any

import pytest

from bridge.ledger.closing import DAY_MS, LOTS_TOLD_MAX, Purchase, lots_of
from bridge.messages.faults import Fault
from bridge.messages.message import OutcomeKind, PartState
from tests.books import Books


def close(books: Books, key: str = "letter", *, name: str = "demo", days: int = 10, dry: bool = False) -> Any:
    return books.do(
        "account_close",
        name=name,
        key=key,
        refund_days=days,
        is_dry_run=dry,
        reason="asked for",
        actor="kim",
        now_ms=books.now_ms,
    )


def top_up(books: Books, amount_mc: int, key: str) -> None:
    books.do("account_top_up", name="demo", amount_mc=amount_mc, key=key, now_ms=books.now_ms)


def days_pass(books: Books, days: int) -> None:
    books.now_ms += days * DAY_MS


def spend(books: Books, account_id: int, amount_mc: int) -> None:
    books.accept(account_id, books.prepared(price_mc=amount_mc))
    (part,) = books.claim()
    books.submitted(part, f"{part.part_id}")
    books.receipt(f"{part.part_id}", PartState.DELIVERED)


def postings(books: Books) -> list[tuple[str, str, str, int]]:
    rows = books.connection.execute(
        "SELECT book, kind, cause, amount_mc FROM posting WHERE kind IN ('payout', 'forfeit') ORDER BY posting_id"
    )
    return list(rows.fetchall())


def bought(*amounts: int) -> list[Purchase]:
    return [Purchase("top_up", f"top_up:{at}", amount_mc, at) for at, amount_mc in enumerate(amounts)]


def test_credit_is_used_oldest_first() -> None:
    lots = lots_of(bought(50, 30, 20), 35, since_ms=2)
    assert [(lot.left_mc, lot.is_refundable) for lot in lots] == [(0, False), (15, False), (20, True)]


def test_three_purchases_of_which_the_latest_is_paid_back(books: Books) -> None:
    """100 bought 30 days before, 50 bought 11 days and 20 bought 10 days before; 110 used: 40 lost, 20 paid back."""
    account_id = books.account(credit_mc=100_000)
    days_pass(books, 19)
    top_up(books, 50_000, "b")
    days_pass(books, 1)
    top_up(books, 20_000, "c")
    days_pass(books, 10)
    spend(books, account_id, 110_000)
    preview = close(books, dry=True)
    assert [(lot["cause"], lot["left_mc"], lot["is_refundable"]) for lot in preview["lots"]] == [
        ("top_up:opening", 0, False),
        ("top_up:b", 40_000, False),
        ("top_up:c", 20_000, True),
    ]
    assert (preview["payout_mc"], preview["forfeit_mc"], preview["obstacle"]) == (20_000, 40_000, "")
    assert postings(books) == []
    done = close(books)
    assert (done["is_new"], done["balance_mc"], done["closed_at_ms"]) == (True, 60_000, books.now_ms)
    assert postings(books) == [
        ("credit", "payout", "closing:letter", -20_000),
        ("credit", "forfeit", "closing:letter", -40_000),
    ]
    account = books.read("account_show", name="demo")
    assert (account["balance_mc"], account["is_disabled"], account["closed_at_ms"]) == (0, True, books.now_ms)
    assert books.connection.execute("SELECT actor, action, detail FROM action").fetchall() == [
        ("kim", "account_close", "account demo, key letter: 20.000 paid back, 40.000 forfeited")
    ]


def test_no_days_pay_nothing_back(books: Books) -> None:
    books.account(credit_mc=5000)
    assert (close(books, days=0)["payout_mc"], close(books, days=0)["forfeit_mc"]) == (0, 5000)


def test_a_purchase_a_millisecond_too_old_is_forfeited(books: Books) -> None:
    books.account(credit_mc=5000)
    days_pass(books, 10)
    assert close(books, dry=True)["payout_mc"] == 5000
    books.now_ms += 1
    assert close(books)["payout_mc"] == 0


def test_transfers_in_and_adjustments_up_are_purchases_and_what_left_was_the_oldest(books: Books) -> None:
    books.account("other")
    books.account(credit_mc=10_000)
    days_pass(books, 30)
    facts = {"actor": "kim", "now_ms": books.now_ms}
    books.do("account_adjust", name="demo", amount_mc=1000, key="up", reason="r", **facts)
    books.do("account_transfer", giver="other", taker="demo", amount_mc=2000, key="in", **facts)
    books.do("account_adjust", name="demo", amount_mc=-4000, key="down", reason="r", **facts)
    books.do("account_transfer", giver="demo", taker="other", amount_mc=3000, key="out", **facts)
    done = close(books)
    assert (done["balance_mc"], done["payout_mc"], done["forfeit_mc"]) == (6000, 1000, 5000)
    assert [(lot["cause"], lot["left_mc"], lot["is_refundable"]) for lot in done["lots"]] == [
        ("top_up:opening", 3000, False),
        ("adjustment:up", 1000, True),
        ("transfer:in", 2000, False),
    ]


def test_old_credit_does_not_become_refundable_by_moving_it(books: Books) -> None:
    """It was paid back when it was moved to another account, or there and back, just before that was closed."""
    books.account(credit_mc=5000)
    books.account("other", credit_mc=0)
    days_pass(books, 30)
    for giver, taker, key in (("demo", "other", "there"), ("other", "demo", "back")):
        facts = {"actor": "kim", "now_ms": books.now_ms}
        books.do("account_transfer", giver=giver, taker=taker, amount_mc=5000, key=key, **facts)
        preview = close(books, key, name=taker, dry=True)
        assert (preview["payout_mc"], preview["forfeit_mc"]) == (0, 5000)


def test_closing_twice_gives_the_same_answer_and_another_key_is_refused(books: Books) -> None:
    books.account(credit_mc=5000)
    first = close(books)
    days_pass(books, 100)
    again = close(books, days=0)
    told = ("account", "key", "balance_mc", "payout_mc", "forfeit_mc", "free_parts_mc", "closed_at_ms")
    assert {name: again[name] for name in told} == {name: first[name] for name in told}
    assert (first["is_new"], again["is_new"]) == (True, False)
    with pytest.raises(Fault, match="is closed; nothing more is booked on it"):
        close(books, "another")
    assert len(postings(books)) == 2


def test_an_account_without_credit_can_be_closed_too(books: Books) -> None:
    books.account(credit_mc=0)
    assert close(books)["balance_mc"] == 0
    assert close(books)["is_new"] is False
    assert postings(books) == [("credit", "forfeit", "closing:letter", 0)]


def test_free_parts_end_with_it(books: Books) -> None:
    books.do(
        "account_open",
        account={"name": "demo"},
        verifier="v",
        networks=[],
        credit_mc=0,
        trial_parts=3,
        actor="kim",
        now_ms=books.now_ms,
    )
    assert close(books)["free_parts_mc"] == 3000
    assert close(books)["free_parts_mc"] == 3000
    assert ("trial", "forfeit", "closing:letter", -3000) in postings(books)


def test_who_owes_is_not_closed(books: Books) -> None:
    account_id = books.account(credit_mc=0, overdraft_mc=5000)
    spend(books, account_id, 2500)
    preview = close(books, dry=True)
    assert preview["obstacle"].startswith("it owes 2.500; book the payment")
    assert (preview["payout_mc"], preview["forfeit_mc"]) == (0, 0)
    with pytest.raises(Fault, match="cannot be closed yet: it owes 2.500"):
        close(books)
    top_up(books, 2500, "paid")
    assert close(books)["is_new"]


def test_what_still_waits_is_waited_for(books: Books) -> None:
    account_id = books.account()
    books.accept(account_id, *[books.prepared()] * 4)
    doubtful, claimed = books.claim(2)
    books.settle(doubtful, OutcomeKind.IN_DOUBT, retry_at_ms=books.now_ms)
    books.connection.execute("UPDATE part SET state = 'held' WHERE part_id = (SELECT max(part_id) FROM part)")
    told = close(books, dry=True)["obstacle"]
    assert "(1 queued, 1 claimed, 1 in doubt, 1 held)" in told
    with pytest.raises(Fault, match="parts of it still wait"):
        close(books)
    books.connection.execute("UPDATE part SET state = 'queued' WHERE state = 'held'")
    for part in (claimed, *books.claim()):
        books.settle(part, OutcomeKind.REJECTED)
    books.do("resolve_doubts", now_ms=books.now_ms, never_resend=["upstream"])
    assert close(books)["balance_mc"] == 99_000


def test_other_accounts_do_not_wait_for_it(books: Books) -> None:
    books.accept(books.account(), books.prepared())
    books.account("other")
    assert close(books, name="other")["is_new"]


def test_a_closed_account_moves_no_more_but_late_refunds_count(books: Books) -> None:
    account_id = books.account(credit_mc=10_000, refunds="undeliverable")
    books.account("other")
    (late, lost) = books.accept(account_id, books.prepared(), books.prepared())
    for number, part in enumerate(books.claim()):
        books.submitted(part, f"{number}")
    books.receipt("1", PartState.UNKNOWN)
    close(books)
    facts = {"actor": "kim", "now_ms": books.now_ms}
    with pytest.raises(Fault, match="closed"):
        top_up(books, 1, "k")
    with pytest.raises(Fault, match="closed"):
        books.do("account_adjust", name="demo", amount_mc=1, key="k", reason="r", **facts)
    for giver, taker in (("demo", "other"), ("other", "demo")):
        with pytest.raises(Fault, match="closed"):
            books.do("account_transfer", giver=giver, taker=taker, amount_mc=1, key="k", **facts)
    with pytest.raises(Fault, match="account_disabled"):
        books.accept(account_id, books.prepared())
    books.audit()
    books.receipt("0", PartState.UNDELIVERABLE)
    books.do("message_refund", message_id=lost.message_id, reason="r", **facts)
    assert books.balance_mc() == 2000
    top_up_again = books.do("account_top_up", name="demo", amount_mc=10_000, key="opening", now_ms=books.now_ms)
    assert top_up_again == {"is_new": False, "balance_mc": 2000}


def test_a_closed_account_stays_closed(books: Books) -> None:
    books.account()
    close(books)
    with pytest.raises(Fault, match="closed for good; open another one"):
        books.do("account_set_disabled", name="demo", is_disabled=False)
    books.do("account_set_disabled", name="demo", is_disabled=True)
    assert books.read("account_show", name="demo")["is_disabled"]


def test_a_preview_tells_the_latest_purchases(books: Books) -> None:
    books.account(credit_mc=0)
    for number in range(LOTS_TOLD_MAX + 2):
        top_up(books, 10, f"{number}")
    preview = close(books, dry=True)
    assert (preview["lots_before"], len(preview["lots"])) == (2, LOTS_TOLD_MAX)
    assert preview["lots"][-1]["cause"] == f"top_up:{LOTS_TOLD_MAX + 1}"
    assert preview["payout_mc"] == 10 * (LOTS_TOLD_MAX + 2)


@pytest.mark.parametrize("key", ["", "k" * 101])
def test_closing_needs_a_key(books: Books, key: str) -> None:
    books.account()
    with pytest.raises(Fault, match="closing needs a key"):
        close(books, key)
