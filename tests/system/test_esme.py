"""An ESME that nobody here wrote (smpplib), bound to the whole appliance: a message goes up, its receipt comes back."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import smpplib.client
import smpplib.consts
import smpplib.gsm

from tests.support import free_port
from tests.system.appliance import RECIPIENT, Appliance, until

TEXT = "Pump 2 stopped. " * 30
PASSWORD = "SECRET22"
"""No longer than SMPP 3.4 allows: smpplib cuts what is."""


class Esme:
    """A transceiver with a thread that listens; keeps what it is told."""

    def __init__(self, port: int) -> None:
        self.ids: list[str] = []
        self.receipts: list[Any] = []
        self.client = smpplib.client.Client("127.0.0.1", port, allow_unknown_opt_params=True)
        self.client.set_message_sent_handler(self._sent)
        self.client.set_message_received_handler(self._received)
        self.client.connect()
        self.client.bind_transceiver(system_id="demo", password=PASSWORD)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _sent(self, pdu: Any) -> None:
        assert pdu.status == 0
        self.ids.append(pdu.message_id.decode())

    def _received(self, pdu: Any) -> int:
        self.receipts.append(pdu)
        return 0

    def _listen(self) -> None:
        try:
            self.client.listen()
        except Exception:
            assert self._is_over.is_set()

    def send(self, recipient: str, text: str) -> int:
        parts, data_coding, esm_class = smpplib.gsm.make_parts(text)
        for part in parts:
            self.client.send_message(
                source_addr_ton=smpplib.consts.SMPP_TON_ALNUM,
                source_addr="Pumps",
                dest_addr_ton=smpplib.consts.SMPP_TON_INTL,
                destination_addr=recipient,
                short_message=part,
                data_coding=data_coding,
                esm_class=esm_class,
                registered_delivery=True,
            )
        return len(parts)

    def close(self) -> None:
        self._is_over.set()
        self.client._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self.client.disconnect()


@pytest.fixture
def appliance(tmp_path: Path) -> Iterator[Appliance]:
    made = Appliance(tmp_path)
    made.extra = {"smpp": {"listen": [{"port": free_port()}]}}
    try:
        yield made
    finally:
        made.close()


@contextmanager
def bound(appliance: Appliance) -> Iterator[Esme]:
    esme = Esme(appliance.extra["smpp"]["listen"][0]["port"])
    try:
        yield esme
    finally:
        esme.close()


def test_smpplib_sends_a_long_text_and_gets_its_receipts(appliance: Appliance) -> None:
    appliance.start()
    appliance.add_account("demo", "--pin", PASSWORD, "--network", "127.0.0.0/8")
    with bound(appliance) as esme:
        count = esme.send(RECIPIENT, TEXT)
        assert count == 4
        until(lambda: len(esme.receipts) == count)
        receipted = {pdu.receipted_message_id.strip(b"\0").decode() for pdu in esme.receipts}
        assert receipted == set(esme.ids)
        assert all(b"stat:DELIVRD" in pdu.short_message for pdu in esme.receipts)
        assert [message["state"] for message in appliance.messages()] == ["delivered"] * count
        # The last answers may be on their way.
        until(lambda: appliance.ask("smpp_list")[0]["delivered"] == count)
        (line,) = appliance.ask("smpp_list")
        assert (line["account"], line["bind_type"], line["accepted"]) == ("demo", "transceiver", count)
        told = appliance.command("smpp", "list").stdout
        assert "transceiver" in told
        assert "smpp" in appliance.command("status").stdout
    until(lambda: appliance.ask("smpp_list") == [])
    assert appliance.stop() == 0
    appliance.audit()


def test_receipts_wait_for_the_next_start(appliance: Appliance) -> None:
    """The ESME goes, the appliance stops and starts, and what was owed comes at the next bind."""
    appliance.extra["simulator"] = {"port": appliance.smsc_port, "receipt_delay_ms": 1_000}
    appliance.start()
    appliance.add_account("demo", "--pin", PASSWORD, "--network", "127.0.0.0/8")
    with bound(appliance) as esme:
        esme.send(RECIPIENT, "Pump 2 stopped")
        until(lambda: esme.ids)
    appliance.wait_for(esme.ids[0], "delivered")
    appliance.kill()
    appliance.start()
    with bound(appliance) as later:
        until(lambda: later.receipts)
        time.sleep(0.2)  # A second one now would be the fault.
        assert [pdu.receipted_message_id.strip(b"\0").decode() for pdu in later.receipts] == esme.ids
    assert appliance.stop() == 0
