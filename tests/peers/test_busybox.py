"""BusyBox wget, as routers and panels have it: it sends raw spaces and 8-bit octets as they are given."""

from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.peers.programs import Ran, run
from tests.support import asyncio_test, need_program
from tests.wire.http_door import GOOD, NUMBER, PIN, open_door

pytestmark = pytest.mark.peer("busybox")


async def wget(*arguments: str | bytes) -> Ran:
    path = need_program("busybox", "apt-get install busybox")
    # No -T: it makes Debian 12's BusyBox 1.35 crash.
    return await run(path, "wget", "-q", "-O", "-", *arguments)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"Door 2 open", "Door 2 open"),
        ("Tür 2 offen".encode(), "Tür 2 offen"),
        ("Tür 2 offen".encode("latin-1"), "Tür 2 offen"),
        ("5 € bezahlt".encode("cp1252"), "5 € bezahlt"),
        (b"two  spaces", "two  spaces"),
        (b"a+b%2Bc", "a b+c"),
    ],
)
@asyncio_test
async def test_a_get_with_raw_spaces_and_octets(tmp_path: Path, raw: bytes, text: str) -> None:
    async with open_door(tmp_path) as door:
        url = f"http://127.0.0.1:{door.port}/send?account=demo&pin={PIN}&to={NUMBER}&text="
        ran = await wget(url.encode() + raw)
        assert (ran.code, ran.out[:3]) == (0, "OK "), ran
        assert (await door.show(ran.out.split()[1]))["text"] == text


@asyncio_test
async def test_a_post(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        ran = await wget("--post-data", urlencode(GOOD), f"http://127.0.0.1:{door.port}/send")
        assert (ran.code, ran.out[:3]) == (0, "OK "), ran


@asyncio_test
async def test_account_and_pin_in_the_url(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        ran = await wget(f"http://demo:{PIN}@127.0.0.1:{door.port}/send?to={NUMBER}&text=hi there")
        assert (ran.code, ran.out[:3]) == (0, "OK "), ran


@asyncio_test
async def test_a_refusal_is_an_error_to_it(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        ran = await wget(f"http://127.0.0.1:{door.port}/send?{urlencode({**GOOD, 'pin': 'WRONGPIN22'})}")
        assert ran.code == 1
        assert "401" in ran.err
