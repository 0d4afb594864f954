"""GNU wget, the other program that scripts and appliances call."""

from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.peers.programs import Ran, run
from tests.support import asyncio_test, need_program
from tests.wire.http_door import GOOD, NUMBER, PIN, open_door

pytestmark = pytest.mark.peer("wget")


async def wget(*arguments: str) -> Ran:
    path = need_program("wget", "apt-get install wget")
    return await run(path, "--no-config", "--tries=1", "--timeout=30", "--quiet", "-O", "-", *arguments)


@asyncio_test
async def test_a_get_with_spaces_and_latin_letters(tmp_path: Path) -> None:
    """wget escapes what is not allowed in a URL, and leaves the rest as it is."""
    async with open_door(tmp_path) as door:
        url = f"http://127.0.0.1:{door.port}/send?account=demo&pin={PIN}&to={NUMBER}&text=Tür 2 offen; 100%25 sure?"
        ran = await wget(url)
        assert (ran.code, ran.out[:3]) == (0, "OK "), ran
        assert (await door.show(ran.out.split()[1]))["text"] == "Tür 2 offen; 100% sure?"


@asyncio_test
async def test_a_post(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        ran = await wget(f"--post-data={urlencode(GOOD)}", f"http://127.0.0.1:{door.port}/send")
        assert (ran.code, ran.out[:3]) == (0, "OK "), ran


@asyncio_test
async def test_basic_credentials_are_sent_when_asked_for_and_send_once(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        url = f"http://127.0.0.1:{door.port}/send?to={NUMBER}&text=hi"
        ran = await wget("--user=demo", f"--password={PIN}", url)
        assert (ran.code, ran.out[:3]) == (0, "OK "), ran
        assert len(await door.house.messages()) == 1


@asyncio_test
async def test_spider_sends_nothing(tmp_path: Path) -> None:
    """It asks with HEAD, and falls back to GET when that is not allowed: so HEAD has to be."""
    async with open_door(tmp_path) as door:
        ran = await wget("--spider", f"http://127.0.0.1:{door.port}/send?{urlencode(GOOD)}")
        assert ran.code == 0, ran
        assert await door.house.messages() == []


@asyncio_test
async def test_a_refusal(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        url = f"http://127.0.0.1:{door.port}/send?{urlencode({**GOOD, 'to': '123'})}"
        ran = await wget("--content-on-error", url)
        assert ran.code == 8, "wget's word for an error that the server reported"
        assert ran.out.startswith("ERR bad_recipient 123: ")
