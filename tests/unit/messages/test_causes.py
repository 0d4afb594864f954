"""What a network's error code means; and that every cause has its one sentence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.messages.causes import SENTENCES, USUAL, Cause, cause_of, code_key, sentence
from bridge.messages.message import PartState
from bridge.messages.receipt import Receipt


def test_every_cause_has_its_own_sentence() -> None:
    assert set(SENTENCES) == set(Cause)
    assert len(set(SENTENCES.values())) == len(Cause)
    for words in SENTENCES.values():
        assert words[0].islower()
        assert not words.endswith(".")
    assert sentence("") == ""
    assert sentence("switched_off") == SENTENCES[Cause.SWITCHED_OFF]


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        ("1", Cause.NO_SUCH_NUMBER),
        ("001", Cause.NO_SUCH_NUMBER),
        (" 0001 ", Cause.NO_SUCH_NUMBER),
        ("6", Cause.SWITCHED_OFF),
        ("27", Cause.SWITCHED_OFF),
        ("32", Cause.MEMORY_FULL),
        ("211", Cause.MEMORY_FULL),
        ("13", Cause.CONTRACT_ENDED),
        ("34", Cause.ROUTE_FAULT),
        ("081", Cause.SWITCHED_OFF),
        ("0", Cause.UNKNOWN),
        ("", Cause.UNKNOWN),
        ("999", Cause.UNKNOWN),
        ("nonsense", Cause.UNKNOWN),
    ],
)
def test_the_usual_codes(error: str, cause: Cause) -> None:
    assert cause_of(error) is cause


def test_a_links_own_table_goes_first() -> None:
    own = {code_key("027"): Cause.ROUTE_FAULT, code_key("1B"): Cause.SWITCHED_OFF}
    assert cause_of("27", own) is Cause.ROUTE_FAULT
    assert cause_of("001b", own) is Cause.SWITCHED_OFF
    assert cause_of("1", own) is Cause.NO_SUCH_NUMBER


@pytest.mark.parametrize("state", [None, *PartState])
@pytest.mark.parametrize("is_trying", [False, True])
@pytest.mark.parametrize("error", ["000", "027", "999"])
def test_only_what_failed_has_a_cause(state: PartState | None, is_trying: bool, error: str) -> None:
    receipt = Receipt("1", state, error, is_trying=is_trying)
    receipt.explain()
    failed = state in (PartState.UNDELIVERABLE, PartState.EXPIRED, PartState.DELETED, PartState.REJECTED)
    if failed:
        assert receipt.cause is (Cause.SWITCHED_OFF if error == "027" else Cause.UNKNOWN)
    elif error == "027" and (is_trying or state is PartState.UNKNOWN):
        assert receipt.cause is Cause.SWITCHED_OFF
    else:
        assert receipt.cause is None


@given(st.text(max_size=20))
def test_any_code_means_something(error: str) -> None:
    assert cause_of(error) in Cause
    assert code_key(code_key(error)) == code_key(error)


def test_the_table_is_in_normal_form() -> None:
    assert all(code_key(code) == code and code for code in USUAL)
