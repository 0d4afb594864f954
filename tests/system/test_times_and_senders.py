"""When messages leave, and whose name they bear, as an operator of a running appliance sets and reads it."""

from datetime import UTC, datetime, timedelta

from tests.system.appliance import RECIPIENT, Appliance, until


def test_an_operator_schedules_changes_and_holds(appliance: Appliance) -> None:
    appliance.start().add_account("demo", "--time-zone", "Europe/Stockholm")
    # Scheduled for a day that is far off, then brought forward: it leaves and arrives.
    day = datetime.now(UTC) + timedelta(days=5)
    words = ("send", "--account", "demo", "--to", RECIPIENT)
    (sent,) = appliance.answer(*words, "--at", f"{day:%Y-%m-%d}T08:00", "--worthless-after", "4h", "clinic")
    shown = appliance.command("message", "show", sent["message_id"]).stdout
    assert "waiting: for its scheduled time" in shown
    assert "worthless   after" in shown
    told = appliance.command("message", "reschedule", sent["message_id"], "--in", "1s").stdout
    assert told.startswith(f"message {sent['message_id']} is sent at 20")
    appliance.wait_for(sent["message_id"], "delivered")
    assert "sent at another time: by " in appliance.command("message", "show", sent["message_id"]).stdout
    late = appliance.command("message", "reschedule", sent["message_id"], "--in", "1h", check=False)
    assert late.returncode
    assert "it is delivered" in late.stderr

    # Hours of the destination: held, and said until when; an alarm is not.
    opens = datetime.now(UTC) + timedelta(hours=6)
    appliance.command("hours", "set", "country:SE", f"{opens:%H}:00-{opens:%H}:30 UTC")
    (held,) = appliance.answer(*words, "later")
    assert (
        f"waiting: held for hours until {opens:%Y-%m-%d %H}:00:00Z"
        in appliance.command("message", "show", held["message_id"]).stdout
    )
    assert f"held for hours until {opens:%Y-%m-%d %H}:00:00Z" in " ".join(appliance.command("queue").stdout.split())
    (alarm,) = appliance.answer(*words, "--lane", "alarm", "now")
    appliance.wait_for(alarm["message_id"], "delivered")
    appliance.command("message", "cancel", held["message_id"])
    appliance.command("hours", "remove", "country:SE")

    # Originators: only what is registered; rewritten where the destination takes no names; a pool keeps its number.
    appliance.command("originator", "add", "Pumps", "demo")
    refused = appliance.command(*words, "--originator", "Bank", "hi", check=False)
    assert refused.returncode
    assert "this account may use Pumps" in refused.stderr
    appliance.command("originator", "pool", "set", "two", "46701740690", "46701740691")
    appliance.command("originator", "rule", "set", "country:SE", "pool:two")
    found = [appliance.answer(*words, "--originator", "Pumps", text)[0]["message_id"] for text in ("one", "two")]
    senders = {appliance.wait_for(one, "delivered")["originator"] for one in found}
    assert len(senders) == 1
    assert senders <= {"46701740690", "46701740691"}
    shown = appliance.command("message", "show", found[0]).stdout
    assert "sender replaced: Pumps became pool:two: country SE takes no alphanumeric originator" in shown
    # The answer goes to whoever wrote from there, though nobody owns the number.
    (sender,) = senders
    appliance.ask("simulator_inbound", originator=RECIPIENT, recipient=sender, text="yes")
    inbound = until(lambda: appliance.ask("inbound_list", count_max=5))
    assert [(row["account"], row["number"]) for row in inbound] == [("demo", sender)]
    gone = appliance.command("originator", "pool", "remove", "two", check=False)
    assert gone.returncode
    assert "still used by a rule" in gone.stderr
    appliance.command("originator", "rule", "remove", "country:SE")
    appliance.command("originator", "pool", "remove", "two")
    appliance.audit()
