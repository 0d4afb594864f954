"""What the simulator's script chooses for each part."""

from pathlib import Path

import pytest

from bridge.simulator.script import COUNTED_MAX, DELIVERED, TABLE, Behaviour, Script
from bridge.simulator.settings import SimulatorSettings
from bridge.smpp.constants import MessageState, Status

DOCS = Path(__file__).parents[3] / "docs" / "simulator.md"


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


@pytest.mark.parametrize("suffix", sorted(TABLE))
def test_the_table_is_documented_word_for_word(suffix: str) -> None:
    assert f"| {suffix} | {TABLE[suffix].about} |" in DOCS.read_text()


def test_every_setting_is_documented() -> None:
    text = DOCS.read_text()
    for name, field in SimulatorSettings.model_fields.items():
        assert f"`{name}`" in text, f"{name} is missing in docs/simulator.md"
        assert field.description, f"{name} has no description"
