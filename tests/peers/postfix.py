"""A real Postfix of our own: private configuration, queue and log, loopback only, in the foreground."""

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiosmtplib
import pytest

from tests.support import free_port, need_program

MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
cleanup   unix n - n - 0 cleanup
qmgr      unix n - n 1 1 qmgr
tlsmgr    unix - - n 1000? 1 tlsmgr
rewrite   unix - - n - - trivial-rewrite
bounce    unix - - n - 0 bounce
defer     unix - - n - 0 bounce
trace     unix - - n - 0 bounce
flush     unix n - n 1000? 0 flush
proxymap  unix - - n - - proxymap
smtp      unix - - n - - smtp
relay     unix - - n - - smtp
showq     unix n - n - - showq
error     unix - - n - - error
retry     unix - - n - - error
discard   unix - - n - - discard
anvil     unix - - n - 1 anvil
scache    unix - - n - 1 scache
postlog   unix-dgram n - n - 1 postlogd
"""

MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/log/mail.log
maillog_file_prefixes = {folder}/log
inet_interfaces = loopback-only
inet_protocols = ipv4
myhostname = client.example
mydestination =
mynetworks = 127.0.0.0/8
smtpd_recipient_restrictions = permit_mynetworks, reject
local_recipient_maps =
alias_maps =
alias_database =
transport_maps = inline:{{ {transports} }}
smtp_host_lookup = native
smtp_dns_support_level = disabled
minimal_backoff_time = 1s
maximal_backoff_time = 2s
queue_run_delay = 1s
smtp_connect_timeout = 5s
smtp_tls_security_level = none
"""


class Postfix:
    """One running instance."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port

    async def send(self, sender: str, to: list[str], octets: bytes) -> None:
        """Give it a mail, as a program on its network would."""
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=self.port, start_tls=False) as client:
            await client.sendmail(sender, to, octets)

    @property
    def log(self) -> str:
        """Its log so far."""
        path = self.folder / "log" / "mail.log"
        return path.read_text() if path.exists() else ""

    def queued(self) -> list[str]:
        """The queue ids of the mails it still has."""
        queue = self.folder / "queue"
        places = ("incoming", "active", "deferred", "maildrop", "hold", "corrupt")
        return [path.name for place in places for path in (queue / place).rglob("*") if path.is_file()]


@asynccontextmanager
async def open_postfix(transports: dict[str, int], *settings: str) -> AsyncIterator[Postfix]:
    """Start a Postfix that gives mail for each domain of `transports` to a port of loopback.

    Skips the test when Postfix is missing, or when we are not root, as its master must be.
    """
    program = need_program("postfix", "apt-get install postfix")
    if os.geteuid() != 0:
        pytest.skip("Postfix starts only as root")
    folder = Path(tempfile.mkdtemp(prefix="smsbridge-postfix-"))  # its daemons must reach it as another user
    folder.chmod(0o755)
    port = free_port()
    for name in ("queue", "data", "log", "conf"):
        (folder / name).mkdir(mode=0o755)
    shutil.chown(folder / "data", "postfix")
    routes = ", ".join(f"{{ {domain} = smtp:[127.0.0.1]:{there} }}" for domain, there in transports.items())
    conf = folder / "conf"
    (conf / "main.cf").write_text(MAIN.format(folder=folder, transports=routes) + "".join(f"{x}\n" for x in settings))
    (conf / "master.cf").write_text(MASTER.format(port=port))
    process = await asyncio.create_subprocess_exec(
        *(program, "-c", str(conf), "start-fg"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    postfix = Postfix(folder, port)
    try:
        await _until_it_listens(postfix, process)
        yield postfix
    finally:
        # The process we started is a script that waits for its master, which is what must end.
        master = folder / "queue" / "pid" / "master.pid"
        if process.returncode is None and master.exists():
            os.kill(int(master.read_text()), signal.SIGTERM)
        await process.wait()
        shutil.rmtree(folder, ignore_errors=True)


async def _until_it_listens(postfix: Postfix, process: asyncio.subprocess.Process) -> None:
    for _ in range(300):
        assert process.returncode is None, f"Postfix ended: {postfix.log}"
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", postfix.port)
        except OSError:
            await asyncio.sleep(0.05)
            continue
        writer.close()
        await writer.wait_closed()
        return
    pytest.fail(f"Postfix does not listen: {postfix.log}")
