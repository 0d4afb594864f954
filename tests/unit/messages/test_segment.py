"""Cutting by example; the laws are in tests/properties/test_segment.py."""

import pytest

from bridge.messages.charset import encode, unit_count
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.message import Coding
from bridge.messages.segment import PARTS_MAX, segment

GSM7, UCS2 = Coding.GSM7, Coding.UCS2
FAMILY = "👨\u200d👩\u200d👧\u200d👦"
FLAG = "🇸🇪"


@pytest.mark.parametrize(
    ("text", "coding", "sizes"),
    [
        ("", GSM7, [0]),
        ("", UCS2, [0]),
        ("a" * 160, GSM7, [160]),
        ("a" * 161, GSM7, [153, 8]),
        ("a" * 306, GSM7, [153, 153]),
        ("a" * 307, GSM7, [153, 153, 1]),
        ("€" * 80, GSM7, [160]),
        ("€" * 81, GSM7, [152, 10]),
        ("ж" * 70, UCS2, [70]),
        ("ж" * 71, UCS2, [67, 4]),
        ("ж" * 134, UCS2, [67, 67]),
        ("😀" * 35, UCS2, [70]),
        ("😀" * 36, UCS2, [66, 6]),
    ],
)
def test_sizes_of_the_parts_in_units(text: str, coding: Coding, sizes: list[int]) -> None:
    parts = segment(text, coding)
    assert [unit_count(part, coding) for part in parts] == sizes
    assert "".join(parts) == text


def test_an_escape_pair_at_the_edge_moves_to_the_next_part() -> None:
    text = "a" * 152 + "€" + "b" * 20
    first, second = segment(text, GSM7)
    assert first == "a" * 152
    assert encode(second, GSM7).startswith(b"\x1b\x65b")


def test_an_escape_pair_that_ends_at_the_edge_stays() -> None:
    text = "a" * 151 + "€" + "b" * 20
    assert segment(text, GSM7) == ["a" * 151 + "€", "b" * 20]


@pytest.mark.parametrize(
    "sign",
    [
        FAMILY,
        FLAG,
        "e\u0301\u0323",
        "❤\ufe0f",
        "👍🏽",
        "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "नि",
        "\u1112\u1161\u11ab",
    ],
)
def test_one_sign_is_not_cut(sign: str) -> None:
    for spare in range(1, unit_count(sign, UCS2)):
        text = "ж" * (67 - spare) + sign + "ж" * 10
        assert segment(text, UCS2) == ["ж" * (67 - spare), sign + "ж" * 10]


def test_flags_are_cut_between_flags_only() -> None:
    parts = segment("ж" + FLAG * 40, UCS2)
    assert parts == ["ж" + FLAG * 16, FLAG * 16, FLAG * 8]


def test_a_sign_larger_than_a_part_is_cut_where_the_part_is_full() -> None:
    text = "ж" * 10 + "e" + "\u0301" * 150
    parts = segment(text, UCS2)
    assert [len(part) for part in parts] == [67, 67, 27]
    assert "".join(parts) == text


def test_the_largest_message_has_255_parts() -> None:
    assert len(segment("a" * (153 * PARTS_MAX), GSM7)) == PARTS_MAX
    assert len(segment("ж" * (67 * PARTS_MAX), UCS2)) == PARTS_MAX


@pytest.mark.parametrize(
    ("text", "coding"),
    [
        ("a" * (153 * PARTS_MAX + 1), GSM7),
        ("€" * (76 * PARTS_MAX + 1), GSM7),
        ("ж" * (67 * PARTS_MAX + 1), UCS2),
        ("😀" * (33 * PARTS_MAX + 1), UCS2),
    ],
)
def test_more_parts_than_the_header_can_count_are_refused(text: str, coding: Coding) -> None:
    with pytest.raises(Fault) as caught:
        segment(text, coding)
    assert caught.value.code is FaultCode.TOO_MANY_PARTS
