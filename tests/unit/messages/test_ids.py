"""Public ids lead back to their row, and nothing else does."""

import pytest

from bridge.messages.ids import public_id, row_of

KEY = 0x0123_4567_89AB_CDEF


def test_the_same_row_and_key_always_give_the_same_name() -> None:
    """Names are printed, mailed and kept by senders, so the algorithm may never change."""
    assert [public_id(row, KEY) for row in (1, 2, 3, 1_000_000)] == ["641826ED", "2E53134E", "2A60D01B", "4FC7582C"]


def test_neighbouring_rows_have_unrelated_names() -> None:
    values = [int(public_id(row, KEY), 16) for row in range(1, 1001)]
    rising = sum(after > before for before, after in zip(values, values[1:], strict=False))
    assert 400 < rising < 600


def test_rows_beyond_32_bits_get_longer_names() -> None:
    assert public_id(1 << 32, KEY) == "000100000000"
    assert row_of("000100000000", KEY) == 1 << 32
    assert len(public_id((1 << 32) - 1, KEY)) == 8


def test_case_does_not_matter() -> None:
    name = public_id(77, KEY)
    assert row_of(name.lower(), KEY) == 77


@pytest.mark.parametrize(
    "name",
    [
        "",
        "1234567",
        "123456789",
        "0x123456",
        "+1234567",
        "-1234567",
        " 1234567",
        "1234567\n",
        "1234_567",
        "GHIJKLMN",
        "١٢٣٤٥٦٧٨",
        "000000000001",
        "0x0123456789",
        "1" * 1000,
    ],
)
def test_text_that_cannot_be_a_name_is_no_row(name: str) -> None:
    assert row_of(name, KEY) is None
