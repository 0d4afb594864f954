"""Laws of the ids that carriers give: each in every spelling finds its own part, and none another's."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.ledger.receipts import MATCH_AGE_MS_MAX
from bridge.ledger.receive import Delivery
from bridge.ledger.smsc_ids import key_of, other_keys, smsc_key
from bridge.messages.message import PartState
from bridge.messages.receipt import IdFormat, Receipt
from tests.books import LINK, Books

EXAMPLES = 40
"""Each some parts in a real ledger: 40 ms."""
HANDSETS = ["46701740605", "46701740606"]
SPELLED: list[tuple[range, list[Callable[[int], str]]]] = [
    (
        range(1 << 63, 1 << 64),
        [
            "{:016x}".format,
            "{:X}".format,
            "{:d}".format,
            "{:024d}".format,
            lambda number: str(number - (1 << 64)),
        ],
    ),
    (
        range(1 << 76, 1 << 128),
        [
            lambda number: str(UUID(int=number)),
            lambda number: str(UUID(int=number)).upper(),
            lambda number: str(UUID(int=number)).lstrip("0"),
            lambda number: UUID(int=number).hex,
            lambda number: f"{number:X}",
        ],
    ),
]
"""Numbers as wide as a kind of id, and how it is written: 64 bits with the highest set, UUIDs with a version."""


@st.composite
def ids(draw: st.DrawFn, count_max: int) -> list[tuple[str, str]]:
    """Different ids of one carrier: as it answered, and as its receipt has it."""
    numbers, forms = draw(st.sampled_from(SPELLED))
    near = draw(st.integers(numbers.start, numbers.stop - 100))
    anywhere = st.integers(numbers.start, numbers.stop - 1)
    chosen = draw(st.lists(anywhere | st.integers(near, near + 20), min_size=2, max_size=count_max, unique=True))
    form = st.sampled_from(forms)
    return [(draw(form)(number), draw(form)(number)) for number in chosen]


@given(ids(2))
def test_an_id_has_the_keys_of_its_own_part_and_of_no_other(pair: list[tuple[str, str]]) -> None:
    (answered, reported), (other, _) = pair
    keys = {key_of(reported, IdFormat.AUTO), *other_keys(reported)}
    assert smsc_key(answered) in keys
    assert smsc_key(other) not in keys


@given(st.text(max_size=70) | st.from_regex(r"-?[0-9a-fA-F-]{1,70}"))
def test_a_normal_form_is_its_own(text: str) -> None:
    assert smsc_key(smsc_key(text)) == smsc_key(text)


def test_a_receipt_settles_its_own_part_and_no_other() -> None:
    """Whatever comes first, receipt or answer, and whether or not it names the handset."""
    told = st.tuples(ids(5), st.randoms(use_true_random=False), st.booleans())

    with tempfile.TemporaryDirectory() as folder:
        books = Books(Path(folder))
        books.account(credit_mc=10**9)

        @settings(max_examples=EXAMPLES)
        @given(told, st.sampled_from([IdFormat.AUTO, IdFormat.EXACT]))
        def law(told: tuple[list[tuple[str, str]], Random, bool], id_format: IdFormat) -> None:
            spelled, chance, names_handset = told
            # The ids of the examples before mean nothing any more.
            books.now_ms += MATCH_AGE_MS_MAX + 1
            books.do("tidy", now_ms=books.now_ms)
            parts = []
            for _ in spelled:
                books.accept(1, books.prepared(recipient=chance.choice(HANDSETS)))
                (part,) = books.claim()
                parts.append(part)
            reported = [place for place in range(len(spelled)) if chance.random() < 0.6]
            steps = [("answer", place) for place in range(len(spelled))] + [("receipt", place) for place in reported]
            chance.shuffle(steps)
            for step, place in steps:
                answer_id, receipt_id = spelled[place]
                if step == "answer":
                    books.submitted(parts[place], answer_id)
                else:
                    handset = parts[place].recipient if names_handset else ""
                    receipt = Receipt(receipt_id, PartState.DELIVERED, originator=handset, id_format=id_format)
                    books.call("receive", Delivery(LINK, [receipt], books.now_ms))
            for place, part in enumerate(parts):
                (state,) = books.states(part.message_id)
                assert state in (("submitted", "delivered") if place in reported else ("submitted",))
                if place in reported and names_handset and id_format is IdFormat.AUTO:
                    assert state == "delivered", spelled[place]

        law()
        books.close()
