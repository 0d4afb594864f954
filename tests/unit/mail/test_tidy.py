"""What is taken away from a text, and nothing else."""

import pytest

from bridge.mail import tidy


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("a\r\nb\rc\nd", "a\nb\nc\nd"),
        ("a\tb", "a b"),
        ("a\x00b\x07c\x1bd\x7fe", "abcde"),
        ("a\x9bb", "ab"),
        ("a\u2028b\u2029c\x85d\x0be", "a\nb\nc\nd\ne"),
        ("pay\u202eexe.txt\u2066x\u2069", "payexe.txtx"),
        ("\ufeffa", "a"),
        ("a\ud800b", "a\N{REPLACEMENT CHARACTER}b"),
        ("👩\u200d🔧 å é\u0301 \u200e", "👩\u200d🔧 å é\u0301 \u200e"),  # joined signs and marks of direction stay
    ],
)
def test_clean(text: str, cleaned: str) -> None:
    assert tidy.clean(text) == cleaned


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Pump stopped\n-- \nJoerg\nWaterworks", "Pump stopped"),
        ("Pump stopped\n--\nnot a signature", "Pump stopped\n--\nnot a signature"),
        ("Pump stopped\n--- \nx", "Pump stopped\n--- \nx"),
        ("-- \nonly a signature", "-- \nonly a signature"),
        ("\n \n-- \nonly a signature", "\n \n-- \nonly a signature"),
        ("a\n-- \nb\n-- \nc", "a\n-- \nb"),
        ("a\n-- ", "a"),
        ("a -- \nb", "a -- \nb"),
    ],
)
def test_only_a_real_signature_is_cut(text: str, kept: str) -> None:
    assert tidy.cut_signature(text) == kept


def test_trim_takes_blanks_at_line_ends_and_blank_lines_at_text_ends() -> None:
    assert tidy.trim("\n \n  a  \n\n b \n\n") == "  a\n\n b"
    assert tidy.trim(" \n\t\n") == ""


@pytest.mark.parametrize(
    ("text", "is_delsp", "joined"),
    [
        ("one \ntwo \nthree\nfour", False, "one two three\nfour"),
        ("on \ne", True, "one"),
        (" From space-stuffed\n >not quoted", False, "From space-stuffed\n>not quoted"),
        ("> quoted \n> more", False, "> quoted \n> more"),
        ("text \n-- \nJoerg", False, "text \n-- \nJoerg"),
        ("", False, ""),
    ],
)
def test_flowed_lines_are_joined(text: str, is_delsp: bool, joined: str) -> None:
    assert tidy.join_flowed(text, is_delsp=is_delsp) == joined
