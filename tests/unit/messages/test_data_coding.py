"""The class of a message, and whether its octets are septets, by its data coding scheme."""

from bridge.messages.data_coding import class_form, class_of, is_septets
from bridge.messages.message import Coding


def test_forms_with_a_class() -> None:
    assert class_form(Coding.GSM7, 0) == 0x10
    assert class_form(Coding.UCS2, 2) == 0x1A
    assert [class_of(one) for one in (0, 8, 0x10, 0x1B, 0xF2, 0xF7, 0xC8)] == [None, None, 0, 3, 2, 3, None]


def test_only_the_default_alphabet_is_packed() -> None:
    assert [one for one in range(256) if is_septets(one)] == [0, 1, *range(0x10, 0x14), *range(0xF0, 0xF4)]
