"""Fixture: the whole appliance."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.appliance import Appliance


@pytest.fixture
def appliance(tmp_path: Path) -> Iterator[Appliance]:
    """Not started yet, so that a test may change its settings; its books are audited at the end."""
    made = Appliance(tmp_path)
    yield made
    try:
        if made.state.exists() and (made.state / "ledger.sqlite").exists():
            if made.process is not None and made.process.poll() is None:
                made.stop()
            made.audit()
    finally:
        made.close()
