"""The simulator as an SMSC in its own right: accounts, binds, operations, TLS, and its command."""

import asyncio
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bridge.app.cli.program import cli
from bridge.messages.receipt import Receipt
from bridge.simulator.script import Behaviour
from bridge.simulator.settings import SimulatorSettings
from bridge.smpp import pdus
from bridge.smpp.codec import decode, encode
from bridge.smpp.constants import CommandId, MessageState, Status, Tag
from bridge.smpp.fields import DistributionList, SmeAddress, UnsuccessSme
from bridge.smpp.session import Answered
from tests.packaging.certificate import make_certificate
from tests.support import asyncio_test, eventually
from tests.wire.simulator_bench import Esme, bind_frame, bound_to, read_frame, simulated

SECOND = {"accounts": [{"system_id": "second", "password": "other"}]}
WAIT_S = 60


async def ask(esme: Esme, pdu: pdus.Pdu) -> Any:
    """The answer to one request."""
    token = object()
    esme.send(pdu, token)
    return await eventually(lambda: esme.answers.get(token))


# Accounts and binds


@asyncio_test
async def test_each_account_gets_its_own_receipts_and_texts() -> None:
    async with (
        simulated(**SECOND) as smsc,
        bound_to(smsc) as first,
        bound_to(smsc, system_id="second", password="other") as second,
    ):
        first.submit("447700900201")
        second.submit("447700900202")
        await eventually(lambda: first.deliveries and second.deliveries)
        assert await smsc.send_inbound("46701740605", "1", "for the second", system_id="second") == [0]
        assert [pdu.source_addr for pdu in first.deliveries] == ["447700900201"]
        assert [pdu.source_addr for pdu in second.deliveries] == ["447700900202", "46701740605"]


def test_an_account_has_one_password() -> None:
    with pytest.raises(ValueError, match="second has two passwords; name each account once"):
        SimulatorSettings(accounts=[{"system_id": "second"}, {"system_id": "second", "password": "x"}])


@asyncio_test
async def test_an_account_cannot_use_the_password_of_another() -> None:
    async with simulated(**SECOND) as smsc:
        for system_id, password, status in (
            ("second", "simulate", Status.RINVPASWD),
            ("simulator", "other", Status.RINVPASWD),
            ("third", "other", Status.RINVSYSID),
        ):
            async with bound_to(smsc, system_id=system_id, password=password) as esme:
                await eventually(lambda esme=esme: esme.is_gone)
                assert [event.status for event in esme.events if hasattr(event, "status")] == [status]
        assert smsc.counts.binds_refused == {Status.RINVPASWD: 2, Status.RINVSYSID: 1}


@asyncio_test
async def test_receipts_go_to_any_session_that_takes_them_and_to_no_transmitter() -> None:
    async with (
        simulated() as smsc,
        bound_to(smsc, bind=pdus.BindTransmitter) as sender,
        bound_to(smsc, bind=pdus.BindReceiver) as receiver,
        bound_to(smsc) as both,
    ):
        for n in range(100):
            sender.submit(f"4477009002{n:02d}")
        await eventually(lambda: len(receiver.deliveries) + len(both.deliveries) == 100)
        assert receiver.deliveries
        assert both.deliveries
        assert not sender.deliveries
        assert len(sender.of(Answered)) == 100


@asyncio_test
async def test_what_a_lost_session_did_not_answer_goes_to_another() -> None:
    async with simulated() as smsc, bound_to(smsc) as kept:
        async with bound_to(smsc) as lost:
            lost.reading.cancel()
            sending = [asyncio.create_task(smsc.send_inbound("1", "2", str(n))) for n in range(20)]
            await eventually(lambda: len(kept.deliveries) >= 10)
        assert await asyncio.gather(*sending) == [[0]] * 20
        assert {pdu.short_message for pdu in kept.deliveries} == {b"%d" % n for n in range(20)}


@pytest.mark.parametrize(("version", "has_tlvs"), [(0x33, False), (0x34, True), (0x50, True)])
@asyncio_test
async def test_versions(version: int, has_tlvs: bool) -> None:
    async with simulated() as smsc, bound_to(smsc, version=version) as esme:
        bound = esme.events[0].pdu  # type: ignore[union-attr]
        assert bound.tlvs == ({Tag.SC_INTERFACE_VERSION: b"\x34"} if has_tlvs else {})
        esme.submit("447700900123")
        await eventually(lambda: esme.deliveries)
        assert bool(esme.deliveries[0].tlvs) == has_tlvs
        assert isinstance(esme.arrivals[0], Receipt)


@asyncio_test
async def test_tls(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    trusting = ssl.create_default_context(cafile=str(certificate))
    async with (
        simulated(certificate=certificate, private_key=key) as smsc,
        bound_to(smsc, tls=trusting) as esme,
    ):
        esme.submit("447700900123")
        await eventually(lambda: esme.deliveries)
        smsc.script.then([Behaviour(drops=True)])
        esme.submit("447700900123")
        await eventually(lambda: esme.is_gone)


@asyncio_test
async def test_a_certificate_that_is_none_is_named(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    for files in ((key, certificate), (tmp_path / "missing.pem", key)):
        with pytest.raises(ValueError, match=re.escape(str(files[0]))):
            async with simulated(certificate=files[0], private_key=files[1]):
                pass


# Operations


@asyncio_test
async def test_query_tells_the_truth_at_every_moment() -> None:
    async with simulated(receipt_delay_ms=300) as smsc, bound_to(smsc) as esme:
        esme.submit("447700901042", "failing")
        esme.submit("447700900200", "later", schedule_delivery_time="000000000500000R")
        await eventually(lambda: len(esme.answers) == 2)
        failing, later = (esme.answers[token].message_id for token in ("failing", "later"))  # type: ignore[attr-defined]
        answer = await ask(esme, pdus.QuerySm(message_id=failing, source_addr="Test"))
        assert (answer.message_state, answer.final_date) == (MessageState.ENROUTE, "")
        answer = await ask(esme, pdus.QuerySm(message_id=later, source_addr="Test"))
        assert answer.message_state == MessageState.SCHEDULED
        await eventually(lambda: esme.deliveries)
        answer = await ask(esme, pdus.QuerySm(message_id=failing, source_addr="Test"))
        assert (answer.message_state, answer.error_code) == (MessageState.UNDELIVERABLE, 27)
        assert re.fullmatch(r"\d{13}00\+", answer.final_date)
        assert (await ask(esme, pdus.QuerySm(message_id="0", source_addr="Test"))).status == Status.RINVMSGID


@asyncio_test
async def test_a_cancelled_message_is_deleted_and_says_so_once() -> None:
    async with simulated(receipt_delay_ms=200) as smsc, bound_to(smsc) as esme:
        esme.submit("447700900201", "gone")
        esme.submit("447700900202", "kept")
        await eventually(lambda: len(esme.answers) == 2)
        message_id = esme.answers["gone"].message_id  # type: ignore[attr-defined]
        cancel = pdus.CancelSm(message_id=message_id, source_addr="Test", destination_addr="447700900201")
        assert (await ask(esme, cancel)).status == 0
        query = pdus.QuerySm(message_id=message_id, source_addr="Test")
        assert (await ask(esme, query)).message_state == MessageState.DELETED
        assert (await ask(esme, cancel)).status == Status.RCANCELFAIL
        await eventually(lambda: len(esme.deliveries) == 2)
        stats = {pdu.source_addr: pdu.short_message.decode().split("stat:")[1][:7] for pdu in esme.deliveries}
        assert stats == {"447700900201": "DELETED", "447700900202": "DELIVRD"}
        assert smsc.counts.cancelled == 1
        assert smsc.waiting == 0


@asyncio_test
async def test_a_replaced_message_has_its_new_text_and_its_new_time() -> None:
    async with simulated(receipt_delay_ms=100) as smsc, bound_to(smsc) as esme:
        esme.submit("447700900201", "changed", schedule_delivery_time="000000000500000R")
        await eventually(lambda: esme.answers)
        message_id = esme.answers["changed"].message_id  # type: ignore[attr-defined]
        replacing = pdus.ReplaceSm(
            message_id=message_id,
            source_addr="Test",
            schedule_delivery_time="000000000001000R",
            registered_delivery=1,
            short_message=b"new words",
        )
        assert (await ask(esme, replacing)).status == 0
        assert smsc.journal[0].text == "new words"
        await eventually(lambda: esme.deliveries)
        assert (await ask(esme, replacing)).status == Status.RREPLACEFAIL, "it has gone"


@asyncio_test
async def test_submit_multi_names_those_that_are_refused_and_one_id_for_all() -> None:
    async with simulated() as smsc, bound_to(smsc) as esme:
        addresses = [
            SmeAddress("447700900201", 1, 1),
            SmeAddress("447700901003", 1, 1),
            SmeAddress("447700900202", 1, 1),
        ]
        multi = pdus.SubmitMulti(
            source_addr="Test", dest_address=list(addresses), registered_delivery=1, short_message=b"hello all"
        )
        answer = await ask(esme, multi)
        assert (answer.status, len(answer.message_id)) == (0, 8)
        assert answer.unsuccess_sme == [UnsuccessSme("447700901003", 1, 1, Status.RINVDSTADR)]
        await eventually(lambda: len(esme.deliveries) == 2)
        assert {pdu.source_addr for pdu in esme.deliveries} == {"447700900201", "447700900202"}
        assert {arrival.smsc_id for arrival in esme.arrivals} == {answer.message_id}  # type: ignore[union-attr]
        multi.dest_address = [addresses[1]]
        assert (await ask(esme, multi)).status == Status.RINVDSTADR
        multi.dest_address = [DistributionList("everybody")]
        assert (await ask(esme, multi)).status == Status.RINVDLNAME


@asyncio_test
async def test_data_sm_and_message_payload() -> None:
    async with simulated() as smsc, bound_to(smsc) as esme:
        payload = {int(Tag.MESSAGE_PAYLOAD): b"a long text " * 50, int(Tag.USER_MESSAGE_REFERENCE): b"\x00\x07"}
        data = pdus.DataSm(source_addr="Test", destination_addr="447700900201", registered_delivery=1, tlvs=payload)
        answer = await ask(esme, data)
        assert isinstance(answer, pdus.DataSmResp)
        esme.submit("447700900202", short_message=b"", tlvs=payload)
        await eventually(lambda: len(esme.deliveries) == 2)
        assert [entry.text for entry in smsc.journal] == ["a long text " * 50] * 2
        assert {pdu.tlvs[Tag.USER_MESSAGE_REFERENCE] for pdu in esme.deliveries} == {b"\x00\x07"}
        assert esme.arrivals[0].smsc_id == answer.message_id  # type: ignore[union-attr]


@asyncio_test
async def test_what_cannot_be_written_is_given_up_and_the_session_goes_on() -> None:
    """A data_sm takes longer addresses than the deliver_sm of its receipt does."""
    async with simulated() as smsc, bound_to(smsc) as esme:
        payload = {int(Tag.MESSAGE_PAYLOAD): b"hello"}
        far = pdus.DataSm(source_addr="Test", destination_addr="4" * 30, registered_delivery=1, tlvs=payload)
        assert (await ask(esme, far)).status == 0
        await eventually(lambda: smsc.counts.dropped)
        assert await smsc.send_inbound("Łódź", "46701740699", "hello") == [Status.RSYSERR]
        esme.submit("447700900201")
        await eventually(lambda: len(esme.deliveries) == 1)
        assert (smsc.counts.dropped, smsc.counts.receipts_sent, smsc.waiting) == (2, 1, 0)


@asyncio_test
async def test_what_no_smsc_takes_is_refused_whatever_the_script_says() -> None:
    async with simulated() as smsc, bound_to(smsc) as esme:
        esme.submit("", "nobody")
        esme.submit("447700900201", "broken header", esm_class=0x40)
        esme.submit("447700900201", "no time", validity_period="tomorrow")
        await eventually(lambda: len(esme.answers) == 3)
        assert esme.statuses == {
            "nobody": Status.RINVDSTADR,
            "broken header": Status.RINVESMCLASS,
            "no time": Status.RINVEXPIRY,
        }
        assert smsc.counts.accepted == 0


@asyncio_test
async def test_receipts_only_for_those_who_asked() -> None:
    async with simulated() as smsc, bound_to(smsc) as esme:
        for registered_delivery in (0, 2, 1):
            esme.send(
                pdus.SubmitSm(destination_addr="447700900201", source_addr=f"{registered_delivery}",
                              registered_delivery=registered_delivery), registered_delivery,
            )  # fmt: skip
        await eventually(lambda: esme.deliveries)
        assert [pdu.destination_addr for pdu in esme.deliveries] == ["1"]
        assert smsc.waiting == 0


@asyncio_test
async def test_a_peer_that_does_not_read_its_answers_is_not_read_either() -> None:
    """Nothing piles up here; once it reads, everything is answered."""
    total = 40_000
    pdu = pdus.SubmitSm(destination_addr="447700900201", short_message=b"x" * 100)
    async with simulated() as smsc:
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            sock.setblocking(False)
            await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", smsc.port))
            reader, writer = await asyncio.open_connection(sock=sock.dup(), limit=1)
        writer.write(bind_frame())
        await read_frame(reader)
        (transport,) = [connection._transport for connection in smsc.connections]
        assert transport is not None
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
        writer.write(b"".join(encode(pdu, n) for n in range(2, total + 2)))
        await eventually(lambda: not transport.is_reading())
        assert smsc.counts.submitted < total
        assert transport.get_write_buffer_size() < 500_000
        answered = 0
        while answered < total:
            answered += decode(await read_frame(reader))[0].COMMAND_ID == CommandId.SUBMIT_SM_RESP
        assert smsc.counts.accepted == total
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


# Its command


def test_the_load_generator_survives_noise_and_says_when_its_session_is_lost() -> None:
    """On real sockets, both in processes of their own."""
    program = [sys.executable, "-m", "bridge.app.main", "simulator"]
    load = [*program, "traffic", "--count", "60", "--rate", "0", "--wait-s", "5", "--port"]
    for script, words in (("noise", "sent 60, accepted 60, unanswered 0\n"), ("flapping", "the session was lost: ")):
        serving = [*program, "--port", "0", "--script", script]
        with subprocess.Popen(serving, env=environment(), stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            greeting = next(line for line in process.stdout if line.startswith("SMSC on "))
            port = greeting.split(",")[0].rpartition(":")[2]
            slow = ["--rate", "10"] if script == "flapping" else []
            done = subprocess.run(
                [*load, port, *slow], env=environment(), capture_output=True, text=True, timeout=WAIT_S, check=False
            )
            process.terminate()
            process.communicate(timeout=WAIT_S)
        assert words in done.stdout
        assert (done.returncode, done.stderr) == (int(script == "flapping"), "")


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONUNBUFFERED": "1"}


def test_the_command_plays_a_script_and_tells_what_happened(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text('about: Nothing for 99\nrules: [{when: {recipient: "*99"}, answer: {status: RINVDSTADR}}]\n')
    program = [sys.executable, "-m", "bridge.app.main", "simulator"]
    serving = [*program, "--port", "0", "--script", str(own), "--account", "second:secret", "--receipt-delay-ms", "20"]
    with subprocess.Popen(serving, env=environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        greeting = next(line for line in lines if line.startswith("SMSC on "))
        port = greeting.split(",")[0].rpartition(":")[2]
        assert next(lines) == "also as second / secret\n"
        assert next(lines) == "it plays: Nothing for 99\n"
        load = subprocess.run(
            [*program, "traffic", "--port", port, "--system-id", "second", "--password", "secret", "--count", "900",
             "--rate", "0", "--text", "own words", "--originator", "Bench"],
            env=environment(), capture_output=True, text=True, timeout=WAIT_S, check=False,
        )  # fmt: skip
        assert load.returncode == 1, load.stderr
        assert "sent 900, accepted 891, unanswered 0\n" in load.stdout
        assert "receipts 891 DELIVRD\n" in load.stdout
        process.send_signal(signal.SIGINT)
        rest = "".join(lines)
        assert process.wait(WAIT_S) == 0
    assert re.search(r"^\d\d:\d\d:\d\d  submitted [\d,]+/s  accepted [\d,]+/s  receipts [\d,]+/s", rest, re.MULTILINE)
    told = dict(re.findall(r"^(.+?) {2,}([\d,]+)$", rest, re.MULTILINE))
    assert (told["parts submitted"], told["receipts taken"]) == ("900", "891")
    assert told["refused with ESME_RINVDSTADR"] == "9"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ("--script nope", 64, "smsbridge: there is no script nope; name a YAML file, or one of calm, "),
        ("--script nofile.yaml", 64, "smsbridge: there is no file nofile.yaml; name a YAML file, or one of calm, "),
        ("--account second", 64, "smsbridge: --account second; write it like second:secret\n"),
        ("--account simulator:x", 64, "smsbridge: account simulator has two passwords; name each once, "),
        ("--certificate x.pem", 64, "smsbridge: TLS needs --certificate and --private-key; name both\n"),
        ("--script WRONG", 78, "WRONG:1: rules[0].answer.status: 'NO' is the name of no command_status; "),
        ("--script EMPTY", 78, "EMPTY:1: the file: is empty; begin with one that `smsbridge simulator script NAME`"),
        ("script nope", 64, "smsbridge: there is no ready script nope; the ready ones are calm, "),
        ("traffic --text \u00e9", 64, "smsbridge: --text is no ASCII of one part; write at most 160 plain letters\n"),
    ],
)
def test_wrong_command_lines_say_what_to_do(
    arguments: str, code: int, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("WRONG").write_text("rules: [{answer: {status: 'NO'}}]\n")
    Path("EMPTY").write_text("# nothing\n")
    done = CliRunner().invoke(cli, ["simulator", *arguments.split()])
    assert (done.exit_code, done.stdout) == (code, "")
    assert done.stderr.startswith(words)


def test_a_certificate_that_is_missing_ends_the_command(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bridge.app.main", "simulator", "--port", "0"]
        + ["--certificate", "x", "--private-key", "y"],
        cwd=tmp_path, capture_output=True, text=True, timeout=WAIT_S, check=False,
        env=environment() | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert done.returncode == 65
    assert done.stderr == "smsbridge: x and y cannot be used: No such file or directory; name a PEM file for each\n"


def test_the_help_tells_the_scripts_and_the_digits() -> None:
    told = CliRunner().invoke(cli, ["simulator", "-h"]).output
    assert re.search(r"^ +storm +20 % taken, 20 % refused", told, re.MULTILINE)
    assert re.search(r"^ +1004 +throttled twice, then delivered$", told, re.MULTILINE)
    printed = CliRunner().invoke(cli, ["simulator", "script", "flapping"]).output
    assert printed.startswith("about: Binds are taken and every session is reset")
