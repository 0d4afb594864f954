"""Which services make the appliance, in the order they start; and the little that a command needs without it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from bridge.app.carriers import CarrierDoor, make_link
from bridge.app.config_file import Reading, read_script
from bridge.app.control import ControlServer
from bridge.app.health import HealthService
from bridge.app.housekeeping import Housekeeping
from bridge.app.instance import LEDGER_NAME, AlreadyRunning, InstanceLock
from bridge.app.link_watch import LinkWatch
from bridge.app.operations.everything import Operations
from bridge.app.retention import Retention
from bridge.app.selftest import SelfTest
from bridge.app.settings import Settings
from bridge.app.state_folder import refuse_if_lost
from bridge.app.warnings_by_text import WarningsByText
from bridge.http_in.service import HttpDoor
from bridge.inbound_mail.service import SendbackService
from bridge.intake.prepare import Tables
from bridge.ledger import backup_folder, restore, runs
from bridge.ledger.worker import LedgerFailed
from bridge.messages.faults import Fault
from bridge.routing.health import Health
from bridge.routing.link_states import AllOf, LinkStates
from bridge.routing.routes import RouteTable
from bridge.routing.tariff import Tariff
from bridge.runtime import logs
from bridge.runtime.disk import LOOK_S, DiskWatch
from bridge.runtime.door import Door
from bridge.runtime.identity import Gatekeeper
from bridge.runtime.ledger_client import LedgerClient
from bridge.runtime.loop import monotonic_ms, now_ms
from bridge.runtime.service import Periodic, Service, start_all, stop_all
from bridge.runtime.web import WebListeners
from bridge.simulator import ready
from bridge.simulator.mail_sink import MailSink
from bridge.simulator.settings import SimulatorSettings
from bridge.simulator.smsc import Smsc
from bridge.smpp_in.service import SmppDoor
from bridge.smpp_out.service import Links
from bridge.smtp_in.service import SmtpDoor
from bridge.test_out.service import TestLink

LOCK_WAIT_MS = 5_000
"""How long a start waits for a command that holds the instance lock: commands take a second or two."""
LOCK_LOOK_S = 0.1

log = logs.get("appliance")


class Core:
    """What every role stands on: the ledger under its lock, the gatekeeper, the door, and the operations."""

    name = "core"

    def __init__(self, settings: Settings, on_failure: Callable[[Exception], None]) -> None:
        self.settings = settings
        self._lock = InstanceLock(settings.state_folder)
        self.disk = DiskWatch(settings.state_folder, settings.disk, _submission_size_max(settings))
        self.ledger = LedgerClient(settings.state_folder / LEDGER_NAME, on_failure, self.disk)
        self._on_failure = on_failure
        self.crashed_at_ms: int | None = None
        """When the run before ended, if it crashed and nobody has put in order yet what it left."""
        self.gatekeeper = Gatekeeper(self.ledger)
        header_sizes = {link.name: link.header_size for link in settings.links}
        self.door = Door(self.ledger, Tables(Tariff(()), RouteTable(), header_sizes), settings.intake)
        self.operations = Operations(settings, self.ledger, self.gatekeeper, self.door)

    async def start(self) -> None:
        """Take the lock, look at disk and ledger, open it, read the tables. Raises AlreadyRunning or WrongLedger."""
        await self._take_lock()
        try:
            self.disk.look(keeps_ballast=False)
            await asyncio.to_thread(self._examine)
            self.ledger.backup_folder = self.operations.backups.folder
            await self.ledger.start()
        except BaseException:
            self._lock.release()
            raise
        try:
            self._lock.remember_ledger()
            begun = await self.ledger.do("run_begin", now_ms=now_ms(), last_seen_ms=self._lock.last_seen_ms)
            self.crashed_at_ms = begun["crashed_at_ms"]
            self._lock.touch()
            await self.operations.read_tables()
        except BaseException:
            await self.stop()
            raise

    def _examine(self) -> None:
        """Look at the ledger before anything is written to it; all of it, when the last run crashed."""
        path = self.ledger.path
        if aside := restore.carry_on(path):
            log.warning("restore finished", aside=aside.name)
        for left in backup_folder.clear_leftovers(self.operations.backups.folder):
            log.warning("unfinished backup deleted", file=left.name)
        # An empty file is not opened: SQLite would take the log that lies beside it for a leftover and delete it.
        found = runs.examine(path) if path.exists() and path.stat().st_size else None
        if found is None or found.version == 0:
            copies = backup_folder.entries(self.operations.backups.folder)
            refuse_if_lost(path, had_ledger=self._lock.has_ledger, backup=copies[0].path if copies else None)
        if found and not found.was_clean:
            log.warning("last run crashed", ledger="checked, whole", took_s=round(found.check_s, 3))

    async def recovered(self) -> None:
        """Tell that what a crash left is put in order."""
        if self.crashed_at_ms is not None:
            await self.ledger.do("run_recovered")
            self.crashed_at_ms = None

    async def look_after(self) -> None:
        """What may go wrong under a running ledger: its disk fills, its file goes away, its writer ends.

        In a thread: on a disk that hangs, even a look may take long.
        """
        if why := await asyncio.to_thread(self._trouble):
            self._on_failure(LedgerFailed(why))

    def _trouble(self) -> str:
        # A commit that hangs may end in a crash: what it accepts is then of the time before it hung.
        if self.ledger.worker.busy_s < LOOK_S:
            self._lock.touch()
        why = self.ledger.trouble()
        if not why:
            self.disk.look()
        return why

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
        # Without its goodbye the next start looks for what a crash leaves: slower, and right.
        with contextlib.suppress(Fault, LedgerFailed):
            await self.ledger.do("run_end", now_ms=now_ms())
        await self.ledger.stop()
        self._lock.release()


class Appliance:
    """Everything in one process: doors, links, what comes back, and the control socket."""

    def __init__(
        self,
        settings: Settings,
        on_failure: Callable[[Exception], None],
        reread: Callable[[], Reading] | None = None,
    ) -> None:
        """`reread` reads the configuration again; None: it has no file."""
        self.settings = settings
        self._reread = reread
        self.core = Core(settings, on_failure)
        self.simulator = _simulator(settings.simulator) if settings.simulator else None
        self.mail_sink = MailSink(settings.mail_sink) if settings.mail_sink else None
        self.links = Links(settings.links, self.core.ledger, make_link)
        self.web = WebListeners(settings.http, logs.get("web"))
        core = self.core
        self.smpp = SmppDoor(settings.smpp, core.gatekeeper, core.door, core.ledger)
        self.housekeeping = Housekeeping(core.ledger, self.links.settings, self.links.hearing_ms, self._usable_links)
        self.health = HealthService(core.ledger, lambda: core.door.tables, self._judged)
        self.selftest = SelfTest(core.ledger, self.links, settings.selftest)
        self.link_watch = LinkWatch(core.ledger, self.links)
        self.links.on_change = self._judged
        self._running: list[Service] = []

    def _usable_links(self) -> list[str]:
        """Links that can send, whatever the network."""
        tables, at_ms = self.core.door.tables, now_ms()
        return [name for name in tables.links or () if not tables.health.trouble(name, "", at_ms)]

    def _judged(self, health: Health | None = None) -> None:
        """New messages pass over links that are stopped or away, and what is sick."""
        view = AllOf((LinkStates(self.links.trouble), health or self.health.health))
        self.core.door.tables = replace(self.core.door.tables, health=view)

    def services(self) -> list[Service]:
        """In the order they start: the other side first, then what sends, then the doors, the control socket last."""
        core, settings = self.core, self.settings
        watch = Periodic("disk", LOOK_S, core.look_after)
        services: list[Service | None] = [watch, self.simulator, self.mail_sink, self.links]
        services.append(TestLink(settings.test_link, core.ledger))
        if settings.relay is not None:
            services.append(SendbackService(settings.relay, settings.domain, core.ledger))
        services += WarningsByText(core.ledger, core.door, core.operations.identity).services()
        services += self.housekeeping.services()
        services += self.health.services() + self.link_watch.services() + self.selftest.services()
        services += core.operations.backups.services()
        services += Retention(core.ledger, settings.retention).services()
        services += [
            self.web,
            CarrierDoor(self.web, self.links),
            HttpDoor(self.web, settings.http, core.gatekeeper, core.door),
            SmtpDoor(settings.smtp, settings.domain, core.gatekeeper, core.door),
            self.smpp,
            ControlServer(settings.state_folder, core.operations),
        ]
        return [service for service in services if service is not None]

    async def start(self) -> None:
        """Start everything or nothing: a failure stops again what had started, and is raised."""
        await self.core.start()
        try:
            self.core.operations.attach(self.links, self.simulator, self.smpp)
            self.core.operations.attach_links(self.link_watch, self.selftest, self._reread)
            await self.housekeeping.recover(self.core.crashed_at_ms)
            await self.core.recovered()
            await self._warn_of_held()
            services = self.services()
            await start_all(services)
            self._running = services
        except BaseException:
            await self.core.stop()
            raise

    async def _warn_of_held(self) -> None:
        """What a restore holds back stays so until somebody decides; an alarm among it must not be forgotten."""
        held = await self.core.ledger.read("held_count")
        if any(held.values()):
            hint = "nothing of it is sent: see `smsbridge held list`, then `held release` or `held cancel`"
            log.warning("held since a restore", **held, hint=hint)

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


def _simulator(settings: SimulatorSettings) -> Smsc:
    """The built-in SMSC with the script that it is to play; raises ConfigErrors."""
    file = ready.find(settings.script) if settings.script else None
    return Smsc(settings, read_script(file).value() if file else None)


def _submission_size_max(settings: Settings) -> int:
    """Octets of the largest thing that a door takes."""
    return max(settings.smtp.size_max, settings.http.body_size_max)


def ledger_path(settings: Settings) -> Path:
    """Where the ledger of these settings lies."""
    return settings.state_folder / LEDGER_NAME
