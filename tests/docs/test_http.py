"""docs/http.md says what the HTTP door does."""

import re
from collections import defaultdict
from pathlib import Path

from bridge.http_in.device import RECIPIENTS_MAX
from bridge.http_in.replies import STATUS
from bridge.http_in.request import NAMES, PARAMETERS_MAX
from bridge.intake.prepare import REFERENCE_MAX
from bridge.messages.faults import TEMPORARY, FaultCode
from bridge.runtime.web_reader import HEAD_SIZE_MAX, HEADERS_MAX
from bridge.runtime.web_settings import HttpSettings

PAGE = (Path(__file__).parents[2] / "docs/http.md").read_text()


def table(title: str) -> list[list[str]]:
    """The rows of the first table under a heading."""
    section = PAGE.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_every_spelling_of_every_parameter() -> None:
    written = {name: quoted(row[0])[0] for row in table("Parameters") for name in quoted(row[0]) + quoted(row[1])}
    assert written == NAMES


def test_every_status_of_every_fault() -> None:
    statuses: dict[str, set[int]] = defaultdict(set)
    for row in table("Answers"):
        for fault in quoted(row[1]):
            statuses[fault] |= {int(status) for status in row[0].split(",")}
    assert set(statuses) == set(FaultCode)
    for code in FaultCode:
        assert STATUS[code] in statuses[code]
        assert (statuses[code] <= {429, 503}) == (code in TEMPORARY)


def test_the_limits() -> None:
    defaults = HttpSettings()
    for said in (
        f"headers {HEAD_SIZE_MAX // 1024} KiB",
        f"{HEADERS_MAX} headers",
        f"{PARAMETERS_MAX} parameters",
        f"body {defaults.body_size_max // 1024} KiB",
        f"within {defaults.header_timeout_s:.0f} seconds",
        f"body within {defaults.body_timeout_s:.0f}",
        f"At most {defaults.connections_max} connections",
        f"at most {RECIPIENTS_MAX};",
        f"at most {REFERENCE_MAX} characters",
    ):
        assert said in PAGE.replace("\n", " ")
