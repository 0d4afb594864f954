"""Ids in all their looks."""

import pytest

from bridge.simulator.spelling import FORMS, FORMS_ABOUT, SPELLINGS, SPELLINGS_ABOUT, IdForm, IdSpelling, spell
from bridge.smpp.codec import encode
from bridge.smpp.pdus import SubmitSmResp

NUMBER = 0x019A_1B2C_3D4E
"""A clock of the year 2025 in milliseconds."""


def test_nothing_is_missing_in_the_tables() -> None:
    assert set(FORMS) == set(FORMS_ABOUT) == set(IdForm)
    assert set(SPELLINGS) == set(SPELLINGS_ABOUT) == set(IdSpelling)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (IdForm.HEX, "1B2C3D4E"),
        (IdForm.ZEROS, "000C3D4E"),
        (IdForm.DECIMAL, "0455884110"),
        (IdForm.HEX64, "8000019A1B2C3D4E"),
        (IdForm.DECIMAL64, "9223373798247251278"),
        (IdForm.UUID, "0a5ed0d0-0000-4000-8000-019a1b2c3d4e"),
        (IdForm.LONGEST, "0" * 52 + "019A1B2C3D4E"),
        (IdForm.SAME, "00000001"),
        (IdForm.EMPTY, ""),
    ],
)
def test_forms(form: IdForm, text: str) -> None:
    assert FORMS[form](NUMBER) == text
    assert encode(SubmitSmResp(message_id=text), 1)


@pytest.mark.parametrize(
    ("given", "spelling", "text"),
    [
        ("1B2C3D4E", IdSpelling.SAME, "1B2C3D4E"),
        ("1B2C3D4E", IdSpelling.LOWER, "1b2c3d4e"),
        ("1b2c3d4e", IdSpelling.UPPER, "1B2C3D4E"),
        ("1B2C3D4E", IdSpelling.DECIMAL, "455884110"),
        ("8000019A1B2C3D4E", IdSpelling.DECIMAL, "9223373798247251278"),
        ("8000019A1B2C3D4E", IdSpelling.SIGNED, str(0x8000019A1B2C3D4E - (1 << 64))),
        ("0455884110", IdSpelling.HEX, "1B2C3D4E"),
        ("000C3D4E", IdSpelling.STRIPPED, "C3D4E"),
        ("1B2C3D4E", IdSpelling.PADDED, "000000001B2C3D4E"),
        ("0a5ed0d0-0000", IdSpelling.UNDASHED, "0a5ed0d00000"),
        ("1B2C3D4E", IdSpelling.STRANGER, "FFFFFFFF"),
        ("1B2C3D4E", IdSpelling.NONE, ""),
    ],
)
def test_spellings(given: str, spelling: IdSpelling, text: str) -> None:
    assert spell(given, spelling) == text


def test_what_cannot_be_spelled_so_stays_as_it_is() -> None:
    assert spell("no-number", IdSpelling.DECIMAL) == "no-number"
    assert spell("", IdSpelling.HEX) == ""
    assert spell("F" * 20, IdSpelling.SIGNED) == "F" * 20
