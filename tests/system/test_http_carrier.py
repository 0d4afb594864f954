"""A whole walk over a carrier that speaks HTTP: from a mail to the handset, and the receipt back into its thread."""

import email
import email.policy
import json
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.support import free_port
from tests.system.appliance import RECIPIENT, Appliance, until

TOKEN = "infobip-may-speak-here"
LONG = "Pump 2 stopped. " * 25
HANDSET = {"groupId": 3, "groupName": "DELIVERED", "id": 5, "name": "DELIVERED_TO_HANDSET"}
ABSENT = {"groupId": 2, "groupName": "UNDELIVERABLE", "id": 4, "name": "UNDELIVERABLE_NOT_DELIVERED"}


class Carrier:
    """Answers as the documented interface does; the test tells when a receipt goes out."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.is_dead = False
        carrier = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                assert self.headers["Authorization"] == "App my-key"
                carrier.asked.append(body["messages"][0])
                if carrier.is_dead:
                    self.close_connection = True
                    return
                status = {"groupId": 1, "groupName": "PENDING", "id": 26, "name": "PENDING_ACCEPTED"}
                said = {"messages": [{"messageId": f"id-{len(carrier.asked)}", "status": status}]}
                octets = json.dumps(said).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(octets)))
                self.end_headers()
                self.wfile.write(octets)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing on the terminal."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def report(self, number: int, status: dict[str, Any], error: int = 0) -> int:
        """A receipt about the request of that number, counted from 1; gives the status of the answer."""
        message = self.asked[number - 1]
        result = {"messageId": f"id-{number}", "to": message["destinations"][0]["to"], "status": status}
        result |= {"doneAt": "2026-11-24T16:00:00.000+0000", "error": {"id": error}}
        request = urllib.request.Request(
            message["webhooks"]["delivery"]["url"],
            json.dumps({"results": [result]}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=15) as answer:
            return int(answer.status)

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()


@pytest.fixture
def carrier() -> Iterator[Carrier]:
    made = Carrier()
    yield made
    made.close()


@pytest.fixture
def house(appliance: Appliance, carrier: Carrier, tmp_path: Path) -> Appliance:
    (tmp_path / "key").write_text("my-key\n")
    (tmp_path / "key").chmod(0o600)
    appliance.has_simulator = False
    appliance.extra = {
        "links": [
            {
                "kind": "http",
                "name": "aggregator",
                "mapping": "infobip",
                "url": carrier.url,
                "password_file": "key",
                "public_url": f"http://127.0.0.1:{appliance.http_port}",
                "receipt_token": TOKEN,
                "networks": ["127.0.0.0/8"],
                "in_doubt_hold_s": 1,
            }
        ]
    }
    return appliance


def test_a_mail_goes_out_over_http_and_its_receipt_comes_back_in_the_thread(house: Appliance, carrier: Carrier) -> None:
    pin = house.start().add_account()
    answer = house.mail("demo", pin, f"{RECIPIENT}@sms.test")
    message_id = answer.split()[-1]
    house.wait_for(message_id, "submitted")
    (asked,) = carrier.asked
    assert asked["content"]["text"] == "Pump 2 stopped"
    assert asked["destinations"] == [{"to": RECIPIENT}]
    assert carrier.report(1, HANDSET) == 200
    assert house.message(message_id)["state"] == "delivered", "the answer to a receipt means that it is committed"
    (path,) = until(house.mails)
    report = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    assert report["In-Reply-To"] == "<alarm-1@example.com>"
    assert "delivered to the handset" in " ".join(report.get_content().split())
    line = house.ask("link_list")[0]
    where = carrier.url.removeprefix("http://")
    assert (line["name"], line["state"], line["endpoint"]) == ("aggregator", "ready", where)


def test_a_long_text_is_one_request_and_one_receipt(house: Appliance, carrier: Carrier) -> None:
    pin = house.start().add_account()
    _, body = house.get(account="demo", pin=pin, to=RECIPIENT, text=LONG)
    message = house.wait_for(body.split()[1], "submitted")
    assert (message["part_total"], len(carrier.asked)) == (3, 1)
    assert carrier.asked[0]["content"]["text"] == LONG
    assert carrier.report(1, ABSENT, error=27) == 200
    message = house.message(body.split()[1])
    assert (message["state"], {part["cause"] for part in message["parts"]}) == ("undeliverable", {"switched_off"})


def test_a_crash_and_a_carrier_that_never_answers_lose_nothing(house: Appliance, carrier: Carrier) -> None:
    pin = house.start().add_account()
    carrier.is_dead = True
    _, body = house.get(account="demo", pin=pin, to=RECIPIENT, text=LONG)
    message_id = body.split()[1]
    until(lambda: carrier.asked)
    house.kill()
    carrier.is_dead = False
    house.start()
    # In doubt, held for a second, and sent once more as a whole.
    message = house.wait_for(message_id, "submitted")
    assert len(carrier.asked) == 2
    assert all(part["is_possible_duplicate"] for part in message["parts"])
    assert carrier.asked[1]["content"]["text"] == LONG
    assert carrier.report(2, HANDSET) == 200
    assert house.message(message_id)["state"] == "delivered"


def test_the_links_are_listed_and_checked(house: Appliance, carrier: Carrier) -> None:
    shown = house.command("check").stdout
    assert "link aggregator" in shown
    assert f"{carrier.url.removeprefix('http://')} (HTTP)" in shown
    house.start()
    listed = house.command("link", "list").stdout
    assert "aggregator" in listed
    assert "ready" in listed
    house.extra["links"][0]["mapping"] = "infobop"
    refused = house.command("check", check=False)
    assert refused.returncode != 0
    house.extra["links"][0]["mapping"] = "infobip"
    assert "links[0].mapping: there is no mapping infobop; name a YAML file, or one of infobip" in refused.stderr


def test_a_lost_link_says_why_and_is_tried_again_on_a_command(house: Appliance, carrier: Carrier) -> None:
    house.extra["links"][0]["url"] = f"http://127.0.0.1:{free_port()}"
    pin = house.start().add_account()
    _, body = house.get(account="demo", pin=pin, to=RECIPIENT, text="Pump 2 stopped")
    line = until(lambda: next((each for each in house.ask("link_list") if each["state"] == "lost"), None))
    assert line["reason"].startswith("is lost: no connection to 127.0.0.1:")
    assert house.message(body.split()[1])["state"] == "queued"
    until(lambda: "is tried with the next part" in house.command("link", "retry", "aggregator").stdout)
