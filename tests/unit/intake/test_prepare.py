"""Preparing: what is refused before anything is charged, and what a good submission becomes."""

from typing import Any

import pytest

from bridge.intake.authenticate import Identity
from bridge.intake.prepare import Tables, prepare, replacement_of
from bridge.intake.settings import IntakeSettings
from bridge.intake.times import DAY_MS, HOUR_MS, VALIDITY_MS_MAX
from bridge.ledger.queue import Prepared
from bridge.messages.esme import EsmeFacts
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.message import SCHEDULE_DAYS_MAX, Coding, Lane, MailThread, Replacement, Submission
from bridge.messages.user_data import UserData
from bridge.routing.routes import RouteTable
from bridge.routing.tariff import Tariff

SCHEDULE_MS_MAX = SCHEDULE_DAYS_MAX * DAY_MS
TABLES = Tables(
    Tariff([("", "46", 0, 300), ("gold", "46", 0, 250)]),
    RouteTable.by_prefix([("46", ("one", "two")), ("47", ("one",))]),
)


LONG_FORMS = Tables(Tariff([("", "", 0, 300)]), TABLES.routes, {"one": 6, "two": 7})
"""The second link numbers long texts in a header of seven octets."""


def judge(text: str = "hello", recipient: str = "46701740605", **facts: Any) -> Prepared:
    account = {name: facts.pop(name) for name in ("account_class", "originator_default") if name in facts}
    identity = Identity(
        account_id=1,
        account_name="demo",
        account_class=account.get("account_class", ""),
        credential_id=1,
        lane=Lane.NORMAL,
        originator=account.get("originator_default", ""),
        home_country="",
        scopes=frozenset({"send"}),
    )
    settings, tables = facts.pop("settings", IntakeSettings()), facts.pop("tables", TABLES)
    return prepare(identity, Submission("http", recipient, text, **facts), tables, settings, 0)


def test_a_good_submission() -> None:
    ready = judge("hello", "+46 70 174 06 05", reference="r-1")
    assert (ready.recipient, ready.coding, ready.texts) == ("46701740605", Coding.GSM7, ("hello",))
    assert (ready.links, ready.price_mc, ready.reference) == (("one", "two"), 300, "r-1")
    assert ready.expires_at_ms == 24 * HOUR_MS


def test_an_alarm_is_worthless_sooner() -> None:
    assert judge(lane=Lane.ALARM).expires_at_ms == HOUR_MS


def test_the_class_has_its_own_price() -> None:
    assert judge(account_class="gold").price_mc == 250


def test_the_accounts_originator_is_the_default() -> None:
    assert judge(originator_default="Pump").originator == "Pump"
    assert judge(originator_default="Pump", originator="Door").originator == "Door"


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"recipient": "0701740605"}, FaultCode.BAD_RECIPIENT),
        ({"recipient": "hello"}, FaultCode.BAD_RECIPIENT),
        ({"recipient": ""}, FaultCode.BAD_RECIPIENT),
        ({"text": ""}, FaultCode.EMPTY_TEXT),
        ({"text": " \r\n\t\x00"}, FaultCode.EMPTY_TEXT),
        ({"text": "x" * 1531}, FaultCode.TOO_MANY_PARTS),
        ({"text": "x" * 100_000}, FaultCode.TOO_MANY_PARTS),
        ({"originator": "much too long a name"}, FaultCode.BAD_ORIGINATOR),
        ({"recipient": "447912345678"}, FaultCode.NO_ROUTE),
        ({"recipient": "4747474747"}, FaultCode.NO_ROUTE),
        ({"reference": "r" * 65}, FaultCode.BAD_REQUEST),
    ],
)
def test_what_is_refused(facts: dict[str, Any], code: FaultCode) -> None:
    with pytest.raises(Fault) as refused:
        judge(**facts)
    assert refused.value.code is code


def test_ten_parts_pass_and_the_character_that_costs_is_named() -> None:
    assert len(judge("x" * 1530).texts) == 10
    with pytest.raises(Fault, match=r"11 parts, at most 10 are allowed \(the character 'ж' leaves only 67"):
        judge("ж" * 671)


def test_the_limit_is_a_setting() -> None:
    assert len(judge("x" * 1531, settings=IntakeSettings(parts_max=11)).texts) == 11


def test_downgrade_keeps_a_text_in_one_alphabet() -> None:
    text = "\u201cPump\u201d \u2013 stopped"
    assert judge(text).coding is Coding.UCS2
    assert judge(text, settings=IntakeSettings(downgrade=True)).coding is Coding.GSM7


def test_stray_halves_of_surrogate_pairs_do_not_get_in() -> None:
    thread = MailThread("a\udcff@example.com", "<\udcff>", "", "\udcff")
    ready = judge("a\ud800b", reference="r\udc00", thread=thread)
    assert ready.thread is not None
    for text in (*ready.texts, ready.reference, ready.thread.reply_to, ready.thread.message_id, ready.thread.subject):
        assert text.encode()


# --- times, and what an ESME says ---


@pytest.mark.parametrize(
    ("due_at_ms", "expires_at_ms", "due", "expiry"),
    [
        (0, 0, 0, 24 * HOUR_MS),
        (HOUR_MS, 0, HOUR_MS, 25 * HOUR_MS),
        (-HOUR_MS, 0, 0, 24 * HOUR_MS),
        (0, 5000, 0, 5000),
        (0, 8 * DAY_MS, 0, VALIDITY_MS_MAX),
        (HOUR_MS, HOUR_MS + 1, HOUR_MS, HOUR_MS + 1),
        (SCHEDULE_MS_MAX, 90 * DAY_MS, SCHEDULE_MS_MAX, SCHEDULE_MS_MAX + VALIDITY_MS_MAX),
    ],
)
def test_a_time_that_was_asked_for_counts(due_at_ms: int, expires_at_ms: int, due: int, expiry: int) -> None:
    ready = judge(due_at_ms=due_at_ms, expires_at_ms=expires_at_ms)
    assert (ready.due_at_ms, ready.expires_at_ms) == (due, expiry)


@pytest.mark.parametrize(
    ("due_at_ms", "expires_at_ms", "why"),
    [
        (0, -1, "over already"),
        (HOUR_MS, HOUR_MS, "over before the time"),
        (SCHEDULE_MS_MAX + 1, 0, "more than 30 days ahead"),
    ],
)
def test_a_time_that_cannot_be_is_refused(due_at_ms: int, expires_at_ms: int, why: str) -> None:
    with pytest.raises(Fault, match=why) as refused:
        judge(due_at_ms=due_at_ms, expires_at_ms=expires_at_ms)
    assert refused.value.code is FaultCode.BAD_REQUEST


def test_what_an_esme_says_is_kept_as_far_as_it_can_be() -> None:
    facts = EsmeFacts("OTP", "Pump", 5, 0, "+46701740605", 1, 1, 1, 7)
    assert judge(esme=facts).esme == facts
    odd = judge(esme=EsmeFacts("\udcff", "x" * 65, destination_addr="\udce9")).esme
    assert odd == EsmeFacts("?", "x" * 64, destination_addr="?")


@pytest.mark.parametrize(("character", "room"), [("x", 153), ("ж", 67)])
def test_a_long_text_is_cut_for_the_largest_header_of_its_route(character: str, room: int) -> None:
    text = character * 3 * room
    assert [len(one) for one in judge(text).texts] == [room] * 3
    assert [len(one) for one in judge(text, "4712345678", tables=LONG_FORMS).texts] == [room] * 3, "only over one"
    assert [len(one) for one in judge(text, tables=LONG_FORMS).texts] == [room - 1] * 3 + [3], "may go over two"
    flash = judge(text, tables=LONG_FORMS, user_data=UserData(data_coding=0x10))
    assert [len(one) for one in flash.texts] == [room - 1] * 3 + [3]
    with pytest.raises(Fault, match=r"4 parts, at most 3"):
        judge(text, tables=LONG_FORMS, settings=IntakeSettings(parts_max=3))


def test_a_replacement_fits_every_link() -> None:
    values = replacement_of(Replacement("A1", text="x" * 306), LONG_FORMS, IntakeSettings(), 0)
    assert [len(one) for one in values["texts"]] == [152, 152, 2]


def test_a_replacement_is_judged_like_a_submission() -> None:
    values = replacement_of(Replacement("A1", text="h\u00e4j", due_at_ms=HOUR_MS), TABLES, IntakeSettings(), 0)
    assert (values["texts"], values["coding"], values["due_at_ms"]) == (("h\u00e4j",), Coding.GSM7, HOUR_MS)
    assert (values["validity_ms_max"], values["lane_validity_ms"]) == (
        VALIDITY_MS_MAX,
        (HOUR_MS, 24 * HOUR_MS, 24 * HOUR_MS),
    )
    assert "texts" not in replacement_of(Replacement("A1"), TABLES, IntakeSettings(), 0)
    # A time that has come: at once, and not "as before".
    assert replacement_of(Replacement("A1", due_at_ms=5), TABLES, IntakeSettings(), 10)["due_at_ms"] == 10
    with pytest.raises(Fault, match="empty_text"):
        replacement_of(Replacement("A1", text=" "), TABLES, IntakeSettings(), 0)
