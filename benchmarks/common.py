"""What every benchmark shares: which machine it was, a table to read, a JSON file to keep."""

import json
import os
import platform
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bridge.runtime import logs
from bridge.runtime.logs_settings import LogSettings

RESULTS = Path(__file__).parent / "results"


def machine() -> dict[str, Any]:
    """The machine and the moment, for the record: processor, cores this process may use, Python, date in UTC."""
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": platform.platform(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


@contextmanager
def log_lines_to(path: str) -> Iterator[None]:
    """Write the appliance's log as shipped (text, level info) to a file instead of among the tables."""
    logs.configure(LogSettings())
    out = sys.stdout
    with Path(path).open("w", encoding="utf-8") as log:
        sys.stdout = log
        try:
            yield
        finally:
            sys.stdout = out


def print_table(title: str, headers: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A plain table: the first column to the left, numbers to the right, floats with two places."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(len(line[column]) for line in [list(headers), *cells]) for column in range(len(headers))]
    print(f"\n{title}")
    for line in [list(headers), ["-" * width for width in widths], *cells]:
        first, *others = (text.rjust(width) for text, width in zip(line, widths, strict=True))
        print("  ".join(["", first.strip().ljust(widths[0]), *others]))


def _cell(value: object) -> str:
    return f"{value:,.2f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def save(name: str, payload: Mapping[str, Any]) -> Path:
    """Keep `payload` with the machine as `benchmarks/results/<name>.json` and say where; the file is replaced whole."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    fresh = path.with_suffix(".tmp")
    fresh.write_text(json.dumps({"machine": machine(), **payload}, indent=2) + "\n", encoding="utf-8")
    fresh.replace(path)
    print(f"\n  kept in {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")
    return path
