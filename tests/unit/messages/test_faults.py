"""The closed list of refusals is complete and safe to show."""

import pytest

from bridge.messages.faults import DETAIL_MAX, SENTENCES, TEMPORARY, Fault, FaultCode


def test_every_code_has_a_public_sentence_of_its_own() -> None:
    assert set(SENTENCES) == set(FaultCode)
    assert len(set(SENTENCES.values())) == len(SENTENCES)


@pytest.mark.parametrize("code", FaultCode)
def test_sentences_read_well_inside_a_reply_line(code: FaultCode) -> None:
    sentence = SENTENCES[code]
    assert sentence == " ".join(sentence.split())
    assert sentence.isascii()
    assert sentence[0].isupper()
    assert sentence[-1].isalpha()
    assert not any(character.isdigit() for character in sentence)


def test_what_a_retry_cannot_help_is_not_temporary() -> None:
    """A mail server repeats a temporary refusal for days: after a top-up the text would arrive far too late."""
    assert FaultCode.NO_CREDIT not in TEMPORARY
    can_help = {FaultCode.TRY_LATER, FaultCode.QUEUE_FULL, FaultCode.DISK_FULL, FaultCode.TOO_FAST}
    assert can_help == TEMPORARY
    assert Fault(FaultCode.TRY_LATER).is_temporary
    assert not Fault(FaultCode.NO_CREDIT).is_temporary


def test_the_sentence_carries_the_detail_and_never_the_private_part() -> None:
    fault = Fault(FaultCode.TOO_MANY_PARTS, "12 parts, at most 10 are allowed", private="account 7")
    assert fault.sentence == "The text needs too many parts: 12 parts, at most 10 are allowed"
    assert "account 7" not in fault.sentence
    assert "account 7" in str(fault)
    assert Fault(FaultCode.NO_ROUTE).sentence == "Destination not served"


@pytest.mark.parametrize("line_break", ["\r\n", "\n", "\r", "\x0b", "\x85", "\u2028"])
def test_a_detail_cannot_start_a_second_reply_line(line_break: str) -> None:
    fault = Fault(FaultCode.BAD_REQUEST, f"x{line_break}250 OK")
    assert fault.detail == "x 250 OK"


def test_a_detail_is_cut_to_its_limit() -> None:
    assert len(Fault(FaultCode.BAD_REQUEST, "x" * 10_000).detail) == DETAIL_MAX
