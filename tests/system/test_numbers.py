"""One number, written as people and devices write it, through every door: the same digits, or the same refusal."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import free_port
from tests.system.appliance import Appliance, until
from tests.system.test_esme import PASSWORD, Esme

DIGITS = "46701740605"
SPELLINGS = ["+46 70-174 06 05", "0046701740605", "46701740605", "070-174 06 05", "+46 (0)70 174 06 05"]
REFUSED = ["00946701740605", "0701740605x", "+46900123456", "12345678901234567"]
"""009 is dialled in Nigeria, not in Sweden; letters; a premium-rate number; too long."""


@pytest.fixture
def appliance(tmp_path: Path) -> Iterator[Appliance]:
    made = Appliance(tmp_path)
    made.extra = {"smpp": {"listen": [{"port": free_port()}]}}
    try:
        yield made
    finally:
        made.close()


class AnyAnswer(Esme):
    """An ESME that keeps the status of every answer."""

    def __init__(self, port: int) -> None:
        self.statuses: list[int] = []
        super().__init__(port)
        self.client.set_error_pdu_handler(lambda pdu: None)  # Else smpplib raises before it tells.

    def _sent(self, pdu: Any) -> None:
        self.statuses.append(pdu.status)


def test_every_door_reads_a_number_alike(appliance: Appliance) -> None:
    appliance.start()
    appliance.add_account("demo", "--pin", PASSWORD, "--network", "127.0.0.0/8", "--home-country", "SE")
    esme = AnyAnswer(appliance.extra["smpp"]["listen"][0]["port"])
    try:
        for number, spelling in enumerate(SPELLINGS):
            status, told = appliance.get(account="demo", pin=PASSWORD, to=spelling, text=f"{number}")
            assert status == 200, told
            answer = appliance.mail(
                "demo",
                PASSWORD,
                f'"{spelling}"@sms.test',
                text=f"{number}",
                **{"Message-ID": f"<{number}@example.com>"},
            )
            assert answer.startswith("250"), answer
            if len(spelling) <= 20:  # As long as destination_addr may be.
                esme.send(spelling, f"{number}")
        sent = 3 * len(SPELLINGS)
        until(lambda: len(esme.statuses) == len(SPELLINGS))
        assert set(esme.statuses) == {0}
        messages = appliance.messages()
        assert {(line["door"], line["recipient"]) for line in messages} == {
            (door, DIGITS) for door in ("http", "smtp", "smpp")
        }
        assert len(messages) == sent
        rules: dict[str, set[str]] = {line["door"]: set() for line in messages}
        for line in messages:
            history = appliance.message(line["message_id"])["history"]
            rules[line["door"]] |= {one["detail"] for one in history if one["event"] == "number_read"}
        assert rules["http"] == rules["smtp"] == rules["smpp"]
        assert rules["http"] == {"national number of SE: 0 left out, 46 put in front", "(0) left out"}
        for number, spelling in enumerate(REFUSED):
            status, _ = appliance.get(account="demo", pin=PASSWORD, to=spelling, text="no")
            assert status in (400, 422), spelling
            assert appliance.mail("demo", PASSWORD, f'"{spelling}"@sms.test', text="no").startswith("550")
            esme.send(spelling, "no")
            answered = len(SPELLINGS) + number + 1
            until(lambda count=answered: len(esme.statuses) == count)
            assert esme.statuses[-1] == 0x0B
        assert len(appliance.messages()) == sent
    finally:
        esme.close()
    shown = appliance.command("message", "show", messages[1]["message_id"]).stdout
    assert "number_read" in shown or "number read" in shown
    assert appliance.stop() == 0
    appliance.audit()
