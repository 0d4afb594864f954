"""Routes as people keep them: CSV with a row for each, the same columns as the ledger; every mistake told exactly."""

import re
from collections.abc import Iterable

from bridge.messages.address import is_country
from bridge.messages.hours import ALWAYS, Hours
from bridge.messages.money import format_credits, parse_credits
from bridge.routing.price_list import check_class
from bridge.routing.routes import EVERYWHERE, Choice, Destination, Route, contradictions
from bridge.routing.sheet import Sheet, read_sheet, shown, told, write_sheet

COLUMNS = ("destination", "class", "originator", "hours", "coding", "kind", "links", "note")
REQUIRED = ("destination", "links")
CODINGS = ("gsm7", "ucs2", "binary")
KINDS = ("text", "flash", "binary")
ROWS_MAX = 20_000
"""Rows of the table, as of a tariff; so many pass the control socket at once."""
ANYWHERE = "*"
"""Everywhere, as a file says it: a row that is empty but for its destination is one, and no empty line."""
LINKS_MAX = 16
"""Links of one route: a message remembers them all."""
SHARE_MAX = 1000
ORIGINATOR_MAX = 32
"""Characters of an originator or a pattern: more than any originator has."""
NOTE_MAX = 200
CONTRADICTIONS_MAX = 100
"""Pairs told of one file."""

_CHOICE = re.compile(r"([a-z0-9][a-z0-9_-]{0,31})(?:\*([1-9]\d{0,3}))?(?:@(\d+(?:\.\d{1,3})?))?", re.ASCII)
_DESTINATION = re.compile(r"(?:(prefix|country|network):)?([0-9A-Za-z]+)", re.ASCII)


def parse(text: str) -> Sheet[Route]:
    """Read a table of routes: rows that are right, and everything that is wrong, contradicting rows among it."""
    found = read_sheet(text, COLUMNS, REQUIRED, ROWS_MAX, _route)
    for first, second, why in contradictions(found.values)[:CONTRADICTIONS_MAX]:
        line = found.rows[second][0]
        found.errors.append((line, "destination", f"contradicts line {found.rows[first][0]}: {why}"))
    found.errors.sort()
    return found


def write(routes: Iterable[Route]) -> str:
    """The table as CSV, by destination as it counts; an import of it changes nothing."""
    ordered = sorted(routes, key=lambda route: (route.destination, route.account_class, route.originator))
    return write_sheet(COLUMNS, [tuple(row_of(route).values()) for route in ordered])


def row_of(route: Route) -> dict[str, str]:
    """The cells of a route by column; `make` gives the route again."""
    return {
        "destination": str(route.destination) or ANYWHERE,
        "class": route.account_class,
        "originator": route.originator,
        "hours": str(route.hours),
        "coding": route.coding,
        "kind": route.kind,
        "links": links_text(route.places),
        "note": route.note,
    }


def make(cells: dict[str, str], route_id: int = 0) -> tuple[Route | None, list[tuple[str, str]]]:
    """A route of its cells; or None, and by column what is wrong with them."""
    wrong: dict[str, str] = {}
    route = _route(dict.fromkeys(COLUMNS, "") | cells, wrong, route_id)
    return (None if wrong else route), [(name, told(cells.get(name, ""), why)) for name, why in wrong.items()]


def _route(cells: dict[str, str], wrong: dict[str, str], route_id: int = 0) -> Route:
    def read(column: str, value: str) -> str:
        if value and value not in {"coding": CODINGS, "kind": KINDS}[column]:
            wrong[column] = f"one of {', '.join({'coding': CODINGS, 'kind': KINDS}[column])}, or nothing"
        return value

    coding, kind = read("coding", cells["coding"].lower()), read("kind", cells["kind"].lower())
    if not wrong and coding and kind and (coding == "binary") != (kind == "binary"):
        wrong["kind"] = f"no message of this kind has the coding {coding}"
    hours, destination = ALWAYS, EVERYWHERE
    places: tuple[tuple[Choice, ...], ...] = ()
    try:
        hours = Hours.parse(cells["hours"])
    except ValueError as error:
        wrong["hours"] = str(error)
    try:
        destination = parse_destination(cells["destination"])
    except ValueError as error:
        wrong["destination"] = str(error)
    try:
        places = parse_links(cells["links"])
    except ValueError as error:
        wrong["links"] = str(error)
    try:
        check_class(cells["class"])
    except ValueError:
        wrong["class"] = "a class has at most 32 printable characters, the first a letter or digit"
    originator = "" if cells["originator"] == "*" else re.sub(r"\*+", "*", cells["originator"])
    if len(originator) > ORIGINATOR_MAX or not originator.isprintable():
        wrong["originator"] = f"an originator or pattern has at most {ORIGINATOR_MAX} printable characters"
    if len(cells["note"]) > NOTE_MAX or not cells["note"].isprintable():
        wrong["note"] = f"a note has at most {NOTE_MAX} printable characters"
    return Route(places, destination, cells["class"], originator, hours, coding, kind, cells["note"], route_id)


def parse_destination(text: str) -> Destination:
    """Where a route leads: `prefix:4670` (or just the digits), `country:SE`, `network:24001`, `*` or nothing.

    Raises ValueError saying how to write it.
    """
    if text in ("", ANYWHERE):
        return EVERYWHERE
    match = _DESTINATION.fullmatch(text)
    kind, value = (match[1] or "prefix", match[2]) if match else ("", "")
    if kind == "country" and is_country(value.upper()):
        return Destination(kind, value.upper())
    if kind == "network" and value.isdigit() and len(value) in (5, 6):
        return Destination(kind, value)
    if kind == "prefix" and value.isdigit() and len(value) <= 15:
        return Destination(kind, value)
    if kind == "country":
        raise ValueError("a country is two letters, like country:SE")
    raise ValueError("write it like prefix:4670, country:SE or network:24001, or * for everywhere")


def parse_links(text: str) -> tuple[tuple[Choice, ...], ...]:
    """The links of a route by places; empty: not served. Raises ValueError saying how to write it.

    Commas separate places, blanks the links that share one; `*3` is a share, `@0.021` the cost of a part in credits.
    """
    if not text.strip():
        return ()
    places = tuple(tuple(map(_choice, place.split())) for place in text.split(","))
    if not all(places):
        raise ValueError("nothing between two commas; a comma stands between two links")
    names = [choice.link for place in places for choice in place]
    if len(set(names)) != len(names):
        raise ValueError(f"link {next(name for name in names if names.count(name) > 1)} comes twice")
    if len(names) > LINKS_MAX:
        raise ValueError(f"{len(names)} links, a route has at most {LINKS_MAX}")
    return places


def links_text(places: tuple[tuple[Choice, ...], ...]) -> str:
    """Places as `parse_links` reads them."""
    return ", ".join(" ".join(map(_choice_text, place)) for place in places)


def _choice(word: str) -> Choice:
    match = _CHOICE.fullmatch(word)
    if match is None:
        raise ValueError(f"not a link: {shown(word)}; write it like carrier, carrier*3 or carrier*3@0.021")
    link, share, cost = match.groups()
    if share and int(share) > SHARE_MAX:
        raise ValueError(f"a share is at most {SHARE_MAX}: {shown(word)}")
    return Choice(link, int(share or 1), parse_credits(cost) if cost else None)


def _choice_text(choice: Choice) -> str:
    share = f"*{choice.share}" if choice.share != 1 else ""
    cost = f"@{format_credits(choice.cost_mc)}" if choice.cost_mc is not None else ""
    return f"{choice.link}{share}{cost}"
