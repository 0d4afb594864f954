"""The clients: SMTP and HTTP on bare sockets, ESMEs on sessions of their own (see esme.py), steady or all at once.

Each asks again when its answer was lost. Every request is journalled before its first octet that matters leaves, every
answer when it is whole. The clients live in the process that kills the appliance and survive it.
"""

import asyncio
import base64
import json
import urllib.parse
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import EmailMessage

from bridge.smpp import pdus
from bridge.smpp.constants import Status
from tests.crash.errands import Errand
from tests.crash.esme import Esme, Esmes, Lost, submission
from tests.crash.journal import Journal

ANSWER_S = 20.0
"""Longer than any answer may take."""
AGAIN_S = 0.05
SENDER = "plant@example.com"
COME_AGAIN = (Status.RTHROTTLED, Status.RMSGQFUL, Status.RSYSERR)
"""What an ESME repeats."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client understood."""

    status: int
    yes: dict[str, str] = field(default_factory=dict)
    """Recipient -> id; "" where the protocol names none."""
    no: dict[str, str] = field(default_factory=dict)
    """Recipient -> why not, for good."""

    @property
    def is_final(self) -> bool:
        return bool(self.yes or self.no)


@dataclass(slots=True)
class Doors:
    """Where the appliance listens and how its accounts prove themselves."""

    smtp_port: int
    http_port: int
    smpp_port: int
    domain: str
    pins: dict[str, str]


class Load:
    """All clients of one run."""

    def __init__(self, doors: Doors, journal: Journal, errands: Iterator[Errand]) -> None:
        self._doors = doors
        self._journal = journal
        self._errands = errands
        self._tasks: set[asyncio.Task[None]] = set()
        self._on_the_wire: set[asyncio.Task[None]] = set()
        self.is_up = asyncio.Event()
        """Whether clients try at all: nobody knocks at a door that was just blown away."""
        self.esmes = Esmes(lambda account: Esme(account, doors.pins[account], doors.smpp_port, journal, self.is_up))
        self.ready = 0
        """Clients of the present burst that are one write away from their request."""
        self.answers = 0

    async def steady(self, duration_s: float, per_second: float) -> None:
        """One request after another at an even pace."""
        loop = asyncio.get_running_loop()
        end = loop.time() + duration_s
        while loop.time() < end and self.is_up.is_set():
            self.send(next(self._errands))
            await asyncio.sleep(1 / per_second)

    async def burst(self, count: int, prepare_s: float = 3.0) -> None:
        """`count` clients connect, get as far as they can, and all ask in the same moment."""
        gate = asyncio.Event()
        self.ready = 0
        for _ in range(count):
            self.send(next(self._errands), gate)
        with suppress(TimeoutError):
            async with asyncio.timeout(prepare_s):
                while self.ready < count and self.is_up.is_set():
                    await asyncio.sleep(0.002)
        gate.set()

    def send(self, errand: Errand, gate: asyncio.Event | None = None) -> None:
        """Have a client of its own see to `errand`; with a gate, it asks when that opens."""
        self._journal.write("errand", **errand.facts())
        task = asyncio.get_running_loop().create_task(self._see_to(errand, gate))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def finish(self, timeout_s: float) -> None:
        """Wait until every client has its answer or has given up. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while self._tasks:
                await asyncio.wait(self._tasks)

    def cancel(self) -> None:
        """Let the clients go that still wait."""
        for task in self._tasks:
            task.cancel()
        self.esmes.cancel()

    async def hear_out(self) -> None:
        """After a kill: wait until every socket has told its end, so that the journal knows what was answered."""
        async with asyncio.timeout(ANSWER_S):
            while self._on_the_wire:
                await asyncio.sleep(0.001)

    async def _see_to(self, errand: Errand, gate: asyncio.Event | None) -> None:
        attempt = wanted = 0
        while wanted < errand.copies:
            await self.is_up.wait()
            attempt += 1
            answer = await self._try(errand, attempt, gate)
            gate = None
            if answer is not None and answer.is_final:
                wanted += 1
            elif answer is None and not errand.is_retried:
                return
            else:
                await asyncio.sleep(AGAIN_S)

    async def _try(self, errand: Errand, attempt: int, gate: asyncio.Event | None) -> Answer | None:
        """One request; None when its answer was lost. A door that cannot be reached does not count as a try."""
        while True:
            client = self._client(errand.door)
            task = asyncio.current_task()
            assert task is not None
            self._on_the_wire.add(task)
            is_asked = False
            try:
                async with asyncio.timeout(ANSWER_S):
                    refused = await client.prepare(errand)
                    if refused is None and gate is not None:
                        self.ready += 1
                        await gate.wait()
                    self._journal.write("intent", errand=errand.number, attempt=attempt)
                    is_asked = True
                    answer = refused if refused is not None else await client.ask()
            except (OSError, EOFError, Lost, TimeoutError) as error:
                if is_asked:
                    self._journal.write("lost", errand=errand.number, attempt=attempt, why=repr(error))
                    return None
            else:
                self._journal.write(
                    "heard", errand=errand.number, attempt=attempt, status=answer.status, yes=answer.yes, no=answer.no
                )
                self.answers += 1
                return answer
            finally:
                client.close()
                self._on_the_wire.discard(task)
            await asyncio.sleep(AGAIN_S)
            await self.is_up.wait()

    def _client(self, door: str) -> "_Client":
        if door == "smpp":
            return _Smpp(self._doors, self.esmes)
        return _Smtp(self._doors) if door == "smtp" else _Http(self._doors)


class _Client:
    """One connection."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors
        self._writer: asyncio.StreamWriter | None = None

    async def _open(self, port: int) -> None:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", port)

    async def prepare(self, errand: Errand) -> Answer | None:
        """Go as far as one can without asking; an Answer when the door refuses before that."""
        raise NotImplementedError

    async def ask(self) -> Answer:
        """Write what is left and read the answer. Raises OSError, EOFError or Lost."""
        raise NotImplementedError

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()

    def _write(self, octets: bytes) -> None:
        assert self._writer is not None
        self._writer.write(octets)


class _Http(_Client):
    """GET with everything in the URL, or POST of a JSON object."""

    async def prepare(self, errand: Errand) -> Answer | None:
        fields = {"account": errand.account, "pin": self._doors.pins[errand.account], "text": errand.text}
        fields |= {"format": "json"} | ({"ref": errand.key} if errand.key_kind == "ref" else {})
        head = "Host: sms.test\r\nConnection: close\r\nAccept: application/json\r\n"
        if errand.key_kind == "header":
            head += f"Idempotency-Key: {errand.key}\r\n"
        if errand.door == "get":
            query = urllib.parse.urlencode(fields | {"to": ",".join(errand.recipients)})
            self._request = f"GET /send?{query} HTTP/1.1\r\n{head}\r\n".encode()
        else:
            body = json.dumps(fields | {"to": list(errand.recipients)}).encode()
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            self._request = f"POST /send HTTP/1.1\r\n{head}\r\n".encode() + body
        await self._open(self._doors.http_port)
        return None

    async def ask(self) -> Answer:
        self._write(self._request)
        octets = await self._reader.read(-1)
        head, end, body = octets.partition(b"\r\n\r\n")
        if not end:
            raise Lost("no whole answer")
        status = int(head.split()[1])
        try:
            said = json.loads(body)
        except ValueError as error:
            raise Lost("no whole body") from error
        yes = {one["recipient"]: one["id"] for one in said["messages"]}
        no = {one["recipient"]: one["fault"] for one in said["refusals"] if not one["is_temporary"]}
        is_temporary = any(one["is_temporary"] for one in said["refusals"])
        return Answer(status) if is_temporary and not yes else Answer(status, yes, no)


class _Smpp(_Client):
    """One submit_sm of an account's ESME, whose session it shares with others."""

    def __init__(self, doors: Doors, esmes: Esmes) -> None:
        super().__init__(doors)
        self._esmes = esmes

    async def prepare(self, errand: Errand) -> Answer | None:
        self._esme = self._esmes.bound(errand.account)
        self._errand = errand
        return None

    async def ask(self) -> Answer:
        answer = await self._esme.ask(submission(self._errand))
        (to,) = self._errand.recipients
        if answer.status in COME_AGAIN:
            return Answer(answer.status)
        if answer.status or not isinstance(answer, pdus.SubmitSmResp):
            return Answer(answer.status, no={to: f"status {answer.status:#x}"})
        return Answer(0, yes={to: answer.message_id})


class _Smtp(_Client):
    """A mail with a login; everything up to 354 is preparation."""

    async def prepare(self, errand: Errand) -> Answer | None:
        await self._open(self._doors.smtp_port)
        await self._reply()
        await self._command("EHLO client.example")
        login = f"\0{errand.account}\0{self._doors.pins[errand.account]}".encode()
        await self._command(f"AUTH PLAIN {base64.b64encode(login).decode()}")
        self._recipients = errand.recipients
        status = await self._command(f"MAIL FROM:<{SENDER}>")
        for recipient in errand.recipients:
            status = max(status, await self._command(f"RCPT TO:<{recipient}@{self._doors.domain}>"))
        status = max(status, await self._command("DATA"))
        self._mail = _mail_of(errand, self._doors.domain)
        return None if status == 354 else self._answer_of(status, "")

    async def ask(self) -> Answer:
        self._write(self._mail)
        status, words = await self._reply()
        return self._answer_of(status, words)

    def _answer_of(self, status: int, words: str) -> Answer:
        if status // 100 == 2:
            ids = dict.fromkeys(self._recipients, "")
            ids[self._recipients[0]] = words.partition("queued as ")[2].split(" ")[0]
            return Answer(status, yes=ids)
        return Answer(status, no=dict.fromkeys(self._recipients, words) if status // 100 == 5 else {})

    async def _command(self, line: str) -> int:
        self._write(f"{line}\r\n".encode())
        return (await self._reply())[0]

    async def _reply(self) -> tuple[int, str]:
        while True:
            line = (await self._reader.readuntil(b"\n")).decode()
            if line[3:4] != "-":
                return int(line[:3]), line[4:].strip()


def _mail_of(errand: Errand, domain: str) -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"] = SENDER, ", ".join(f"{number}@{domain}" for number in errand.recipients)
    mail["Subject"] = "Alarm"
    if errand.key:
        mail["Message-ID"] = f"<{errand.key}@client.example>"
    mail.set_content(errand.text)
    octets = mail.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n").replace(b"\r\n.", b"\r\n..")
    return octets + b".\r\n"
