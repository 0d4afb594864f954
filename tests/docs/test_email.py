"""docs/email.md says what the e-mail door does."""

import re
from pathlib import Path

import pytest

from bridge.mail import body, compose, headers
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.message import MailThread, PartState
from bridge.routing.retry import MAIL_AGE_MAX_MS, MAIL_LADDER_S
from bridge.smtp_in import reading, replies, server
from bridge.smtp_in.handler import RECEIVED_MAX
from bridge.smtp_in.settings import SmtpSettings
from tests.unit.mail.test_compose import MINUTE_MS, part, report, sent

PAGE = (Path(__file__).parents[2] / "docs/email.md").read_text()
FLAT = " ".join(PAGE.split())


def table(title: str) -> dict[str, str]:
    """The first two columns of the table under a heading."""
    section = PAGE.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return {row[0].strip(): row[1].strip() for row in rows[2:]}


def test_every_reply_that_is_no_fault_is_told() -> None:
    told = re.findall(r"`(\d{3} \d\.\d\.\d+)", "".join(table("Replies")))
    faults = {replies.SMTP_REPLIES[code] for code in FaultCode}
    texts = [value for name, value in vars(replies).items() if name.isupper() and isinstance(value, str)]
    ours = {text.split(" ", 2)[0] + " " + text.split(" ", 2)[1] for text in texts if text[0] in "45"}
    routine = {"501 5.5.2", "501 5.5.4", "501 5.7.0", "503 5.5.1", "504 5.5.4", "454 4.7.0", "554 5.6.0"}
    assert ours - routine <= set(told)
    assert set(told) <= ours | faults | {"250 2.0.0"}


def test_the_limits() -> None:
    defaults = SmtpSettings()
    assert table("Limits") == {
        "size of a mail": f"{defaults.size_max // 2**20} MiB (`smtp.size_max`)",
        "recipients of a mail": f"{defaults.recipients_max} (`smtp.recipients_max`)",
        "line": f"{server.LINE_SIZE_MAX // 1024} KiB",
        "header": f"{headers.BLOCK_SIZE_MAX // 1024} KiB, {headers.FIELDS_MAX} fields",
        "MIME": f"{body.DEPTH_MAX} levels, {body.PARTS_MAX} parts",
        "time to read a mail": f"{reading.TIMEOUT_S:.0f} s",
        "errors of a connection": str(server.ERRORS_MAX),
        "failed logins of a connection": str(server.AUTH_ATTEMPTS_MAX),
        "next command, whole connection, the mail itself": (
            f"{defaults.command_timeout_s:.0f} s, {defaults.session_timeout_s:.0f} s, {server.DATA_TIMEOUT_S:.0f} s"
        ),
        "connections, and from one address": f"{defaults.connections_max}, {defaults.connections_per_address_max}",
    }


def test_the_ladder_and_the_hops() -> None:
    minutes = [wait_s // 60 for wait_s in MAIL_LADDER_S]
    assert minutes == [1, 5, 15, 30, 60]
    assert "after 1, 5, 15 and 30 minutes and then every hour, for five days" in FLAT
    assert MAIL_AGE_MAX_MS == 5 * 86_400_000
    assert f"more than {RECEIVED_MAX} `Received` lines" in FLAT


def test_the_report_shown_is_one_that_is_sent() -> None:
    thread = MailThread("you@example.com", subject="Alarm")
    delivered = part(PartState.DELIVERED, network_at_ms=MINUTE_MS + 60_000)
    mail = sent(report(delivered, text="Pump 2 stopped", thread=thread, originator=""))
    shown = str(mail.get_content()).replace("\r\n", "\n").split("\n\n-- \n")[0]
    assert f"Subject: {mail['Subject']}\n\n{shown}\n```" in PAGE


@pytest.mark.parametrize("code", [FaultCode.NO_CREDIT, FaultCode.TRY_LATER])
def test_what_the_page_says_about_credit_and_trouble(code: FaultCode) -> None:
    status = replies.reply(Fault(code)).split(" ")[0]
    assert status == {"no_credit": "554", "try_later": "451"}[code]
    assert f"`{status}" in PAGE


def test_the_signature_of_our_own_mails_is_one_that_we_would_cut() -> None:
    """A report that is forwarded by mail does not drag its footer along."""
    text = sent(report(part(PartState.DELIVERED))).get_content()
    read = body.read(b"Subject: x\r\n\r\n" + str(text).encode())
    assert "Nobody reads" not in read.text
    assert compose.WIDTH <= 78
