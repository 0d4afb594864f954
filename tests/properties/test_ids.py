"""Public ids are one to one with rows, under every key."""

from hypothesis import given
from hypothesis import strategies as st

from bridge.messages.ids import public_id, row_of

rows = st.integers(1, 1 << 40) | st.integers(1, (1 << 32) - 1) | st.sampled_from([1, (1 << 32) - 1, 1 << 32])
keys = st.integers(0, (1 << 64) - 1)


@given(rows, keys)
def test_a_name_leads_back_to_its_row(row: int, key: int) -> None:
    assert row_of(public_id(row, key), key) == row


@given(st.from_regex(r"[0-9A-F]{8}", fullmatch=True), keys)
def test_every_short_name_belongs_to_exactly_one_row(name: str, key: int) -> None:
    row = row_of(name, key)
    assert row is not None
    assert public_id(row, key) == name


@given(st.text(max_size=14) | st.text("0123456789abcdefABCDEFx_+- ", max_size=14), keys)
def test_whatever_is_read_as_a_name_is_one(text: str, key: int) -> None:
    row = row_of(text, key)
    assert row is None or public_id(row, key) == text.upper()
