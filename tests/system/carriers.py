"""An appliance with several links, each to an SMSC of its own that the test holds in its hand."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from bridge.app.config_file import read_script
from bridge.messages.message import MessageState
from bridge.simulator.settings import SimulatorSettings
from bridge.simulator.smsc import Smsc
from tests.support import free_port
from tests.system.appliance import Appliance, until

Value = TypeVar("Value")


class Carrier:
    """One simulated SMSC on a loop and a thread of its own."""

    def __init__(self, port: int, script: Path | None = None, *, receipt_delay_ms: int = 20) -> None:
        settings = SimulatorSettings(port=port, receipt_delay_ms=receipt_delay_ms, window=1000)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"carrier {port}", daemon=True)
        self._thread.start()
        self.smsc = self._call(lambda: Smsc(settings, read_script(script).value() if script else None))
        self._wait(self.smsc.start)
        self._is_up = True

    def _wait(self, start: Callable[[], Any]) -> None:
        asyncio.run_coroutine_threadsafe(start(), self._loop).result(20)

    def _call(self, function: Callable[[], Value]) -> Value:
        async def call() -> Value:
            return function()

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(20)

    def arrivals(self) -> list[tuple[str, str, str]]:
        """Recipient, text and id of every part that was taken."""
        return self._call(
            lambda: [
                (one.pdu.destination_addr, one.text, one.message_id) for one in self.smsc.journal if one.message_id
            ]
        )

    def die(self) -> None:
        """Reset every connection and listen no more."""
        if self._is_up:
            self._is_up = False
            self._call(self.smsc.reset_all)
            self._wait(self.smsc.stop)

    def close(self) -> None:
        self.die()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(20)
        self._loop.close()


class ManyCarriers(Appliance):
    """Links by the names that are given, in that order; `settings` of one are added to the usual ones."""

    def __init__(self, folder: Path, **settings: dict[str, Any]) -> None:
        super().__init__(folder)
        self.has_simulator = False
        self.ports = {name: free_port() for name in settings}
        self.carriers: dict[str, Carrier] = {}
        self.pin = ""
        usual = {"host": "127.0.0.1", "system_id": "simulator", "password": "simulate", "window": 50}
        usual |= {"in_doubt_hold_s": 1}
        self.extra = {
            "links": [usual | {"name": name, "port": self.ports[name]} | more for name, more in settings.items()]
        }

    def carrier(self, name: str, script: str = "") -> Carrier:
        """Start the SMSC of a link; `script`: YAML."""
        path = None
        if script:
            path = self.folder / f"{name}.yaml"
            path.write_text(script, encoding="utf-8")
        self.carriers[name] = Carrier(self.ports[name], path)
        return self.carriers[name]

    def start(self) -> "ManyCarriers":
        """Start, and wait until every link whose SMSC runs is bound."""
        super().start()
        until(lambda: all(self.is_bound(name) for name in self.carriers))
        return self

    def close(self) -> None:
        super().close()
        for carrier in self.carriers.values():
            carrier.close()

    def is_bound(self, name: str) -> bool:
        return any(line["name"] == name and line["state"] == "bound" for line in self.ask("link_list"))

    def send(self, recipients: list[str], text: str = "Pump 2 stopped") -> list[str]:
        """A request for each; gives the public ids."""
        ids = []
        for recipient in recipients:
            status, body = self.get(account="demo", pin=self.pin, to=recipient, text=text)
            assert status == 200, body
            ids.append(body.split()[1])
        return ids

    def links_of(self, ids: list[str]) -> set[str]:
        """Where their parts went out."""
        return {part["link"] for one in ids for part in self.message(one)["parts"]}

    def finished(self, ids: list[str], timeout_s: float = 30) -> list[dict[str, Any]]:
        """All of them, once they have ended."""
        end: dict[str, dict[str, Any]] = {}

        def have_ended() -> bool:
            for one in ids:
                if one not in end:
                    shown = self.message(one)
                    if not MessageState(shown["state"]).is_final:
                        return False
                    end[one] = shown
            return True

        until(have_ended, timeout_s)
        return [end[one] for one in ids]
