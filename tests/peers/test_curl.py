"""curl as people paste it from the documentation."""

import json
from pathlib import Path
from urllib.parse import urlencode

import pytest

from bridge.http_in.service import HttpDoor
from bridge.runtime import logs
from bridge.runtime.web import WebListeners
from bridge.runtime.web_settings import HttpListen, HttpSettings
from tests.house import open_house
from tests.peers.programs import Ran, run
from tests.support import asyncio_test, need_program
from tests.wire.http_door import GOOD, NUMBER, OTHER, PIN, open_door
from tests.wire.test_web_tls import write_certificate

pytestmark = pytest.mark.peer("curl")


async def curl(*arguments: str, stdin: bytes = b"") -> Ran:
    path = need_program("curl", "apt-get install curl")
    return await run(path, "--silent", "--show-error", "--max-time", "30", *arguments, stdin=stdin)


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--http1.0"],
        ["--http1.0", "--header", "Host:"],
        ["--header", "Host:"],
        ["--http1.0", "--header", "Host:", "--header", "Accept:", "--header", "User-Agent:"],
    ],
    ids=["as it is", "HTTP/1.0", "HTTP/1.0 without Host", "HTTP/1.1 without Host", "no header at all"],
)
@asyncio_test
async def test_a_get(tmp_path: Path, options: list[str]) -> None:
    async with open_door(tmp_path) as door:
        url = f"http://127.0.0.1:{door.port}/send"
        for name, value in {**GOOD, "text": "Łódź & +1"}.items():
            options = [*options, "--data-urlencode", f"{name}={value}"]
        ran = await curl("--get", *options, url)
        assert (ran.code, ran.out[:3]) == (0, "OK "), ran
        assert (await door.show(ran.out.split()[1]))["text"] == "Łódź & +1"


@pytest.mark.parametrize(
    "options",
    [
        ["--data", urlencode(GOOD)],
        ["--data", urlencode(GOOD), "--http1.0", "--header", "Host:", "--header", "Content-Type:"],
        ["--data", urlencode(GOOD), "--header", "Expect: 100-continue"],
        ["--data", urlencode(GOOD), "--header", "Transfer-Encoding: chunked"],
        ["--json", json.dumps({**GOOD, "to": [NUMBER]}), "--header", "Accept: text/plain"],
        ["--user", f"demo:{PIN}", "--data", urlencode({"to": NUMBER, "text": "hi"})],
    ],
    ids=["form", "form, HTTP/1.0, no Host, no type", "100-continue", "chunked", "JSON", "Basic"],
)
@asyncio_test
async def test_a_post(tmp_path: Path, options: list[str]) -> None:
    async with open_door(tmp_path) as door:
        ran = await curl(*options, f"http://127.0.0.1:{door.port}/send?format=text")
        assert (ran.code, ran.out[:3]) == (0, "OK "), ran
        assert len(await door.house.messages()) == 1


@asyncio_test
async def test_account_and_pin_in_the_url(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        ran = await curl(f"http://demo:{PIN}@127.0.0.1:{door.port}/send?to={NUMBER}&text=hi")
        assert ran.out.startswith("OK "), ran


@asyncio_test
async def test_what_a_script_sees_of_a_refusal(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        url = f"http://127.0.0.1:{door.port}/send?" + urlencode({**GOOD, "pin": "WRONGPIN22"})
        ran = await curl("--write-out", "%{http_code}", url)
        assert ran.out == "ERR bad_credentials: Account or secret not accepted\n401"
        assert (await curl("--fail", url)).code == 22
        assert await door.house.messages() == []


@asyncio_test
async def test_head_and_other_methods_send_nothing(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        url = f"http://127.0.0.1:{door.port}/send?{urlencode(GOOD)}"
        assert "200 OK" in (await curl("--head", url)).out
        assert (await curl("--request", "PUT", "--write-out", "%{http_code}", url)).out.endswith("405")
        assert await door.house.messages() == []


@asyncio_test
async def test_refused_bodies_are_explained(tmp_path: Path) -> None:
    """curl is still sending when the answer comes; it must reach it all the same."""
    async with open_door(tmp_path) as door:
        url = f"http://127.0.0.1:{door.port}/send"
        for header in ("Expect:", "Expect: 100-continue"):
            big = await curl(
                "--data-binary", "@-", "--header", header, "--write-out", "%{http_code}", url, stdin=b"x" * 3_000_000
            )
            assert big.out == "The body is larger than 262144 octets\n413", big
        form = await curl("--form", "text=hi", "--write-out", "%{http_code}", url)
        assert form.out.endswith("application/json\n415"), form


@asyncio_test
async def test_several_recipients_over_one_connection(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        url = f"http://127.0.0.1:{door.port}/send?" + urlencode({**GOOD, "to": f"{NUMBER},{OTHER}"})
        ran = await curl("--write-out", "%{num_connects}\n", url, url, url)
        lines = ran.out.splitlines()
        assert [line.split()[0] for line in lines] == ["OK", "OK", "1", "OK", "OK", "0", "OK", "OK", "0"]
        assert len(await door.house.messages()) == 6


@asyncio_test
async def test_https(tmp_path: Path) -> None:
    """From a network where plain HTTP may not carry a PIN, HTTPS may."""
    write_certificate(tmp_path, "localhost")
    async with open_house(tmp_path) as house:
        await house.add_account(pin=PIN)
        settings = HttpSettings(
            listen=[HttpListen(port=0), HttpListen(port=0, tls=True)],
            certificate=tmp_path / "cert.pem",
            private_key=tmp_path / "key.pem",
            plain_auth_networks=[],
        )
        web = WebListeners(settings, logs.get("web"))
        HttpDoor(web, settings, house.gatekeeper, house.door)
        await web.start()
        try:
            (_, plain), (_, secure) = web.addresses
            query = f"/send?{urlencode(GOOD)}"
            assert (await curl(f"http://127.0.0.1:{plain}{query}")).out.startswith("ERR not_allowed_here: ")
            ran = await curl(
                "--cacert",
                str(tmp_path / "cert.pem"),
                "--resolve",
                f"localhost:{secure}:127.0.0.1",
                f"https://localhost:{secure}{query}",
            )
            assert ran.out.startswith("OK "), ran
        finally:
            await web.stop()
