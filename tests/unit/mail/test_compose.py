"""Our own mails: what they say, and that nobody answers them."""

from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

from bridge.ledger.outbox import InboundView, MessageView, Notice, PartView
from bridge.mail import compose, wording
from bridge.messages.causes import SENTENCES, Cause
from bridge.messages.message import MailThread, MessageState, PartState, fold

ACCEPTED_MS = 1_795_498_258_000
"""2026-11-24 05:30:58 UTC"""
MINUTE_MS = ACCEPTED_MS - 58_000
"""2026-11-24 05:30 UTC, as a network gives its times."""
THREAD = MailThread("ops@example.com", "<3@example.com>", "<1@example.com> <2@example.com>", "Larm från pump 3")


def part(
    state: PartState,
    part_no: int = 1,
    *,
    submitted: bool = True,
    network_at_ms: int | None = None,
    error: str = "",
    reason: str = "",
    cause: str = "",
) -> PartView:
    submitted_at_ms = ACCEPTED_MS + 1000 if submitted else None
    at_ms = ACCEPTED_MS + 9000
    return PartView(part_no, state, submitted_at_ms, at_ms, network_at_ms, error, reason, cause=cause)


def report(*parts: PartView, text: str = "Pump 3 stopped", thread: MailThread | None = THREAD, **facts: str) -> Notice:
    message = MessageView(
        message_id="6FD54FA2",
        state=fold(one.state for one in parts),
        recipient=facts.get("recipient", "46701740605"),
        originator=facts.get("originator", "Waterworks"),
        text=text,
        accepted_at_ms=ACCEPTED_MS,
        thread=thread,
        parts=list(parts),
    )
    address = facts.get("address", "ops@example.com")
    return Notice(7, "message.12.delivered.ab12cd", "report", address, 1, ACCEPTED_MS + 20_500, "demo", message=message)


def inbound(text: str = "Kommer kl 5", *, is_incomplete: bool = False, originator: str = "46701740605") -> Notice:
    view = InboundView("0AB3C4D5", originator, "46730000001", text, ACCEPTED_MS, is_incomplete)
    return Notice(8, "inbound.5.ff", "inbound", "owner@example.com", 1, ACCEPTED_MS, "demo", inbound=view)


def sent(notice: Notice) -> EmailMessage:
    """The mail as its reader's program sees it."""
    octets = compose.mail(notice, "sms@sms.example", "sms.example")
    assert octets.replace(b"\r\n", b"").count(b"\n") == octets.replace(b"\r\n", b"").count(b"\r") == 0
    parsed = message_from_bytes(octets, policy=policy.default)
    assert isinstance(parsed, EmailMessage)
    assert not parsed.defects
    return parsed


def text_of(notice: Notice) -> str:
    return str(sent(notice).get_content()).replace("\r\n", "\n")


def flat(notice: Notice) -> str:
    """The text with its lines joined, to look for sentences."""
    return " ".join(text_of(notice).split())


def test_a_delivery_report_as_a_whole() -> None:
    assert text_of(report(part(PartState.DELIVERED, network_at_ms=MINUTE_MS + 60_000))) == (
        "Your message to +46701740605 was delivered to the handset at 2026-11-24\n"
        "05:31 UTC.\n"
        "\n"
        "  Message id     6FD54FA2\n"
        "  To             +46701740605\n"
        "  From           Waterworks\n"
        "  Account        demo\n"
        "  Accepted       2026-11-24 05:30:58 UTC\n"
        "  Submitted      2026-11-24 05:30:59 UTC\n"
        "  Delivered      2026-11-24 05:31 UTC (the network's time)\n"
        "\n"
        "The text:\n"
        "\n"
        "> Pump 3 stopped\n"
        "\n"
        "-- \n"
        "Written by sms.example. Nobody reads answers to this mail.\n"
    )


def test_the_headers_keep_others_from_answering_and_stay_in_the_thread() -> None:
    mail = sent(report(part(PartState.DELIVERED)))
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["X-Auto-Response-Suppress"] == "All"
    assert mail["X-Loop"] == "sms.example"
    assert mail["To"] == "ops@example.com"
    assert mail["From"].addresses[0].addr_spec == "sms@sms.example"
    assert mail["Subject"] == "Re: Larm från pump 3"
    assert mail["In-Reply-To"] == "<3@example.com>"
    assert mail["References"] == "<1@example.com> <2@example.com> <3@example.com>"
    assert mail["Date"].datetime.isoformat() == "2026-11-24T05:31:18+00:00"


def test_every_try_is_the_same_mail_and_every_notice_another() -> None:
    first, again = (compose.mail(report(part(PartState.DELIVERED)), "s@sms.example", "sms.example") for _ in range(2))
    assert first == again
    one, other = sent(report(part(PartState.DELIVERED)))["Message-ID"], sent(inbound())["Message-ID"]
    assert one != other
    assert one.endswith("@sms.example>")
    assert "message.12" not in one, "a stranger does not read how many messages there are"


def test_message_ids_longer_than_a_line_stay_whole() -> None:
    """The library would fold them into encoded words, and the thread would be lost."""
    long_id = "<" + "x" * 150 + "@mail.eurprd05.prod.outlook.example>"
    notice = report(part(PartState.DELIVERED), thread=MailThread("a@b.c", long_id))
    raw = compose.mail(notice, "s@x.example", "x.example")
    assert f"In-Reply-To: {long_id}\r\n".encode() in raw
    assert f"References: {long_id}\r\n".encode() in raw


@pytest.mark.parametrize(
    ("thread", "subject"),
    [
        (None, "SMS to +46701740605: delivered"),
        (MailThread("a@b.c"), "SMS to +46701740605: delivered"),
        (MailThread("a@b.c", subject="RE: pump"), "RE: pump"),
        (MailThread("a@b.c", subject="pump"), "Re: pump"),
        (MailThread("a@b.c", subject="pump\r\nBcc: x@y.z\x00"), "Re: pump  Bcc: x@y.z"),
        (MailThread("a@b.c", subject="=?utf-8?q?=0D=0ABcc:_x@y.z?="), "Re: =?utf-8?q?=0D=0ABcc:_x@y.z?="),
    ],
)
def test_the_subject(thread: MailThread | None, subject: str) -> None:
    mail = sent(report(part(PartState.DELIVERED), thread=thread))
    assert mail["Subject"] == subject
    assert mail["Bcc"] is None


@pytest.mark.parametrize("state", [state for state in PartState if state is not PartState.CLAIMED])
def test_every_state_is_told_and_only_a_receipt_says_delivered(state: PartState) -> None:
    said = flat(report(part(state)))
    assert said.startswith("Your message to +46701740605 ")
    assert ("was delivered to the handset" in said) is (state is PartState.DELIVERED)


@pytest.mark.parametrize("state", [state for state in MessageState if state.is_failure])
def test_every_failure_says_what_the_reader_can_do(state: MessageState) -> None:
    _, advice = wording._SENTENCES[state]
    assert advice or state is MessageState.CANCELLED


def test_every_state_has_a_sentence() -> None:
    assert set(wording._SENTENCES) == set(MessageState)


def test_an_expired_message_that_never_left_says_so() -> None:
    reason = "its validity ended before a link could take it"
    said = flat(report(part(PartState.EXPIRED, submitted=False, reason=reason)))
    assert "was not sent" in said
    assert f"Reason: {reason}." in said
    assert "not sent" not in flat(report(part(PartState.EXPIRED)))


def simulated(*parts: PartView) -> Notice:
    notice = report(*parts)
    assert notice.message is not None
    return replace(notice, message=replace(notice.message, is_test=True))


@pytest.mark.parametrize("state", [PartState.DELIVERED, PartState.UNDELIVERABLE, PartState.REJECTED])
def test_a_report_about_a_test_number_says_so_first_and_claims_no_delivery(state: PartState) -> None:
    notice = simulated(part(state, network_at_ms=MINUTE_MS + 60_000))
    said = flat(notice)
    assert said.startswith("This is a test number: no handset got anything, and the receipt was simulated. ")
    assert f"The simulated receipt for your message to +46701740605 says: {state} at 2026-11-24 05:31 UTC." in said
    assert "delivered to the handset" not in said
    assert "Check the number" not in said
    assert f"{state.capitalize()} 2026-11-24 05:31 UTC (simulated)" in said


def test_a_test_that_never_left_is_told_like_any_other() -> None:
    said = flat(simulated(part(PartState.EXPIRED, submitted=False)))
    assert said.startswith("This is a test number")
    assert "Your message to +46701740605 was not sent" in said


def test_what_was_cancelled_after_a_restore_may_have_been_sent() -> None:
    held = replace(part(PartState.CANCELLED, submitted=False), is_possible_duplicate=True)
    said = flat(report(held))
    assert "was cancelled here after a backup was restored. It may have been sent before that; it is not sent" in said
    assert "Ask the recipient before you send it again" in said
    assert "will not be sent" in flat(report(part(PartState.CANCELLED, submitted=False)))


def test_a_network_time_before_the_acceptance_is_shown_as_it_is_with_a_note() -> None:
    said = flat(report(part(PartState.DELIVERED, network_at_ms=MINUTE_MS)))
    assert "delivered to the handset at 2026-11-24 05:30 UTC." in said
    assert "Accepted 2026-11-24 05:30:58 UTC" in said
    assert "to the minute only" in said
    assert "to the minute only" not in flat(report(part(PartState.DELIVERED, network_at_ms=MINUTE_MS + 60_000)))


@pytest.mark.parametrize("cause", [cause for cause in Cause if cause is not Cause.UNKNOWN])
def test_why_it_was_not_delivered_is_said_in_one_sentence_and_what_to_do_about_it(cause: Cause) -> None:
    said = flat(report(part(PartState.UNDELIVERABLE, error="027", cause=cause.value)))
    assert f"Reason: {SENTENCES[cause]}; network error 027." in said
    assert "may no longer exist" not in said, "it need not guess"


def test_without_a_known_cause_the_advice_guesses() -> None:
    said = flat(report(part(PartState.UNDELIVERABLE, error="999", cause="unknown")))
    assert "Reason: the network did not say why; network error 999." in said
    assert "may no longer exist" in said


def test_several_parts_have_a_table() -> None:
    said = text_of(
        report(
            part(PartState.UNDELIVERABLE, 2, network_at_ms=MINUTE_MS + 60_000, error="021"),
            part(PartState.DELIVERED, 1, network_at_ms=MINUTE_MS + 60_000),
            part(PartState.DELIVERED, 3),
        )
    )
    assert "Only 2 of the 3 parts" in said
    assert "Reason: network error 021." in said
    table = [line for line in said.splitlines() if line.startswith("  ") and line[2:3].isdigit()]
    assert table == [
        "  1     delivered      2026-11-24 05:30:59  2026-11-24 05:31     -",
        "  2     undeliverable  2026-11-24 05:30:59  2026-11-24 05:31     021",
        "  3     delivered      2026-11-24 05:30:59  2026-11-24 05:31:07  -",
    ]


def test_an_error_of_zeros_is_none() -> None:
    assert "error" not in flat(report(part(PartState.UNDELIVERABLE, error="000")))


def test_a_long_text_is_quoted_in_part() -> None:
    said = text_of(report(part(PartState.DELIVERED), text="Hello " * 200 + "\nend"))
    assert max(len(line) for line in said.splitlines()) <= compose.WIDTH
    assert "> ... (1204 characters in all)" in said
    assert "end\n" not in said.partition("--")[0]


def test_the_quoted_text_keeps_its_lines() -> None:
    assert "> one\n>\n> two\n" in text_of(report(part(PartState.DELIVERED), text="one\n\ntwo"))


def test_an_inbound_mail_as_a_whole() -> None:
    mail = sent(inbound("Kommer kl 5 – ok?\nHälsningar"))
    assert mail["Subject"] == "SMS from +46701740605 to +46730000001"
    assert mail["From"].addresses[0].display_name == "+46701740605 by SMS"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert text_of(inbound("Kommer kl 5 – ok?\nHälsningar")) == (
        "Kommer kl 5 – ok?\n"
        "Hälsningar\n"
        "\n"
        "  From           +46701740605\n"
        "  To             +46730000001\n"
        "  Received       2026-11-24 05:30:58 UTC\n"
        "  Inbound id     0AB3C4D5\n"
        "\n"
        "-- \n"
        "Written by sms.example. Nobody reads answers to this mail.\n"
    )


def test_an_incomplete_inbound_text_says_so() -> None:
    assert "Parts of this text are missing" in flat(inbound(is_incomplete=True))
    assert "missing" not in flat(inbound())


@pytest.mark.parametrize(("address", "shown"), [("46701740605", "+46701740605"), ("8888", "8888"), ("BANK", "BANK")])
def test_numbers_get_a_plus_and_others_do_not(address: str, shown: str) -> None:
    assert sent(inbound(originator=address))["Subject"] == f"SMS from {shown} to +46730000001"


def test_an_address_that_is_not_ascii_is_kept_for_smtputf8() -> None:
    raw = compose.mail(report(part(PartState.DELIVERED), address="jörg@example.com"), "s@x.example", "x.example")
    assert "To: jörg@example.com\r\n".encode() in raw


def test_a_notice_without_content_is_a_bug() -> None:
    with pytest.raises(ValueError, match="tells nothing"):
        compose.mail(Notice(1, "k", "report", "a@b.c", 1, 0, "demo"), "s@x.example", "x.example")
