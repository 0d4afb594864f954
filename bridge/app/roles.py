"""Which services make the appliance, in the order they start; and the little that a command needs without it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from bridge.app.control import ControlServer
from bridge.app.housekeeping import Housekeeping
from bridge.app.instance import LEDGER_NAME, AlreadyRunning, InstanceLock
from bridge.app.operations import Operations
from bridge.app.settings import Settings
from bridge.http_in.service import HttpDoor
from bridge.inbound_mail.service import SendbackService
from bridge.intake.prepare import Tables
from bridge.routing.routes import RouteTable
from bridge.routing.tariff import Tariff
from bridge.runtime import logs
from bridge.runtime.door import Door
from bridge.runtime.identity import Gatekeeper
from bridge.runtime.ledger_client import LedgerClient
from bridge.runtime.loop import monotonic_ms
from bridge.runtime.service import Service, start_all, stop_all
from bridge.runtime.wakeups import Wakeups
from bridge.runtime.web import WebListeners
from bridge.simulator.mail_sink import MailSink
from bridge.simulator.smsc import Smsc
from bridge.smpp_out.service import Links
from bridge.smtp_in.service import SmtpDoor

LOCK_WAIT_MS = 5_000
"""How long a start waits for a command that holds the instance lock: commands take a second or two."""
LOCK_LOOK_S = 0.1


class Core:
    """What every role stands on: the ledger under its lock, the gatekeeper, the door, and the operations."""

    name = "core"

    def __init__(self, settings: Settings, on_failure: Callable[[Exception], None]) -> None:
        self.settings = settings
        self.wakeups = Wakeups()
        self._lock = InstanceLock(settings.state_folder)
        self.ledger = LedgerClient(settings.state_folder / LEDGER_NAME, self.wakeups, on_failure)
        self.gatekeeper = Gatekeeper(self.ledger)
        routes = RouteTable([("", [link.name for link in settings.links])])
        self.door = Door(self.ledger, Tables(Tariff(()), routes), settings.intake)
        self.operations = Operations(settings, self.ledger, self.gatekeeper, self.door)

    async def start(self) -> None:
        """Take the lock, open the ledger, read the tables. Raises AlreadyRunning or WrongLedger."""
        await self._take_lock()
        try:
            await self.ledger.start()
        except BaseException:
            self._lock.release()
            raise
        try:
            await self.operations.read_tables()
        except BaseException:
            await self.stop()
            raise

    async def _take_lock(self) -> None:
        """Wait a moment for a command that has the ledger open; an appliance does not go away by itself."""
        end_ms = monotonic_ms() + LOCK_WAIT_MS
        while True:
            try:
                return self._lock.take()
            except AlreadyRunning:
                if monotonic_ms() >= end_ms:
                    raise
            await asyncio.sleep(LOCK_LOOK_S)

    async def stop(self) -> None:
        self.gatekeeper.close()
        await self.ledger.stop()
        self._lock.release()


class Appliance:
    """Everything in one process: doors, links, what comes back, and the control socket."""

    def __init__(self, settings: Settings, on_failure: Callable[[Exception], None]) -> None:
        self.settings = settings
        self.core = Core(settings, on_failure)
        self.simulator = Smsc(settings.simulator) if settings.simulator else None
        self.mail_sink = MailSink(settings.mail_sink) if settings.mail_sink else None
        self.links = Links(settings.links, self.core.ledger, self.core.wakeups)
        self.web = WebListeners(settings.http, logs.get("web"))
        self.housekeeping = Housekeeping(self.core.ledger, self.core.wakeups, settings.links)
        self._running: list[Service] = []

    def services(self) -> list[Service]:
        """In the order they start: the other side first, then what sends, then the doors, the control socket last."""
        core, settings = self.core, self.settings
        services: list[Service | None] = [self.simulator, self.mail_sink, self.links]
        if settings.relay is not None:
            services.append(SendbackService(settings.relay, settings.domain, core.ledger, core.wakeups))
        services += self.housekeeping.services()
        services += [
            self.web,
            HttpDoor(self.web, settings.http, core.gatekeeper, core.door),
            SmtpDoor(settings.smtp, settings.domain, core.gatekeeper, core.door),
            ControlServer(settings.state_folder, core.operations),
        ]
        return [service for service in services if service is not None]

    async def start(self) -> None:
        """Start everything or nothing: a failure stops again what had started, and is raised."""
        await self.core.start()
        try:
            self.core.operations.attach(self.links, self.simulator)
            await self.housekeeping.recover()
            services = self.services()
            await start_all(services)
            self._running = services
        except BaseException:
            await self.core.stop()
            raise

    async def stop(self) -> None:
        await stop_all(self._running)
        await self.core.stop()


@asynccontextmanager
async def offline_operations(settings: Settings) -> AsyncIterator[Operations]:
    """The operations on a ledger that no appliance uses just now, under the instance lock.

    Raises AlreadyRunning, WrongLedger, OSError or sqlite3.Error. What is submitted waits for the next start.
    """
    # A failing disk reaches the command through the call it makes; there is nothing else to stop.
    core = Core(settings, lambda error: None)
    await core.start()
    try:
        yield core.operations
    finally:
        await core.stop()


def ledger_path(settings: Settings) -> Path:
    """Where the ledger of these settings lies."""
    return settings.state_folder / LEDGER_NAME
