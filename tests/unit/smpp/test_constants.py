"""Numbers and their names."""

import pytest

from bridge.smpp.constants import Status


@pytest.mark.parametrize(
    ("code", "name"),
    [(0, "ESME_ROK"), (0x58, "ESME_RTHROTTLED"), (0x401, "0x00000401"), (0xFFFFFFFF, "0xFFFFFFFF")],
)
def test_name_of_a_command_status(code: int, name: str) -> None:
    assert Status.name_of(code) == name
