"""Log lines: one event, one line, whatever a value holds; at once for people, together for the loop."""

import asyncio
import json
import logging
import sys

import pytest

from bridge.runtime import logs
from bridge.runtime.logs_settings import LogSettings

FORGED = "x\n06:00:00  door         accepted  message=00000000\r\x1b[2Jx"


@pytest.mark.parametrize("format", ["text", "json"])
def test_no_value_can_forge_a_line(format: str, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(LogSettings.model_validate({"format": format}))
    logs.get("door").info("accepted", account=FORGED, why=FORGED)
    logs.get("door").warning(FORGED)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert all(line.isprintable() for line in lines)


def test_json_lines_have_time_level_room_and_event_first(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(LogSettings(format="json"))
    logs.get("door").info("accepted", message="6FD54FA2")
    line = json.loads(capsys.readouterr().out)
    assert list(line) == ["at", "level", "room", "event", "message"]
    assert line["at"].endswith("Z")


def test_levels_and_traces(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(LogSettings(level="warning"))
    log = logs.get("door")
    log.info("accepted")
    try:
        raise ZeroDivisionError("why")
    except ZeroDivisionError:
        log.exception("failed")
    out = capsys.readouterr().out
    assert "accepted" not in out
    assert "ZeroDivisionError: why" in out


def test_lines_of_libraries_are_events_of_ours(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(LogSettings())
    logging.getLogger("somebody").warning("careful\nnow")
    logging.getLogger("somebody").info("chatter")
    (line,) = capsys.readouterr().out.splitlines()
    assert "careful\\nnow" in line


def test_what_one_turn_of_the_loop_says_is_flushed_together(monkeypatch: pytest.MonkeyPatch) -> None:
    class Counting:
        def __init__(self) -> None:
            self.text, self.flushes = "", 0

        def write(self, text: str) -> None:
            self.text += text

        def flush(self) -> None:
            self.flushes += 1

    out = Counting()
    monkeypatch.setattr(sys, "stdout", out)
    logs.configure(LogSettings())

    async def talk() -> None:
        for _ in range(10):
            logs.get("door").info("accepted")
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    asyncio.run(talk())
    assert out.text.count("accepted") == 10
    assert out.flushes == 1
