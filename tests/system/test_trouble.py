"""What goes wrong around the appliance: nothing is lost, nothing is silently sent twice, and people can see why."""

import contextlib
import email
import os
import re
import signal
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator

import pytest

from tests.support import free_port
from tests.system.appliance import PROGRAM, RECIPIENT, Appliance, until


class Relay:
    """A mail relay that a test rules: down, silent after the data, or good. It keeps what it was given."""

    def __init__(self) -> None:
        self.port = free_port()
        self.given: list[bytes] = []
        self.is_silent = False
        self._listener: socket.socket | None = None
        self._peers: list[socket.socket] = []

    def open(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._serve, args=(self._listener,), daemon=True).start()

    def close(self) -> None:
        if self._listener is not None:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
        for peer in self._peers:
            peer.close()

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            self._peers.append(peer)
            threading.Thread(target=self._talk, args=(peer,), daemon=True).start()

    def _talk(self, peer: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError):
            lines = peer.makefile("rb")
            peer.sendall(b"220 relay\r\n")
            for line in lines:
                verb = line[:4].upper()
                if verb == b"DATA":
                    peer.sendall(b"354 go on\r\n")
                    body = b"".join(iter(lines.readline, b".\r\n"))
                    self.given.append(body)
                    if self.is_silent:
                        continue
                peer.sendall(b"221 bye\r\n" if verb == b"QUIT" else b"250 fine\r\n")


@pytest.fixture
def relay() -> Iterator[Relay]:
    made = Relay()
    yield made
    made.close()


def message_ids(relay: Relay) -> list[str]:
    return [email.message_from_bytes(body)["Message-ID"] for body in relay.given]


def test_killed_between_the_receipt_and_the_relays_answer_the_mail_still_goes(
    appliance: Appliance, relay: Relay
) -> None:
    """Relay silent after the data, appliance killed, relay down for a while, then up: same mail, same Message-ID."""
    appliance.relay_port = relay.port
    appliance.has_sink = False
    relay.is_silent = True
    relay.open()
    pin = appliance.start().add_account()
    message_id = appliance.mail("demo", pin, f"{RECIPIENT}@sms.test").split()[-1]
    until(lambda: relay.given)
    appliance.kill()
    relay.close()
    assert appliance.start().message(message_id)["state"] == "delivered"
    until(lambda: appliance.message(message_id)["notices"][0]["reason"])
    appliance.kill()
    relay.is_silent = False
    relay.open()
    appliance.start()
    until(lambda: appliance.message(message_id)["notices"][0]["state"] == "done", 30)
    first, *others = message_ids(relay)
    assert others
    assert set(others) == {first}


def test_without_an_upstream_messages_wait_and_say_why(appliance: Appliance) -> None:
    appliance.has_simulator = False
    pin = appliance.start().add_account()
    _, body = appliance.get(account="demo", pin=pin, to=RECIPIENT, text="wait")
    message_id = body.split()[1]
    until(lambda: "not connected" in appliance.message(message_id)["parts"][0]["waiting_for"])
    message = appliance.message(message_id)
    assert message["state"] == "queued"
    assert f"127.0.0.1:{appliance.smsc_port}" in message["parts"][0]["waiting_for"]
    assert appliance.ask("queue")["parts"][0]["count"] == 1
    assert appliance.stop() == 0
    appliance.has_simulator = True
    appliance.start()
    assert appliance.wait_for(message_id, "delivered")["parts"][0]["attempt"] == 1


@pytest.mark.parametrize(
    ("recipient", "state"),
    [
        ("46701741001", "undeliverable"),
        ("46701741002", "expired"),
        ("46701741003", "rejected"),
        ("46701741004", "delivered"),
        ("46701741006", "delivered"),
        ("46701741008", "delivered"),
        ("46701741009", "delivered"),
    ],
)
def test_a_carrier_that_refuses_throttles_or_misspells(appliance: Appliance, recipient: str, state: str) -> None:
    pin = appliance.start().add_account()
    _, body = appliance.get(account="demo", pin=pin, to=recipient, text="trouble")
    message = appliance.wait_for(body.split()[1], state, 40)
    balance = appliance.balance_mc()
    assert balance == (100_000 if state == "rejected" else 99_000)
    assert message["parts"][0]["is_possible_duplicate"] is False


def with_late_receipts(appliance: Appliance) -> None:
    """Let receipts come long after a part in doubt is decided upon, so that none settles the doubt."""
    appliance.extra = {"simulator": {"port": appliance.smsc_port, "receipt_delay_ms": 6_000}}


def test_a_receipt_settles_the_doubt_that_a_lost_link_left(appliance: Appliance) -> None:
    """The simulator drops the connection at the first try of numbers that end in 1007, and reports on it afterwards."""
    appliance.link = {"in_doubt_hold_s": 600}
    pin = appliance.start().add_account()
    _, body = appliance.get(account="demo", pin=pin, to="46701741007", text="vanish")
    message = appliance.wait_for(body.split()[1], "delivered", 60)
    (part,) = message["parts"]
    assert (part["attempt"], part["is_possible_duplicate"]) == (1, False)
    assert [line["event"] for line in message["history"]] == ["in_doubt", "settled_by_receipt"]
    assert appliance.balance_mc() == 99_000


def test_a_link_that_vanishes_under_a_part_is_told_and_the_part_marked(appliance: Appliance) -> None:
    """The simulator drops the connection at the first try of numbers that end in 1007: held, sent once more, marked."""
    with_late_receipts(appliance)
    pin = appliance.start().add_account()
    _, body = appliance.get(account="demo", pin=pin, to="46701741007", text="vanish")
    message = appliance.wait_for(body.split()[1], "delivered", 60)
    (part,) = message["parts"]
    assert part["is_possible_duplicate"] is True
    assert part["attempt"] == 2
    assert [line["event"] for line in message["history"]] == ["in_doubt", "resend"]


def test_a_link_that_never_resends_leaves_the_part_unknown(appliance: Appliance) -> None:
    appliance.link = {"in_doubt": "never_resend"}
    with_late_receipts(appliance)
    pin = appliance.start().add_account()
    _, body = appliance.get(account="demo", pin=pin, to="46701741007", text="vanish")
    message = appliance.wait_for(body.split()[1], "unknown", 60)
    assert message["parts"][0]["is_possible_duplicate"] is False
    assert appliance.balance_mc() == 99_000, "it may have been sent, so it stays charged"


def test_killed_with_parts_on_the_wire_nothing_is_lost_and_repeats_are_marked(appliance: Appliance) -> None:
    """The simulator is silent for numbers that end in 1005, so those parts are claimed and unanswered."""
    pin = appliance.start().add_account()
    for _ in range(5):
        appliance.get(account="demo", pin=pin, to="46701741005", text="unanswered")
    until(lambda: {m["state"] for m in appliance.messages()} == {"queued"})
    until(lambda: appliance.ask("link_list")[0]["window_used"] == 5)
    appliance.kill()
    appliance.start()
    states = {message["state"] for message in appliance.messages()}
    assert states <= {"in_doubt", "queued"}, states
    until(lambda: all(m["parts"][0]["is_possible_duplicate"] for m in everything(appliance)), 20)
    assert len(everything(appliance)) == 5


def everything(appliance: Appliance) -> list[dict[str, object]]:
    return [appliance.message(m["message_id"]) for m in appliance.messages()]


def test_a_second_start_keeps_everything(appliance: Appliance) -> None:
    pin = appliance.start().add_account()
    message_id = appliance.mail("demo", pin, f"{RECIPIENT}@sms.test").split()[-1]
    appliance.wait_for(message_id, "delivered")
    assert appliance.stop() == 0
    appliance.start()
    assert appliance.message(message_id)["state"] == "delivered"
    assert appliance.get(account="demo", pin=pin, to=RECIPIENT, text="again")[0] == 200


def test_a_second_instance_is_refused(appliance: Appliance) -> None:
    appliance.start()
    second = appliance.command("run", check=False)
    assert second.returncode == 69
    assert "already" in second.stderr
    assert appliance.answer("account", "list") == []


def test_commands_work_while_nothing_runs(appliance: Appliance) -> None:
    appliance.add_account()
    sent = appliance.answer("send", "--account", "demo", "--to", RECIPIENT, "later")
    message = appliance.answer("message", "show", sent[0]["message_id"])
    assert message["parts"][0]["waiting_for"] == "the appliance is not running"
    appliance.start()
    appliance.wait_for(sent[0]["message_id"], "delivered")


def test_bad_configuration_starts_nothing_and_tells_everything_at_once(appliance: Appliance) -> None:
    appliance.extra = {"domian": "x", "smtp": {"listen": [{"port": "no"}]}}
    done = appliance.command("run", check=False)
    assert done.returncode == 78
    assert len(re.findall(r"bridge\.yaml:\d+: ", done.stderr)) == 2
    assert "domian" in done.stderr
    assert "smtp.listen" in done.stderr
    assert not appliance.state.exists()


def test_a_port_in_use_is_named(appliance: Appliance) -> None:
    with socket.create_server(("127.0.0.1", appliance.http_port)):
        done = appliance.command("run", check=False)
    assert done.returncode == 69
    assert str(appliance.http_port) in done.stderr
    assert "is taken by another program" in done.stderr


def test_a_ledger_that_is_none_is_left_alone(appliance: Appliance) -> None:
    appliance.state.mkdir()
    path = appliance.state / "ledger.sqlite"
    path.write_bytes(b"not a database at all, but somebody's file " * 100)
    before = path.read_bytes()
    done = appliance.command("run", check=False)
    assert done.returncode == 65
    assert path.read_bytes() == before
    path.unlink()


GARBAGE = [
    b"\x00" * 64,
    b"\xff" * 70_000,
    b"GET / HTTP/1.1\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<" + b"1" * 5000 + b"@sms.test>\r\nDATA\r\n",
    b"HELO\n\n\n.\n\r.\r",
    "søkknad☎\r\n".encode() * 100,
]


def test_garbage_on_every_port_hurts_nobody_else(appliance: Appliance) -> None:
    pin = appliance.start().add_account()
    for port in (appliance.smtp_port, appliance.http_port, appliance.smsc_port, appliance.sink_port):
        for garbage in GARBAGE:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5) as peer:
                peer.settimeout(0.3)
                peer.sendall(garbage)
                peer.shutdown(socket.SHUT_WR)
                while peer.recv(65536):
                    pass
    _, body = appliance.get(account="demo", pin=pin, to=RECIPIENT, text="still here")
    appliance.wait_for(body.split()[1], "delivered")
    assert len(appliance.messages()) == 1
    assert "Traceback" not in appliance.log()


def test_refusals_charge_nothing_and_are_one_log_line_each(appliance: Appliance) -> None:
    pin = appliance.start().add_account(credit="2")
    cases = [
        ({"pin": "wrong"}, 401),
        ({"to": "0701740605"}, 400),
        ({"to": "hello"}, 400),
        ({"text": ""}, 400),
        ({"text": "x" * 1600}, 413),
        ({"text": "x" * 400}, 402),
        ({"from": "a name that is too long"}, 400),
    ]
    for changed, status in cases:
        query = {"account": "demo", "pin": pin, "to": RECIPIENT, "text": "fine"} | changed
        before = len([line for line in appliance.log().splitlines() if " WARNING " in line])
        answer = appliance.get(**query)
        assert answer[0] == status, (changed, answer)
        after = until(
            lambda b=before: [line for line in appliance.log().splitlines() if " WARNING " in line][b:] or None
        )
        assert len(after) == 1, (changed, after)
    assert appliance.messages() == []
    assert appliance.balance_mc() == 2000
    assert pin not in appliance.log()


def test_ctrl_c_stops_cleanly_with_nothing_in_doubt(appliance: Appliance) -> None:
    pin = appliance.start().add_account()
    for _ in range(20):
        appliance.get(account="demo", pin=pin, to=RECIPIENT, text="busy")
    assert appliance.process is not None
    appliance.process.send_signal(signal.SIGINT)
    assert appliance.process.wait(timeout=30) == 0
    states = {message["state"] for message in appliance.answer("message", "list")}
    assert states <= {"queued", "submitted", "delivered"}, states
    assert "Traceback" not in appliance.log()


def test_the_service_manager_hears_ready_only_when_every_listener_is_up(appliance: Appliance) -> None:
    path = appliance.folder / "notify"
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(str(path))
    manager.settimeout(20)
    appliance.environment = {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "400000"}
    config = appliance.write_config()
    command = [*PROGRAM, "--config", str(config), "run"]
    with appliance.log_path.open("ab") as log:
        appliance.process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | appliance.environment)
    heard = [manager.recv(4096).decode()]
    for port in (appliance.smtp_port, appliance.http_port):
        socket.create_connection(("127.0.0.1", port), 5).close()
    assert (appliance.state / "control.sock").exists()
    while len(heard) < 4:
        heard.append(manager.recv(4096).decode())
    assert "READY=1" in heard[0].splitlines() or "READY=1" in heard[1].splitlines()
    assert sum("WATCHDOG=1" in one.splitlines() for one in heard) >= 2
    # A process that hangs goes silent, which is what the manager acts on.
    appliance.process.send_signal(signal.SIGSTOP)
    manager.settimeout(0.1)
    with contextlib.suppress(TimeoutError):
        while manager.recv(4096):
            pass
    manager.settimeout(1.0)
    with pytest.raises(TimeoutError):
        manager.recv(4096)
    appliance.process.send_signal(signal.SIGCONT)
    manager.settimeout(20)
    assert appliance.process.poll() is None
    appliance.process.send_signal(signal.SIGTERM)
    until(lambda: "STOPPING=1" in manager.recv(4096).decode())
    assert appliance.process.wait(timeout=30) == 0
    manager.close()


def test_an_old_devices_pin_is_imported_with_its_network(appliance: Appliance) -> None:
    refused = appliance.command("account", "add", "panel", "--pin", "1234", check=False)
    assert refused.returncode != 0
    assert "network" in refused.stderr
    appliance.command("account", "add", "panel", "--pin", "1234", "--network", "127.0.0.1", "--credit", "1")
    appliance.command("account", "add", "other", "--pin", "1234", "--network", "192.0.2.0/24", "--credit", "1")
    appliance.start()
    assert appliance.get(account="panel", pin="1234", to=RECIPIENT, text="x")[0] == 200
    assert appliance.get(account="other", pin="1234", to=RECIPIENT, text="x")[0] == 403


def test_a_disabled_account_and_a_new_pin_take_effect_at_once(appliance: Appliance) -> None:
    pin = appliance.start().add_account()
    query = {"account": "demo", "to": RECIPIENT, "text": "x"}
    assert appliance.get(pin=pin, **query)[0] == 200
    appliance.command("account", "disable", "demo")
    assert appliance.get(pin=pin, **query)[0] == 403
    appliance.command("account", "enable", "demo")
    assert appliance.get(pin=pin, **query)[0] == 200
    new = appliance.answer("account", "set-pin", "demo")["pin"]
    assert appliance.get(pin=pin, **query)[0] == 401
    assert appliance.get(pin=new, **query)[0] == 200


def test_prices_take_effect_at_once(appliance: Appliance) -> None:
    pin = appliance.start().add_account(credit="1")
    appliance.command("tariff", "set", "46", "0.4")
    query = {"account": "demo", "pin": pin, "to": RECIPIENT, "text": "x"}
    assert [appliance.get(**query)[0] for _ in range(3)] == [200, 200, 402]


def test_a_stop_while_a_client_is_connected_does_not_hang(appliance: Appliance) -> None:
    appliance.start()
    with (
        socket.create_connection(("127.0.0.1", appliance.smtp_port), 5),
        socket.create_connection(("127.0.0.1", appliance.http_port), 5),
    ):
        began = time.monotonic()
        assert appliance.stop() == 0
    assert time.monotonic() - began < 40


def test_a_ledger_that_somebody_else_has_open_is_not_called_broken(appliance: Appliance) -> None:
    """With exit code 65 a service manager would never try again, and a restored backup would lose messages."""
    assert appliance.start().stop() == 0
    stranger = sqlite3.connect(appliance.state / "ledger.sqlite", isolation_level=None)
    stranger.execute("PRAGMA locking_mode = EXCLUSIVE")
    stranger.execute("BEGIN IMMEDIATE")
    refused = appliance.command("run", check=False)
    stranger.execute("ROLLBACK")
    stranger.close()
    assert refused.returncode in (69, 74)
    assert "backup" not in refused.stderr
    assert "open" in refused.stderr
    appliance.start()


def test_a_damaged_ledger_is_kept_and_needs_a_person(appliance: Appliance) -> None:
    appliance.start().add_account()
    assert appliance.stop() == 0
    path = appliance.state / "ledger.sqlite"
    good = path.read_bytes()
    path.write_bytes(good[:4096] + b"\xff" * (len(good) - 4096))
    refused = appliance.command("run", check=False)
    assert refused.returncode == 65
    assert "restore a backup with `smsbridge restore FILE`" in refused.stderr
    path.write_bytes(good)


def test_nothing_that_is_made_is_for_everybody(appliance: Appliance) -> None:
    appliance.state.mkdir()
    appliance.start().add_account()
    modes = {path.name: path.stat().st_mode & 0o777 for path in appliance.state.iterdir() if path.is_file()}
    assert modes
    assert not any(mode & 0o007 for mode in modes.values()), modes
