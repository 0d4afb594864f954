"""The control socket on the wire: what it carries out, what it refuses, and how it begins and ends.

The commands behind it are those of `Desk`, a small stand-in that answers, refuses, fails and dawdles on demand:
the socket knows no more of them than their names and values.
"""

import asyncio
import errno
import json
import os
import socket
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from bridge.app import control, control_frames
from bridge.app.commands import COMMANDS, Commands
from bridge.app.control import ControlServer
from bridge.app.control_client import ControlClient, NotAnswering, NotPermitted, NotRunning
from bridge.messages.faults import Fault, FaultCode
from tests.support import asyncio_test, eventually
from tests.unit.app.config_files import NOBODY, as_nobody


class Desk:
    """Some of the commands."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self.has_begun = asyncio.Event()
        self.may_end = asyncio.Event()

    async def account_show(self, *, name: str) -> dict[str, str]:
        self.shown.append(name)
        return {"name": name}

    async def account_disable(self, *, name: str) -> None:
        raise Fault(FaultCode.NOT_FOUND, f"account {name}", private="nobody else may read this")

    async def account_enable(self, *, name: str) -> None:
        raise KeyError(name)

    async def queue(self) -> str:
        self.has_begun.set()
        await self.may_end.wait()
        return "done"

    async def link_list(self) -> list[str]:
        return ["x" * 1000] * 2000

    async def secret_command(self) -> str:
        return "never to be reached"


@asynccontextmanager
async def appliance(folder: Path) -> AsyncIterator[tuple[Desk, ControlServer]]:
    desk = Desk()
    server = ControlServer(folder, cast(Commands, desk))
    await server.start()
    try:
        yield desk, server
    finally:
        await server.stop()


async def asked(function: Callable[[], Any]) -> Any:
    """The blocking client beside the loop, as in a process of its own."""
    return await asyncio.get_running_loop().run_in_executor(None, function)


def call(folder: Path, command: str, **values: Any) -> Any:
    with ControlClient(folder / control_frames.SOCKET_NAME) as client:
        return client.call(command, timeout_s=20, **values)


async def raw(folder: Path, *lines: bytes) -> list[dict[str, Any]]:
    """Send lines as they are; the answers until the other side has nothing more to say."""
    reader, writer = await asyncio.open_unix_connection(folder / control_frames.SOCKET_NAME, limit=1 << 22)
    writer.write(b"".join(lines))
    writer.write_eof()
    answers = (await reader.read()).splitlines()
    writer.close()
    return [json.loads(answer) for answer in answers]


@asyncio_test
async def test_a_command_is_carried_out_and_answered(tmp_path: Path) -> None:
    async with appliance(tmp_path) as (desk, _):
        assert await asked(lambda: call(tmp_path, "account_show", name="ward7 åß漢")) == {"name": "ward7 åß漢"}
        assert desk.shown == ["ward7 åß漢"]


@asyncio_test
async def test_one_connection_may_ask_many_times_and_all_at_once(tmp_path: Path) -> None:
    async with appliance(tmp_path):
        lines = [control_frames.request("account_show", {"name": str(n)}) for n in range(50)]
        assert await raw(tmp_path, *lines) == [{"result": {"name": str(n)}} for n in range(50)]


@asyncio_test
async def test_a_fault_arrives_as_the_same_fault_without_its_private_part(tmp_path: Path) -> None:
    async with appliance(tmp_path):
        with pytest.raises(Fault) as caught:
            await asked(lambda: call(tmp_path, "account_disable", name="ward7"))
        assert (caught.value.code, caught.value.detail, caught.value.private) == (
            FaultCode.NOT_FOUND,
            "account ward7",
            "",
        )
        (answer,) = await raw(tmp_path, control_frames.request("account_disable", {"name": "ward7"}))
        assert "nobody else" not in json.dumps(answer)


@asyncio_test
async def test_a_bug_of_ours_is_a_temporary_fault_and_the_next_command_works(tmp_path: Path) -> None:
    async with appliance(tmp_path):
        with pytest.raises(Fault) as caught:
            await asked(lambda: call(tmp_path, "account_enable", name="secret-name"))
        assert caught.value.code is FaultCode.TRY_LATER
        assert "secret-name" not in caught.value.detail
        assert await asked(lambda: call(tmp_path, "account_show", name="a")) == {"name": "a"}


@pytest.mark.parametrize(
    ("line", "detail"),
    [
        (b"hello\n", "not a line of JSON"),
        (b"\xff\xfe\n", "not a line of JSON"),
        (b"[" * 100_000 + b"\n", "not a line of JSON"),
        (b"[1]\n", "not a JSON object"),
        (b"{}\n", 'write {"call": NAME, "values": {...}}'),
        (b'{"call": 5}\n', 'write {"call": NAME, "values": {...}}'),
        (b'{"call": "queue", "values": [1]}\n', 'write {"call": NAME, "values": {...}}'),
        (b'{"call": "queue", "more": 1}\n', 'write {"call": NAME, "values": {...}}'),
        (b'{"call": "secret_command"}\n', "does not know the command"),
        (b'{"call": "__init__"}\n', "does not know the command"),
        (b'{"call": "shown"}\n', "does not know the command"),
        (b'{"call": "account_show"}\n', "missing a required"),
        (b'{"call": "account_show", "values": {"name": "a", "self": 1}}\n', "unexpected keyword argument 'self'"),
    ],
)
@asyncio_test
async def test_what_is_no_command_is_refused_and_the_connection_lives(line: bytes, detail: str, tmp_path: Path) -> None:
    async with appliance(tmp_path):
        refusal, answer = await raw(tmp_path, line, control_frames.request("account_show", {"name": "a"}))
        assert refusal["fault"] == "bad_request"
        assert detail in refusal["detail"]
        assert answer == {"result": {"name": "a"}}


@asyncio_test
async def test_a_line_that_is_too_long_is_refused_and_the_connection_ends(tmp_path: Path) -> None:
    async with appliance(tmp_path):
        reader, writer = await asyncio.open_unix_connection(tmp_path / control_frames.SOCKET_NAME)
        writer.write(b"x" * (control_frames.FRAME_SIZE_MAX + 100_000))
        answer = json.loads(await reader.readline())
        assert answer["fault"] == "message_too_large"
        writer.close()


@asyncio_test
async def test_an_answer_that_is_too_long_is_a_fault_and_not_cut(tmp_path: Path) -> None:
    async with appliance(tmp_path):
        with pytest.raises(Fault) as caught:
            await asked(lambda: call(tmp_path, "link_list"))
        assert caught.value.code is FaultCode.MESSAGE_TOO_LARGE
        assert "ask for less" in caught.value.detail


@asyncio_test
async def test_a_request_that_is_too_long_never_leaves(tmp_path: Path) -> None:
    async with appliance(tmp_path) as (desk, _):
        with pytest.raises(Fault) as caught:
            await asked(lambda: call(tmp_path, "account_show", name="x" * control_frames.FRAME_SIZE_MAX))
        assert caught.value.code is FaultCode.MESSAGE_TOO_LARGE
        assert desk.shown == []


@asyncio_test
async def test_a_request_without_its_end_does_nothing(tmp_path: Path) -> None:
    async with appliance(tmp_path) as (desk, _):
        assert await raw(tmp_path, b'{"call": "account_show", "values": {"name": "a"}}') == []
        assert desk.shown == []


@asyncio_test
async def test_the_socket_is_for_owner_and_group_only(tmp_path: Path) -> None:
    async with appliance(tmp_path) as (_, server):
        assert stat.S_IMODE(server.path.stat().st_mode) == 0o660
        assert [entry.name for entry in tmp_path.iterdir()] == ["control.sock"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")
@asyncio_test
async def test_a_stranger_is_kept_out_by_the_kernel(tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents):
        if folder.is_relative_to(Path("/tmp")) and folder != Path("/tmp"):
            folder.chmod(0o755)
    async with appliance(tmp_path):
        with as_nobody(), pytest.raises(NotPermitted):
            ControlClient(tmp_path / control_frames.SOCKET_NAME)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")
@pytest.mark.parametrize(
    ("user", "group", "groups", "is_permitted"),
    [
        (0, 0, [], True),
        (NOBODY, NOBODY, [], False),
        (NOBODY, "ours", [], True),
        (NOBODY, NOBODY, [4242, "ours"], True),
        (NOBODY, NOBODY, [4242], False),
    ],
)
def test_root_our_user_and_our_group_are_permitted(
    user: int, group: int | str, groups: list[int | str], is_permitted: bool
) -> None:
    """The credentials are the kernel's word about the process that connected, whatever it says itself."""
    ours = os.getegid()

    def number(of: int | str) -> int:
        return ours if isinstance(of, str) else of

    name = f"\0smsbridge-permitted-{os.getpid()}"
    program = f"import socket; s = socket.socket(socket.AF_UNIX); s.connect({name!r}); s.recv(1)"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(name)
        listener.listen()
        child = subprocess.Popen(
            ["/usr/bin/env", "-i", system_python(), "-c", program],
            user=user,
            group=number(group),
            extra_groups=[number(one) for one in groups],
        )
        try:
            listener.settimeout(20)
            peer, _ = listener.accept()
            with peer:
                assert control.is_permitted(peer) is is_permitted
        finally:
            child.terminate()
            child.wait()


def system_python() -> str:
    """A Python that another user may run; the one of the tests may lie in a closed folder."""
    for candidate in ("/usr/bin/python3", sys.executable):
        if Path(candidate).exists():
            return candidate
    raise AssertionError("no Python")


@asyncio_test
async def test_a_peer_that_is_not_permitted_hears_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "is_permitted", lambda peer: False)
    async with appliance(tmp_path) as (desk, _):
        with pytest.raises(Fault) as caught:
            await asked(lambda: call(tmp_path, "account_show", name="a"))
        assert caught.value.code is FaultCode.NOT_ALLOWED_HERE
        assert desk.shown == []


@asyncio_test
async def test_only_so_many_at_a_time(tmp_path: Path) -> None:
    async with appliance(tmp_path):
        path = tmp_path / control_frames.SOCKET_NAME
        idle = [await asyncio.open_unix_connection(path) for _ in range(control.CONNECTIONS_MAX)]
        # The last one is served once it was seen, so all before it are counted.
        idle[-1][1].write(control_frames.request("account_show", {"name": "a"}))
        await idle[-1][0].readline()
        with pytest.raises(Fault) as caught:
            await asked(lambda: call(tmp_path, "account_show", name="a"))
        assert caught.value.code is FaultCode.TOO_FAST
        for _, writer in idle:
            writer.close()

        async def is_free() -> bool:
            try:
                return bool(await asked(lambda: call(tmp_path, "account_show", name="a")))
            except Fault:
                return False

        while not await is_free():
            await asyncio.sleep(0.01)


@asyncio_test
async def test_the_socket_of_a_dead_appliance_is_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / control_frames.SOCKET_NAME))
    with pytest.raises(NotRunning):
        await asked(lambda: call(tmp_path, "queue"))
    async with appliance(tmp_path):
        assert await asked(lambda: call(tmp_path, "account_show", name="a")) == {"name": "a"}


@asyncio_test
async def test_stop_finishes_what_is_being_carried_out_and_removes_the_socket(tmp_path: Path) -> None:
    async with appliance(tmp_path) as (desk, server):
        idle_reader, idle_writer = await asyncio.open_unix_connection(server.path)
        answer = asyncio.ensure_future(asked(lambda: call(tmp_path, "queue")))
        await desk.has_begun.wait()
        stopping = asyncio.ensure_future(server.stop())
        assert await idle_reader.read() == b""
        assert not server.path.exists()
        with pytest.raises(NotRunning):
            await asked(lambda: call(tmp_path, "account_show", name="a"))
        desk.may_end.set()
        assert await answer == "done"
        await stopping
        idle_writer.close()


@asyncio_test
async def test_a_connection_that_comes_as_we_stop_is_closed(tmp_path: Path) -> None:
    async with appliance(tmp_path) as (_, server):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(server.path))
            client.setblocking(False)
            server._accept()
            await server.stop()
            assert await asyncio.get_running_loop().sock_recv(client, 1) == b""


@asyncio_test
async def test_out_of_files_is_survived(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection waits in the backlog until the process has files again."""
    monkeypatch.setattr(control, "ACCEPT_PAUSE_S", 0.01)
    async with appliance(tmp_path) as (_, server):
        real = server._listener
        assert real is not None
        refusals = [OSError(errno.EMFILE, "Too many open files")] * 3

        class Starved(socket.socket):
            def accept(self) -> Any:
                if refusals:
                    raise refusals.pop()
                return super().accept()

        asyncio.get_running_loop().remove_reader(real)
        server._listener = Starved(fileno=real.detach())
        server._watch()
        assert await asked(lambda: call(tmp_path, "account_show", name="a")) == {"name": "a"}
        assert refusals == []


@asyncio_test
async def test_stop_does_not_wait_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "STOP_GRACE_S", 0.05)
    async with appliance(tmp_path) as (desk, server):
        answer = asyncio.ensure_future(asked(lambda: call(tmp_path, "queue")))
        await desk.has_begun.wait()
        await server.stop()
        with pytest.raises(NotAnswering):
            await answer


@asyncio_test
async def test_a_client_that_went_away_does_not_end_its_command(tmp_path: Path) -> None:
    async with appliance(tmp_path) as (desk, server):
        _, writer = await asyncio.open_unix_connection(server.path)
        writer.write(control_frames.request("queue", {}))
        await desk.has_begun.wait()
        writer.close()
        desk.may_end.set()
        await eventually(lambda: not server._busy and not server._idle)
        assert await asked(lambda: call(tmp_path, "account_show", name="a")) == {"name": "a"}


@asyncio_test
async def test_silence_ends_a_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "REQUEST_TIMEOUT_S", 0.05)
    async with appliance(tmp_path) as (_, server):
        reader, writer = await asyncio.open_unix_connection(server.path)
        assert await reader.read() == b""
        writer.close()


def test_a_server_that_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "silent.sock"
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(path))
        silent.listen()
        with ControlClient(path) as client, pytest.raises(NotAnswering):
            client.call("queue", timeout_s=0.05)


@pytest.mark.parametrize(
    ("line", "words"),
    [(b"nonsense\n", "not a line of JSON"), (b'{"fault": "new_fault"}\n', "does not know"), (b"{}\n", "does not know")],
)
def test_an_answer_that_is_none_is_a_fault(line: bytes, words: str) -> None:
    with pytest.raises(Fault, match=words):
        control_frames.read_answer(line)


def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(NotRunning):
        ControlClient(tmp_path / "none.sock")
    with pytest.raises(NotRunning):
        ControlClient(tmp_path / ("x" * 200))


def test_the_closed_list_is_what_the_appliance_can_do() -> None:
    from bridge.app.operations.desk import Desk
    from bridge.app.operations.everything import Operations

    subjects = [part for part in Operations.__mro__ if part not in (Desk, object)]
    can = {name for part in subjects for name in vars(part) if not name.startswith("_")}
    assert set(COMMANDS) == can
