"""The command line's end of the control socket: blocking, one connection, one request at a time."""

import contextlib
import socket
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bridge.app import control_frames as frames

CONNECT_TIMEOUT_S = 5.0
"""A Unix socket accepts at once or its owner is stuck."""

READ_SIZE = 65_536


class NotRunning(Exception):
    """Nobody listens on the control socket."""


class NotPermitted(Exception):
    """This user may not talk to the control socket."""


class NotAnswering(Exception):
    """Somebody listens but does not answer in time, or hung up before answering."""


class ControlClient:
    """A connection to the running appliance. Use as a context manager."""

    def __init__(self, path: Path) -> None:
        """Connect. Raises NotRunning, NotPermitted or NotAnswering."""
        self._rest = b""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(CONNECT_TIMEOUT_S)
        try:
            self._socket.connect(str(path))
        except PermissionError:
            self._socket.close()
            raise NotPermitted(str(path)) from None
        except (TimeoutError, BlockingIOError):
            self._socket.close()
            raise NotAnswering(str(path)) from None
        except OSError:
            # No such file, nobody behind it, or a path no socket can have.
            self._socket.close()
            raise NotRunning(str(path)) from None

    def call(self, command: str, /, *, timeout_s: float = frames.ANSWER_TIMEOUT_S, **values: Any) -> Any:
        """The result of one command. Raises the Fault the appliance answered with, or NotAnswering."""
        line = frames.request(command, values)
        self._socket.settimeout(timeout_s)
        # It may have refused us and hung up; its reason is then still to be read.
        with contextlib.suppress(OSError):
            self._socket.sendall(line)
        return frames.read_answer(self._read_line())

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read_line(self) -> bytes:
        chunks = [self._rest]
        size = len(self._rest)
        while b"\n" not in chunks[-1]:
            if size > frames.FRAME_SIZE_MAX:
                raise NotAnswering("the answer never ends")
            try:
                chunk = self._socket.recv(READ_SIZE)
            except OSError as error:
                raise NotAnswering(str(error)) from None
            if not chunk:
                raise NotAnswering("it hung up")
            chunks.append(chunk)
            size += len(chunk)
        line, _, self._rest = b"".join(chunks).partition(b"\n")
        return line
