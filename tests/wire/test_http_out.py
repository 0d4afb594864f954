"""A link over HTTP on a real ledger, with a carrier on a socket: what goes out, what is answered, what comes back."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bridge.app.config_file import mapping_of
from bridge.http_out import sender
from bridge.http_out.link import HttpLink, HttpState
from bridge.http_out.receiver import CarrierResource
from bridge.http_out.settings import HttpLinkSettings
from bridge.messages.message import Outcome, OutcomeKind, Submission
from bridge.runtime import logs
from bridge.runtime.backoff import Backoff
from bridge.runtime.loop import now_ms
from bridge.runtime.web import WebListeners
from bridge.runtime.web_client import Limits, WebCall, WebClient
from bridge.runtime.web_settings import HttpListen, HttpSettings
from tests.house import LINK, House, open_house
from tests.support import asyncio_test, eventually, free_port
from tests.wire.carrier_server import Asked, CarrierServer, answer, open_carrier

NUMBER = "46701740605"
TOKEN = "0123456789abcdef"
LOOPBACK = ["127.0.0.0/8"]
LONG = "Pump 2 stopped. " * 25
"""400 characters: three parts."""

MINE = """
request:
  url: "{url}/send"
  json_body: {to: "{recipient}", from: "{originator}", text: "{text}", report: "{receipt_url}"}
long_texts: %s
answers:
  - {status: [200], path: id, then: submitted}
  - {status: [400], then: fail}
  - {status: [409], then: next_link}
id: {path: id}
reason: {path: error}
receipt: {id: id, state: state, states: {done: delivered, gone: undeliverable, wait: trying}, recipient: to, error: err}
inbound: {originator: from, recipient: to, text: text}
"""


class Given:
    """Answers in order; the last one again and again."""

    def __init__(self, *answers: bytes | None) -> None:
        self._answers = list(answers)

    def __call__(self, asked: Asked) -> bytes | None:
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def ok(smsc_id: str = "m-1") -> bytes:
    return answer(200, json.dumps({"id": smsc_id}))


class Open:
    """A link, its carrier, and the listener that the carrier reaches."""

    def __init__(self, house: House, link: HttpLink, carrier: CarrierServer, web: str) -> None:
        self.house, self.link, self.carrier, self.web = house, link, carrier, web
        self.client = WebClient(Limits(allowed=tuple(link.settings.networks)))

    async def submit(self, text: str = "hello", recipient: str = NUMBER) -> str:
        if not await self.house.ledger.read("account_list"):
            await self.house.add_account(pin="SECRETPIN2")
        identity = await self.house.identity("demo", "SECRETPIN2")
        (accepted,) = await self.house.door.submit(identity, [Submission("smtp", recipient, text, originator="Pumps")])
        return accepted.message_id

    async def shown(self, message_id: str) -> dict[str, Any]:
        return dict(await self.house.ledger.read("message_show", message_id=message_id))

    async def until(self, message_id: str, state: str) -> dict[str, Any]:
        async with asyncio.timeout(15):
            while True:
                shown = await self.shown(message_id)
                if shown["state"] == state:
                    return shown
                await asyncio.sleep(0.01)

    async def report(self, url: str, **body: str) -> int:
        """The carrier tells something; gives the status of our answer."""
        fields = (("Content-Type", "application/json"),)
        return (await self.client.call(WebCall("POST", url, fields, json.dumps(body).encode()))).status

    def report_url(self, number: int = -1) -> str:
        """Where the carrier was told to send receipts, in the request of that number."""
        return str(json.loads(self.carrier.asked[number].body)["report"])

    async def sweep(self, hold_ms: int = 0) -> None:
        await self.house.ledger.do("resolve_doubts", now_ms=now_ms() + hold_ms, never_resend=[], not_before_ms={})


@asynccontextmanager
async def open_link(
    folder: Path, answering: Any, long_texts: str = "whole", backoff: Backoff | None = None, **settings: Any
) -> AsyncIterator[Open]:
    file = folder / "mine.yaml"
    file.write_text(MINE % long_texts)
    port = free_port()
    web = WebListeners(HttpSettings(listen=[HttpListen(port=port)]), logs.get("web"))
    given = {"mapping": file, "public_url": f"http://127.0.0.1:{port}", "receipt_token": TOKEN, "networks": LOOPBACK}
    async with open_house(folder) as house, open_carrier(answering) as carrier:
        made = HttpLinkSettings.model_validate({"name": LINK, "url": carrier.url} | given | settings)
        link = HttpLink(made, mapping_of(made), house.ledger, backoff)
        web.mount(b"carrier", CarrierResource({LINK: link.receiver}.get))
        await link.start()
        await web.start()
        one = Open(house, link, carrier, f"http://127.0.0.1:{port}/carrier")
        try:
            yield one
        finally:
            await one.client.close()
            await web.stop()
            await link.stop()


@asyncio_test
async def test_a_message_goes_out_and_its_receipt_comes_back(tmp_path: Path) -> None:
    async with open_link(tmp_path, Given(ok("m-77"))) as one:
        message_id = await one.submit("Tür 4 offen")
        await one.until(message_id, "submitted")
        (asked,) = one.carrier.asked
        body = json.loads(asked.body)
        assert (asked.method, asked.target, asked.fields["content-type"]) == ("POST", "/send", "application/json")
        assert (body["to"], body["from"], body["text"]) == (NUMBER, "Pumps", "Tür 4 offen")
        assert body["report"].startswith(f"{one.web}/{LINK}/{TOKEN}/receipt?i={message_id}-1&r=")
        assert await one.report(one.report_url(), id="m-77", state="wait", to=NUMBER) == 200
        assert (await one.shown(message_id))["state"] == "submitted"
        assert await one.report(one.report_url(), id="m-77", state="done", to=f"+{NUMBER}") == 200
        # The answer means that it is committed: no waiting here.
        assert (await one.shown(message_id))["state"] == "delivered"
        assert one.link.status()["receipts"] == 2


@asyncio_test
async def test_a_failed_message_says_why(tmp_path: Path) -> None:
    async with open_link(tmp_path, Given(ok()), errors={"17": "switched_off"}) as one:
        message_id = await one.submit()
        await one.until(message_id, "submitted")
        assert await one.report(one.report_url(), id="m-1", state="gone", to=NUMBER, err="017") == 200
        shown = await one.shown(message_id)
        assert shown["state"] == "undeliverable"
        assert (shown["parts"][0]["error"], shown["parts"][0]["cause"]) == ("017", "switched_off")


@asyncio_test
async def test_a_long_text_goes_as_one_request_and_its_one_receipt_is_about_all_parts(tmp_path: Path) -> None:
    async with open_link(tmp_path, Given(ok("whole")), window=1) as one:
        message_id = await one.submit(LONG)
        shown = await one.until(message_id, "submitted")
        assert shown["part_total"] == 3
        (asked,) = one.carrier.asked
        assert json.loads(asked.body)["text"] == LONG
        assert await one.report(one.report_url(), id="whole", state="done", to=NUMBER) == 200
        shown = await one.shown(message_id)
        assert (shown["state"], [part["state"] for part in shown["parts"]]) == ("delivered", ["delivered"] * 3)
        # The carrier may tell it again.
        assert await one.report(one.report_url(), id="whole", state="done", to=NUMBER) == 200


@asyncio_test
async def test_a_long_text_can_go_part_by_part(tmp_path: Path) -> None:
    names = iter(["a", "b", "c"])
    async with open_link(tmp_path, lambda asked: ok(next(names)), long_texts="separate") as one:
        message_id = await one.submit(LONG)
        await one.until(message_id, "submitted")
        assert len(one.carrier.asked) == 3
        for name in "abc":
            assert await one.report(one.report_url(), id=name, state="done", to=NUMBER) == 200
        assert (await one.shown(message_id))["state"] == "delivered"


@asyncio_test
async def test_what_is_missing_of_a_long_text_does_not_hold_up_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "GATHER_S", 0.05)
    async with open_link(tmp_path, Given(ok())) as one:
        # Another life of the appliance left one part of three: the others have ended.
        await one.link.stop()
        message_id = await one.submit(LONG)
        taken = await one.house.ledger.claim(LINK, 2, now_ms())
        await one.house.ledger.settle(
            LINK, [Outcome(part.part_id, OutcomeKind.REJECTED, now_ms(), reason="gone") for part in taken]
        )
        link = HttpLink(one.link.settings, mapping_of(one.link.settings), one.house.ledger)
        await link.start()
        await eventually(lambda: one.carrier.asked)
        await link.stop()
        (asked,) = one.carrier.asked
        assert 0 < len(json.loads(asked.body)["text"]) < 153
        states = [part["state"] for part in (await one.shown(message_id))["parts"]]
        assert sorted(states) == ["rejected", "rejected", "submitted"]


@asyncio_test
async def test_a_request_that_was_never_answered_is_in_doubt_and_its_receipt_settles_it(tmp_path: Path) -> None:
    async with open_link(tmp_path, Given(None)) as one:
        message_id = await one.submit()
        shown = await one.until(message_id, "in_doubt")
        assert "the connection ended before the answer" in json.dumps(shown)
        assert await one.report(one.report_url(), id="m-9", state="done", to=NUMBER) == 200
        assert (await one.shown(message_id))["state"] == "delivered"
        assert len(one.carrier.asked) == 1, "it was not sent again"


@asyncio_test
async def test_one_receipt_settles_all_parts_of_a_whole_text_in_doubt(tmp_path: Path) -> None:
    async with open_link(tmp_path, Given(None)) as one:
        message_id = await one.submit(LONG)
        await one.until(message_id, "in_doubt")
        assert await one.report(one.report_url(), id="m-9", state="done", to=NUMBER) == 200
        shown = await one.shown(message_id)
        assert [part["state"] for part in shown["parts"]] == ["delivered"] * 3
        assert {part["smsc_id"] for part in shown["parts"]} == {"m-9"}


@asyncio_test
async def test_a_timeout_is_a_doubt_and_is_sent_once_more_when_nothing_comes(tmp_path: Path) -> None:
    silent = asyncio.Event()

    async def answering(asked: Asked) -> bytes | None:
        if not silent.is_set():
            await silent.wait()
            return None
        return ok()

    async with open_link(tmp_path, answering, response_timeout_s=0.2, in_doubt_hold_s=0) as one:
        message_id = await one.submit()
        await one.until(message_id, "in_doubt")
        silent.set()
        await one.sweep(1)
        shown = await one.until(message_id, "submitted")
        assert shown["parts"][0]["is_possible_duplicate"]
        assert len(one.carrier.asked) == 2


@asyncio_test
async def test_a_carrier_that_is_away_leaves_the_part_in_the_queue(tmp_path: Path) -> None:
    async with open_link(tmp_path, Given(ok()), backoff=Backoff(first_s=0.05)) as one:
        await one.link.stop()
        settings = one.link.settings.model_copy(update={"url": f"http://127.0.0.1:{free_port()}"})
        link = HttpLink(settings, mapping_of(settings), one.house.ledger, Backoff(first_s=60))
        await link.start()
        message_id = await one.submit()
        await eventually(lambda: link.state is HttpState.LOST)
        assert "no connection to 127.0.0.1" in link.waiting_reason()
        assert link.status()["next_try_at_ms"] > 0
        shown = await one.until(message_id, "queued")
        assert not shown["parts"][0]["is_possible_duplicate"]
        assert link.retry()
        await link.stop()
        assert link.state is HttpState.STOPPED


@asyncio_test
async def test_it_comes_back_by_itself(tmp_path: Path) -> None:
    async with open_link(tmp_path, Given(answer(401, '{"error": "who?"}'), ok())) as one:
        one.link._sender._backoff = Backoff(credentials_s=0.05)  # Five minutes in earnest.
        message_id = await one.submit()
        await eventually(lambda: one.link.state is HttpState.LOST)
        assert one.link.waiting_reason().startswith(
            "link upstream is lost: the carrier does not accept our account or password: who? (HTTP 401)"
        )
        await eventually(lambda: not one.link.status()["next_try_at_ms"])
        shown = await one.shown(message_id)
        assert shown["state"] == "queued"
        assert "who? (HTTP 401)" in json.dumps(shown)


@pytest.mark.parametrize(
    ("said", "state", "why"),
    [
        (answer(400, '{"error": "not a mobile number"}'), "rejected", "refused the message: not a mobile number"),
        (answer(429, fields="Retry-After: 30\r\n"), "queued", "throttled by the carrier: HTTP 429"),
        (answer(503), "queued", "cannot take the message just now: HTTP 503"),
        (answer(302, fields="Location: http://127.0.0.1:1/\r\n"), "queued", "in a way of its own: HTTP 302"),
        (answer(409), "queued", "does not take this message: HTTP 409"),
        (answer(500), "in_doubt", "did not say whether it took the message: HTTP 500"),
        (answer(200, "<html>welcome"), "in_doubt", "did not say whether it took the message: HTTP 200"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "in_doubt", "the answer cannot be read"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", "in_doubt", "longer than 262144 octets"),
    ],
)
@asyncio_test
async def test_every_other_answer_is_booked_for_what_it_is(tmp_path: Path, said: bytes, state: str, why: str) -> None:
    async with open_link(tmp_path, Given(said)) as one:
        message_id = await one.submit()
        async with asyncio.timeout(10):
            while why not in json.dumps(await one.shown(message_id)):
                await asyncio.sleep(0.01)
        assert (await one.shown(message_id))["state"] == state
        if state == "rejected":
            assert await one.house.balance_mc() == 100_000


@asyncio_test
async def test_no_more_requests_are_out_than_the_window_is_wide(tmp_path: Path) -> None:
    gate, most, now_out = asyncio.Event(), 0, 0

    async def answering(asked: Asked) -> bytes:
        nonlocal most, now_out
        now_out += 1
        most = max(most, now_out)
        await gate.wait()
        now_out -= 1
        return ok(str(len(one.carrier.asked)))

    async with open_link(tmp_path, answering, window=3) as one:
        ids = [await one.submit(recipient=f"4670174060{n}") for n in range(8)]
        await eventually(lambda: now_out == 3)
        assert one.link.waiting_reason() == "link upstream waits for the answers to 3 requests (its window is full)"
        gate.set()
        for message_id in ids:
            await one.until(message_id, "submitted")
        assert most == 3
        assert one.carrier.connections <= 3, "connections are kept"


@asyncio_test
async def test_a_clean_stop_waits_for_the_answers(tmp_path: Path) -> None:
    gate = asyncio.Event()

    async def answering(asked: Asked) -> bytes:
        await gate.wait()
        return ok()

    async with open_link(tmp_path, answering) as one:
        message_id = await one.submit()
        await eventually(lambda: one.carrier.asked)
        stopping = asyncio.ensure_future(one.link.stop())
        gate.set()
        await stopping
        assert (await one.shown(message_id))["state"] == "submitted"


@pytest.mark.parametrize(
    "path",
    [
        f"/{LINK}/wrong-token-wrong/receipt",
        f"/{LINK}/{TOKEN}/nothing",
        f"/{LINK}/{TOKEN}",
        f"/other/{TOKEN}/receipt",
        f"/{LINK}//receipt",
    ],
)
@asyncio_test
async def test_only_the_carrier_with_the_token_is_heard(tmp_path: Path, path: str) -> None:
    async with open_link(tmp_path, Given(ok())) as one:
        message_id = await one.submit()
        await one.until(message_id, "submitted")
        assert await one.report(one.web + path, id="m-1", state="done", to=NUMBER) == 404
        assert (await one.shown(message_id))["state"] == "submitted"


@asyncio_test
async def test_a_receipt_that_cannot_be_read_is_refused_and_one_of_a_strange_state_moves_nothing(
    tmp_path: Path,
) -> None:
    async with open_link(tmp_path, Given(ok())) as one:
        message_id = await one.submit()
        await one.until(message_id, "submitted")
        assert await one.report(one.report_url(), state="done") == 400
        assert await one.report(one.report_url(), id="m-1", state="melted", to=NUMBER) == 200
        assert (await one.shown(message_id))["state"] == "submitted"


@asyncio_test
async def test_a_receipt_for_a_ledger_in_trouble_is_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_link(tmp_path, Given(ok())) as one:
        message_id = await one.submit()
        await one.until(message_id, "submitted")
        with monkeypatch.context() as full:
            full.setattr("bridge.ledger.worker.QUEUE_MAX", 0)
            assert await one.report(one.report_url(), id="m-1", state="done", to=NUMBER) == 503
        assert await one.report(one.report_url(), id="m-1", state="done", to=NUMBER) == 200
        assert (await one.shown(message_id))["state"] == "delivered"


@asyncio_test
async def test_a_text_from_a_handset_is_stored(tmp_path: Path) -> None:
    async with open_link(tmp_path, Given(ok())) as one:
        await one.house.add_account()
        url = f"{one.web}/{LINK}/{TOKEN}/text"
        assert await one.report(url, **{"from": f"+{NUMBER}", "to": "46737494150", "text": "Ja, tack"}) == 200
        assert one.link.status()["inbound"] == 1
