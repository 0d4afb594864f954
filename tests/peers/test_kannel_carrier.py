"""Kannel as our carrier: we ask its sendsms, it takes the parts to an SMSC, and its callbacks are our receipts."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.peers.kannel import Kannel, need_kannel, open_kannel
from tests.peers.test_kannel import Carrier
from tests.support import free_port
from tests.system.appliance import Appliance, until

pytestmark = pytest.mark.peer("bearerbox")

NUMBER, FAILING = "46701740605", "46701741001"
VIRTUAL = "46737494150"
TOKEN = "kannel-may-speak-here"
GROUPS = """
group = smsc
smsc = smpp
smsc-id = upstream
host = 127.0.0.1
port = {port}
smsc-username = simulator
smsc-password = simulate
system-type = ""
transceiver-mode = true
msg-id-type = 0x00

group = sendsms-user
username = bridge
password = sesame
default-sender = Pumps
user-deny-ip = ""
user-allow-ip = "127.0.0.1"

group = sms-service
keyword = default
catch-all = true
omit-empty = true
max-messages = 0
get-url = "{url}?from=%p&to=%P&text=%b"
"""


@dataclass
class House:
    appliance: Appliance
    carrier: Carrier
    kannel: Kannel
    pin: str

    def send(self, text: str, to: str = NUMBER) -> str:
        status, body = self.appliance.get(account="demo", pin=self.pin, to=to, text=text)
        assert status == 200, body
        return body.split()[1]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    need_kannel()
    folder = tmp_path_factory.mktemp("kannel-carrier")
    carrier, appliance = Carrier(receipt_delay_ms=20), Appliance(folder)
    appliance.has_simulator = False
    public = f"http://127.0.0.1:{appliance.http_port}"
    groups = GROUPS.format(port=carrier.smsc.port, url=f"{public}/carrier/kannel/{TOKEN}/text")
    try:
        with open_kannel(folder / "kannel", groups, "sms-resend-freq = 1\n") as kannel:
            until(lambda: kannel.is_online("upstream"))
            link: dict[str, Any] = {
                "kind": "http",
                "name": "kannel",
                "mapping": "kannel",
                "url": f"http://127.0.0.1:{kannel.send_port}",
                "account": "bridge",
                "password": "sesame",
                "public_url": public,
                "receipt_token": TOKEN,
                "networks": ["127.0.0.0/8"],
            }
            appliance.extra = {"links": [link]}
            pin = appliance.start().add_account()
            appliance.command("number", "add", VIRTUAL, "--account", "demo", "--mail", "owner@example.com")
            yield House(appliance, carrier, kannel, pin)
            assert appliance.stop() == 0
        appliance.audit()
    finally:
        appliance.close()
        carrier.close()


def test_a_text_goes_through_kannel_and_its_receipt_comes_back(house: House) -> None:
    text = "Tür 4 offen: 5 € [§]"
    message = house.appliance.wait_for(house.send(text), "delivered")
    assert message["parts"][0]["link"] == "kannel"
    (taken,) = house.carrier.taken(NUMBER)
    assert taken.pdu.data_coding == 0
    assert len(taken.pdu.short_message) == len(text) + 3, "the euro and the brackets are two septets each"


def test_another_alphabet(house: House) -> None:
    before = len(house.carrier.taken())
    house.appliance.wait_for(house.send("Тревога 你好"), "delivered")
    (taken,) = house.carrier.taken()[before:]
    assert taken.pdu.data_coding == 8
    assert taken.pdu.short_message.decode("utf-16-be") == "Тревога 你好"


@pytest.mark.parametrize(("text", "parts"), [("Pump 2 stopped. " * 25, 3), ("Тревога! " * 20, 3)])
def test_a_long_text_goes_part_by_part_with_our_own_header(house: House, text: str, parts: int) -> None:
    before = len(house.carrier.taken())
    message = house.appliance.wait_for(house.send(text), "delivered")
    assert message["part_total"] == parts
    taken = house.carrier.taken()[before:]
    assert len(taken) == parts
    headers = sorted(one.pdu.short_message[:6] for one in taken)
    assert [(header[:3], header[4], header[5]) for header in headers] == [
        (bytes.fromhex("050003"), parts, number) for number in range(1, parts + 1)
    ]
    assert all(one.pdu.esm_class & 0x40 for one in taken)


def test_a_failure_says_why(house: House) -> None:
    message_id = house.send("Pump 2 stopped", to=FAILING)
    until(lambda: house.appliance.message(message_id)["state"] not in ("queued", "submitted"))
    message = house.appliance.message(message_id)
    assert message["state"] == "undeliverable"
    assert message["parts"][0]["error"] == "001"
    assert message["parts"][0]["cause"] == "no_such_number"


def test_a_wrong_password_loses_the_link_and_no_message(house: House, tmp_path: Path) -> None:
    wrong = Appliance(tmp_path)
    wrong.has_simulator = False
    link = dict(house.appliance.extra["links"][0])
    wrong.extra = {"links": [link | {"password": "wrong", "public_url": f"http://127.0.0.1:{free_port()}"}]}
    try:
        pin = wrong.start().add_account()
        _, body = wrong.get(account="demo", pin=pin, to=NUMBER, text="Pump 2 stopped")
        until(lambda: wrong.ask("link_list")[0]["state"] == "lost")
        assert "does not accept our account or password: Authorization failed" in wrong.ask("link_list")[0]["reason"]
        assert wrong.message(body.split()[1])["state"] == "queued"
    finally:
        wrong.close()


def test_a_text_from_a_handset_reaches_the_owner_of_the_number(house: House) -> None:
    before = len(house.appliance.mails())
    house.carrier.handset_writes(VIRTUAL, "Ja, tack: åäö")
    until(lambda: any("Ja, tack" in path.read_text("utf-8") for path in house.appliance.mails()[before:]))
