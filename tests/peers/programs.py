"""Run a real program beside the loop it talks to."""

import asyncio
import os
import subprocess
from dataclasses import dataclass

PATIENCE_S = 60


@dataclass
class Ran:
    """How a program ended."""

    code: int
    out: str
    err: str


async def run(*command: str | bytes, stdin: bytes = b"") -> Ran:
    """The program's exit code and output; no proxy of the machine's comes between it and 127.0.0.1."""
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    ended = await asyncio.to_thread(
        subprocess.run,
        command,
        input=stdin,
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
        env=environment | {"LC_ALL": "C.UTF-8"},
    )
    return Ran(ended.returncode, ended.stdout.decode("utf-8", "replace"), ended.stderr.decode("utf-8", "replace"))
