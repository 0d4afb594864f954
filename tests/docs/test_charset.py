"""docs/charset.md tells the truth about the alphabet and the parts."""

import re
import string
from pathlib import Path

from bridge.messages.charset import BASIC, EXTENSION, choose, forced_ucs2
from bridge.messages.message import Coding
from bridge.messages.segment import segment

PAGE = (Path(__file__).parents[2] / "docs" / "charset.md").read_text("utf-8")
SPELLED = {
    "0-9": string.digits,
    "A-Z": string.ascii_uppercase,
    "a-z": string.ascii_lowercase,
    "space": " ",
    "line feed, carriage return": "\n\r",
    "form feed": "\f",
    "; and, at two septets each:": "",
}
SAMPLES = {
    "160 letters": "a" * 160,
    "161 letters": "a" * 161,
    "159 letters and a `€`": "a" * 159 + "€",
    "71 letters, one of them `ç`": "a" * 70 + "ç",
    "35 emoji": "😀" * 35,
    "36 emoji": "😀" * 36,
}


def test_the_page_lists_exactly_the_characters_of_gsm() -> None:
    listed = PAGE.split("```")[1]
    characters = set()
    for words, meant in SPELLED.items():
        assert words in listed
        listed = listed.replace(words, " ")
        characters |= set(meant)
    characters |= set(listed) - {"\n"}
    assert characters == (set(BASIC) - {"\x1b"}) | set(EXTENSION.values())


def test_the_characters_called_often_missed_are_not_in_gsm() -> None:
    sentence = re.search(r"Often missed:.*?all of Cyrillic", PAGE, re.DOTALL)
    assert sentence is not None
    missed = set(sentence.group()) - set(string.ascii_letters + "`:,\n ") | {"`"}
    assert len(missed) == 13
    assert all(forced_ucs2(character) for character in missed)


def test_the_table_of_parts_is_right() -> None:
    rows = re.findall(r"^\| (.+?) \| (GSM 03.38|UCS-2)[^|]* \| (\d+) \|$", PAGE, re.MULTILINE)
    assert [row[0] for row in rows] == list(SAMPLES)
    for words, alphabet, count in rows:
        coding = choose(SAMPLES[words])
        assert alphabet == ("GSM 03.38" if coding is Coding.GSM7 else "UCS-2")
        assert len(segment(SAMPLES[words], coding)) == int(count)
