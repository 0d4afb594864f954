"""A real Kannel of our own: bearerbox and smsbox on loopback, and a web server that takes what Kannel calls."""

import re
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from xml.etree import ElementTree

from tests.support import free_port, need_program

START_S = 15.0
STOP_S = 10.0
USER = {"username": "tester", "password": "sesame"}
PDU_LINE = re.compile(r"\[(\d+)\] DEBUG: (?:SMPP\[(.*)\]: (Got|Sending) [\w ]+:$|  type_name: (\w+)$)")
"""What Kannel's log has of a PDU: whose it is, or, on the next line of the same thread, its name."""
NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))

CORE = """
group = core
admin-port = {admin_port}
admin-interface = 127.0.0.1
admin-password = sesame
smsbox-port = {box_port}
smsbox-interface = 127.0.0.1
log-file = {folder}/bearerbox.log
log-level = 0
access-log = {folder}/access.log
{core}

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {send_port}
sendsms-interface = 127.0.0.1
log-file = {folder}/smsbox.log
log-level = 0
http-request-retry = 3
http-queue-delay = 1

group = sendsms-user
username = tester
password = sesame
max-messages = 10
concatenation = true
user-deny-ip = ""
user-allow-ip = "127.0.0.1"

"""


@dataclass
class Call:
    """One request that Kannel made."""

    path: str
    query: dict[str, bytes]
    """Percent signs undone, and no more."""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


def need_kannel() -> str:
    """Path of bearerbox, beside which smsbox is; skips the test by name when it is missing."""
    return need_program("bearerbox", "apt-get install --no-install-recommends kannel")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512
    """Kannel connects for many callbacks at once; what found no room would come back after seconds."""


class Callbacks:
    """The web server that Kannel calls, with all that it was told."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        keep = self.calls.append

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                url = urllib.parse.urlsplit(self.path)
                pairs = [one.partition("=") for one in url.query.split("&") if one]
                query = {name: urllib.parse.unquote_to_bytes(value.replace("+", " ")) for name, _, value in pairs}
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                keep(Call(url.path, query, dict(self.headers.items()), body))
                self.send_response(200)
                self.send_header("Content-Type", "text/plain")
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_POST = do_GET

            def log_message(self, format: str, *args: object) -> None:
                """Nothing on the terminal."""

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def of(self, path: str) -> list[Call]:
        return [call for call in list(self.calls) if call.path == path]

    def receipts(self, name: str) -> list[tuple[int, str]]:
        """Type and text of what was called back for the message that was sent under this name."""
        return [
            (int(call.query["type"]), call.query["text"].decode())
            for call in self.of("/receipt")
            if call.query["name"] == name.encode()
        ]

    def types(self, name: str) -> list[int]:
        """Types of these, in order: 1 delivered, 2 failed, 4 buffered, 8 accepted, 16 refused."""
        return [kind for kind, _ in self.receipts(name)]

    def receipt_url(self, name: str) -> str:
        """What goes to Kannel as dlr-url. A name is ASCII without blanks; Kannel puts the recipient for "%p"."""
        return f"{self.url}/receipt?name={name}&type=%d&text=%A"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()


class Kannel:
    """Two running processes, and how to talk to them."""

    def __init__(self, folder: Path, groups: str, core: str = "") -> None:
        self.folder = folder
        self.admin_port, self.box_port, self.send_port = free_port(), free_port(), free_port()
        ports = {"admin_port": self.admin_port, "box_port": self.box_port, "send_port": self.send_port}
        self._config = folder / "kannel.conf"
        self._config.write_text(CORE.format(folder=folder, core=core, **ports) + groups, encoding="utf-8")
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Start both, and wait until smsbox takes messages."""
        for name in ("bearerbox", "smsbox"):
            program = Path(need_kannel()).with_name(name)
            with (self.folder / f"{name}.out").open("ab") as out:
                command = [str(program), str(self._config)]
                process = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, cwd=self.folder)
            self._processes.append(process)
            self._until(self._has_started if name == "bearerbox" else self._has_smsbox, f"{name} does not start")

    def stop(self) -> None:
        """Stop both, smsbox first, as its own scripts do."""
        while self._processes:
            process = self._processes.pop()
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def sms(self, **query: str | bytes) -> tuple[int, str]:
        """GET /cgi-bin/sendsms: status and body. `dlr_url` for `dlr-url`, and so on; octets go as they are."""
        given = {name.strip("_").replace("_", "-"): value for name, value in (USER | query).items()}
        return _get(f"http://127.0.0.1:{self.send_port}/cgi-bin/sendsms?{urllib.parse.urlencode(given)}")

    def tell(self, command: str, **query: str) -> str:
        """One of the administrator's commands."""
        asked = urllib.parse.urlencode({"password": "sesame"} | query)
        _, body = _get(f"http://127.0.0.1:{self.admin_port}/{command}?{asked}")
        return body

    def smscs(self) -> list[tuple[str, str]]:
        """Id of each connection, and how it is: `online 3s`, `re-connecting`, `dead` ..."""
        root = ElementTree.fromstring(self.tell("status.xml"))
        return [(one.findtext("id", ""), one.findtext("status", "").split()[0]) for one in root.iter("smsc")]

    def is_online(self, *ids: str) -> bool:
        """Whether all connections of all these are bound."""
        asked_for = {(one, status) for one, status in self.smscs() if one in ids}
        return asked_for == {(one, "online") for one in ids}

    def log(self, name: str = "bearerbox") -> str:
        path = self.folder / f"{name}.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def pdus(self, smsc_id: str) -> list[str]:
        """The PDUs of a connection in their order: `sent submit_sm`, `got submit_sm_resp` ..."""
        found, open_dumps = [], {}
        for line in self.log().splitlines():
            match = PDU_LINE.search(line)
            if match is None:
                continue
            thread, whose, way, name = match.groups()
            if whose:
                open_dumps[thread] = "got" if way == "Got" else "sent"
                if whose != smsc_id:
                    del open_dumps[thread]
            elif thread in open_dumps:
                found.append(f"{open_dumps.pop(thread)} {name}")
        return found

    def _has_started(self) -> bool:
        try:
            return bool(self.smscs())
        except OSError:
            return False

    def _has_smsbox(self) -> bool:
        try:
            status, _ = _get(f"http://127.0.0.1:{self.send_port}/")
        except OSError:
            return False
        return status == 404 and "<box>" in self.tell("status.xml")

    def _until(self, fact: Callable[[], bool], why: str) -> None:
        end = time.monotonic() + START_S
        while not fact():
            is_running = all(process.poll() is None for process in self._processes)
            assert is_running, f"{why}\n{self._last_words()}"
            assert time.monotonic() < end, f"{why}\n{self._last_words()}"
            time.sleep(0.02)

    def _last_words(self) -> str:
        lines = (self.log("bearerbox") + self.log("smsbox")).splitlines()
        return "\n".join(line for line in lines if "PANIC" in line or "ERROR" in line)[-3000:]


@contextmanager
def open_kannel(folder: Path, groups: str, core: str = "") -> Iterator[Kannel]:
    """A Kannel with these groups in its configuration; `core` are more lines of its group `core`."""
    folder.mkdir(parents=True, exist_ok=True)
    kannel = Kannel(folder, groups, core)
    try:
        kannel.start()
        yield kannel
    finally:
        kannel.stop()


def _get(url: str) -> tuple[int, str]:
    try:
        with NO_PROXY.open(url, timeout=10) as answer:
            return answer.status, answer.read().decode("utf-8", "replace")
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode("utf-8", "replace")
