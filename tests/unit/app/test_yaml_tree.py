"""YAML as we read it: plain values with their lines, and nothing that two readers could take differently."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.app import yaml_tree


def parsed(text: str) -> object:
    root, errors = yaml_tree.parse(text, "f")
    assert errors == []
    assert root is not None
    return root.plain()


def errors_of(text: str) -> list[str]:
    return [str(error) for error in yaml_tree.parse(text, "f")[1]]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12),
        ("-3", -3),
        ("0", 0),
        ("1.5", 1.5),
        ("2.", 2.0),
        ("1e3", 1000.0),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("'12'", "12"),
        ('"yes"', "yes"),
        ("'0123'", "0123"),
        ("sms.example.org", "sms.example.org"),
        ("127.0.0.1", "127.0.0.1"),
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("fd00::/8", "fd00::/8"),
        ("2026-11-24", "2026-11-24"),
        ("yesterday", "yesterday"),
        ("[1, a, {b: c}]", [1, "a", {"b": "c"}]),
    ],
)
def test_plain_values(text: str, value: object) -> None:
    assert parsed(f"key: {text}\n") == {"key": value}


@pytest.mark.parametrize(
    "text",
    ["yes", "No", "ON", "off", "y", "0123", "-07", "0x1F", "0o17", "0b11", "1_000", "1:30", "190:20:30", ".inf",
     "-.NaN", "1e999", "1" * 19],
)  # fmt: skip
def test_words_that_readers_take_differently_are_refused(text: str) -> None:
    (error,) = errors_of(f"a: 1\nkey: {text}\n")
    assert error.startswith(f'f:2: key: "{text}" ')


def test_lines_are_those_of_the_keys_and_items() -> None:
    root, _ = yaml_tree.parse("a: 1\nb:\n  c:\n\n    - x\n    - d:\n        2\n", "f")
    assert root is not None
    b = root.child("b")
    assert b is not None
    c = b.child("c")
    assert c is not None
    item = c.child(1)
    assert item is not None
    d = item.child("d")
    assert d is not None
    assert [(node.path, node.line) for node in (b, c, item, d)] == [
        ("b", 2),
        ("b.c", 3),
        ("b.c[1]", 6),
        ("b.c[1].d", 6),
    ]


def test_an_alias_is_its_anchor_in_another_place() -> None:
    root, errors = yaml_tree.parse("a: &x [1, {b: 2}]\nc: *x\n", "f")
    assert errors == []
    assert root is not None
    assert root.plain() == {"a": [1, {"b": 2}], "c": [1, {"b": 2}]}
    alias = root.child("c")
    assert alias is not None
    item = alias.child(1)
    assert item is not None
    assert (item.path, item.line) == ("c[1]", 2)


def test_a_refused_value_leaves_its_neighbours_in_their_places() -> None:
    root, errors = yaml_tree.parse("a:\n  - !t x\n  - z\n", "f")
    assert [error.key for error in errors] == ["a[0]"]
    assert root is not None
    a = root.child("a")
    assert a is not None
    kept = a.child(0)
    assert kept is not None
    assert (kept.path, kept.content) == ("a[1]", "z")


def test_aliases_of_aliases_are_counted_before_they_are_built() -> None:
    doublings = "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 60))
    (error,) = errors_of(f"a0: &a0 x\n{doublings}")
    assert "more than 5000 values in the file, aliases counted" in error


def test_a_hundred_links_with_every_setting_fit() -> None:
    settings = "".join(f"    setting{n}: {n}\n" for n in range(30))
    value = parsed("links:\n" + f"  - name: link\n{settings}" * 100)
    assert isinstance(value, dict)
    assert len(value["links"]) == 100


@given(
    st.recursive(
        st.one_of(
            st.integers(-(10**17), 10**17), st.booleans(), st.none(), st.text(st.characters(exclude_categories=["C"]))
        ),
        lambda inner: st.one_of(
            st.lists(inner, max_size=4),
            st.dictionaries(st.from_regex(r"[a-z]{1,8}", fullmatch=True), inner, max_size=4),
        ),
        max_leaves=10,
    ).map(lambda value: {"key": value})
)
def test_json_is_read_as_the_same_values(value: object) -> None:
    """Flow style with quoted text is JSON, and nothing in it may be taken for something else."""
    assert parsed(json.dumps(value, ensure_ascii=False)) == value
