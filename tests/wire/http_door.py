"""A house with its HTTP door open, and the simplest things to ask of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from bridge.http_in.service import HttpDoor
from bridge.runtime import logs
from bridge.runtime.web import WebListeners
from bridge.runtime.web_settings import HttpListen, HttpSettings
from tests.house import House, open_house
from tests.wire.raw_http import Answer, ask, port_of

PIN = "SECRETPIN2"
NUMBER = "447911123456"
OTHER = "447911123123"
GOOD = {"account": "demo", "pin": PIN, "to": NUMBER, "text": "Pump 2 stopped"}


class Door:
    """A house with its HTTP door open on one port."""

    def __init__(self, house: House, web: WebListeners) -> None:
        self.house = house
        self.port = port_of(web)

    async def get(self, fields: Any = None, /, headers: str = "", method: str = "GET", **changed: str) -> Answer:
        query = urlencode(fields if fields is not None else GOOD | changed)
        return await ask(self.port, f"{method} /send?{query} HTTP/1.0\r\n{headers}\r\n".encode())

    async def post(self, body: bytes, content_type: str, headers: str = "", query: str = "") -> Answer:
        head = f"POST /send{query} HTTP/1.0\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n{headers}"
        return await ask(self.port, head.encode() + b"\r\n" + body)

    async def show(self, message_id: str) -> dict[str, Any]:
        return dict(await self.house.ledger.read("message_show", message_id=message_id))


@asynccontextmanager
async def open_door(folder: Path, *, account: bool = True, **settings: Any) -> AsyncIterator[Door]:
    async with open_house(folder) as house:
        if account:
            await house.add_account(pin=PIN)
        http = HttpSettings.model_validate({"listen": [HttpListen(port=0)], **settings})
        web = WebListeners(http, logs.get("web"))
        HttpDoor(web, http, house.gatekeeper, house.door)
        await web.start()
        try:
            yield Door(house, web)
        finally:
            await web.stop()
