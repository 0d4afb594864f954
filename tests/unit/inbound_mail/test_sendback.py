"""What is booked after the relay's answer, and the settings of the relay."""

from pathlib import Path

import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs

from bridge.inbound_mail import sendback
from bridge.inbound_mail.relay import Answer, Fate
from bridge.inbound_mail.settings import RelaySettings
from bridge.ledger.outbox import Notice
from bridge.routing.retry import MAIL_AGE_MAX_MS, MAIL_LADDER_S

CREATED_MS = 1_795_498_258_000


def notice(attempt: int = 1) -> Notice:
    return Notice(7, "key", "report", "ops@example.com", attempt, CREATED_MS, "demo")


def test_a_mail_taken_is_done() -> None:
    outcome = sendback.decide(notice(), Answer(Fate.DONE, "queued as 5"), CREATED_MS + 5, 0.5)
    assert (outcome.is_done, outcome.is_given_up, outcome.retry_at_ms) == (True, False, 0)
    assert (outcome.notice_id, outcome.at_ms, outcome.reason) == (7, CREATED_MS + 5, "")


def test_a_final_no_is_given_up_with_its_reason() -> None:
    outcome = sendback.decide(notice(), Answer(Fate.REFUSED, "550 no such mailbox"), CREATED_MS, 0.5)
    assert (outcome.is_done, outcome.is_given_up, outcome.reason) == (False, True, "550 no such mailbox")


@pytest.mark.parametrize(("attempt", "wait_s"), list(enumerate(MAIL_LADDER_S, 1)) + [(50, MAIL_LADDER_S[-1])])
def test_trouble_waits_on_the_ladder(attempt: int, wait_s: int) -> None:
    outcome = sendback.decide(notice(attempt), Answer(Fate.LATER, "451 later"), CREATED_MS + 1000, 0.5)
    assert (outcome.is_done, outcome.is_given_up, outcome.reason) == (False, False, "451 later")
    assert outcome.retry_at_ms == CREATED_MS + 1000 + wait_s * 1000


def test_trouble_for_five_days_is_given_up() -> None:
    late = sendback.decide(notice(100), Answer(Fate.LATER, "451 later"), CREATED_MS + MAIL_AGE_MAX_MS, 0.5)
    assert (late.is_done, late.is_given_up, late.reason) == (False, True, "451 later")


@pytest.mark.parametrize(
    ("fate", "level", "event"),
    [(Fate.DONE, "info", "mailed"), (Fate.LATER, "warning", "mail waits"), (Fate.REFUSED, "error", "mail given up")],
)
def test_one_log_line_without_the_address(fate: Fate, level: str, event: str) -> None:
    answer = Answer(fate, "said")
    with capture_logs() as logs:
        sendback.tell(notice(), answer, sendback.decide(notice(), answer, CREATED_MS, 0.5))
    (line,) = logs
    assert (line["log_level"], line["event"], line["to"]) == (level, event, "...@example.com")


@pytest.mark.parametrize(
    "wrong",
    [
        {"username": "x"},
        {"password": "x"},
        {"username": "x", "password": "y", "password_file": "/z"},
        {"sender": "no address"},
        {"sender": "a@b.c\r\nBcc: x@y.z"},
        {"discard_address": "<a@b.c>"},
        {"host": "a b"},
        {"concurrency": 0},
        {"tls": True},
        {"unknown": 1},
    ],
)
def test_nonsense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        RelaySettings.model_validate(wrong)


def test_the_password_comes_from_the_settings_or_the_first_line_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_bytes(b"from the file\r\nsecond line\n")
    assert RelaySettings().secret() == ""
    assert RelaySettings(username="x", password="inline").secret() == "inline"
    assert RelaySettings(username="x", password_file=path).secret() == "from the file"
    with pytest.raises(OSError, match="No such file"):
        RelaySettings(username="x", password_file=tmp_path / "none").secret()


def test_a_password_is_not_shown() -> None:
    assert "canary" not in repr(RelaySettings(username="x", password="canary"))


def test_every_setting_is_described() -> None:
    for name, field in RelaySettings.model_fields.items():
        assert field.description, name
