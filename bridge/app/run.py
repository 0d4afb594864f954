"""`smsbridge run`: the appliance from start to clean stop.

Exit codes: 0 a clean stop; 65 the ledger is not one of ours, newer than this program, or broken; 69 something needed is
in use (a port, the state folder); 70 our own bug; 74 the ledger's disk failed. After 65 and 78 the service manager
leaves it stopped; docs/disk.md says what to do.
"""

import asyncio
import contextlib
import os
import signal
import sqlite3
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bridge.app import trial
from bridge.app.backups import newest_backup
from bridge.app.config_file import Reading
from bridge.app.instance import AlreadyRunning
from bridge.app.listening import why_not
from bridge.app.notify import Notifier, watchdog_interval_s
from bridge.app.roles import Appliance
from bridge.app.settings import Settings
from bridge.app.state_folder import restore_words
from bridge.ledger.migrate import WrongLedger
from bridge.ledger.runs import LedgerDamaged
from bridge.ledger.worker import LedgerFailed, is_damage
from bridge.messages.faults import Fault
from bridge.runtime import logs, loop
from bridge.runtime.service import Periodic, start_all, stop_all

EX_OK, EX_DATAERR, EX_UNAVAILABLE, EX_SOFTWARE, EX_IOERR = 0, 65, 69, 70, 74
STOP_S_MAX = 40.0
"""A stop that takes longer is cut off; the service unit allows 45 s."""

FAIL_STOP_S = 0.3
"""How long the doors have to answer those who wait, after the disk failed the ledger."""
FAIL_STOP_S_MAX = 0.9
"""When the process ends even if its loop or its standard output hangs."""

log = logs.get("appliance")


def run(settings: Settings, *, is_trial: bool, reread: Callable[[], Reading] | None = None) -> int:
    """Run until SIGTERM or SIGINT; gives the exit code. `is_trial` adds a demo account and says what to try.

    `reread` reads the configuration again, for SIGHUP and `smsbridge link reload`; None: it has no file.
    """
    logs.configure(settings.log)
    event_loop = loop.install()
    from twisted.internet import reactor as installed

    reactor: Any = installed
    life = _Life(settings, is_trial=is_trial, reread=reread)
    # Signal handlers are set once the reactor runs: Twisted takes over the loop's wake-up pipe when it starts.
    reactor.callWhenRunning(lambda: event_loop.create_task(life.live(reactor)))
    reactor.run(installSignalHandlers=False)
    event_loop.run_until_complete(event_loop.shutdown_asyncgens())
    event_loop.run_until_complete(event_loop.shutdown_default_executor())
    event_loop.close()
    return life.exit_code


def end_now(code: int) -> None:
    """End the process as it is, with what it has logged."""
    logs.flush()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _damaged(error: Exception, backup: Path | None = None) -> str:
    return f"the ledger is damaged ({error}); keep the file as it is and {restore_words(backup)}"


def _of_the_disk(error: Exception, backup: Path | None = None) -> tuple[int, str]:
    """Exit code and words for a ledger that does not open. Only damage is for a backup; anything else may pass."""
    if is_damage(error):
        return EX_DATAERR, _damaged(error, backup)
    if isinstance(error, LedgerFailed) and not error.sqlite_errorcode:
        return EX_IOERR, f"the ledger cannot be trusted any more: {error}"
    return EX_IOERR, f"the ledger failed ({error}); look at the disk, and at what else has the file open"


def _plain(error: Exception) -> str:
    """What was in the way and what to do about it."""
    why = why_not(error) if isinstance(error, OSError) else None
    return f"{why}; change that, or choose another one in the configuration" if why else str(error)


class _Life:
    """One run of the appliance."""

    def __init__(self, settings: Settings, *, is_trial: bool, reread: Callable[[], Reading] | None) -> None:
        self.exit_code = EX_OK
        self._settings = settings
        self._is_trial = is_trial
        self._reread = reread
        self._end = asyncio.Event()
        self._has_failed = False
        self._notifier = Notifier()

    async def live(self, reactor: Any) -> None:
        """Start, wait for the end, stop; whatever happens the reactor is stopped too."""
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.running().add_signal_handler(number, self._end.set)
        try:
            appliance = Appliance(self._settings, self._ledger_failed, self._reread)
            if await self._has_started(appliance):
                try:
                    await self._run_until_the_end(appliance)
                finally:
                    await self._stop(appliance)
        except Exception:
            log.exception("failed")
            self.exit_code = EX_SOFTWARE
        finally:
            reactor.stop()

    async def _has_started(self, appliance: Appliance) -> bool:
        """Start everything; when that cannot be, say why and what to do, and set the exit code."""
        try:
            await appliance.start()
        except AlreadyRunning as error:
            self._cannot(EX_UNAVAILABLE, f"{error}; stop it first, or choose another state folder")
        except LedgerDamaged as error:
            self._cannot(EX_DATAERR, _damaged(error, newest_backup(self._settings)))
        except WrongLedger as error:
            self._cannot(EX_DATAERR, str(error))
        except (sqlite3.Error, LedgerFailed) as error:
            self._cannot(*_of_the_disk(error, newest_backup(self._settings)))
        except Fault as fault:
            next_step = "close what else has it open, and free space on its disk"
            self._cannot(EX_UNAVAILABLE, f"the ledger cannot be written now ({fault.private}); {next_step}")
        except (OSError, ValueError) as error:
            self._cannot(EX_UNAVAILABLE, _plain(error))
        else:
            return True
        return False

    def _cannot(self, code: int, why: str) -> None:
        print(f"smsbridge: {why}", file=sys.stderr)
        self.exit_code = code

    async def _run_until_the_end(self, appliance: Appliance) -> None:
        if self._is_trial:
            print(await trial.welcome(appliance), flush=True)
        if self._reread is not None:  # Without a file it is a trial, which ends with its terminal.
            loop.running().add_signal_handler(signal.SIGHUP, self._reload, appliance)
        beats = self._heartbeat(appliance)
        await start_all(beats)
        self._notifier.ready("accepting messages")
        log.info("ready", links=len(self._settings.links))
        await self._end.wait()
        await stop_all(beats)

    def _reload(self, appliance: Appliance) -> None:
        """SIGHUP: what came of it is in the log."""
        loop.spawn(self._reloaded(appliance), "reload")

    async def _reloaded(self, appliance: Appliance) -> None:
        try:
            await appliance.core.operations.link_reload(actor="SIGHUP")
        except (Fault, LedgerFailed) as error:
            log.error("links not reloaded", why=str(error))

    def _heartbeat(self, appliance: Appliance) -> list[Periodic]:
        """The watchdog, if the service manager wants one: silent as soon as the loop hangs or the writer is dead."""
        interval_s = watchdog_interval_s()

        async def beat() -> None:
            if appliance.core.ledger.worker.is_alive:
                self._notifier.watchdog()

        return [] if interval_s is None else [Periodic("watchdog", interval_s, beat)]

    async def _stop(self, appliance: Appliance) -> None:
        log.info("stopping")
        self._notifier.stopping()
        try:
            async with asyncio.timeout(STOP_S_MAX):
                await appliance.stop()
        except TimeoutError:
            log.error("stop cut off", after_s=STOP_S_MAX)
        log.info("stopped")

    def _ledger_failed(self, error: Exception) -> None:
        """The disk failed the ledger: nothing more can be promised, so end at once and let the next start find out.

        Those who wait hear "try again later"; a clean stop would take far longer, and write to what failed.
        """
        if self._has_failed:
            return
        self._has_failed = True
        self.exit_code, why = _of_the_disk(error)
        last = threading.Timer(FAIL_STOP_S_MAX, os._exit, (self.exit_code,))
        last.daemon = True
        last.start()
        loop.running().call_later(FAIL_STOP_S, end_now, self.exit_code)
        log.error("ledger failed", why=why)
