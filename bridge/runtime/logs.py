"""Logs: one event, one line. Numbers are shortened, texts never appear at INFO, secrets and query strings never at all.

Text for people at a terminal, JSON for a journal. Whatever a value holds, a line stays one line.
"""

import asyncio
import contextlib
import json
import logging
import sys
import time
from collections import deque
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import structlog
from structlog.typing import EventDict

from bridge.runtime.logs_settings import LogSettings

HEADS_MAX = 256
"""Kinds of lines whose columns are made once: more than there are."""


class RoomLog:
    """The logger of one room: `log.info("accepted", message="6FD54FA2")`. Event names are short words.

    It runs structlog's processors by itself: its own way to them costs twice as much as the line, and a message has
    three lines.
    """

    __slots__ = ("_room",)

    def __init__(self, room: str) -> None:
        self._room = room

    def debug(self, event: str, **values: Any) -> None:
        if _way.level <= logging.DEBUG:
            self._tell("debug", event, values)

    def info(self, event: str, **values: Any) -> None:
        if _way.level <= logging.INFO:
            self._tell("info", event, values)

    def warning(self, event: str, **values: Any) -> None:
        if _way.level <= logging.WARNING:
            self._tell("warning", event, values)

    def error(self, event: str, **values: Any) -> None:
        self._tell("error", event, values)

    def exception(self, event: str, **values: Any) -> None:
        """An error with the trace of what is being handled."""
        values.setdefault("exc_info", True)
        self._tell("error", event, values)

    def _tell(self, method: str, event: str, values: dict[str, Any]) -> None:
        way = _way
        if way.processors[-1] is way.last and "exc_info" not in values:
            _out.write(way.line(method, self._room, event, values))
            return
        line: Any = {**values, "room": self._room, "event": event}
        try:
            for processor in way.processors:
                line = processor(None, method, line)
        except structlog.DropEvent:
            return
        _out.write(str(line))


class _Way:
    """What every line goes through; until `configure`, as structlog has it by itself."""

    processors: Any = structlog.get_config()["processors"]
    level: int = logging.NOTSET
    line: Callable[[str, str, str, EventDict], str]
    last: Any = None
    """The processor that calls `line`: while it is the last one nobody catches lines, and most go there at once."""


_way = _Way()


def get(room: str) -> RoomLog:
    """The logger of one room."""
    return RoomLog(room)


def configure(settings: LogSettings) -> None:
    """Set format and level once, at start; also quiets the libraries, whose lines could hold numbers and texts."""
    _way.level = getattr(logging, settings.level.upper())
    line = _json_line if settings.format == "json" else _text_line

    def last(logger: Any, method: str, event: EventDict) -> str:
        return line(event.pop("level"), event.pop("room", ""), str(event.pop("event")), event)

    processors: Any = [structlog.processors.add_log_level, structlog.processors.format_exc_info, last]
    structlog.configure(processors=processors)
    _way.line, _way.last, _way.processors = line, last, structlog.get_config()["processors"]
    logging.basicConfig(level=logging.WARNING, handlers=[_Bridge()], force=True)
    for name in ("mail.log", "mail.debug", "aiosmtpd", "asyncio"):
        logging.getLogger(name).setLevel(logging.WARNING)


class _Out:
    """Standard output as it is when a line is written, so that a redirected stream is followed.

    On the loop, the lines of one turn are written together: a system call for each would cost more than the line, and
    each lets go of the interpreter, which the ledger's thread is waiting for.
    """

    def __init__(self) -> None:
        self._lines: deque[str] = deque()
        self._asked: asyncio.AbstractEventLoop | None = None
        """The loop that flushes at the end of its turn."""

    def write(self, line: str) -> None:
        """Write `line` with all others of this turn; at once where no loop runs. May be called on any thread."""
        self._lines.append(line)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.flush()
            return
        if self._asked is not loop:
            self._asked = loop
            loop.call_soon(self._end_turn)

    def _end_turn(self) -> None:
        self._asked = None
        self.flush()

    def flush(self) -> None:
        """Write what waits. Where nothing can be written, as behind a closed pipe, it is lost: nobody else is told."""
        lines = []
        with contextlib.suppress(IndexError):  # Other threads add to it and take from it meanwhile.
            while True:
                lines.append(self._lines.popleft())
        if not lines:
            return
        text = "\n".join([*lines, ""])
        with contextlib.suppress(OSError, ValueError):
            try:
                sys.stdout.write(text)
            except UnicodeEncodeError:
                encoding = sys.stdout.encoding
                sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
            sys.stdout.flush()


_out = _Out()


def flush() -> None:
    """Write the lines of this turn now: before the process ends without another one."""
    _out.flush()


class _Bridge(logging.Handler):
    """Lines of libraries that use the standard `logging` become events of ours."""

    def emit(self, record: logging.LogRecord) -> None:
        log = get(record.name)
        write = log.error if record.levelno >= logging.ERROR else log.warning
        write("library", text=record.getMessage(), exc_info=record.exc_info if record.exc_info else None)


def _stamp(now_s: float) -> str:
    return f"{_second(int(now_s))}.{int(now_s * 1000) % 1000:03d}Z"


@lru_cache(maxsize=2)
def _second(at_s: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at_s))


def _json_line(level: str, room: str, event: str, values: EventDict) -> str:
    first = {"at": _stamp(time.time()), "level": level, "room": room, "event": event}
    return json.dumps({**first, **values}, default=str, ensure_ascii=True)


def _text_line(level: str, room: str, event: str, values: EventDict) -> str:
    trace = values.pop("exception", "")
    line = _clock(int(time.time())) + _head(level, room, event)
    for key, value in values.items():
        if value is None or value == "":
            continue
        text = value if type(value) is str else str(value)
        line += f"  {key}={text}" if " " not in text and text.isprintable() else f"  {key}={_one_line(text)}"
    return f"{line.rstrip()}\n    " + trace.replace("\n", "\n    ") if trace else line.rstrip()


@lru_cache(maxsize=2)
def _clock(at_s: int) -> str:
    return _second(at_s)[11:]


@lru_cache(maxsize=HEADS_MAX)
def _head(level: str, room: str, event: str) -> str:
    """What a line has between the clock and its values, in columns."""
    name = event if event.isprintable() else _one_line(event)
    if level != "info":
        name = f"{level.upper()} {name}"
    return f"  {room:<12} {name:<21}"


def _one_line(text: str) -> str:
    return f'"{text}"' if text.isprintable() else json.dumps(text, ensure_ascii=True)
