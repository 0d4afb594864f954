"""Reading a mail without stopping the loop: at once when it is cheap, else in a process that can be killed."""

import asyncio
import sys

from bridge.mail import body, child
from bridge.messages.faults import Fault, FaultCode

PROCESSES_MAX = 2
"""Mails read in processes at the same time; each takes a core."""
TIMEOUT_S = 5.0
"""How long reading one mail may take: 1 MiB of honest HTML takes 0.1 s with the start of the process."""
WAIT_S = 10.0
"""How long a mail waits for a process; then its sender is told to come back."""


class MailReader:
    """Turns the octets of a mail into what it says."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(PROCESSES_MAX)

    async def read(self, raw: bytes) -> body.MailText:
        """What the mail says.

        Raises Fault EMPTY_TEXT, UNREADABLE_MESSAGE, or TRY_LATER when too many costly mails wait.
        """
        mail = body.read_if_cheap(raw)
        if mail is not None:
            return mail
        try:
            async with asyncio.timeout(WAIT_S):
                await self._slots.acquire()
        except TimeoutError:
            raise Fault(FaultCode.TRY_LATER, private="too many mails are waiting to be read") from None
        try:
            return child.result_of(await _run(raw))
        finally:
            self._slots.release()


async def _run(raw: bytes) -> bytes:
    """Feed the mail to a child process and give what it wrote; the child is dead when this returns or raises."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-I", "-c", child.COMMAND, child.ROOT),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(TIMEOUT_S):
            output, _ = await process.communicate(raw)
        return output
    except TimeoutError:
        raise Fault(FaultCode.UNREADABLE_MESSAGE, f"reading it takes longer than {TIMEOUT_S:.0f} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
