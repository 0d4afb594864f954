"""The recipient of a submission: kinds that are refused, what its history tells, and what is kept as missing."""

import pytest
from pydantic import ValidationError

from bridge.intake.authenticate import Identity
from bridge.intake.prepare import Tables, missing_of, prepare, read_recipient
from bridge.intake.settings import IntakeSettings
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.message import Lane, Submission
from bridge.messages.number_kinds import NumberKind
from bridge.routing.routes import RouteTable
from bridge.routing.tariff import Tariff

DEFAULTS = IntakeSettings()
EVERYWHERE = Tables(Tariff([("", "", 0, 300)]), RouteTable.by_prefix([("", ("one",))]))
SWEDEN = Tables(Tariff([("", "46", 0, 300)]), RouteTable.by_prefix([("46", ("one",))]))
NEW_RANGE = "46799999999"
"""A possible number in a range that the tables do not know (yet)."""


def identity(home_country: str = "") -> Identity:
    return Identity(1, "demo", "", 1, Lane.NORMAL, "", home_country, frozenset({"send"}))


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ("+46900123456", "a premium-rate number"),
        ("+46771234567", "a number at shared cost"),
        ("+46740123456", "a pager"),
        ("+881612345678", "a satellite or other international number"),
        ("72404", "a short code"),
    ],
)
def test_what_costs_or_reaches_nobody_is_refused_each_with_its_reason(raw: str, told: str) -> None:
    with pytest.raises(Fault) as refused:
        read_recipient(identity("SE"), raw, DEFAULTS)
    assert refused.value.code is FaultCode.KIND_REFUSED
    assert refused.value.sentence == f"This kind of number is not served: it is {told}"
    assert not refused.value.is_temporary
    number = read_recipient(identity("SE"), raw, IntakeSettings(refused_kinds=[]))
    assert number.kind in DEFAULTS.refused_kinds


@pytest.mark.parametrize("raw", ["+46812345678", "+12025550123", "+46201234567", "+447012345678", NEW_RANGE])
def test_landlines_and_ranges_that_nobody_knows_are_taken(raw: str) -> None:
    ready = prepare(identity(), Submission("http", raw, "hi"), EVERYWHERE, DEFAULTS, 0)
    assert ready.links == ("one",)
    assert ready.notes == ()


def test_landlines_are_refused_where_the_settings_say_so_and_the_range_is_sure() -> None:
    settings = IntakeSettings(refused_kinds=[NumberKind.FIXED])
    with pytest.raises(Fault, match="a landline"):
        read_recipient(identity(), "+46812345678", settings)
    assert read_recipient(identity(), "+12025550123", settings).kind is NumberKind.FIXED_OR_MOBILE


def test_a_test_number_may_be_of_any_kind() -> None:
    settings = IntakeSettings(refused_kinds=list(set(NumberKind) - {NumberKind.INVALID}))
    for raw, home in (("447700900123", ""), ("07700 900123", "GB"), ("0044 7700 900123", "")):
        assert read_recipient(identity(home), raw, settings).digits == "447700900123"
    with pytest.raises(Fault):
        read_recipient(identity(), "447700800123", settings)


def test_no_number_at_all_cannot_be_allowed() -> None:
    with pytest.raises(ValidationError, match="always refused"):
        IntakeSettings(refused_kinds=["invalid"])
    with pytest.raises(ValidationError):
        IntakeSettings(refused_kinds=["landline"])


def test_the_history_tells_how_a_number_was_read() -> None:
    ready = prepare(identity("SE"), Submission("smtp", "070-174 06 05", "hi"), EVERYWHERE, DEFAULTS, 0)
    assert ready.recipient == "46701740605"
    assert ready.notes == (("number_read", "national number of SE: 0 left out, 46 put in front"),)
    for raw in ("+46701740605", "0046701740605", "46 70 174 06 05"):
        assert prepare(identity("SE"), Submission("smtp", raw, "hi"), EVERYWHERE, DEFAULTS, 0).notes == ()


def test_a_short_code_goes_by_the_prices_and_routes_of_its_country() -> None:
    """Its digits alone are those of a Russian number."""
    settings = IntakeSettings(refused_kinds=[])
    ready = prepare(identity("SE"), Submission("http", "72404", "hi"), SWEDEN, settings, 0)
    assert (ready.recipient, ready.links, ready.price_mc) == ("72404", ("one",), 300)
    russia = Tables(Tariff([("", "7", 0, 300)]), RouteTable.by_prefix([("7", ("one",))]))
    with pytest.raises(Fault) as refused:
        prepare(identity("SE"), Submission("http", "72404", "hi"), russia, settings, 0)
    assert refused.value.code is FaultCode.NO_ROUTE


@pytest.mark.parametrize(
    ("tables", "missing"),
    [
        (SWEDEN, "4740612345"),
        (Tables(Tariff([]), RouteTable.by_prefix([("47", ("one",))])), "4740612345"),
        (Tables(Tariff([("", "", 0, 300)]), RouteTable.by_prefix([("47", ())])), ""),
    ],
    ids=["no route", "no price", "not to be served"],
)
def test_what_is_missing_is_told_from_what_is_not_to_be_served(tables: Tables, missing: str) -> None:
    submission = Submission("http", "406 12 345", "hi")
    with pytest.raises(Fault) as refused:
        prepare(identity("NO"), submission, tables, DEFAULTS, 0)
    assert refused.value.code is FaultCode.NO_ROUTE
    assert missing_of(identity("NO"), submission, refused.value) == missing


def test_other_refusals_miss_nothing() -> None:
    assert missing_of(identity(), Submission("http", "x", "hi"), Fault(FaultCode.BAD_RECIPIENT, "no number")) == ""
