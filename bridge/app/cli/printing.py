"""How the command line writes: aligned tables, UTC times, amounts of credit, JSON. Nothing here asks anybody."""

import json
import textwrap
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click
from tabulate import tabulate

from bridge.messages.money import format_credits

_NUMBERS = (int, float)
WIDTH = 100
"""Columns of a terminal that sentences are broken for."""
BELOW = "    "
"""What a line begins with that tells more of the one above it."""


def utc(at_ms: int | None) -> str:
    """Milliseconds UTC as 2026-11-24 05:31:40Z; empty for no time."""
    if not at_ms:
        return ""
    return time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(at_ms // 1000))


def until(at_ms: int | None, now_ms: int) -> str:
    """When something happens next, as a time; empty when that is now or never."""
    return utc(at_ms) if at_ms and at_ms > now_ms else ""


def next_try(at_ms: int | None, now_ms: int) -> str:
    """The end of a sentence: when it is tried next, by the clock if that is today; empty when that is now or never."""
    told = until(at_ms, now_ms)
    return f"; next try at {told[11:] if told[:10] == utc(now_ms)[:10] else told}" if told else ""


def now_ms() -> int:
    """Wall clock, ms UTC."""
    return time.time_ns() // 1_000_000


def credit(amount_mc: int) -> str:
    """Thousandths of a credit as 12.500."""
    return format_credits(amount_mc)


def size(octets: int) -> str:
    """Octets as 950 MiB or 79.4 GiB."""
    mib = octets / (1024 * 1024)
    return f"{mib / 1024:.1f} GiB" if mib >= 1024 else f"{mib:.0f} MiB"


def endpoint(address: str, port: int) -> str:
    """address:port, an IPv6 address in brackets."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def clean(value: Any) -> str:
    """The value on one line, with everything escaped that a terminal could obey."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in str(value))


def table(
    headers: Sequence[str], rows: Iterable[Sequence[Any]], right: Iterable[str] = (), below: Sequence[str] = ()
) -> None:
    """Print rows under headers; the columns named in `right`, and those of numbers, are aligned to the right.

    `below`: a sentence for each row, or none; it is told in a line of its own below it, where it may be long.
    """
    listed = [list(row) for row in rows]
    if not listed:
        return
    to_right = set(right)
    align = [
        "right" if name in to_right or all(isinstance(row[index], _NUMBERS) for row in listed) else "left"
        for index, name in enumerate(headers)
    ]
    # The headers are a row like the others: as tabulate's own headers they would widen the columns.
    cells = [[name.upper() for name in headers], *([clean(cell) for cell in row] for row in listed)]
    text = tabulate(cells, tablefmt="plain", disable_numparse=True, colalign=align)
    lines = [line.rstrip() for line in text.splitlines()]
    for number, sentence in reversed(list(enumerate(below, 1))):
        if sentence:
            lines[number + 1 : number + 1] = sentence_lines(sentence)
    click.echo("\n".join(lines))


def sentence_lines(sentence: str, indent: str = BELOW, hanging: str = BELOW) -> list[str]:
    """A sentence in lines of at most WIDTH; the first begins with `indent`, the others with `hanging`."""
    return textwrap.wrap(
        clean(sentence),
        WIDTH,
        initial_indent=indent,
        subsequent_indent=hanging,
        break_long_words=False,
        break_on_hyphens=False,
    )


def facts(pairs: Iterable[tuple[str, Any]], indent: int = 0) -> None:
    """Print names and values below each other; pairs without a value are left out."""
    kept = [(name, clean(value)) for name, value in pairs if value not in (None, "")]
    width = max((len(name) for name, _ in kept), default=0)
    for name, value in kept:
        click.echo(f"{' ' * indent}{name:<{width}}  {value}")


def as_json(value: Any) -> None:
    """Print a value as JSON for programs: times in ms UTC (`_at_ms`), money in thousandths (`_mc`)."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def count(number: int, one: str) -> str:
    """A number of things: 1 part, 2,000 parts."""
    return f"{number:,} {one}" + "s" * (number != 1)


def nothing(what: str) -> None:
    """Say that a list is empty, where a program that reads standard output does not see it."""
    click.echo(f"no {what}", err=True)


def yes(row: Mapping[str, Any], name: str, word: str) -> str:
    """`word` when the fact is true, else nothing."""
    return word if row.get(name) else ""
