"""Log lines: one event, one line, whatever a value holds; at once for people, together for the loop."""

import asyncio
import io
import json
import logging
import subprocess
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


class Gone:
    """Standard output behind a pipe that nobody reads any more."""

    def __init__(self) -> None:
        self.tries = 0

    def write(self, text: str) -> None:
        self.tries += 1
        raise BrokenPipeError

    def flush(self) -> None:
        """Nothing is there."""


def test_a_broken_pipe_is_no_event_that_is_logged_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    out = Gone()
    logs.configure(LogSettings())

    async def talk() -> None:
        monkeypatch.setattr(sys, "stdout", out)
        logs.get("door").info("accepted")
        for _ in range(20):
            await asyncio.sleep(0)

    asyncio.run(talk())
    assert out.tries == 1


def test_a_loop_that_ended_before_its_turn_takes_no_later_line_with_it(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(LogSettings())
    loop = asyncio.new_event_loop()

    def end() -> None:
        logs.get("door").info("accepted")
        raise SystemExit

    loop.call_soon(end)
    with pytest.raises(SystemExit):
        loop.run_forever()
    loop.close()

    async def talk() -> None:
        logs.get("door").info("refused")
        await asyncio.sleep(0)

    asyncio.run(talk())
    out = capsys.readouterr().out
    assert out.index("accepted") < out.index("refused")


def test_a_line_that_the_terminal_cannot_show_takes_no_other_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    octets = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(octets, encoding="ascii"))
    logs.configure(LogSettings())

    async def talk() -> None:
        logs.get("door").info("accepted", subject="Größe")
        logs.get("door").info("refused")
        await asyncio.sleep(0)

    asyncio.run(talk())
    assert b"subject=Gr\\xf6\\xdfe" in octets.getvalue()
    assert b"refused" in octets.getvalue()


def test_what_a_turn_said_is_written_before_the_process_ends_in_it() -> None:
    program = (
        "import asyncio\nfrom bridge.app.run import end_now\nfrom bridge.runtime import logs\n"
        "from bridge.runtime.logs_settings import LogSettings\nlogs.configure(LogSettings())\n"
        "async def end():\n    logs.get('link').error('last words')\n    end_now(3)\n"
        "asyncio.run(end())\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 3
    assert "last words" in ended.stdout
