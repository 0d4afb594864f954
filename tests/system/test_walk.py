"""One message, end to end, by every door; and what comes back."""

import email
import email.policy
import re

from tests.system.appliance import RECIPIENT, Appliance, until

VIRTUAL = "46737494150"


def test_a_mail_becomes_a_message_and_its_receipt_comes_back_in_the_thread(appliance: Appliance) -> None:
    pin = appliance.start().add_account()
    answer = appliance.mail("demo", pin, f"{RECIPIENT}@sms.test")
    found = re.fullmatch(r"250 2\.0\.0 queued as ([0-9A-F]{8})", answer)
    assert found, answer
    message = appliance.wait_for(found.group(1), "delivered")
    assert (message["account"], message["door"], message["text"]) == ("demo", "smtp", "Pump 2 stopped")
    (path,) = until(appliance.mails)
    report = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    assert report["Return-Path"] == "<>"
    assert report["To"] == "plant@example.com"
    assert report["Auto-Submitted"] == "auto-generated"
    assert report["In-Reply-To"] == report["References"] == "<alarm-1@example.com>"
    body = report.get_content()
    told = " ".join(body.split())
    assert re.search(r"message to \+46701740605 was delivered to the handset at \d{4}-\d\d-\d\d \d\d:\d\d UTC", told)
    assert message["message_id"] in body
    assert appliance.balance_mc() == 99_000


def test_several_recipients_of_one_mail_are_as_many_messages(appliance: Appliance) -> None:
    pin = appliance.start().add_account()
    answer = appliance.mail("demo", pin, f"{RECIPIENT}@sms.test", "+46-701740606@sms.test", f"{RECIPIENT}@sms.test")
    assert answer.startswith("250 2.0.0 queued as ")
    messages = appliance.messages()
    assert sorted(message["recipient"] for message in messages) == [RECIPIENT, "46701740606"]


def test_a_get_becomes_a_message(appliance: Appliance) -> None:
    pin = appliance.start().add_account()
    status, body = appliance.get(account="demo", pin=pin, to=RECIPIENT, text="Tür 4 offen")
    assert status == 200
    found = re.fullmatch(rf"OK ([0-9A-F]{{8}}) {RECIPIENT}\n", body)
    assert found, body
    assert appliance.wait_for(found.group(1), "delivered")["text"] == "Tür 4 offen"


def test_the_command_line_sends_through_the_same_intake(appliance: Appliance) -> None:
    appliance.start().add_account(credit="1")
    sent = appliance.answer("send", "--account", "demo", "--to", RECIPIENT, "Hello")
    assert appliance.wait_for(sent[0]["message_id"], "delivered")["door"] == "cli"
    refused = appliance.command("send", "--account", "demo", "--to", RECIPIENT, "Hello", check=False)
    assert refused.returncode != 0
    assert "not enough credit" in refused.stderr


def test_a_long_text_in_another_alphabet_goes_out_in_parts(appliance: Appliance) -> None:
    pin = appliance.start().add_account()
    text = "Тревога! " * 20
    _, body = appliance.get(account="demo", pin=pin, to=RECIPIENT, text=text)
    message = appliance.wait_for(body.split()[1], "delivered")
    assert (message["coding"], message["part_total"], message["price_mc"]) == ("ucs2", 3, 3000)
    assert message["text"].strip() == text.strip()


def test_a_text_from_a_handset_is_mailed_to_the_owner_of_the_number(appliance: Appliance) -> None:
    appliance.start().add_account()
    appliance.command("number", "add", VIRTUAL, "--account", "demo", "--mail", "owner@example.com")
    until(lambda: appliance.ask("link_list")[0]["state"] == "bound")
    appliance.command("simulator", "inbound", RECIPIENT, VIRTUAL, "Coming, 10 minutes. " * 20)
    (path,) = until(appliance.mails)
    mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    assert mail["To"] == "owner@example.com"
    assert mail["Return-Path"] == "<>"
    assert mail.get_content().count("Coming, 10") == 20


def test_which_events_are_mailed_is_the_accounts_choice(appliance: Appliance) -> None:
    """The simulator fails numbers that end in 1001; only that one is told."""
    pin = appliance.start().add_account("demo", "--mail-events", "failures")
    good = appliance.mail("demo", pin, f"{RECIPIENT}@sms.test").split()[-1]
    bad = appliance.mail("demo", pin, "46701741001@sms.test").split()[-1]
    appliance.wait_for(good, "delivered")
    appliance.wait_for(bad, "undeliverable")
    (path,) = until(appliance.mails)
    assert bad in path.read_text()
    assert len(appliance.mails()) == 1


def test_mail_from_a_bound_network_needs_no_login_and_a_stranger_gets_550(appliance: Appliance) -> None:
    appliance.start().add_account()
    stranger = appliance.mail("", "", f"{RECIPIENT}@sms.test")
    assert stranger.startswith("550"), stranger
    appliance.command("account", "allow-network", "demo", "127.0.0.0/8")
    known = appliance.mail("", "", f"{RECIPIENT}@sms.test")
    assert known.startswith("250 2.0.0 queued as"), known


def test_a_login_refused_only_for_its_case_is_told_to_the_operator_alone(appliance: Appliance) -> None:
    pin = appliance.start().add_account("TAlan.12345")
    status, body = appliance.get(account="talan.12345", pin=pin, to=RECIPIENT, text="x")
    other_status, other_body = appliance.get(account="nobody", pin=pin, to=RECIPIENT, text="x")
    assert (status, body) == (other_status, other_body)
    assert status == 401
    until(lambda: "differs only by case from TAlan.12345, the secret is right" in appliance.log())
    assert pin not in appliance.log()


def test_an_alarm_overtakes_in_the_queue(appliance: Appliance) -> None:
    """With the link slowed to one part a second, the alarm leaves before the bulk that came first."""
    appliance.link = {"parts_per_second": 2, "window": 1}
    appliance.start().add_account()
    bulk = [f"4670174060{n}" for n in range(6)]
    appliance.command("send", "--account", "demo", "--lane", "bulk", *[w for to in bulk for w in ("--to", to)], "news")
    alarm = appliance.answer("send", "--account", "demo", "--lane", "alarm", "--to", RECIPIENT, "fire")
    appliance.wait_for(alarm[0]["message_id"], "delivered")
    waiting = [m for m in appliance.messages() if m["state"] == "queued"]
    assert len(waiting) >= 2, "the bulk still waits"
