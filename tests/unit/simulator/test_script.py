"""What the simulator's script chooses for each part."""

from collections import Counter

import pytest

from bridge.simulator.script import COUNTED_MAX, DELIVERED, Behaviour, Rule, Script, When
from bridge.smpp import udh
from bridge.smpp.constants import EsmClass, MessageState, Status
from bridge.smpp.pdus import SubmitSm

REFUSED = Behaviour("refused", status=Status.RINVDSTADR)
THROTTLED = Behaviour("throttled", status=Status.RTHROTTLED)


def submit(recipient: str = "447700900123", originator: str = "Shop", text: bytes = b"hello") -> SubmitSm:
    return SubmitSm(source_addr=originator, destination_addr=recipient, short_message=text)


def part(number: int) -> SubmitSm:
    octets = udh.build_concat(7, 3, number) + b"a piece"
    return SubmitSm(destination_addr="447700900123", esm_class=EsmClass.UDHI, short_message=octets)


def test_the_last_four_digits_choose() -> None:
    script = Script()
    assert script.behaviour("447700901001").state == MessageState.UNDELIVERABLE
    assert script.behaviour("1002").state == MessageState.EXPIRED
    assert script.behaviour("447700900123") is DELIVERED
    assert script.behaviour("") is DELIVERED


def test_throttled_twice_then_delivered_and_the_same_again_for_the_next_message() -> None:
    script = Script()
    statuses = [script.behaviour("447700901004").status for _ in range(6)]
    assert statuses == [Status.RTHROTTLED, Status.RTHROTTLED, 0] * 2


def test_tries_are_counted_by_recipient() -> None:
    script = Script()
    assert script.behaviour("447700901004").status == Status.RTHROTTLED
    assert script.behaviour("467700901004").status == Status.RTHROTTLED
    assert script.behaviour("447700901004").status == Status.RTHROTTLED
    assert script.behaviour("447700901004").status == 0
    assert script.behaviour("467700901004").status == Status.RTHROTTLED


def test_the_counters_are_bounded() -> None:
    script = Script()
    for n in range(COUNTED_MAX + 50):
        script.behaviour(f"{n}1004")
    assert len(script._tries) == COUNTED_MAX


def test_a_connection_is_dropped_only_once_for_one_recipient() -> None:
    script = Script()
    assert [script.behaviour("447700901007").drops for _ in range(2)] == [True, False]


def test_queued_behaviours_come_first_and_in_order() -> None:
    script = Script()
    script.then([Behaviour("a", status=1), Behaviour("b", status=2)])
    assert [script.behaviour("447700901003").status for _ in range(3)] == [1, 2, Status.RINVDSTADR]


@pytest.mark.parametrize(
    ("when", "meant", "others"),
    [
        (When(recipient="*99"), [submit("447700900199")], [submit("447700900198"), submit("99447700900")]),
        (When(originator="Al?rm"), [submit(originator="Alarm")], [submit(originator="alarm"), submit(originator="")]),
        (When(text="*pump*"), [submit(text=b"a pump stopped")], [submit(text=b"Pump"), submit(text=b"")]),
        (When(part=3), [part(3)], [part(1), part(2), submit()]),
        (When(recipient="44*", text="hello"), [submit()], [submit("46701740605"), submit(text=b"hello you")]),
    ],
    ids=["recipient", "originator", "text", "part", "all that is said"],
)
def test_a_rule_is_for_what_fits_all_it_says(when: When, meant: list[SubmitSm], others: list[SubmitSm]) -> None:
    script = Script(rules=[Rule(when, REFUSED)])
    assert [script.choose(pdu) for pdu in meant] == [REFUSED] * len(meant)
    assert REFUSED not in [script.choose(pdu) for pdu in others]


def test_the_first_rule_that_fits_decides_and_the_last_digits_come_after_all_rules() -> None:
    script = Script(rules=[Rule(When(recipient="*99"), THROTTLED), Rule(When(recipient="*9"), REFUSED)])
    assert script.choose(submit("447700900199")) is THROTTLED
    assert script.choose(submit("447700900189")) is REFUSED
    assert script.choose(submit("447700901001")).state is MessageState.UNDELIVERABLE


def test_what_a_test_queued_comes_before_the_rules() -> None:
    script = Script(rules=[Rule(When(), REFUSED)])
    script.then([THROTTLED])
    assert [script.choose(submit()) for _ in range(2)] == [THROTTLED, REFUSED]


def test_nth_and_every_count_what_fits_otherwise() -> None:
    script = Script(rules=[Rule(When(recipient="44*", nth=(1, 3)), REFUSED), Rule(When(every=2), THROTTLED)])
    chosen = []
    for recipient in ("441", "461", "442", "462", "443"):
        chosen.append(script.choose(submit(recipient)).status)
    # The second rule sees 461, 442 and 462: only the second of them is its turn.
    assert chosen == [Status.RINVDSTADR, 0, Status.RTHROTTLED, 0, Status.RINVDSTADR]


def test_tries_are_counted_by_rule_and_recipient() -> None:
    script = Script(rules=[Rule(When(tries=2), THROTTLED), Rule(When(tries=1), REFUSED)])
    statuses = [script.choose(submit("441")).status for _ in range(4)]
    assert statuses == [Status.RTHROTTLED, Status.RTHROTTLED, Status.RINVDSTADR, Status.RTHROTTLED]
    assert script.choose(submit("442")).status == Status.RTHROTTLED


def test_shares_are_of_all_and_add_up() -> None:
    rules = [Rule(When(share_percent=20), REFUSED), Rule(When(share_percent=30), THROTTLED)]
    script = Script(rules=rules, seed=5)
    found = Counter(script.choose(submit()).status for _ in range(10_000))
    assert 1_850 < found[Status.RINVDSTADR] < 2_150
    assert 2_850 < found[Status.RTHROTTLED] < 3_150
    assert sum(found.values()) == 10_000


def test_the_same_seed_draws_the_same_and_another_does_not() -> None:
    def drawn(seed: int) -> list[int]:
        script = Script(rules=[Rule(When(share_percent=50), REFUSED)], seed=seed)
        return [script.choose(submit()).status for _ in range(100)]

    assert drawn(3) == drawn(3)
    assert drawn(3) != drawn(4)


def test_time_windows_and_their_repetition() -> None:
    once = Script(rules=[Rule(When(after_s=10, until_s=20), REFUSED)])
    again = Script(rules=[Rule(When(after_s=10, until_s=20, repeat_s=30), REFUSED)])
    moments = (0.0, 9.9, 10.0, 19.9, 20.0, 41.0, 51.0)
    assert [bool(once.choose(submit(), at).status) for at in moments] == [0, 0, 1, 1, 0, 0, 0]
    assert [bool(again.choose(submit(), at).status) for at in moments] == [0, 0, 1, 1, 0, 1, 0]
