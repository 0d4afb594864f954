"""The commands of docs/http.md, pasted into a shell."""

import re
from pathlib import Path

import pytest

from tests.peers.programs import run
from tests.support import asyncio_test, need_program
from tests.wire.http_door import PIN, open_door

PAGE = (Path(__file__).parents[2] / "docs/http.md").read_text()
BLOCKS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = [command for block in BLOCKS for command in block.strip().split("\n\n")]


@pytest.mark.parametrize("command", COMMANDS)
@asyncio_test
async def test_a_documented_command(tmp_path: Path, command: str) -> None:
    program = command.split()[0]
    need_program(program, f"apt-get install {program}")
    async with open_door(tmp_path) as door:
        pasted = command.replace("127.0.0.1:8080", f"127.0.0.1:{door.port}").replace("PIN", PIN)
        ran = await run("sh", "-c", pasted)
        assert ran.code == 0, ran
        sent = await door.house.messages()
        assert len(sent) == command.count("467") + command.count("447"), "the port may hold these digits, too"
        assert all(message["message_id"] in ran.out for message in sent)
