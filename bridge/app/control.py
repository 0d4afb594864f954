"""The control socket: how the command line talks to the running appliance.

A Unix stream socket in the state folder, mode 0660. The kernel lets the owner and the group in; on top of
that the peer's credentials must say root, our own user, or our group. `control_frames` tells what is said.
Only the names of `commands.COMMANDS` are carried out, with exactly the keyword values they take.
"""

import asyncio
import contextlib
import inspect
import os
import socket
import struct
from pathlib import Path
from typing import Any

from bridge.app import control_frames as frames
from bridge.app.commands import COMMANDS, Commands
from bridge.messages.faults import Fault, FaultCode
from bridge.runtime import logs

SOCKET_MODE = 0o660
CONNECTIONS_MAX = 16
"""Command lines at once; each is one person or one script."""
REQUEST_TIMEOUT_S = 60.0
"""A connection that says nothing for so long is closed."""
ANSWER_TIMEOUT_S = 30.0
"""A peer must take its answer within this time."""
ACCEPT_PAUSE_S = 1.0
"""How long nobody is let in after the process ran out of files."""
STOP_GRACE_S = 5.0
"""How long stop() waits for commands that are being carried out."""

_SO_PEERGROUPS = 59
"""Linux 4.13, asm-generic/socket.h; Python's socket module has no name for it."""
_GROUPS_SIZE_MAX = 1024
"""The most that Python's getsockopt takes: 256 groups. A user in more of them needs ours as the first."""
_UCRED = struct.Struct("iII")

log = logs.get("control")


class ControlServer:
    """The appliance's end. A service: start() listens, stop() finishes what is being carried out."""

    name = "control"

    def __init__(self, state_folder: Path, operations: Commands) -> None:
        self.path = state_folder / frames.SOCKET_NAME
        self._operations = operations
        self._listener: socket.socket | None = None
        self._idle: set[asyncio.Task[None]] = set()
        self._busy: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen. A socket left by a dead appliance is replaced: the instance lock says there is no living one."""
        self._listener = _listener(self.path)
        self._watch()

    async def stop(self) -> None:
        """Take no more requests, finish those being carried out, and remove the socket."""
        if self._listener is None:
            return
        asyncio.get_running_loop().remove_reader(self._listener)
        self._listener.close()
        self._listener = None
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()
        # A task that is cancelled before its first step would leave its connection open.
        await asyncio.sleep(0)
        for task in self._idle:
            task.cancel()
        if self._busy:
            await asyncio.wait(self._busy, timeout=STOP_GRACE_S)
        late = self._idle | self._busy
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    def _watch(self) -> None:
        if self._listener is not None:
            asyncio.get_running_loop().add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        """Take a connection that is there. By hand: asyncio's server forgets one that comes while it is closed."""
        assert self._listener is not None
        loop = asyncio.get_running_loop()
        try:
            peer, _ = self._listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError as error:
            # Out of files or memory: the connection stays in the backlog until others have given some back.
            log.error("cannot accept", error=str(error))
            loop.remove_reader(self._listener)
            loop.call_later(ACCEPT_PAUSE_S, self._watch)
            return
        peer.setblocking(False)
        task = loop.create_task(self._connected(peer), name="control connection")
        self._idle.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._idle.discard(task)
        self._busy.discard(task)

    async def _connected(self, peer: socket.socket) -> None:
        task = asyncio.current_task()
        assert task is not None
        try:
            reader, writer = await asyncio.open_unix_connection(sock=peer, limit=frames.FRAME_SIZE_MAX)
        except BaseException:
            peer.close()
            raise
        try:
            with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
                await self._converse(task, reader, writer)
        finally:
            writer.close()

    async def _converse(
        self, task: "asyncio.Task[None]", reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        peer: socket.socket = writer.get_extra_info("socket")
        if not is_permitted(peer):
            log.warning("refused", reason="neither root, nor our user, nor in our group")
            await _write(writer, frames.fault(Fault(FaultCode.NOT_ALLOWED_HERE)))
            return
        if len(self._idle) + len(self._busy) > CONNECTIONS_MAX:
            await _write(writer, frames.fault(Fault(FaultCode.TOO_FAST, f"{CONNECTIONS_MAX} commands run already")))
            return
        while True:
            try:
                line = await asyncio.wait_for(reader.readuntil(b"\n"), REQUEST_TIMEOUT_S)
            except asyncio.LimitOverrunError:
                detail = f"a request has at most {frames.FRAME_SIZE_MAX} octets"
                await _write(writer, frames.fault(Fault(FaultCode.MESSAGE_TOO_LARGE, detail)))
                return
            self._idle.discard(task)
            self._busy.add(task)
            await _write(writer, await self._answer(line))
            if self._listener is None:
                return
            self._busy.discard(task)
            self._idle.add(task)

    async def _answer(self, line: bytes) -> bytes:
        """Carry out one request. This is the door's outermost hook: whatever happens, there is an answer."""
        name = ""
        try:
            name, values = frames.read_request(line)
            answer = frames.result(await self._carry_out(name, values))
        except Fault as refusal:
            log.info("refused", command=name, fault=refusal.code.value, private=refusal.private)
            return frames.fault(refusal)
        except Exception:
            log.exception("failed", command=name)
            return frames.fault(Fault(FaultCode.TRY_LATER, "an error of the appliance itself"))
        log.debug("done", command=name)
        return answer

    async def _carry_out(self, name: str, values: dict[str, Any]) -> Any:
        if name not in COMMANDS:
            raise Fault(
                FaultCode.BAD_REQUEST, "this appliance does not know the command; is it older than this program?"
            )
        method = getattr(self._operations, name)
        try:
            inspect.signature(method).bind(**values)
        except TypeError as error:
            raise Fault(FaultCode.BAD_REQUEST, str(error)) from None
        return await method(**values)


def is_permitted(peer: socket.socket) -> bool:
    """Whether the process at the other end is root, runs as our user, or is in our group."""
    size = _UCRED.size
    _, user, group = _UCRED.unpack(peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    if user in (0, os.geteuid()) or group == os.getegid():
        return True
    try:
        groups = peer.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, _GROUPS_SIZE_MAX)
    except OSError:
        return False
    return any(other == os.getegid() for (other,) in struct.iter_unpack("I", groups))


def _listener(path: Path) -> socket.socket:
    """A listening socket at `path`, never to be seen with another mode than SOCKET_MODE."""
    new = path.with_name("control.new")
    with contextlib.suppress(FileNotFoundError):
        new.unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(new))
        new.chmod(SOCKET_MODE)
        listener.listen(CONNECTIONS_MAX)
        new.replace(path)
    except OSError:
        listener.close()
        raise
    listener.setblocking(False)
    return listener


async def _write(writer: asyncio.StreamWriter, line: bytes) -> None:
    writer.write(line)
    await asyncio.wait_for(writer.drain(), ANSWER_TIMEOUT_S)
