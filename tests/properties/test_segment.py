"""Laws of cutting a text into parts."""

import re
from functools import reduce

import smpplib.gsm
from hypothesis import given
from hypothesis import strategies as st

from bridge.messages.charset import BASIC, EXTENSION, choose, decode, encode, unit_count
from bridge.messages.message import Coding
from bridge.messages.segment import PART_MAX, SINGLE_MAX, segment

GSM7, UCS2 = Coding.GSM7, Coding.UCS2
GSM_CHARACTERS = [character for character in BASIC if character != "\x1b"]
EXTENSION_CHARACTERS = list(EXTENSION.values())

JOINING = "\u0301\u0323\u200c\u200d\ufe0f\u094d\u093f🏻🏿\U000e0067\U000e007f\u1161\u11ab"
FLAG_HALVES = "🇸🇪🇬🇧"
BASES = "aжé你한\u1112न👨❤🏴"
CLUSTER = re.compile(f"(?:[{FLAG_HALVES}]{{2}}|.)(?:[{JOINING}]|(?<=\u200d)(?:[{FLAG_HALVES}]{{2}}|.))*", re.DOTALL)
"""Another description of what is one sign, good for the characters above only."""

gsm_texts = st.lists(
    st.text(st.sampled_from(GSM_CHARACTERS), max_size=160)
    | st.sampled_from(EXTENSION_CHARACTERS)
    | st.sampled_from(EXTENSION_CHARACTERS).map(lambda sign: sign * 80),
    max_size=12,
).map("".join)
signs = st.builds(
    lambda base, marks: base + marks, st.sampled_from(BASES), st.text(st.sampled_from(JOINING), max_size=6)
)
ucs2_texts = st.lists(
    signs
    | st.sampled_from(FLAG_HALVES)
    | st.sampled_from(["👨\u200d👩\u200d👧\u200d👦", "🇸🇪🇬🇧🇸", "ж" * 60, "😀" * 30, "e" + "\u0301" * 90]),
    max_size=60,
).map("".join)
texts = gsm_texts | ucs2_texts | st.text(max_size=400)


def fewest_parts(atoms: list[int], limit: int) -> int:
    """Parts that atoms of these sizes need when none is cut: every way of filling the last part is tried."""
    fewest = [0]
    for end in range(1, len(atoms) + 1):
        used, best = 0, len(atoms)
        for start in range(end - 1, -1, -1):
            used += atoms[start]
            if used > limit:
                break
            best = min(best, fewest[start] + 1)
        fewest.append(best)
    return fewest[-1]


@given(texts)
def test_joined_parts_are_the_text_and_each_fits(text: str) -> None:
    for coding in (choose(text), UCS2):
        parts = segment(text, coding)
        assert "".join(parts) == text
        limit = SINGLE_MAX[coding] if len(parts) == 1 else PART_MAX[coding]
        assert all(unit_count(part, coding) <= limit for part in parts)
        assert all(parts) or parts == [""]


@given(texts)
def test_each_part_alone_reads_as_its_own_characters(text: str) -> None:
    """No cut falls into an escape pair or a surrogate pair: phones that show parts singly show them right."""
    coding = choose(text)
    parts = segment(text, coding)
    assert [decode(encode(part, coding), coding) for part in parts] == parts


@given(texts)
def test_a_text_that_fits_one_part_is_one_part(text: str) -> None:
    coding = choose(text)
    assert (len(segment(text, coding)) == 1) is (unit_count(text, coding) <= SINGLE_MAX[coding])


@given(gsm_texts)
def test_gsm_parts_are_as_few_as_can_be(text: str) -> None:
    parts = segment(text, GSM7)
    if len(parts) > 1:
        assert len(parts) == fewest_parts([unit_count(character, GSM7) for character in text], 153)


@given(ucs2_texts)
def test_ucs2_parts_are_as_few_as_whole_signs_allow(text: str) -> None:
    parts = segment(text, UCS2)
    if len(parts) > 1:
        assert len(parts) == fewest_parts([unit_count(atom, UCS2) for atom in atoms_of(text)], 67)


@given(ucs2_texts)
def test_cuts_fall_between_signs(text: str) -> None:
    parts = segment(text, UCS2)
    edges = set(reduce(lambda sums, part: [*sums, sums[-1] + len(part)], parts, [0]))
    between = set(reduce(lambda sums, atom: [*sums, sums[-1] + len(atom)], atoms_of(text), [0]))
    assert edges <= between


def atoms_of(text: str) -> list[str]:
    """What may not be cut: a sign, or each character of a sign that is larger than a part."""
    clusters = CLUSTER.findall(text)
    assert "".join(clusters) == text
    return [atom for cluster in clusters for atom in ([cluster] if unit_count(cluster, UCS2) <= 67 else list(cluster))]


@given(
    st.text(st.sampled_from([character for character in GSM_CHARACTERS if character != "§"]), max_size=900)
    | st.text(st.sampled_from("жыя你好 "), min_size=1, max_size=400)
)
def test_smpplib_cuts_texts_without_pairs_and_marks_at_the_same_places(text: str) -> None:
    """It knows no pairs and no marks, so only such texts can be compared; its parts begin with six octets of header."""
    coding = choose(text)
    theirs = smpplib.gsm.make_parts(text)[0]
    ours = [encode(part, coding) for part in segment(text, coding)]
    assert ours == (theirs if len(theirs) == 1 else [part[6:] for part in theirs])
