"""docs/states.md publishes exactly the moves that the program knows."""

import re
from pathlib import Path

from bridge.messages.message import LEGAL_MOVES, PartState

PAGE = Path(__file__).parents[2] / "docs" / "states.md"


def test_the_published_moves_are_the_legal_ones() -> None:
    section = PAGE.read_text(encoding="utf-8").partition("## A part")[2].partition("## A message")[0]
    rows = re.findall(r"^\| (\w+|\(accepted\)) \| (\w+) \|", section, re.MULTILINE)
    moves = {(before, after) for before, after in rows if before not in ("from", "(accepted)")}
    assert moves == {(before.value, after.value) for before, after in LEGAL_MOVES}
    assert ("(accepted)", PartState.QUEUED.value) in rows
