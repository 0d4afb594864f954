"""What the appliance does all day, and what it must not be able to do; prints one JSON object about both.

Started by test_sandbox.py under the restrictions of the service unit: inside_sandbox.py FOLDER, which is writable.
`works` maps each ability to "" or to the error; `refused` maps each forbidden deed to the errno it ended with, or to ""
when it was done.
"""

import asyncio
import concurrent.futures
import ctypes
import datetime
import errno
import json
import math
import mmap
import multiprocessing
import os
import socket
import sqlite3
import ssl
import stat
import sys
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path

from twisted.internet import asyncioreactor

loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
asyncioreactor.install(loop)

import argon2  # noqa: E402
from twisted.internet import endpoints, protocol, reactor  # noqa: E402
from twisted.internet import ssl as twisted_ssl  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.packaging.certificate import make_certificate  # noqa: E402

FOLDER = Path(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)


async def asyncio_tls() -> None:
    """As the SMTP door does it: the standard library's ssl on the loop, with a client that checks the certificate."""
    certificate, key = make_certificate(FOLDER)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.readline()).upper())
        writer.close()

    server = await asyncio.start_server(answer, "localhost", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    client = ssl.create_default_context(cafile=str(certificate))
    reader, writer = await asyncio.open_connection("localhost", port, ssl=client)
    writer.write(b"hello\n")
    assert await reader.readline() == b"HELLO\n"
    writer.close()
    server.close()


class Shout(protocol.Protocol):
    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(data.upper())


class Listen(protocol.Protocol):
    def __init__(self) -> None:
        self.heard: asyncio.Future[bytes] = loop.create_future()

    def dataReceived(self, data: bytes) -> None:
        self.heard.set_result(data)

    def connectionLost(self, reason: object = None) -> None:
        if not self.heard.done():
            self.heard.set_exception(ConnectionError(str(reason)))


async def twisted_tls() -> None:
    """As the HTTP door and the links do: pyOpenSSL through Twisted. Its callbacks are closures made at run time."""
    certificate, key = make_certificate(FOLDER)
    pair = twisted_ssl.PrivateCertificate.loadPEM(certificate.read_bytes() + key.read_bytes())
    serving = twisted_ssl.CertificateOptions(
        privateKey=pair.privateKey.original, certificate=pair.original, acceptableProtocols=[b"http/1.1"]
    )
    serving.getContext()  # fails here, and not somewhere in the reactor, when no closure can be made
    server = endpoints.SSL4ServerEndpoint(reactor, 0, serving, interface="127.0.0.1")
    port = await server.listen(protocol.Factory.forProtocol(Shout)).asFuture(loop)
    trust = twisted_ssl.Certificate.loadPEM(certificate.read_bytes())
    checking = twisted_ssl.optionsForClientTLS("localhost", trustRoot=trust, acceptableProtocols=[b"http/1.1"])
    target = endpoints.HostnameEndpoint(reactor, "127.0.0.1", port.getHost().port)
    client = endpoints.wrapClientTLS(checking, target)
    connection = await endpoints.connectProtocol(client, Listen()).asFuture(loop)
    connection.transport.write(b"hello")
    assert await connection.heard == b"HELLO"
    assert connection.transport.negotiatedProtocol == b"http/1.1"
    connection.transport.loseConnection()
    await port.stopListening().asFuture(loop)


async def password_check() -> None:
    hasher = argon2.PasswordHasher()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        verifier = await loop.run_in_executor(pool, hasher.hash, "correct horse")
        checks = [loop.run_in_executor(pool, hasher.verify, verifier, "correct horse") for _ in range(4)]
        assert await asyncio.gather(*checks) == [True] * 4


async def ledger_file() -> None:
    database = sqlite3.connect(FOLDER / "ledger.sqlite3", isolation_level=None)
    assert database.execute("PRAGMA journal_mode = WAL").fetchone() == ("wal",)
    database.execute("PRAGMA synchronous = FULL")
    database.execute("CREATE TABLE word (word TEXT) STRICT")
    database.execute("BEGIN IMMEDIATE")
    database.execute("INSERT INTO word VALUES ('kept')")
    database.execute("COMMIT")
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.execute("VACUUM INTO ?", (str(FOLDER / "copy.sqlite3"),))
    database.close()


async def child_process() -> None:
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", "print(6 * 7)", stdout=asyncio.subprocess.PIPE)
    output, _ = await child.communicate()
    assert output == b"42\n"
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", "import time; time.sleep(60)")
    child.kill()
    assert await child.wait() < 0


async def process_pool() -> None:
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert await loop.run_in_executor(pool, math.factorial, 5) == 120


async def names_resolve() -> None:
    found = await loop.getaddrinfo("localhost", 25, type=socket.SOCK_STREAM)
    assert {address[4][0] for address in found} <= {"127.0.0.1", "::1"}
    assert found


async def unix_socket() -> None:
    path = FOLDER / "control.socket"
    server = await asyncio.start_unix_server(lambda reader, writer: writer.close(), path)
    path.chmod(0o660)
    reader, writer = await asyncio.open_unix_connection(path)
    assert await reader.read() == b""
    writer.close()
    server.close()


async def time_zones() -> None:
    import zoneinfo

    assert zoneinfo.ZoneInfo("Europe/Stockholm").utcoffset(datetime.datetime(2026, 7, 1)) == datetime.timedelta(hours=2)


WORKS: tuple[Callable[[], Awaitable[None]], ...] = (
    *(asyncio_tls, twisted_tls, password_check, ledger_file),
    *(child_process, process_pool, names_resolve, unix_socket, time_zones),
)


def call(name: str, *arguments: object) -> None:
    if getattr(libc, name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), name)


def set_user_id_bit() -> None:
    path = FOLDER / "program"
    path.touch(0o700)
    path.chmod(0o700 | stat.S_ISUID)


def make_memory_executable() -> None:
    memory = mmap.mmap(-1, mmap.PAGESIZE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    call("mprotect", ctypes.c_void_p(address), mmap.PAGESIZE, mmap.PROT_READ | mmap.PROT_EXEC)


def write_outside() -> None:
    (Path(sys.prefix) / "written-from-the-sandbox").touch()
    (Path(sys.prefix) / "written-from-the-sandbox").unlink()


def low_port() -> None:
    for port in range(1023, 600, -1):
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", port))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    continue
                raise
            return


# Nothing here does harm where it is not refused. PTRACE_TRACEME comes last: it leaves a traced process behind.
REFUSED: dict[str, Callable[[], object]] = {
    "mount": lambda: call("mount", None, None, None, 0, None),
    "unshare user": lambda: call("unshare", 0x10000000),
    "setns": lambda: call("setns", -1, 0x40000000),
    "raw socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).close(),
    "packet socket": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close(),
    "netlink socket": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).close(),
    "writable and executable memory": lambda: mmap.mmap(-1, mmap.PAGESIZE, prot=7).close(),
    "memory made executable": make_memory_executable,
    "personality": lambda: call("personality", 0x0040000),
    "real time": lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)),
    "set-user-id bit": set_user_id_bit,
    "other user": lambda: os.setuid(os.getuid()),
    "priority": lambda: os.setpriority(os.PRIO_PROCESS, 0, 5),
    "write outside the state folder": write_outside,
    "port below 1024": low_port,
    "ptrace": lambda: call("ptrace", 0, 0, None, None),
}


async def ability(check: Callable[[], Awaitable[None]]) -> str:
    try:
        await asyncio.wait_for(check(), 60)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def refusal(deed: Callable[[], object]) -> str:
    try:
        deed()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    return ""


async def report() -> None:
    works = {check.__name__: await ability(check) for check in WORKS}
    status = dict(line.split(":\t") for line in Path("/proc/self/status").read_text().splitlines() if ":\t" in line)
    refused = {name: refusal(deed) for name, deed in REFUSED.items()}
    print(json.dumps({"works": works, "refused": refused, "status": status}), flush=True)


def leave(reporting: "asyncio.Task[None]") -> None:
    """Without tidying up, since PTRACE_TRACEME was among the deeds."""
    if reporting.exception():
        traceback.print_exception(reporting.exception())
    sys.stderr.flush()
    os._exit(1 if reporting.exception() else 0)


def main() -> None:
    """Runs the reactor, as the appliance does."""
    reactor.callWhenRunning(lambda: loop.create_task(report()).add_done_callback(leave))
    reactor.run()


if __name__ == "__main__":
    main()
