"""The table of last digits and the settings, as the page tells them; what a behaviour says of itself."""

from pathlib import Path

import pytest

from bridge.simulator.behaviour import HUNG, TABLE, Behaviour
from bridge.simulator.settings import SimulatorAccount, SimulatorSettings
from bridge.smpp.constants import MessageState

DOCS = Path(__file__).parents[3] / "docs" / "simulator.md"


@pytest.mark.parametrize("suffix", sorted(TABLE))
def test_the_table_is_documented_word_for_word(suffix: str) -> None:
    assert f"| {suffix} | {TABLE[suffix].about} |" in DOCS.read_text()


def test_the_page_promises_no_number_that_the_table_does_not_have() -> None:
    rows = [line.split("|")[1].strip() for line in DOCS.read_text().splitlines() if line.startswith("| 1")]
    assert rows == sorted(TABLE)


def test_every_setting_is_documented() -> None:
    text = DOCS.read_text()
    for model in (SimulatorSettings, SimulatorAccount):
        for name, field in model.model_fields.items():
            assert f"`{name}`" in text, f"{name} is missing in docs/simulator.md"
            assert field.description, f"{name} has no description"


@pytest.mark.parametrize(
    "quirk",
    [
        {"is_nack": True},
        {"is_silent": True},
        {"answer_delay_ms": 1},
        {"answer_delay_max_ms": 1},
        {"answer_total": 2},
        {"is_bodyless": True},
        {"is_stray": True},
        {"drops": True},
    ],
)
def test_an_answer_with_a_quirk_is_not_plain(quirk: dict[str, int]) -> None:
    assert Behaviour().is_plain_answer
    assert not Behaviour(**quirk).is_plain_answer  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("does", "ending"),
    [
        (Behaviour(), (MessageState.DELIVERED, 0)),
        (TABLE["1014"], (MessageState.DELIVERED, 1)),
        (TABLE["1015"], (MessageState.DELIVERED, 0)),
        (TABLE["1016"], (MessageState.DELIVERED, 0)),
        (TABLE["1041"], (MessageState.UNDELIVERABLE, 0)),
        (Behaviour(state=MessageState.ENROUTE), (MessageState.ENROUTE, 0)),
        (HUNG, (MessageState.ENROUTE, 0)),
    ],
)
def test_how_a_part_ends(does: Behaviour, ending: tuple[MessageState, int]) -> None:
    assert does.ending == ending
