"""The HTTP door on a real ledger: who may send, what is taken, and what is said about it."""

import asyncio
import base64
import json
import random
import sqlite3
from collections import Counter
from pathlib import Path
from urllib.parse import urlencode

import pytest
from structlog.testing import capture_logs
from twisted.logger import LogEvent, formatEvent, globalLogPublisher

from bridge.http_in.device import RECIPIENTS_MAX
from bridge.intake.authenticate import CredentialKind
from bridge.ledger import sqlite
from bridge.runtime.loop import now_ms
from tests.support import asyncio_test, eventually
from tests.wire.http_door import GOOD, NUMBER, OTHER, PIN, open_door
from tests.wire.raw_http import ask, exchange, parse_answers


@asyncio_test
async def test_a_get_is_charged_queued_and_then_answered(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        got = await door.get()
        (message,) = await door.house.messages()
        assert (got.status, got.body) == (200, f"OK {message['message_id']} {NUMBER}\n")
        assert got.headers["content-type"] == "text/plain; charset=utf-8"
        assert got.headers["cache-control"] == "no-store"
        assert (message["recipient"], message["state"]) == (NUMBER, "queued")
        assert await door.house.balance_mc() == 99_000


@pytest.mark.parametrize("names", [("username", "password", "recipient", "message"), ("USER", "Pin", "NUMBER", "TEXT")])
@asyncio_test
async def test_a_form_with_other_spellings(tmp_path: Path, names: tuple[str, ...]) -> None:
    async with open_door(tmp_path) as door:
        body = urlencode(dict(zip(names, GOOD.values(), strict=True))).encode()
        got = await door.post(body, "application/x-www-form-urlencoded")
        assert (got.status, got.body[:3]) == (200, "OK ")


@asyncio_test
async def test_everything_a_submission_can_say(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        body = {**GOOD, "text": "Łódź +1", "from": "Pumps", "ref": "alarm 7", "lane": "alarm"}
        got = await door.post(json.dumps(body).encode(), "application/json")
        assert (got.status, got.headers["content-type"]) == (200, "application/json")
        (taken,) = json.loads(got.body)["messages"]
        assert (taken["recipient"], taken["parts"], taken["price"]) == (NUMBER, 1, "1.000")
        message = await door.show(taken["id"])
        assert (message["text"], message["originator"], message["reference"], message["lane"], message["door"]) == (
            "Łódź +1",
            "Pumps",
            "alarm 7",
            "alarm",
            "http",
        )


@pytest.mark.parametrize("raw", [b"caf%E9", b"caf%C3%A9", b"caf\xe9", b"caf\xc3\xa9"])
@asyncio_test
async def test_latin_1_and_utf_8_arrive_as_the_same_text(tmp_path: Path, raw: bytes) -> None:
    async with open_door(tmp_path) as door:
        query = urlencode({**GOOD, "text": ""}).encode()
        got = await ask(door.port, b"GET /send?" + query + raw + b" HTTP/1.0\n\n")
        assert (await door.show(got.body.split()[1]))["text"] == "café"


@asyncio_test
async def test_json_is_answered_when_it_is_asked_for(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        for got in (
            await door.get(format="json"),
            await door.get(headers="Accept: application/json\r\n"),
            await door.get(headers="Accept: application/json\r\n", pin="wrong"),
            await door.post(b"{", "application/json"),
        ):
            assert set(json.loads(got.body)) == {"messages", "refusals"}
        got = await door.get(headers="Accept: application/json\r\n", format="text")
        assert got.body.startswith("OK ")


@asyncio_test
async def test_one_refused_recipient_does_not_lose_the_others(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        got = await door.get(to=f"{NUMBER};12345,{OTHER} {NUMBER}")
        first, refused, last = got.body.splitlines()
        assert got.status == 200
        assert first.endswith(f" {NUMBER}")
        assert refused.startswith("ERR bad_recipient 12345: Not a phone number in international format")
        assert last.endswith(f" {OTHER}")
        assert len(await door.house.messages()) == 2, "a number that is given twice is one message"


@asyncio_test
async def test_credit_for_some_of_the_recipients(tmp_path: Path) -> None:
    async with open_door(tmp_path, account=False) as door:
        await door.house.add_account(pin=PIN, credit_mc=2000)
        got = await door.get([*GOOD.items(), ("to", OTHER), ("recipients", "4670174060,46701740607")])
        starts = [line.split()[:2] for line in got.body.splitlines()]
        assert got.status == 200
        assert [start[0] for start in starts] == ["OK", "OK", "ERR", "ERR"]
        assert {start[1] for start in starts[2:]} == {"no_credit"}
        assert await door.house.balance_mc() == 0
        got = await door.get()
        assert (got.status, got.body.split()[:3]) == (402, ["ERR", "no_credit", f"{NUMBER}:"])
        assert len(await door.house.messages()) == 2


@pytest.mark.parametrize(
    ("changed", "status", "fault"),
    [
        ({"pin": "WRONGPIN22"}, 401, "bad_credentials"),
        ({"account": "Demo"}, 401, "bad_credentials"),
        ({"account": "nobody"}, 401, "bad_credentials"),
        ({"pin": ""}, 401, "bad_credentials"),
        ({"account": ""}, 401, "bad_credentials"),
        ({"pin": "x" * 5000}, 401, "bad_credentials"),
        ({"account": "de\0mo"}, 401, "bad_credentials"),
        ({"to": ""}, 400, "no_recipient"),
        ({"to": ",;"}, 400, "no_recipient"),
        ({"to": "12345"}, 400, "bad_recipient"),
        ({"to": "bob"}, 400, "bad_recipient"),
        ({"to": ",".join(str(46701740000 + n) for n in range(RECIPIENTS_MAX + 1))}, 400, "too_many_recipients"),
        ({"to": "," * 5000}, 400, "too_many_recipients"),
        ({"text": ""}, 400, "empty_text"),
        ({"text": " \r\n"}, 400, "empty_text"),
        ({"text": "x" * 1531}, 413, "too_many_parts"),
        ({"from": "much too long a name"}, 400, "bad_originator"),
        ({"lane": "express"}, 400, "bad_request"),
        ({"format": "xml"}, 400, "bad_request"),
        ({"charset": "klingon"}, 400, "bad_request"),
        ({"ref": "x" * 65}, 400, "bad_request"),
        ({"user": "demo"}, 400, "bad_request"),
    ],
)
@asyncio_test
async def test_refusals(tmp_path: Path, changed: dict[str, str], status: int, fault: str) -> None:
    """The right code, nothing charged, one log line, and no secret or text in it."""
    async with open_door(tmp_path) as door:
        with capture_logs() as lines:
            got = await door.get(**changed)
            await eventually(lambda: lines)
        assert (got.status, got.body.split()[1].rstrip(":")) == (status, fault)
        assert await door.house.balance_mc() == 100_000
        assert await door.house.messages() == []
        assert len(lines) == 1
        assert lines[0]["event"] in ("refused", "login refused")
        logged = str(lines)
        assert PIN not in logged
        assert "WRONGPIN" not in logged
        assert "stopped" not in logged
        assert NUMBER not in logged


@asyncio_test
async def test_a_disabled_account(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        await door.house.ledger.do("account_set_disabled", name="demo", is_disabled=True)
        got = await door.get()
        assert (got.status, got.body) == (403, "ERR account_disabled: This account is disabled\n")


@asyncio_test
async def test_basic_credentials_and_the_challenge_for_them(tmp_path: Path) -> None:
    """wget sends them only after it was asked; both at once are ambiguous."""
    basic = "Authorization: Basic " + base64.b64encode(f"demo:{PIN}".encode()).decode() + "\r\n"
    rest = {"to": NUMBER, "text": "hi"}
    async with open_door(tmp_path) as door:
        got = await door.get(rest)
        assert (got.status, got.headers["www-authenticate"].split()[0]) == (401, "Basic")
        assert (await door.get(rest, headers=basic)).status == 200
        assert (await door.get(headers=basic)).status == 400
        assert (await door.get(rest, headers=basic.replace("Basic ", "Basic !"))).status == 400


@pytest.mark.parametrize(("kind", "status"), [("api_key", 200), ("device_token", 200), ("mail_secret", 401)])
@asyncio_test
async def test_which_kinds_of_credential_may_send(tmp_path: Path, kind: str, status: int) -> None:
    async with open_door(tmp_path) as door:
        verifier = await door.house.gatekeeper.hash_secret(CredentialKind(kind), "a-long-generated-secret")
        await door.house.ledger.do("credential_add", name="demo", kind=kind, verifier=verifier, now_ms=now_ms())
        assert (await door.get(pin="a-long-generated-secret")).status == status


@asyncio_test
async def test_no_secret_over_plain_http_from_elsewhere(tmp_path: Path) -> None:
    """The listener believes that loopback is far away; the right PIN is not even looked at."""
    async with open_door(tmp_path, plain_auth_networks=["192.0.2.0/24"]) as door:
        with capture_logs() as lines:
            got = await door.get()
        assert got.status == 403
        assert "use https" in got.body
        assert [(line["fault"], line["peer"]) for line in lines] == [("not_allowed_here", "127.0.0.1")]
        assert await door.house.messages() == []


@pytest.mark.parametrize("site", ["cross-site", "Cross-Site"])
@asyncio_test
async def test_a_page_of_another_site_may_not_send(tmp_path: Path, site: str) -> None:
    async with open_door(tmp_path) as door:
        got = await door.get(headers=f"Sec-Fetch-Site: {site}\r\n")
        assert (got.status, got.body.split()[1]) == (403, "not_allowed_here:")
        assert (await door.get(headers="Sec-Fetch-Site: none\r\n")).status == 200


@asyncio_test
async def test_head_never_sends(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        got = await exchange(door.port, f"HEAD /send?{urlencode(GOOD)} HTTP/1.0\r\n\r\n".encode())
        assert got.startswith(b"HTTP/1.0 200 OK\r\n")
        assert got.endswith(b"\r\n\r\n")
        assert await door.house.messages() == []


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH"])
@asyncio_test
async def test_other_methods_never_send(tmp_path: Path, method: str) -> None:
    async with open_door(tmp_path) as door:
        got = await door.get(method=method)
        assert (got.status, got.headers["allow"]) == (405, "GET, HEAD, POST")
        assert await door.house.messages() == []


@pytest.mark.parametrize(("path", "status"), [("/send/", 200), ("//SEND", 200), ("/send/x", 404), ("/sendx", 404)])
@asyncio_test
async def test_paths_near_send(tmp_path: Path, path: str, status: int) -> None:
    async with open_door(tmp_path) as door:
        got = await ask(door.port, f"GET {path}?{urlencode(GOOD)} HTTP/1.0\r\n\r\n".encode())
        assert got.status == status
        assert len(await door.house.messages()) == (status == 200)


@asyncio_test
async def test_bodies_that_are_not_read(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        form = "application/x-www-form-urlencoded"
        body = urlencode(GOOD).encode()
        assert (await door.post(body, "multipart/form-data; boundary=x")).status == 415
        assert (await door.post(body, form, "Content-Encoding: gzip\r\n")).status == 415
        assert (await door.post(b"text=%zz", form)).status == 400
        assert (await door.post(b"x" * 300_000, form)).status == 413
        assert await door.house.messages() == []


@asyncio_test
async def test_a_hundred_recipients_are_one_request(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        numbers = [str(46701740000 + n) for n in range(RECIPIENTS_MAX)]
        got = await door.post(json.dumps({**GOOD, "to": numbers}).encode(), "application/json", query="?format=text")
        assert [line.split()[2] for line in got.body.splitlines()] == numbers
        assert await door.house.balance_mc() == 0


@asyncio_test
async def test_a_client_that_hangs_up_is_still_charged_once_and_breaks_nothing(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        with capture_logs() as lines:
            for _ in range(5):
                _, writer = await asyncio.open_connection("127.0.0.1", door.port)
                writer.write(f"GET /send?{urlencode(GOOD)} HTTP/1.1\r\n\r\n".encode())
                await writer.drain()
                writer.close()
            await eventually(lambda: len(lines) == 5)
        assert {line["event"] for line in lines} == {"accepted"}
        assert await door.house.balance_mc() == 95_000


@asyncio_test
async def test_a_kept_connection_sends_one_after_the_other(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        one = f"GET /send?{urlencode(GOOD)} HTTP/1.1\r\nHost: h\r\n"
        answers = parse_answers(
            await exchange(door.port, (f"{one}\r\n" * 20 + f"{one}Connection: close\r\n\r\n").encode())
        )
        assert [got.status for got in answers] == [200] * 21
        messages = await door.house.messages()
        assert [got.body.split()[1] for got in answers] == [line["message_id"] for line in reversed(messages)]


@asyncio_test
async def test_a_ledger_that_cannot_write_is_temporary_to_the_client(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not a broken promise, and not a 500 that a device takes for final."""
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_S", 0.1)
    async with open_door(tmp_path) as door:
        assert (await door.get()).status == 200
        other = sqlite3.connect(door.house.ledger.path)
        other.execute("BEGIN IMMEDIATE")
        got = await door.get(to=f"{NUMBER},{OTHER}")
        other.rollback()
        other.close()
        assert (got.status, got.headers["retry-after"]) == (503, "15")
        assert [line.split()[:2] for line in got.body.splitlines()] == [["ERR", "try_later"]] * 2
        assert await door.house.balance_mc() == 99_000
        assert (await door.get()).status == 200


@asyncio_test
async def test_no_log_of_ours_or_of_twisted_holds_a_query(tmp_path: Path) -> None:
    twisteds: list[LogEvent] = []
    globalLogPublisher.addObserver(twisteds.append)
    async with open_door(tmp_path) as door:
        with capture_logs() as ours:
            query = urlencode({**GOOD, "text": "TOPSECRET"})
            for line in (
                f"GET /send?{query} HTTP/1.0",
                f"GET /send?{query}",
                f"GET /send?{query}&pin=x HTTP/1.0",
                f"HEAD /send?{query} HTTP/1.0",
                f"PUT /send?{query} HTTP/1.0",
                f"GET /else?{query} HTTP/1.0",
                f"GET /send?{query} HTTP/9.9",
                f"GET /send?{query}\0 HTTP/1.0",
                f"{query}",
            ):
                await exchange(door.port, f"{line}\r\n\r\n".encode())
    globalLogPublisher.removeObserver(twisteds.append)
    assert {line["event"] for line in ours} == {"accepted", "refused"}
    logged = str(ours) + "".join(str(formatEvent(event)) + str(event) for event in twisteds)
    assert PIN not in logged
    assert "TOPSECRET" not in logged


@asyncio_test
async def test_no_value_of_any_parameter_is_our_fault(tmp_path: Path) -> None:
    """400 requests with right credentials and odd values: refused or accepted, never a server error."""
    chance = random.Random(7)
    odd = [
        "",
        "\0",
        "\ud800",
        "😀",
        "é" * 70,
        "x" * 200,
        "-1",
        "%s{0}",
        "'; DROP TABLE part; --",
        "\r\nX: y",
        "٣",
        "\u202e",
    ]
    odd += [NUMBER, "Pumps", "alarm", "json", "utf-8", "+46 70", "0", "null", "<script>", "\x1b[2J"]
    statuses: Counter[int] = Counter()
    async with open_door(tmp_path) as door:
        for _ in range(400):
            names = chance.sample(["to", "text", "from", "ref", "lane", "format"], chance.randrange(1, 5))
            body = {**GOOD, **{name: "".join(chance.choices(odd, k=chance.randrange(1, 3))) for name in names}}
            if chance.random() < 0.5:
                got = await door.post(json.dumps(body).encode(), "application/json")
            else:
                form = urlencode(body, errors="replace").encode()
                got = await door.post(form, "application/x-www-form-urlencoded")
            statuses[got.status] += 1
    assert max(statuses) < 500, statuses
    assert statuses[200] > 20, statuses
    assert statuses[400] > 100, statuses


@pytest.mark.parametrize(("headers", "fields"), [("Idempotency-Key: order-17\r\n", {}), ("", {"ref": "order-17"})])
@asyncio_test
async def test_the_same_key_is_the_same_message(tmp_path: Path, headers: str, fields: dict[str, str]) -> None:
    async with open_door(tmp_path) as door:
        first = await door.get(headers=headers, **fields)
        copies = await asyncio.gather(*(door.get(headers=headers, **fields) for _ in range(5)))
        assert {(copy.status, copy.body) for copy in copies} == {(first.status, first.body)}
        assert "idempotent-replayed" not in first.headers
        assert {copy.headers["idempotent-replayed"] for copy in copies} == {"true"}
        assert await door.house.balance_mc() == 99_000
        assert len(await door.house.messages()) == 1


@pytest.mark.parametrize("changed", [{"text": "Pump 3 stopped"}, {"to": OTHER}, {"from": "Pumps"}, {"lane": "alarm"}])
@asyncio_test
async def test_a_key_that_named_another_request_is_refused(tmp_path: Path, changed: dict[str, str]) -> None:
    async with open_door(tmp_path) as door:
        await door.get(headers="Idempotency-Key: order-17\r\n")
        other = await door.get(headers="Idempotency-Key: order-17\r\n", **changed)
        assert (other.status, other.body[:14]) == (409, "ERR key_reused")
        assert len(await door.house.messages()) == 1


@asyncio_test
async def test_a_retry_sends_to_those_it_missed_the_first_time(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        await door.house.add_account("thrifty", pin=PIN, credit_mc=1000)
        fields = {"account": "thrifty", "to": f"{NUMBER},{OTHER}", "ref": "r1"}
        first = await door.get(**fields)
        assert [line.split()[0] for line in first.body.splitlines()] == ["OK", "ERR"]
        values = {"name": "thrifty", "amount_mc": 1000, "key": "k", "now_ms": now_ms()}
        await door.house.ledger.do("account_top_up", **values)
        second = await door.get(**fields)
        assert [line.split()[0] for line in second.body.splitlines()] == ["OK", "OK"]
        assert second.body.splitlines()[0] == first.body.splitlines()[0]
        assert "idempotent-replayed" not in second.headers
        assert await door.house.balance_mc("thrifty") == 0


@pytest.mark.parametrize("key", ["x" * 65, "a\tb"])
@asyncio_test
async def test_a_key_that_is_none(tmp_path: Path, key: str) -> None:
    async with open_door(tmp_path) as door:
        assert (await door.get(headers=f"Idempotency-Key: {key}\r\n")).status == 400
