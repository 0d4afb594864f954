"""A warning about credit in words: how much is left, how fast it goes, and when there is none."""

import time
from collections.abc import Iterator

from bridge.mail.views import CreditView
from bridge.messages.money import format_credits

_HOUR_MS = 3600 * 1000
_DAY_MS = 24 * _HOUR_MS
_TELLING_MS = 6 * _HOUR_MS
"""The first messages of a new account say nothing about its days."""
_NAME_MAX = 40
"""Characters of an account's name in a text: with it, the text fits into one part."""


def sentences(view: CreditView, account_name: str, fell_at: str) -> Iterator[str]:
    """What happened and what comes, for the mail, in whole sentences; each may be a paragraph of its own."""
    yield f"The credit of account {account_name} fell below its limit of {format_credits(view.limit_mc)} at {fell_at}."
    if view.balance_mc >= view.limit_mc:
        yield "Credit was added since then; nothing needs to be done."
        return
    yield _outlook(view)
    yield (
        "To add credit, ask your operator, who does it with `smsbridge account top-up`. Without credit, texts are "
        "refused at once; they are not queued and not sent later."
    )


def facts(view: CreditView) -> Iterator[tuple[str, str]]:
    """The figures, by name."""
    yield "Credit", format_credits(view.balance_mc)
    yield "Limit", format_credits(view.limit_mc)
    yield "Spent", f"{format_credits(view.per_day_mc)} a day, over the last {_span(view.period_ms)}"
    runs_out_at_ms = view.runs_out_at_ms
    is_telling = view.period_ms >= _TELLING_MS
    if is_telling and runs_out_at_ms is not None and view.balance_mc < view.limit_mc:
        yield "Runs out", time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(runs_out_at_ms // 1000))


def text(view: CreditView, account_name: str) -> str:
    """The warning as a text message: one part."""
    name = account_name if len(account_name) <= _NAME_MAX else account_name[: _NAME_MAX - 2] + ".."
    left = f"Account {name}: credit {format_credits(view.balance_mc)}"
    if view.balance_mc >= view.limit_mc:
        return f"{left}, again above its limit {format_credits(view.limit_mc)}."
    below = f"{left} is below {format_credits(view.limit_mc)}."
    return " ".join(said for said in (below, _short_outlook(view), "Ask your operator to add credit.") if said)


def _outlook(view: CreditView) -> str:
    runs_out_at_ms = view.runs_out_at_ms
    if view.room_mc <= 0:
        return "Nothing is left to spend."
    if view.period_ms < _TELLING_MS:
        return "The account is too young to say how long it will last."
    if view.spent_mc <= 0:
        return f"Nothing was spent in the last {_span(view.period_ms)}, so no day can be named when it runs out."
    if runs_out_at_ms is None:
        return f"At the pace of the last {_span(view.period_ms)} it lasts for years."
    day = time.strftime("%A %-d %B %Y", time.gmtime(runs_out_at_ms // 1000))
    left = _about(runs_out_at_ms - view.at_ms)
    return f"At the pace of the last {_span(view.period_ms)} it runs out in {left}, on {day} (UTC)."


def _short_outlook(view: CreditView) -> str:
    runs_out_at_ms = view.runs_out_at_ms
    if view.room_mc <= 0:
        return "Nothing is left."
    if view.period_ms < _TELLING_MS:
        return ""
    if runs_out_at_ms is None:
        return ""
    day = time.strftime("%Y-%m-%d", time.gmtime(runs_out_at_ms // 1000))
    return f"It runs out in {_about(runs_out_at_ms - view.at_ms)}, on {day}."


def _about(ms: int) -> str:
    span = _span(ms)
    return f"about an {span}" if span == "hour" else f"about {span}"


def _span(ms: int) -> str:
    """A length of time as people say it: hours up to two days, then days."""
    if ms < 2 * _DAY_MS:
        hours = max(round(ms / _HOUR_MS), 1)
        return f"{hours} hours" if hours > 1 else "hour"
    return f"{round(ms / _DAY_MS)} days"
