"""Which links may carry a message."""

import pytest

from bridge.routing.routes import RouteTable

ROUTES = [("", ["main", "spare"]), ("46", ["nordic", "main"]), ("467", ["nordic"]), ("999", [])]


@pytest.mark.parametrize(
    ("recipient", "links"),
    [
        ("447700900123", ("main", "spare")),
        ("46812345678", ("nordic", "main")),
        ("46701740605", ("nordic",)),
        ("99912345678", ()),
    ],
)
def test_the_longest_prefix_names_the_links_in_order(recipient: str, links: tuple[str, ...]) -> None:
    assert RouteTable(ROUTES).links_for(recipient) == links


def test_a_destination_without_a_row_is_not_served() -> None:
    assert RouteTable([("46", ["main"])]).links_for("447700900123") == ()
    assert RouteTable([]).links_for("447700900123") == ()


def test_a_table_does_not_change_with_the_rows_it_was_made_from() -> None:
    links = ["main"]
    table = RouteTable([("", links)])
    links.append("other")
    assert table.links_for("46701740605") == ("main",)


def test_the_same_prefix_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="comes twice"):
        RouteTable([("46", ["a"]), ("46", ["b"])])
