"""Credit from the first purchase to the closed account, as an operator does it at a running appliance."""

import csv
import io

import pytest

from bridge.messages.faults import Fault
from tests.system.appliance import Appliance


def test_credit_from_the_first_purchase_to_the_end(appliance: Appliance) -> None:
    """One message is delivered, one is not, one never gets an answer; the books account for each to the last credit."""
    appliance.link = {"in_doubt": "never_resend", "in_doubt_hold_s": 0, "response_timeout_s": 1}
    appliance.extra = {"credit": {"closing_refund_days": 1}}
    appliance.start()
    appliance.add_account("ward7", "--refunds", "undeliverable", credit="10")
    appliance.add_account("head", credit="10")
    recipients = {"delivered": "46701740605", "undeliverable": "46701741001", "unknown": "46701741005"}
    sent = {
        state: appliance.ask("send", account="ward7", to=[number], text="Hello")[0]["message_id"]
        for state, number in recipients.items()
    }
    for state, message_id in sent.items():
        appliance.wait_for(message_id, state)
    assert appliance.balance_mc("ward7") == 8000

    done = appliance.command("message", "refund", sent["unknown"], "--reason", "the carrier has no trace of it")
    assert "1.000 given back to account ward7, which now has 9.000 credit" in done.stdout
    delivered = appliance.command("message", "refund", sent["delivered"], "--reason", "r", check=False)
    assert delivered.returncode == 65
    assert "part 1 was delivered" in delivered.stderr
    assert appliance.message(sent["unknown"])["postings"][-1]["reason"] == "the carrier has no trace of it"

    appliance.ask("account_transfer", giver="head", taker="ward7", amount_mc=2500, key="budget")
    appliance.command("account", "adjust", "ward7", "-1.5", "--reason", "=a mistake")
    too_much = appliance.command("account", "transfer", "ward7", "head", "10.001", check=False)
    assert (too_much.returncode, "at most 10.000 can be taken" in too_much.stderr) == (65, True)

    text = appliance.command("account", "statement", "ward7", "--csv").stdout
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    amounts = [row["amount"] for row in rows]
    assert sorted(amounts) == sorted(["", "10.000", *["-1.000"] * 3, *["1.000"] * 2, "2.500", "-1.500", ""])
    assert (rows[0]["balance"], rows[-1]["balance"], rows[-2]["reason"]) == ("0.000", "10.000", "'=a mistake")
    assert [row["cause"] for row in rows if row["kind"] == "charge"] == [f"message {name}" for name in sent.values()]

    preview = appliance.ask("account_close", name="ward7", key="look", is_dry_run=True)
    closed = appliance.answer("account", "close", "ward7", "--key", "letter")
    assert (
        (preview["payout_mc"], preview["forfeit_mc"]) == (closed["payout_mc"], closed["forfeit_mc"]) == (7_500, 2_500)
    )
    assert [lot["left_mc"] for lot in preview["lots"]] == [7500, 2500]
    for name, values in (
        ("send", {"account": "ward7", "to": [recipients["delivered"]], "text": "Hello"}),
        ("account_enable", {"name": "ward7"}),
        ("account_top_up", {"name": "ward7", "amount_mc": 1, "key": "k"}),
    ):
        with pytest.raises(Fault, match="disabled|closed"):
            appliance.ask(name, **values)
    assert (appliance.balance_mc("ward7"), appliance.balance_mc("head")) == (0, 7500)
