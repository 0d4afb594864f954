"""Kannel, with the appliance for its SMSC: what it sends reaches the carrier, and its callbacks say what came of it."""

import asyncio
import re
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bridge.simulator.settings import SimulatorSettings
from bridge.simulator.smsc import Smsc, Submitted
from tests.peers.kannel import Callbacks, Kannel, need_kannel, open_kannel
from tests.support import free_port
from tests.system.appliance import Appliance, until

pytestmark = pytest.mark.peer("bearerbox")

PAGE = (Path(__file__).parents[2] / "docs" / "smpp.md").read_text(encoding="utf-8")
(PRINTED,) = re.findall(r"```\n(group = smsc\n.*?)```", PAGE, re.DOTALL)
"""What the page tells an operator to put into kannel.conf."""
CORE = "sms-resend-freq = 1\n"
"""What could not be sent is tried again after a second, not after a minute."""
QUICK = {"reconnect-delay": "1"}
NUMBER, FAILING, TRYING = "46701740605", "46701741001", "46701741014"
HANDSET = "46701740606"
WHOLE, IN_PARTS = "46737494150", "46737494151"
"""Virtual numbers of accounts that get long texts whole, and in parts."""
DELIVERED, FAILED, BUFFERED, ACCEPTED, REFUSED = 1, 2, 4, 8, 16
BURST, PARTS_PER_SECOND = 250, 80


def printed(name: str) -> str:
    """The value that the page prints."""
    (value,) = re.findall(rf"^{name} = (.*)$", PRINTED, re.MULTILINE)
    return str(value).strip('"')


class Carrier:
    """The simulated SMSC on a thread of its own, where it outlives our restarts."""

    def __init__(self, receipt_delay_ms: int) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.smsc = Smsc(SimulatorSettings(port=0, receipt_delay_ms=receipt_delay_ms))
        self._do(self.smsc.start()).result(10)

    def _do(self, coroutine: Any) -> "Future[Any]":
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def taken(self, recipient: str = "") -> list[Submitted]:
        """The parts that were not refused: all, or those for one number."""
        parts = [one for one in list(self.smsc.journal) if not one.status]
        return [one for one in parts if recipient in ("", one.pdu.destination_addr)]

    def handset_writes(self, recipient: str, text: str) -> None:
        """A text to one of our numbers; returns when we have taken it."""
        assert set(self._do(self.smsc.send_inbound(HANDSET, recipient, text)).result(10)) == {0}

    def close(self) -> None:
        self._do(self.smsc.stop()).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


@dataclass
class Account:
    """An account, and the group of kannel.conf that binds to it: the page's, with some values changed or added."""

    smsc_id: str
    changes: dict[str, str] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    credit_mc: int = 10_000_000
    is_welcome: bool = True
    """Whether its bind succeeds."""
    is_pair: bool = False
    """A transmitter and a receiver, which are two groups of one smsc-id."""

    def groups(self, name: str, port: int) -> str:
        text = PRINTED
        changes = {"port": str(port), "smsc-id": self.smsc_id, "smsc-username": name} | self.changes
        if self.changes:  # The page's group is one for everybody; of the others each is for its own messages only.
            changes |= {"allowed-smsc-id": self.smsc_id, "preferred-smsc-id": self.smsc_id}
        for key, value in changes.items():
            text, count = re.subn(rf"^{key} = .*$", f"{key} = {value}", text, flags=re.MULTILINE)
            text += "" if count else f"{key} = {value}\n"
        if not self.is_pair:
            return text + "\n"
        transmitter = text.replace("transceiver-mode = true\n", "")
        return transmitter + "\n" + transmitter.replace("\nport = ", "\nreceive-port = ") + "\n"

    def open(self, name: str, appliance: Appliance) -> None:
        appliance.ask("account_add", name=name, credit_mc=self.credit_mc)
        appliance.ask("account_smpp", name=name, password=printed("smsc-password"), networks=["127.0.0.0/8"])
        if self.facts:
            facts = {f"smpp_{fact}": value for fact, value in self.facts.items()}
            appliance.ask("account_set", name=name, facts=facts)


@dataclass
class House:
    """Kannel, its listener, our appliance and the carrier."""

    appliance: Appliance
    carrier: Carrier
    calls: Callbacks
    kannel: Kannel

    def send(self, name: str, to: str = NUMBER, smsc: str = "smsbridge", **query: str | bytes) -> None:
        """Have Kannel send something and call back for all that happens to it, under this name."""
        asked = {"from_": "Pumps", "to": to, "smsc": smsc, "dlr_mask": "31", "dlr_url": self.calls.receipt_url(name)}
        status, body = self.kannel.sms(**(asked | {"charset": "utf-8", "coding": "0"} | query))
        assert status == 202, body

    def wait_for_types(self, name: str, *types: int) -> None:
        """Wait for exactly these callbacks; which of them Kannel makes first is its affair."""
        until(lambda: len(self.calls.types(name)) >= len(types))
        assert sorted(self.calls.types(name)) == sorted(types), self.calls.receipts(name)

    def wait_for_good_ends(self, names: list[str]) -> None:
        """Wait until Kannel knows of all these that they were accepted and delivered, each once."""

        def so_far() -> Counter[tuple[int, ...]]:
            return Counter(tuple(sorted(self.calls.types(name))) for name in names)

        ends = {(DELIVERED, ACCEPTED): len(names)}
        with suppress(AssertionError):  # What follows tells more.
            until(lambda: sum(map(len, so_far().elements())) >= 2 * len(names), 30)
        assert so_far() == ends, [name for name in names if sorted(self.calls.types(name)) != [DELIVERED, ACCEPTED]]


@contextmanager
def open_house(folder: Path, accounts: dict[str, Account], services: str = "", **settings: Any) -> Iterator[House]:
    """Everything started and Kannel bound; `settings`: `receipt_delay_ms` of the carrier, the rest is of our door."""
    need_kannel()
    carrier, calls = Carrier(settings.pop("receipt_delay_ms", 20)), Callbacks()
    port = free_port()
    appliance = Appliance(folder)
    appliance.has_simulator = appliance.has_sink = False
    appliance.smsc_port = carrier.smsc.port
    appliance.extra = {"smpp": {"listen": [{"port": port}], **settings}}
    groups = "".join(account.groups(name, port) for name, account in accounts.items())
    try:
        appliance.start()
        for name, account in accounts.items():
            account.open(name, appliance)
        with open_kannel(folder / "kannel", groups + services.replace("URL", calls.url), CORE) as kannel:
            until(lambda: kannel.is_online(*(account.smsc_id for account in accounts.values() if account.is_welcome)))
            yield House(appliance, carrier, calls, kannel)
        assert appliance.stop() == 0
        appliance.audit()
    finally:
        appliance.close()
        calls.close()
        carrier.close()


SERVICES = """
group = sms-service
keyword = default
accepted-smsc = smsbridge
catch-all = true
omit-empty = true
max-messages = 0
get-url = "URL/get?from=%p&to=%P&text=%b&coding=%c"

group = sms-service
keyword = default
accepted-smsc = pair
catch-all = true
omit-empty = true
max-messages = 0
post-url = "URL/post"
"""
ACCOUNTS = {
    printed("smsc-username"): Account("smsbridge"),
    "pair": Account("pair", QUICK, {"long_inbound": "parts"}, is_pair=True),
    "poor": Account("poor", QUICK, credit_mc=0),
    "type0": Account("type0", QUICK | {"msg-id-type": "0x00"}, {"id_form": "decimal"}),
    "type1": Account("type1", QUICK | {"msg-id-type": "0x01"}, {"id_form": "hex_decimal"}),
    "type2": Account("type2", QUICK | {"msg-id-type": "0x02"}, {"id_form": "decimal_hex"}),
    "type3": Account("type3", QUICK | {"msg-id-type": "0x03"}, {"id_form": "hex"}),
    "plain": Account("plain", QUICK, {"id_form": "decimal"}),
    "brisk": Account("brisk", QUICK, {"parts_per_second": PARTS_PER_SECOND}),
    "paced": Account(
        "paced", QUICK | {"throughput": str(PARTS_PER_SECOND // 2)}, {"parts_per_second": PARTS_PER_SECOND}
    ),
    "careful": Account("careful", QUICK | {"enquire-link-interval": "1"}),
    "wrong": Account("wrong", QUICK | {"smsc-password": "MENDED"}, is_welcome=False),
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One Kannel with a bind for each account."""
    with open_house(tmp_path_factory.mktemp("kannel"), ACCOUNTS, SERVICES, enquire_link_s=1) as made:
        for number, account in ((WHOLE, printed("smsc-username")), (IN_PARTS, "pair")):
            made.appliance.ask("number_add", number=number, account=account, mail="", is_for_esme=True)
        yield made


@pytest.mark.parametrize(("smsc", "to"), [("smsbridge", "46701740611"), ("pair", "46701740612")])
def test_callbacks_say_what_became_of_a_message(house: House, smsc: str, to: str) -> None:
    """`smsbridge` is the group exactly as the page prints it; `pair` is a transmitter and a receiver."""
    house.send(f"{smsc}-good", to, smsc, text="Pump 2 stopped")
    house.send(f"{smsc}-bad", FAILING, smsc, text="Pump 2 stopped")
    house.wait_for_types(f"{smsc}-good", ACCEPTED, DELIVERED)
    house.wait_for_types(f"{smsc}-bad", ACCEPTED, FAILED)
    (part,) = house.carrier.taken(to)
    assert (part.text, part.pdu.source_addr) == ("Pump 2 stopped", "Pumps")
    told = dict(house.calls.receipts(f"{smsc}-bad"))[FAILED]
    assert "stat:UNDELIV" in told


def test_a_callback_while_the_network_still_tries(house: House) -> None:
    house.send("trying", TRYING, text="Pump 2 stopped")
    house.wait_for_types("trying", ACCEPTED, BUFFERED, DELIVERED)


@pytest.mark.parametrize(
    ("coding", "text", "to"),
    [
        ("0", "@£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !#¤%&'()*+,-./ÄÖÑÜ§¿äöñüà ^{}\\[~]|€", "46701740621"),
        ("2", "Привет, 世界 🙂 Ålesund €", "46701740622"),
    ],
)
def test_characters_arrive_as_they_were_sent(house: House, coding: str, text: str, to: str) -> None:
    house.send(to, to, coding=coding, text=text)
    until(lambda: house.carrier.taken(to))
    (part,) = house.carrier.taken(to)
    assert (part.text, part.pdu.data_coding) == (text, 8 if coding == "2" else 0)


@pytest.mark.parametrize(
    ("coding", "text", "to"),
    [("0", "Pump {2} stopped. " * 30, "46701740623"), ("2", "Насос 2 остановлен. " * 15, "46701740624")],
)
def test_the_parts_that_kannel_cuts_arrive_all(house: House, coding: str, text: str, to: str) -> None:
    house.send(to, to, coding=coding, text=text)
    until(lambda: house.carrier.taken(to))
    total = int(house.carrier.taken(to)[0].pdu.short_message[4])
    assert total > 2
    until(lambda: len(house.carrier.taken(to)) == total)
    until(lambda: DELIVERED in house.calls.types(to))
    parts = sorted(house.carrier.taken(to), key=lambda part: part.pdu.short_message[5])
    assert "".join(part.text for part in parts) == text
    assert len({part.pdu.short_message[3] for part in parts}) == 1


def test_binary_with_its_header_is_untouched(house: House) -> None:
    to, header, octets = "46701740625", bytes.fromhex("0605040B8423F0"), bytes(range(120, 253))
    house.send("binary", to, coding="1", udh=header, text=octets)
    house.wait_for_types("binary", ACCEPTED, DELIVERED)
    (part,) = house.carrier.taken(to)
    assert part.pdu.short_message == header + octets


@pytest.mark.parametrize(
    ("coding", "text", "to", "data_coding"),
    [("0", "Evacuate hall 4 [now]", "46701740626", 0x10), ("2", "Покиньте зал 4", "46701740627", 0x18)],
)
def test_flash_stays_flash(house: House, coding: str, text: str, to: str, data_coding: int) -> None:
    house.send(to, to, mclass="0", coding=coding, text=text)
    house.wait_for_types(to, ACCEPTED, DELIVERED)
    (part,) = house.carrier.taken(to)
    assert (part.text, part.pdu.data_coding) == (text, data_coding)


@pytest.mark.parametrize(
    ("smsc", "to", "status"), [("poor", "46701740628", 0x45), ("smsbridge", "12", 0x0B)], ids=["credit", "number"]
)
def test_a_refusal_is_final_for_kannel(house: House, smsc: str, to: str, status: int) -> None:
    house.send(f"refused-{smsc}", to, smsc, text="Pump 2 stopped")
    house.wait_for_types(f"refused-{smsc}", REFUSED)
    (_, told), *_ = house.calls.receipts(f"refused-{smsc}")
    assert told.startswith(f"NACK/0x{status:08x}/")
    assert not house.carrier.taken(to)


@pytest.mark.parametrize("text", ["Door 4 is open: {yes}, @home_€", "Дверь 4 открыта 🙂", "Дверь 4 открыта. " * 20])
def test_an_inbound_text_reaches_a_get_url(house: House, text: str) -> None:
    """Long ones come as one message_payload. Kannel calls UTF-16 what is `coding` 2, and the rest UTF-8."""
    before = len(house.calls.of("/get"))
    house.carrier.handset_writes(WHOLE, text)
    until(lambda: len(house.calls.of("/get")) > before)
    (call,) = house.calls.of("/get")[before:]
    assert call.query["text"].decode("utf-8" if call.query["coding"] == b"0" else "utf-16-be") == text
    assert (call.query["from"], call.query["to"]) == (f"+{HANDSET}".encode(), f"+{WHOLE}".encode())


@pytest.mark.parametrize(
    ("text", "charset"),
    [
        ("Door 4 is open: {yes}, @home_€", "UTF-8"),
        ("Дверь 4 открыта 🙂", "UTF-16BE"),
        ("Door {4} is open. " * 40, "UTF-8"),
        ("Дверь 4 открыта. " * 20, "UTF-16BE"),
    ],
)
def test_an_inbound_text_reaches_a_post_url(house: House, text: str, charset: str) -> None:
    """Long ones come in parts, which Kannel joins."""
    before = len(house.calls.of("/post"))
    house.carrier.handset_writes(IN_PARTS, text)
    until(lambda: len(house.calls.of("/post")) > before)
    (call,) = house.calls.of("/post")[before:]
    assert call.headers["Content-Type"] == f'text/plain; charset="{charset}"'
    assert call.body.decode(charset) == text
    assert call.headers["X-Kannel-To"] == f"+{IN_PARTS}"


@pytest.mark.parametrize("smsc", ["type0", "type1", "type2", "type3", "plain"])
def test_ids_in_the_form_that_kannel_expects(house: House, smsc: str) -> None:
    for count in range(5):
        house.send(f"{smsc}-{count}", NUMBER, smsc, text=f"Pump {count} stopped")
    for count in range(5):
        house.wait_for_types(f"{smsc}-{count}", ACCEPTED, DELIVERED)


def test_a_burst_beyond_the_throughput_is_throttled_and_nothing_is_lost(house: House) -> None:
    names = [f"46702{count:06}" for count in range(BURST)]
    house.send("%p", " ".join(names), "brisk", text="Pump 2 stopped")
    house.wait_for_good_ends(names)
    assert re.search("refused .*account=brisk .*ESME_RTHROTTLED", house.appliance.log())


def test_a_kannel_that_keeps_to_half_of_the_throughput_is_not_throttled(house: House) -> None:
    """It counts by the second of the clock, so that what two seconds may have can come at once."""
    names = [f"46704{count:06}" for count in range(PARTS_PER_SECOND * 5 // 4)]
    house.send("%p", " ".join(names), "paced", text="Pump 2 stopped")
    house.wait_for_good_ends(names)
    assert not re.search("refused .*account=paced", house.appliance.log())


def test_both_sides_ask_whether_the_other_is_there(house: House) -> None:
    both = {"sent enquire_link", "got enquire_link_resp"}, {"got enquire_link", "sent enquire_link_resp"}
    until(lambda: both[0] <= set(house.kannel.pdus("careful")))
    until(lambda: both[1] <= set(house.kannel.pdus("plain")))
    assert "sent unbind" not in house.kannel.pdus("careful")
    assert house.kannel.pdus("careful").count("got bind_transceiver_resp") == 1


def test_kannel_gives_up_for_nothing_but_a_wrong_password(house: House) -> None:
    until(lambda: ("wrong", "dead") in house.kannel.smscs())
    house.appliance.ask("account_disable", name="careful")
    until(lambda: house.kannel.pdus("careful").count("got bind_transceiver_resp") > 1)
    assert not house.kannel.is_online("careful")
    house.appliance.ask("account_enable", name="careful")
    until(lambda: house.kannel.is_online("careful"))
    assert house.kannel.pdus("wrong") == ["sent bind_transceiver", "got bind_transceiver_resp"]
    house.appliance.ask("account_smpp", name="wrong", password="MENDED", networks=["127.0.0.0/8"])
    house.kannel.tell("start-smsc", smsc="wrong")
    until(lambda: house.kannel.is_online("wrong"))


def test_a_restart_loses_and_doubles_no_receipt(tmp_path: Path) -> None:
    """Kannel comes back by itself: after a stop while receipts are on their way, and after a crash amid a burst.

    The crash is between a commit and its answers, and what was committed is delivered before Kannel is back: receipts
    come for messages that Kannel does not know to be accepted, and again when it has repeated them.
    """
    account = Account("smsbridge", {"reconnect-delay": "2"})
    calm = [f"46702{count:06}" for count in range(20)]
    burst = [f"46703{count:06}" for count in range(100)]
    with open_house(tmp_path, {"acme": account}, receipt_delay_ms=500) as house:
        for name in calm:
            house.send(name, name, text="Pump 2 stopped")
        until(lambda: all(ACCEPTED in house.calls.types(name) for name in calm))
        assert house.appliance.stop() == 0
        house.appliance.environment = {"SMSBRIDGE_FAILPOINT": "accept_each.committed:1"}
        house.appliance.start()
        house.wait_for_good_ends(calm)

        house.send("%p", " ".join(burst), text="Pump 3 stopped")
        assert house.appliance.process is not None
        assert house.appliance.process.wait(15) == -signal.SIGKILL
        house.appliance.environment = {}
        house.appliance.start()
        house.wait_for_good_ends(burst)
        assert " repeated " in house.appliance.log()
        taken = Counter(part.pdu.destination_addr for part in house.carrier.taken())
        assert taken == Counter(calm + burst)
