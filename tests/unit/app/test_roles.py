"""The core: what every role stands on."""

import asyncio
import os
import sqlite3
from pathlib import Path

import pytest

from bridge.app import roles
from bridge.app.instance import LEDGER_NAME, LOCK_NAME
from bridge.app.roles import Core
from bridge.app.settings import embedded
from bridge.runtime.loop import now_ms
from tests.support import asyncio_test, eventually


@asyncio_test
async def test_while_a_commit_hangs_nothing_says_that_all_was_well_until_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The crash that ends such a commit is dated by what was seen before it: so its message is of the last moments."""
    monkeypatch.setattr(roles, "LOOK_S", 0.2)
    core = Core(embedded(tmp_path / "state"), lambda error: None)
    await core.start()
    seen = tmp_path / "state" / LOCK_NAME
    other = sqlite3.connect(tmp_path / "state" / LEDGER_NAME, isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        hanging = asyncio.ensure_future(core.ledger.do("account_add", name="demo", now_ms=now_ms()))
        await eventually(lambda: core.ledger.worker.busy_s > roles.LOOK_S)
        os.utime(seen, (1000, 1000))
        await core.look_after()
        assert seen.stat().st_mtime == 1000
        other.execute("ROLLBACK")
        await hanging
        await core.look_after()
        assert seen.stat().st_mtime > 1000
    finally:
        other.close()
        await core.stop()
