"""Test numbers: recognised as they are written, before anybody asks whether they could exist."""

import pytest
from pydantic import ValidationError

from bridge.intake.authenticate import Identity
from bridge.intake.prepare import Tables, prepare, read_recipient
from bridge.intake.settings import IntakeSettings
from bridge.intake.test_numbers import parse_range
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.message import Lane, Submission
from bridge.routing.routes import RouteTable
from bridge.routing.tariff import Tariff

DEFAULTS = IntakeSettings()
IMPOSSIBLE = IntakeSettings(test_numbers=["999000000-999000099", "1234567"])


def identity(home_country: str = "") -> Identity:
    return Identity(1, "demo", "", 1, Lane.NORMAL, "", home_country, frozenset({"send"}))


@pytest.mark.parametrize(
    ("raw", "home_country"),
    [
        ("447700900123", ""),
        ("+447700900123", ""),
        ("+44 7700 900-123", ""),
        (" (44) 7700.900.123 ", ""),
        ("447700900123", "SE"),
        ("00447700900123", "SE"),
        ("07700 900123", "GB"),
    ],
)
def test_every_way_to_write_one_is_understood(raw: str, home_country: str) -> None:
    assert read_recipient(identity(home_country), raw, DEFAULTS).digits == "447700900123"
    ready = prepare(
        identity(home_country), Submission("http", raw, "hi"), Tables(Tariff([]), RouteTable([])), DEFAULTS, 0
    )
    assert (ready.recipient, ready.links, ready.price_mc) == ("447700900123", ("test",), 0)


def test_a_test_number_need_not_be_possible() -> None:
    assert read_recipient(identity(), "+999 000 042", IMPOSSIBLE).digits == "999000042"
    assert read_recipient(identity("SE"), "1234567", IMPOSSIBLE).digits == "1234567"
    with pytest.raises(Fault) as refused:
        read_recipient(identity(), "999000100", IMPOSSIBLE)
    assert refused.value.code is FaultCode.BAD_RECIPIENT


@pytest.mark.parametrize("settings", [IntakeSettings(test_numbers=[]), IMPOSSIBLE])
def test_outside_the_ranges_the_tariff_and_the_routes_count(settings: IntakeSettings) -> None:
    tables = Tables(Tariff([("", "44", 0, 700)]), RouteTable.by_prefix([("44", ("upstream",))]))
    ready = prepare(identity(), Submission("http", "447700900123", "hi"), tables, settings, 0)
    assert (ready.links, ready.price_mc) == (("upstream",), 700)


def test_the_ends_of_a_range_belong_to_it() -> None:
    settings = IntakeSettings(test_numbers=["447700900010-447700900012"])
    found = [settings.test_number(f"4477009000{n:02}") is not None for n in range(9, 14)]
    assert found == [False, True, True, True, False]


@pytest.mark.parametrize(
    "raw", ["", "hello", "4477009001234", "44770090012", "44770090012x", "４４７７００９００１２３", "4" * 99]
)  # noqa: RUF001
def test_what_is_no_such_number_is_not_taken_for_one(raw: str) -> None:
    assert DEFAULTS.test_number(raw) is None


@pytest.mark.parametrize(
    "text", ["", "-", "5-1", "0447700900-0447700999", "123", "44770-447700", "447700900000-", "a-b"]
)
def test_a_range_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="number"):
        parse_range(text)
    with pytest.raises(ValidationError):
        IntakeSettings(test_numbers=[text])


def test_a_reload_keeps_the_ranges() -> None:
    assert IMPOSSIBLE.model_copy(update={"parts_max": 3}).test_number("1234567") == "1234567"
