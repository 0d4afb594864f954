"""The warning about credit, as its reader sees it."""

from email import message_from_bytes, policy

import pytest

from bridge.ledger.low_credit import CreditView
from bridge.ledger.outbox import Notice
from bridge.mail import compose, credit_words
from bridge.messages import charset
from bridge.messages.message import Coding

AT_MS = 1_795_498_258_000
"""2026-11-24 05:30:58 UTC"""
HOUR_MS = 3600 * 1000
DAY_MS = 24 * HOUR_MS


def view(
    balance_mc: int = 98_500, spent_mc: int = 218_400, period_ms: int = 7 * DAY_MS, room_mc: int = -1
) -> CreditView:
    return CreditView(
        balance_mc=balance_mc,
        limit_mc=100_000,
        room_mc=balance_mc if room_mc < 0 else room_mc,
        spent_mc=spent_mc,
        period_ms=period_ms,
        at_ms=AT_MS + HOUR_MS,
    )


def mail(credit: CreditView, account_name: str = "ward7") -> bytes:
    notice = Notice(9, "low.3.1.ab", "low_credit", "owner@example.com", 1, AT_MS, account_name, credit=credit)
    return compose.mail(notice, "sms@sms.example", "sms.example")


def text_of(credit: CreditView) -> str:
    parsed = message_from_bytes(mail(credit), policy=policy.default)
    return str(parsed.get_content()).replace("\r\n", "\n")  # type: ignore[attr-defined]


def flat(credit: CreditView) -> str:
    return " ".join(text_of(credit).split())


def test_the_mail_as_a_whole() -> None:
    octets = mail(view())
    head = message_from_bytes(octets, policy=policy.default)
    assert head["Subject"] == "Account ward7: credit below 100.000"
    assert (head["From"], head["To"]) == ("SMS credit <sms@sms.example>", "owner@example.com")
    assert head["Auto-Submitted"] == "auto-generated"
    assert head["Message-ID"] == f"<{compose.message_id_of('low.3.1.ab')}@sms.example>"
    assert text_of(view()) == (
        "The credit of account ward7 fell below its limit of 100.000 at\n"
        "2026-11-24 05:30:58 UTC.\n"
        "\n"
        "At the pace of the last 7 days it runs out in about 3 days, on Friday 27\n"
        "November 2026 (UTC).\n"
        "\n"
        "To add credit, ask your operator, who does it with `smsbridge account\n"
        "top-up`. Without credit, texts are refused at once; they are not queued\n"
        "and not sent later.\n"
        "\n"
        "  Account        ward7\n"
        "  Credit         98.500\n"
        "  Limit          100.000\n"
        "  Spent          31.200 a day, over the last 7 days\n"
        "  Runs out       2026-11-27 10:17 UTC\n"
        "\n"
        "-- \n"
        "Written by sms.example. Nobody reads answers to this mail.\n"
    )


@pytest.mark.parametrize(
    ("credit", "told"),
    [
        (view(room_mc=0), "Nothing is left to spend."),
        (view(balance_mc=-500, room_mc=0), "Nothing is left to spend."),
        (view(spent_mc=0), "Nothing was spent in the last 7 days, so no day can be named"),
        (view(spent_mc=-5), "Nothing was spent in the last 7 days, so no day can be named"),
        (view(spent_mc=1), "it lasts for years."),
        (view(spent_mc=10**9), "it runs out in about hour, on Tuesday 24 November 2026"),
        (
            view(period_ms=6 * HOUR_MS, spent_mc=120_000),
            "At the pace of the last 6 hours it runs out in about 5 hours, on Tues",
        ),
        (
            view(period_ms=6 * HOUR_MS - 1, spent_mc=20_000),
            "The account is too young to say how long it will last.",
        ),
    ],
)
def test_the_outlook_in_words(credit: CreditView, told: str) -> None:
    assert told.replace("about hour", "about an hour") in flat(credit)


def test_a_reader_who_comes_after_a_top_up_is_told_so() -> None:
    told = flat(view(balance_mc=500_000))
    assert "Credit was added since then; nothing needs to be done." in told
    assert "Runs out" not in told


@pytest.mark.parametrize("name", ["ward7", "w" * 63])
@pytest.mark.parametrize(
    "credit",
    [view(), view(spent_mc=0), view(room_mc=0), view(balance_mc=10**15, room_mc=10**15), view(spent_mc=10**6)],
)
def test_the_text_message_is_one_part_of_plain_characters(name: str, credit: CreditView) -> None:
    text = credit_words.text(credit, name)
    assert charset.choose(text) is Coding.GSM7
    assert len(text) <= 160, text


def test_the_text_message_as_a_whole() -> None:
    assert credit_words.text(view(), "ward7") == (
        "Account ward7: credit 98.500 is below 100.000. It runs out in about 3 days, on 2026-11-27. Ask your operator "
        "to add credit."
    )
    assert credit_words.text(view(spent_mc=0), "ward7") == (
        "Account ward7: credit 98.500 is below 100.000. Ask your operator to add credit."
    )
