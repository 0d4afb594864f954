"""A script of tests/peers/node as a running program: what it says, and a way to tell it what to do."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support import eventually, need_program

FOLDER = Path(__file__).parent / "node"


class NodeProgram:
    """Says JSON objects, one a line, each with an `event`; obeys JSON objects."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.said: list[dict[str, Any]] = []
        self._process = process
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            self.said.append(json.loads(line))

    def of(self, event: str, **facts: Any) -> list[dict[str, Any]]:
        """What it has said of this kind, with these facts."""
        return [one for one in self.said if one["event"] == event and facts.items() <= one.items()]

    def tell(self, **order: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")

    async def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        await asyncio.wait_for(self._process.wait(), 10)
        await self._reading


@asynccontextmanager
async def node_program(script: str, *words: str, ready: str) -> AsyncIterator[NodeProgram]:
    """Run a script until it has said `ready`, and to the end of the block; skips where there is no node or no smpp."""
    node = need_program("node", "apt-get install nodejs npm")
    if not (FOLDER / "node_modules" / "smpp").is_dir():
        message = f"the npm package smpp is not installed: (cd {FOLDER} && npm ci)"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    process = await asyncio.create_subprocess_exec(
        node, script, *words, cwd=FOLDER, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    program = NodeProgram(process)
    try:
        await eventually(lambda: program.of(ready))
        yield program
    finally:
        await program.stop()
