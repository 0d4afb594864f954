"""Logs: one event, one line. Numbers are shortened, texts never appear at INFO, secrets and query strings never at all.

Text for people at a terminal, JSON for a journal. Whatever a value holds, a line stays one line.
"""

import asyncio
import json
import logging
import sys
import time
from functools import lru_cache
from typing import Any

import structlog
from structlog.typing import EventDict

from bridge.runtime.logs_settings import LogSettings

_TEXT_WIDTH = 22


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
        line: Any = values
        line["room"] = self._room
        line["event"] = event
        try:
            for processor in _way.processors:
                line = processor(None, method, line)
        except structlog.DropEvent:
            return
        _out.write(f"{line}\n")
        _out.flush()


class _Way:
    """What every line goes through; until `configure`, as structlog has it by itself."""

    processors: Any = structlog.get_config()["processors"]
    level: int = logging.NOTSET


_way = _Way()


def get(room: str) -> RoomLog:
    """The logger of one room."""
    return RoomLog(room)


def configure(settings: LogSettings) -> None:
    """Set format and level once, at start; also quiets the libraries, whose lines could hold numbers and texts."""
    _way.level = getattr(logging, settings.level.upper())
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            _as_json if settings.format == "json" else _as_text,
        ]
    )
    _way.processors = structlog.get_config()["processors"]
    logging.basicConfig(level=logging.WARNING, handlers=[_Bridge()], force=True)
    for name in ("mail.log", "mail.debug", "aiosmtpd", "asyncio"):
        logging.getLogger(name).setLevel(logging.WARNING)


class _Out:
    """Standard output as it is when a line is written, so that a redirected stream is followed.

    On the loop, the lines of one turn are flushed together: a system call for each would cost more than the line.
    """

    def __init__(self) -> None:
        self._is_due = False

    def write(self, text: str) -> None:
        sys.stdout.write(text)

    def flush(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            sys.stdout.flush()
            return
        if not self._is_due:
            self._is_due = True
            loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._is_due = False
        sys.stdout.flush()


_out = _Out()


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


def _as_json(logger: Any, method: str, event: EventDict) -> str:
    first = {"at": _stamp(time.time()), "level": event.pop("level"), "room": event.pop("room", "")}
    return json.dumps({**first, "event": event.pop("event"), **event}, default=str, ensure_ascii=True)


def _as_text(logger: Any, method: str, event: EventDict) -> str:
    level = event.pop("level")
    room = event.pop("room", "")
    name = str(event.pop("event"))
    name = name if name.isprintable() else _one_line(name)
    trace = event.pop("exception", None)
    mark = "" if level == "info" else f"{level.upper()} "
    values = "  ".join([f"{key}={_one_line(value)}" for key, value in event.items() if value not in (None, "")])
    line = f"{_stamp(time.time())[11:-5]}  {room:<12} {mark + name:<{_TEXT_WIDTH}} {values}".rstrip()
    return line if trace is None else f"{line}\n    " + trace.replace("\n", "\n    ")


def _one_line(value: Any) -> str:
    text = value if type(value) is str else str(value)
    if " " not in text and text.isprintable():
        return text
    return json.dumps(text, ensure_ascii=True) if not text.isprintable() else f'"{text}"'
