"""What an operator reads of the running appliance when something is in the way, and what then helps."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bridge.smpp import pdus
from bridge.smpp.codec import encode
from tests.support import free_port
from tests.system.appliance import RECIPIENT, Appliance, until

VIRTUAL = "46701740699"


@contextmanager
def silent_esme(appliance: Appliance, port: int) -> Iterator[socket.socket]:
    """A transceiver that submits and never answers what it is sent."""
    lines = appliance.command("account", "smpp", "demo").stdout.splitlines()
    password = next(line.split()[1] for line in lines if line.startswith("password"))
    with socket.create_connection(("127.0.0.1", port), timeout=15) as esme:
        esme.sendall(encode(pdus.BindTransceiver(system_id="demo", password=password), 1))
        assert esme.recv(1000)[8:12] == bytes(4), "not bound"
        yield esme


def queue_words(appliance: Appliance) -> str:
    return " ".join(appliance.command("queue").stdout.split())


def test_an_esme_that_is_bound_and_silent_is_told_apart_from_one_that_is_away(appliance: Appliance) -> None:
    port = free_port()
    appliance.extra = {"smpp": {"listen": [{"port": port}], "response_timeout_s": 1}}
    appliance.start().add_account()
    with silent_esme(appliance, port) as esme:
        submit = pdus.SubmitSm(destination_addr=RECIPIENT, short_message=b"Pump 2", registered_delivery=1)
        esme.sendall(encode(submit, 2))
        until(lambda: "to ESMEs of demo 1 " in queue_words(appliance))
        until(lambda: "demo is bound, but the ESME did not answer it; next try at " in queue_words(appliance))
        (message,) = appliance.messages()
        (line,) = appliance.message(message["message_id"])["esme"]["notices"]
        assert line["kept_until_ms"] - line["created_at_ms"] == 72 * 3_600_000
        shown = appliance.command("message", "show", message["message_id"]).stdout
        assert "  waiting: demo is bound" in shown
        assert "  kept until " in shown
    until(lambda: "demo is not bound" in queue_words(appliance))
    assert "next try" not in queue_words(appliance)


@pytest.mark.parametrize(
    ("policy", "then"),
    [
        (
            "hold_then_resend_once",
            "then: it is sent once more, marked as a possible duplicate, if its link can take it",
        ),
        ("never_resend", "then: it ends as unknown and stays charged; then `smsbridge message refund` can give its"),
    ],
)
def test_a_part_in_doubt_says_until_when_and_what_then(appliance: Appliance, policy: str, then: str) -> None:
    """The simulator never answers numbers that end in 1005, and sends no receipt."""
    appliance.link = {"in_doubt": policy, "in_doubt_hold_s": 600, "response_timeout_s": 1}
    pin = appliance.start().add_account()
    _, body = appliance.get(account="demo", pin=pin, to="46701741005", text="silence")
    message = appliance.wait_for(body.split()[1], "in_doubt")
    (part,) = message["parts"]
    assert part["next_action_at_ms"] - part["claimed_at_ms"] > 600_000
    shown = appliance.command("message", "show", message["message_id"]).stdout
    assert "  waiting: for a late answer or a receipt, until 20" in shown
    assert then in shown
    assert "waiting for a late answer or a receipt; then it " in queue_words(appliance)


def test_a_link_with_a_corrected_password_is_bound_at_once_when_told_so(appliance: Appliance, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.touch(0o600)
    password.write_text("wrong\n")
    second = {"name": "second", "host": "127.0.0.1", "port": appliance.smsc_port, "system_id": "simulator"}
    appliance.extra = {"links": [appliance.config()["links"][0], second | {"password_file": str(password)}]}
    appliance.start()
    until(lambda: "ESME_RINVPASWD" in str(appliance.ask("link_list")))
    listed = appliance.command("link", "list").stdout
    assert "\n    the SMSC refused the bind: ESME_RINVPASWD; next try at " in listed
    assert max(map(len, listed.splitlines())) <= 100
    still = appliance.command("link", "retry", "second", check=False)
    assert still.returncode == 69
    assert still.stderr.startswith("smsbridge: link second is not bound: the SMSC refused the bind: ESME_RINVPASWD;")
    password.write_text("simulate\n")
    assert appliance.command("link", "retry", "second").stdout == "link second is bound\n"
    assert appliance.command("link", "retry", "second").stdout == "link second is bound already\n"
    nobody = appliance.command("link", "retry", "third", check=False)
    assert nobody.stderr == "smsbridge: there is no link third; `smsbridge link list` shows them all\n"
    built_in = appliance.command("link", "retry", "test", check=False)
    assert built_in.stderr == "smsbridge: link test is built in and always ready\n"


def test_a_handset_writes_from_a_number_to_a_number(appliance: Appliance) -> None:
    appliance.start().add_account()
    appliance.command("number", "add", VIRTUAL, "--account", "demo", "--mail", "demo@example.com")
    until(lambda: appliance.ask("link_list")[0]["state"] == "bound")
    for words, told in (
        (("Bob", VIRTUAL), "FROM is the number of a handset, 3 to 15 digits: Bob"),
        (("46701740605123456", VIRTUAL), "FROM is the number of a handset, 3 to 15 digits: 46701740605123456"),
        ((RECIPIENT, "pumps"), "a virtual number or short code is digits: pumps"),
        ((RECIPIENT, "1"), "1 is no virtual number: a short code has 3 to 8 digits"),
    ):
        refused = appliance.command("simulator", "inbound", *words, "Hi", check=False)
        assert (refused.returncode, refused.stderr) == (65, f"smsbridge: {told}\n")
    assert appliance.ask("inbound_list", count_max=10) == []
    appliance.command("simulator", "inbound", "+46 70 174 06 05", VIRTUAL, "Hi")
    (text,) = appliance.ask("inbound_list", count_max=10)
    assert (text["originator"], text["number"], text["account"]) == (RECIPIENT, VIRTUAL, "demo")
