"""Ids in every spelling: found out, or as the link's settings say; learned, shown, and never another message's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.ledger.receive import Delivery
from bridge.ledger.smsc_ids import Spelling, key_of, other_keys, smsc_key, spelling
from bridge.messages.message import PartState
from bridge.messages.receipt import IdFormat, Receipt
from tests.books import LINK, RECIPIENT, Books

AUTO, EXACT = IdFormat.AUTO, IdFormat.EXACT
HEX_TO_DECIMAL, DECIMAL_TO_HEX = IdFormat.HEX_TO_DECIMAL, IdFormat.DECIMAL_TO_HEX


UUID = "3f2504e0-4f89-11d3-9a0c-0305e82c3301"


def sent(books: Books, smsc_id: str, **facts: object) -> str:
    if not books.read("account_list"):
        books.account()
    (accepted,) = books.accept(1, books.prepared(**facts))
    (part,) = books.claim()
    books.submitted(part, smsc_id)
    return accepted.message_id


def receive(books: Books, smsc_id: str, id_format: IdFormat = AUTO, originator: str = RECIPIENT) -> None:
    receipt = Receipt(smsc_id, PartState.DELIVERED, "000", originator=originator, id_format=id_format)
    books.call("receive", Delivery(LINK, [receipt], books.now_ms))


@pytest.mark.parametrize("id_format", IdFormat)
@pytest.mark.parametrize(
    ("answered", "reported", "fits"),
    [
        ("0a1b", "0a1b", {AUTO, EXACT, HEX_TO_DECIMAL}),
        ("0a1b", "0A1B", {AUTO, HEX_TO_DECIMAL}),
        ("0A1B", "A1B", {AUTO, HEX_TO_DECIMAL}),
        ("0A1B", "2587", {AUTO, HEX_TO_DECIMAL}),
        ("2587", "0A1B", {AUTO, DECIMAL_TO_HEX}),
        ("2587", "2587", {AUTO, EXACT}),
        ("16", "10", {AUTO, DECIMAL_TO_HEX}),
        ("10", "16", {AUTO, HEX_TO_DECIMAL}),
        ("d3b07384d113edec", "15253818952184491500", {AUTO, HEX_TO_DECIMAL}),
        ("15253818952184491500", "D3B07384D113EDEC", {AUTO, DECIMAL_TO_HEX}),
        ("3f2504e0-4f89-11d3", "3F2504E0-4F89-11D3", {AUTO, HEX_TO_DECIMAL, DECIMAL_TO_HEX}),
        (UUID, UUID.replace("-", ""), {AUTO, HEX_TO_DECIMAL}),
        (UUID.replace("-", "").upper(), UUID, {AUTO, HEX_TO_DECIMAL, DECIMAL_TO_HEX}),
        ("0E999F21" + UUID[8:], "e999f21" + UUID[8:].replace("-", ""), {AUTO, HEX_TO_DECIMAL}),
        ("d3b07384d113edec", "-3193.", set()),
        ("d3b07384d113edec", "-3192925121525060116", {AUTO, HEX_TO_DECIMAL}),
        ("15253818952184491500", "-3192925121525060116", {AUTO, DECIMAL_TO_HEX}),
        ("-3192925121525060116", "15253818952184491500", {AUTO}),
        ("-3192925121525060116", "D3B07384D113EDEC", {AUTO, DECIMAL_TO_HEX}),
        ("-3192925121525060116", "-3192925121525060116", {AUTO, EXACT, DECIMAL_TO_HEX}),
        ("ffffffffffffffff", "-1", {AUTO, HEX_TO_DECIMAL}),
        ("8000000000000000", "-9223372036854775808", {AUTO, HEX_TO_DECIMAL}),
        ("7fffffffffffffff", "-9223372036854775809", set()),
        ("-10", "10", set()),
        ("55", "56", set()),
    ],
)
def test_which_spellings_meet_in_which_format(
    books: Books, answered: str, reported: str, fits: set[IdFormat], id_format: IdFormat
) -> None:
    message = sent(books, answered)
    receive(books, reported, id_format)
    assert books.states(message) == ["delivered" if id_format in fits else "submitted"]


def test_a_known_format_needs_no_handset_to_agree(books: Books) -> None:
    message = sent(books, "0A1B")
    receive(books, "2587", originator="")
    assert books.states(message) == ["submitted"], "a guess wants the handset"
    receive(books, "2587", HEX_TO_DECIMAL, originator="")
    assert books.states(message) == ["delivered"]


def test_a_known_format_is_the_way_out_where_a_carrier_hides_the_handset(books: Books) -> None:
    message = sent(books, "0A1B")
    receive(books, "0A1B", originator="99999999")
    assert books.states(message) == ["submitted"], "found out: not for another handset"
    receive(books, "0A1B", EXACT, originator="99999999")
    assert books.states(message) == ["delivered"]


def test_a_known_format_keeps_short_ids_of_two_bases_apart(books: Books) -> None:
    """Ids 10 and 16 for two parts to one handset: by guessing, the receipt "16" is for the second."""
    first, second = sent(books, "10"), sent(books, "16")
    receive(books, "16", HEX_TO_DECIMAL)
    assert books.states(first) + books.states(second) == ["delivered", "submitted"]
    receive(books, "22", HEX_TO_DECIMAL)
    assert books.states(second) == ["delivered"]


@pytest.mark.parametrize(("id_format", "reported"), [(HEX_TO_DECIMAL, "2587"), (EXACT, "0A1B"), (AUTO, "2587")])
def test_an_early_receipt_keeps_its_format(books: Books, id_format: IdFormat, reported: str) -> None:
    books.account()
    (accepted,) = books.accept(1, books.prepared())
    (part,) = books.claim()
    receive(books, reported, id_format)
    books.submitted(part, "0A1B")
    assert books.states(accepted.message_id) == ["delivered"]


def test_an_early_receipt_of_an_exact_link_waits_for_exactly_its_name(books: Books) -> None:
    books.account()
    (accepted,) = books.accept(1, books.prepared())
    (part,) = books.claim()
    receive(books, "0a1b", EXACT)
    books.submitted(part, "0A1B")
    assert books.states(accepted.message_id) == ["submitted"]
    assert books.read("unfinished")["parked"] == 1


def test_a_link_teaches_how_it_spells(books: Books) -> None:
    for answered, reported in [("A1", "A1"), ("B1", "b1"), ("0C1", "c1"), ("D1", "209"), ("E1", "225"), ("99", "63")]:
        sent(books, answered)
        receive(books, reported)
    for answered, reported in [(UUID, UUID.replace("-", "")), ("f" * 16, "-1"), ("-2", "f" * 15 + "e")]:
        sent(books, answered)
        receive(books, reported)
    receive(books, "nobody's")
    learned = {"decimal": 2, "case": 1, "hex": 1, "same": 1, "zeros": 1, "dashes": 1, "signed": 2}
    assert books.read("link_spellings") == {LINK: learned}


def test_one_delivery_teaches_with_one_statement(books: Books) -> None:
    names = [f"A{n}" for n in range(20)]
    for name in names:
        sent(books, name)
    seen: list[str] = []
    books.connection.set_trace_callback(seen.append)
    receipts = [Receipt(name.lower(), PartState.DELIVERED, originator=RECIPIENT) for name in names]
    books.call("receive", Delivery(LINK, [*receipts], books.now_ms))
    books.connection.set_trace_callback(None)
    assert len([sql for sql in seen if "link_spelling" in sql]) == 1
    assert books.read("link_spellings") == {LINK: {"case": 20}}


@given(st.integers(0, 2**70), st.sampled_from(["{:x}", "{:X}", "{:012x}", "{:d}", "{:024d}"]))
def test_every_number_meets_itself_in_every_spelling(number: int, form: str) -> None:
    reported = form.format(number)
    keys = {key_of(reported, AUTO), *other_keys(reported)}
    assert smsc_key(f"{number:x}") in keys or smsc_key(f"{number:d}") in keys
    if "d" in form:
        assert key_of(reported, HEX_TO_DECIMAL) == smsc_key(f"{number:x}")
        expected = Spelling.DECIMAL if smsc_key(f"{number:x}") != smsc_key(reported) else None
        assert expected is None or spelling(f"{number:x}", reported) is expected
    else:
        assert key_of(reported, DECIMAL_TO_HEX) == smsc_key(f"{number:d}")


@given(st.text(max_size=80))
def test_no_id_breaks_the_spelling(text: str) -> None:
    for id_format in IdFormat:
        assert all(isinstance(one, str) for one in (key_of(text, id_format), *other_keys(text)))
    assert spelling(text, text) is Spelling.SAME
