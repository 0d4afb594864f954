"""The command line on a ledger that no appliance uses: real processes, a real ledger, the instance lock."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bridge.app.instance import InstanceLock
from tests.unit.app.config_files import NOBODY

ROOT = Path(__file__).parents[2]
OURS = ("SMSBRIDGE_CONFIG", "SMSBRIDGE_STATE_FOLDER", "SMSBRIDGE_ACCOUNT")


def smsbridge(folder: Path, *arguments: str, exit_code: int = 0) -> str:
    """Run the command on a state folder; its standard output, or its standard error when it was to fail."""
    environment = {name: value for name, value in os.environ.items() if name not in OURS}
    done = subprocess.run(
        [sys.executable, "-c", "from bridge.app.cli.program import cli; cli(prog_name='smsbridge')", *arguments],
        env={**environment, "SMSBRIDGE_STATE_FOLDER": str(folder), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == exit_code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr if exit_code else done.stdout


def test_an_account_is_opened_sends_and_is_audited_without_an_appliance(tmp_path: Path) -> None:
    state = tmp_path / "state"
    opened = smsbridge(state, "account", "add", "ward7", "--credit", "5")
    assert re.search(r"^PIN  [A-Z2-9]{8,}$", opened, re.MULTILINE)
    assert stat_mode(state) & 0o007 == 0, "the state is nobody else's business"
    smsbridge(state, "account", "top-up", "ward7", "2.5", "--key", "invoice-1")
    again = smsbridge(state, "account", "top-up", "ward7", "2.5", "--key", "invoice-1")
    assert again == "invoice-1 was booked before; nothing added to ward7, which now has 7.500\n"

    sent = json.loads(smsbridge(state, "send", "--account", "ward7", "--to", "46701740605", "--json", "Pump 3"))
    assert [(one["recipient"], one["part_total"], one["price_mc"]) for one in sent] == [("46701740605", 1, 1000)]
    told = smsbridge(state, "message", "show", sent[0]["message_id"])
    assert "part 1 of 1: waits to be sent" in told
    assert told.endswith("  waiting: the appliance is not running\n")
    assert "the appliance is not running" in smsbridge(state, "queue")
    assert "not running" in smsbridge(state, "link", "list")

    account = json.loads(smsbridge(state, "account", "show", "ward7", "--json"))
    assert account["balance_mc"] == 6500
    audit = smsbridge(state, "ledger", "audit")
    assert audit.count("ok    ") == len(audit.splitlines())


def stat_mode(path: Path) -> int:
    return path.stat().st_mode


REFUSED = {
    "send --account Ward7 --to 46701740605 x": "there is no account Ward7; did you mean ward7? Case counts; ",
    "send --account ward7 --to 46701740605 x": "not enough credit; the message is not queued and will not be sent",
    "send --account ward7 --to abc x": "not a phone number in international format: ",
    "send --account ward7 --to 46701740605 ''": "no text found to send",
    "account add WARD7": "account ward7 exists already, which differs from WARD7 only by case; choose another name",
    "account add 'a b'": "an account name is ",
    "account add x --pin 1234 --network office": "not a network: office ",
    "account allow-network ward7 10.0.0.1/8": "not a network: 10.0.0.1/8 ",
    "account top-up nobody 1": "there is no account nobody; ",
    "account top-up ward7 0": "a top-up is more than 0",
    "message show nonsense": "there is no message nonsense; ",
    "tariff set +46 1": "a prefix is up to 15 digits, without a plus",
    "number add abc --account ward7 --mail a@example.org": "a virtual number or short code is digits: abc",
}
"""Command -> how the refusal begins."""

BATCH = """
import json, shlex, sys
from tests.unit.app.desk import run
for line in json.load(sys.stdin):
    done = run(*shlex.split(line), SMSBRIDGE_STATE_FOLDER=sys.argv[1])
    print(json.dumps([done.exit_code, done.stdout, done.stderr]))
"""


def test_refusals_are_told_in_one_line_and_change_nothing(ward: Path) -> None:
    """All in one process: starting one takes longer than the refusal."""
    before = smsbridge(ward, "account", "list")
    done = subprocess.run(
        [sys.executable, "-c", BATCH, str(ward)],
        input=json.dumps(list(REFUSED)),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
        check=True,
    )
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(results) == len(REFUSED)
    for (command, told), (exit_code, output, error) in zip(REFUSED.items(), results, strict=True):
        assert (exit_code, output) == (65, ""), command
        assert error.startswith(f"smsbridge: {told}"), command
        assert error.count("\n") == 1, command
    assert smsbridge(ward, "account", "list") == before
    assert smsbridge(ward, "message", "list") == ""


@pytest.fixture
def ward(tmp_path: Path) -> Path:
    """A ledger with one account that has no credit."""
    smsbridge(tmp_path, "account", "add", "ward7")
    return tmp_path


def test_two_processes_never_write_the_same_ledger(ward: Path) -> None:
    lock = InstanceLock(ward)
    lock.take()
    try:
        error = smsbridge(ward, "account", "add", "other", exit_code=75)
    finally:
        lock.release()
    assert error == (
        f"smsbridge: another process holds the ledger in {ward} but does not listen on its control socket; "
        "if it is just starting or stopping, try again; else read its log\n"
    )
    assert "other" not in smsbridge(ward, "account", "list")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root works in other people's folders")
def test_what_root_does_leaves_the_ledger_to_its_owner(tmp_path: Path) -> None:
    os.chown(tmp_path, NOBODY, NOBODY)
    smsbridge(tmp_path, "account", "add", "ward7")
    smsbridge(tmp_path, "account", "list")
    smsbridge(tmp_path, "message", "show", "nonsense", exit_code=65)
    owners = {path.name: path.stat().st_uid for path in tmp_path.iterdir()}
    assert owners == dict.fromkeys(owners, NOBODY)
    assert "ledger.sqlite" in owners


def test_a_file_that_is_no_ledger_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").write_bytes(b"not a database " * 100)
    error = smsbridge(tmp_path, "account", "list", exit_code=65)
    assert error.startswith(f"smsbridge: the ledger in {tmp_path} cannot be used (")
    assert (tmp_path / "ledger.sqlite").read_bytes() == b"not a database " * 100


def test_commands_need_nothing_of_the_links_but_their_names(tmp_path: Path) -> None:
    """A configuration as an operator writes it: what is submitted waits for its link by name."""
    config = tmp_path / "bridge.yaml"
    config.write_text(
        "state_folder: here\n"
        "links:\n  - {name: carrier-a, host: smpp.example.net, system_id: acme, password: secret08}\n"
    )
    where = ("--config", str(config), "--state-folder", str(tmp_path / "here"))
    smsbridge(tmp_path, *where, "account", "add", "ward7", "--credit", "1")
    smsbridge(tmp_path, *where, "send", "--account", "ward7", "--to", "46701740605", "x")
    assert re.search(r"^carrier-a +normal +queued +1 ", smsbridge(tmp_path, *where, "queue"), re.MULTILINE)


def test_a_command_that_only_reads_never_makes_a_ledger(tmp_path: Path) -> None:
    """A mistyped folder is named, not filled with an empty ledger that looks like lost data."""
    folder = tmp_path / "mistyped"
    for words in (("account", "list"), ("message", "list"), ("queue",), ("ledger", "audit")):
        assert f"there is no ledger in {folder}" in smsbridge(folder, *words, exit_code=69)
    assert not folder.exists()
