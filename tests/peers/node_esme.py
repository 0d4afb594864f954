"""ESMEs made of the npm package `smpp` at our SMPP door, and how the package shows what they are told."""

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bridge.messages.inbound import InboundPart
from bridge.runtime.loop import now_ms
from bridge.smpp.constants import CommandId
from tests.house import LINK
from tests.peers.node_program import NodeProgram, node_program
from tests.support import eventually
from tests.wire.smpp_door import NUMBER, PIN, Door, open_door

VIRTUAL = "46737494150"
HEADER_SIZE = 16

GSM_DEFAULT = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_EXTENSION = "\f^{}\\[~]|€"
"""All there is in GSM 03.38, written down once more for this test."""


class NodeEsme:
    """One session of the running script."""

    _tags = itertools.count()

    def __init__(self, node: NodeProgram, name: str) -> None:
        self.node = node
        self.name = name

    def said(self, event: str, **facts: Any) -> list[dict[str, Any]]:
        return self.node.of(event, esme=self.name, **facts)

    def got(self, command: str) -> list[dict[str, Any]]:
        """Every PDU of this kind that came."""
        return [one["pdu"] for one in self.said("pdu") if one["pdu"]["command"] == command]

    async def nth(self, command: str, place: int = 0) -> dict[str, Any]:
        await eventually(lambda: len(self.got(command)) > place)
        return self.got(command)[place]

    async def ask(self, command: str, **fields: Any) -> dict[str, Any]:
        """Send a request and give its response."""
        tag = next(self._tags)
        self.node.tell(do="send", esme=self.name, tag=tag, command=command, fields=fields)
        await eventually(lambda: self.said("response", tag=tag))
        return dict(self.said("response", tag=tag)[0]["pdu"])

    async def submit(self, text: Any, **fields: Any) -> str:
        """A message that is taken; gives its id."""
        answer = await self.ask("submit_sm", **(submission(text) | fields))
        assert answer["command_status"] == 0, answer
        return str(answer["message_id"])

    async def closed(self) -> None:
        await eventually(lambda: self.said("closed"))


class Scene:
    """A door and a node program that makes ESMEs for it."""

    def __init__(self, door: Door, node: NodeProgram) -> None:
        self.door = door
        self.node = node
        self._names = (f"esme {n}" for n in itertools.count(1))

    async def connect(self, *, url: str = "", **facts: Any) -> NodeEsme:
        esme = NodeEsme(self.node, next(self._names))
        self.node.tell(do="connect", esme=esme.name, url=url or f"smpp://127.0.0.1:{self.door.port}", **facts)
        await eventually(lambda: esme.said("connected"))
        return esme

    async def bound(self, command: str = "bind_transceiver", version: int = 0x34) -> NodeEsme:
        esme = await self.connect()
        answer = await esme.ask(command, system_id="demo", password=PIN, interface_version=version)
        assert answer["command_status"] == 0
        return esme

    async def account_set(self, **facts: Any) -> None:
        await self.door.house.ledger.do("account_set", name="demo", facts=facts)
        self.door.house.gatekeeper.forget()
        await eventually(lambda: self.door.smpp._looking is None)

    async def give_number(self) -> None:
        values = {"number": VIRTUAL, "account": "demo", "mail": "", "is_for_esme": True}
        await self.door.house.ledger.do("number_add", **values, now_ms=now_ms())

    async def write_in(self, text: str) -> None:
        """A handset writes to the virtual number."""
        await self.door.house.ledger.receive(LINK, [InboundPart(NUMBER, VIRTUAL, text)], now_ms())


@asynccontextmanager
async def scene(folder: Path, **settings: Any) -> AsyncIterator[Scene]:
    """A door whose account takes data_coding 1 for what the package means by it."""
    async with open_door(folder, **settings) as door, node_program("esme.js", ready="ready") as node:
        made = Scene(door, node)
        await made.account_set(smpp_alphabet_1="gsm")
        yield made


def submission(text: Any, **fields: Any) -> dict[str, Any]:
    values = {"source_addr": "Pumps", "source_addr_ton": 5, "destination_addr": NUMBER, "dest_addr_ton": 1}
    return values | {"dest_addr_npi": 1, "short_message": text} | fields


def octets(data: bytes) -> dict[str, str]:
    return {"hex": data.hex()}


def body_of(pdu: dict[str, Any]) -> dict[str, Any]:
    """A PDU as the package decoded it, without what its header says of it."""
    return {key: value for key, value in pdu.items() if key not in ("command", "command_id", "command_length")}


def refusal(command: str, status: int, sequence: int) -> dict[str, Any]:
    """How the package reads a PDU that ends behind its header, as refusals do."""
    command_id = CommandId[command.upper()]
    header = {"command_length": HEADER_SIZE, "command_id": command_id, "command_status": status}
    return header | {"sequence_number": sequence, "command": command}
