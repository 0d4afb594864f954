"""docs/smpp.md tells the truth: codes, bounds, and what an ESME reads."""

import re
from pathlib import Path

import pytest

from bridge.intake.authenticate import SMPP_PASSWORD_LENGTH, SmppRules
from bridge.intake.times import DAY_MS, VALIDITY_MS_MAX
from bridge.ledger.esme import KEPT_MS
from bridge.ledger.retries import UNANSWERED_KEPT_MS
from bridge.messages.faults import FaultCode
from bridge.messages.message import SCHEDULE_DAYS_MAX, Lane
from bridge.smpp.constants import Status
from bridge.smpp.fields import DESTINATIONS_MAX
from bridge.smpp_in import bind, replies
from bridge.smpp_in.settings import SmppListen, SmppSettings

PAGE = (Path(__file__).parents[2] / "docs" / "smpp.md").read_text(encoding="utf-8")
FLAT = " ".join(PAGE.split())


def row(title: str, first: str) -> str:
    """The row of a table under a heading whose first cell has this text."""
    section = PAGE.split(f"# {title}\n", 1)[1].split("\n#", 1)[0]
    (found,) = [line for line in section.splitlines() if line.startswith("|") and first in line.split("|")[1]]
    return found


@pytest.mark.parametrize(("name", "code"), re.findall(r"`ESME_(\w+)` 0x([0-9A-F]+)", PAGE))
def test_the_codes_are_those_of_the_standard(name: str, code: str) -> None:
    assert Status[name] == int(code, 16)


@pytest.mark.parametrize("status", sorted(set(replies.SMPP_REPLIES.values())))
def test_every_status_of_a_fault_says_whether_to_come_again(status: Status) -> None:
    if status in (Status.RINVPASWD, Status.RINVMSGID, Status.RINVNUMDESTS):
        return  # Not of a submit_sm.
    told = row("What a refusal means", f"ESME_{status.name}`").split("|")[3].strip()
    assert told == ("yes, later" if status in replies.COME_AGAIN else "no")


def test_no_credit_is_told_where_it_belongs() -> None:
    status = replies.SMPP_REPLIES[FaultCode.NO_CREDIT]
    assert "not enough credit" in row("What a refusal means", f"ESME_{status.name}`")


@pytest.mark.parametrize(
    "sentence",
    [
        f"within {bind.BIND_ANSWER_S:g} s, a wrong password after half a second",
        f"Who has not bound within {SmppSettings().bind_timeout_s:g} s is closed",
        f"longer than {SmppSettings().pdu_timeout_s:g} s for one PDU",
        f"After {SmppSettings().enquire_link_s:g} s of silence",
        f"beyond {SmppSettings().requests_max} unanswered requests",
        f"at most {SmppSettings().window} unanswered on each",
        f"none within {SmppSettings().response_timeout_s:g} s",
        f"at most {SCHEDULE_DAYS_MAX} days ahead",
        f"at most {VALIDITY_MS_MAX // DAY_MS} days; without it",
        f"they wait, {KEPT_MS // 3_600_000} h at most",
        f"within an hour ({UNANSWERED_KEPT_MS[Lane.ALARM] // 60_000} minutes in the alarm lane) it becomes the same",
        f"up to {DESTINATIONS_MAX} numbers",
        "An account may have ten sessions",
        "Eight characters are no protection",
        "127.0.0.1:2780",
    ],
)
def test_the_bounds_are_those_of_the_code(sentence: str) -> None:
    assert sentence in FLAT
    assert (SmppRules().binds_max, SMPP_PASSWORD_LENGTH, bind.REFUSAL_S) == (10, 8, 0.5)
    assert UNANSWERED_KEPT_MS[Lane.NORMAL] == 3_600_000


def test_the_configuration_shown_is_one() -> None:
    import yaml

    shown = yaml.safe_load(PAGE.split("```yaml\n")[1].split("```")[0])
    settings = SmppSettings.model_validate(shown["smpp"])
    assert [(listen.port, listen.tls) for listen in settings.listen] == [(2775, False), (3550, True)]
    assert isinstance(settings.listen[0], SmppListen)
