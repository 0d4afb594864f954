"""The laws of credit: used oldest first; statements add up wherever they are cut; no order of moves breaks a book."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.ledger.closing import Purchase, lots_of
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.message import OutcomeKind, PartState
from tests.books import Books

amounts = st.integers(1, 100)


@given(st.lists(amounts, max_size=12), st.data())
def test_what_is_left_is_what_using_the_oldest_first_leaves(bought: list[int], data: st.DataObject) -> None:
    """Against the plain reading: take from the oldest purchase until it is used up, then from the next."""
    used = data.draw(st.integers(0, sum(bought)))
    since_ms = data.draw(st.none() | st.integers(0, len(bought)))
    kinds = [data.draw(st.sampled_from(["top_up", "adjustment", "transfer"])) for _ in bought]
    purchases = [Purchase(kinds[at], f"{kinds[at]}:{at}", amount, at) for at, amount in enumerate(bought)]
    left = list(bought)
    to_take = used
    for at, amount in enumerate(bought):
        left[at] -= min(amount, to_take)
        to_take -= min(amount, to_take)
    lots = lots_of(purchases, sum(bought) - used, since_ms)
    assert [lot.left_mc for lot in lots] == left
    assert [lot.purchase for lot in lots] == purchases
    assert [lot.is_refundable for lot in lots] == [
        since_ms is not None and at >= since_ms and kinds[at] != "transfer" for at in range(len(bought))
    ]


@given(st.lists(amounts, max_size=6), st.integers(-1000, 1000))
def test_no_balance_makes_nonsense_of_the_lots(bought: list[int], balance_mc: int) -> None:
    lots = lots_of([Purchase("top_up", "c", amount, 0) for amount in bought], balance_mc, 0)
    assert all(0 <= lot.left_mc <= lot.purchase.amount_mc for lot in lots)
    assert sum(lot.left_mc for lot in lots) == min(max(balance_mc, 0), sum(bought))


class Office:
    """Two accounts, and people who move credit between them, spend it, and close them."""

    def __init__(self, folder: Path) -> None:
        self.books = Books(folder)
        self.ids = [
            self.books.account(name, credit_mc=2000, overdraft_mc=500, refunds=policy) for name, policy in POLICIES
        ]
        self.moves: dict[str, Callable[[int, int, int], None]] = {
            "top_up": self._top_up,
            "adjust": self._adjust,
            "transfer": self._transfer,
            "send": self._send,
            "end": self._end,
            "refund": self._refund,
            "close": self._close,
            "wait": self._wait,
        }
        self.messages: list[str] = []
        self.smsc_ids = 0

    def do(self, verb: str, **values: Any) -> None:
        """What is refused must be refused as a bad request, and change nothing; the audit sees to that."""
        try:
            self.books.do(verb, **values, actor="kim", now_ms=self.books.now_ms)
        except Fault as fault:
            if fault.code is not FaultCode.BAD_REQUEST:
                raise

    def _top_up(self, who: int, amount_mc: int, key: int) -> None:
        self.do("account_top_up", name=NAMES[who], amount_mc=amount_mc, key=str(key))

    def _adjust(self, who: int, amount_mc: int, key: int) -> None:
        signed_mc = amount_mc if key % 2 else -amount_mc
        self.do("account_adjust", name=NAMES[who], amount_mc=signed_mc, key=str(key), reason="r")

    def _transfer(self, who: int, amount_mc: int, key: int) -> None:
        self.do("account_transfer", giver=NAMES[who], taker=NAMES[1 - who], amount_mc=amount_mc, key=str(key))

    def _send(self, who: int, amount_mc: int, key: int) -> None:
        message = self.books.prepared("one ", "two", price_mc=amount_mc)
        try:
            (accepted,) = self.books.accept(self.ids[who], message)
        except Fault as fault:
            if fault.code not in (FaultCode.NO_CREDIT, FaultCode.ACCOUNT_DISABLED):
                raise
        else:
            self.messages.append(accepted.message_id)

    def _end(self, who: int, amount_mc: int, key: int) -> None:
        for part in self.books.claim(3):
            self.smsc_ids += 1
            if key % 4 == 0:
                self.books.settle(part, OutcomeKind.REJECTED)
                continue
            self.books.submitted(part, f"{self.smsc_ids:08X}")
            self.books.receipt(f"{self.smsc_ids:08X}", ENDS[(key + part.part_no) % len(ENDS)])

    def _refund(self, who: int, amount_mc: int, key: int) -> None:
        if self.messages:
            message_id = self.messages[key % len(self.messages)]
            self.do("message_refund", message_id=message_id, reason="r")

    def _close(self, who: int, amount_mc: int, key: int) -> None:
        # Rarely: nothing happens to a closed account any more.
        if amount_mc % 4 == 0:
            self.do("account_close", name=NAMES[who], key=str(key), refund_days=1)

    def _wait(self, who: int, amount_mc: int, key: int) -> None:
        self.books.now_ms += amount_mc * 1_000_000

    def check_statements(self, cuts: list[int]) -> None:
        """Cut anywhere: each piece opens where the one before closed, and adds up; the last closes at the balance."""
        for name in NAMES:
            at = [0, *sorted(cuts), 1 << 60]
            closed_mc = 0
            for from_ms, to_ms in zip(at, at[1:], strict=False):
                head = self.books.read("account_statement_show", name=name, from_ms=from_ms, to_ms=to_ms)
                page = self.books.read(
                    "account_statement_list",
                    name=name,
                    from_ms=from_ms,
                    to_ms=to_ms,
                    count=head["count"],
                    last=head["last"],
                    after=0,
                    balance_mc=head["opening_mc"],
                )
                assert head["opening_mc"] == closed_mc
                assert page["balance_mc"] == head["closing_mc"]
                closed_mc = head["closing_mc"]
            assert closed_mc == self.books.balance_mc(name)


NAMES = ("strict", "mild")
POLICIES = (("strict", "unaccepted"), ("mild", "undeliverable"))
ENDS = (PartState.UNKNOWN, PartState.UNDELIVERABLE, PartState.DELIVERED)
MOVES = ("top_up", "adjust", "transfer", "send", "send", "end", "refund", "close", "wait")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(MOVES), st.integers(0, 1), st.integers(1, 1500), st.integers(0, 9)), max_size=25
    ),
    st.lists(st.integers(0, 40), max_size=3),
)
def test_no_order_of_moves_breaks_the_books(moves: list[tuple[str, int, int, int]], cuts: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        office = Office(Path(folder))
        began_ms = office.books.now_ms
        try:
            for name, who, amount_mc, key in moves:
                office.moves[name](who, amount_mc, key)
            office.books.audit()
            office.check_statements([began_ms + cut * 500_000_000 for cut in cuts])
        finally:
            office.books.close()
