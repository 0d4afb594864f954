"""The whole cycle over SMPP, `python -m benchmarks.smpp`: submit_sm in, ledger, submit_sm out, receipt back to an ESME.

The appliance as `smsbridge run` starts it, with 100 accounts and 1,000 prefixes, every sync on; the ESMEs (four
sessions of two accounts, window 100) and the simulator (window 1,000) are processes of their own on the same cores.
Three loads: as fast as it goes, a steady 500 messages per second, and as fast as it goes with every sync of the disk
made 10 ms slower. Afterwards the ledger is audited and its rows are counted.
"""

import argparse
import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import yaml

from benchmarks.common import print_table, save
from bridge.app.packed import pack
from bridge.app.roles import ledger_path, offline_operations
from bridge.app.settings import Settings
from bridge.ledger import sqlite
from tests.support import free_port

ACCOUNTS, PREFIXES = 100, 1_000
SESSIONS, WINDOW, LINK_WINDOW = 4, 100, 1_000
STEADY_PER_S = 500
SLOW_DISK_MS = 10
TABLES = ("message", "part", "posting", "esme_message", "esme_notice", "notice", "history", "parked_receipt")
READY_S_MAX = 60


def configuration(folder: Path, smpp_port: int, carrier_port: int) -> Path:
    """The shipped defaults, with one door and one link."""
    link = {"name": "carrier", "host": "127.0.0.1", "port": carrier_port, "window": LINK_WINDOW}
    config = {
        "state_folder": str(folder / "state"),
        "smtp": {"listen": []},
        "http": {"listen": []},
        "smpp": {"listen": [{"port": smpp_port}]},
        "links": [link | {"system_id": "simulator", "password": "simulate"}],
    }
    path = folder / "bridge.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


async def furnish(config: Path) -> list[str]:
    """Accounts and prices, as an operator would enter them; gives SYSTEM_ID:PASSWORD of each session."""
    settings = Settings.model_validate(yaml.safe_load(config.read_text(encoding="utf-8")))
    who = []
    async with offline_operations(settings) as operations:
        for number in range(ACCOUNTS):
            made = await operations.account_add(name=f"account{number:03d}", credit_mc=10**11)
            who.append(f"{made['name']}:{made['pin']}")
        rows = "".join(f"4{number:04d},1.5\n" for number in range(PREFIXES - 1)) + "46,1\n"
        await operations.tariff_import(packed=pack("prefix,price\n" + rows), is_replacing=False, is_trial=False)
    return [who[number % 2] for number in range(SESSIONS)]


@contextmanager
def running(command: list[str], log: Path, ready: str, *, is_traced: bool = False) -> Iterator[subprocess.Popen[str]]:
    """A process that has said `ready`; it is told to end afterwards."""
    with log.open("w", encoding="utf-8") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, text=True)
    try:
        end = time.monotonic() + READY_S_MAX
        while ready not in log.read_text(encoding="utf-8", errors="replace"):
            if process.poll() is not None or time.monotonic() > end:
                raise SystemExit(f"did not start: {' '.join(command)}\n{log.read_text(encoding='utf-8')[-2000:]}")
            time.sleep(0.05)
        yield process
    finally:
        # Who is told to end is the program: strace would let go of it and wait.
        os.kill(_python_of(process.pid) if is_traced else process.pid, signal.SIGTERM)
        process.wait(60)


def cpu_s(pid: int) -> float:
    """Processor time of a process so far, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mib(pid: int) -> float:
    """Resident memory of a process."""
    line = next(one for one in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines() if "VmRSS" in one)
    return int(line.split()[1]) / 1024


def measure(folder: Path, *, seconds: float, rate: float = 0.0, slow_ms: int = 0) -> dict[str, Any]:
    """One load against a fresh appliance."""
    smpp_port, carrier_port = free_port(), free_port()
    config = configuration(folder, smpp_port, carrier_port)
    binds = asyncio.run(furnish(config))
    carrier = [sys.executable, "-m", "benchmarks.far_side", "--port", str(carrier_port)]
    appliance = [sys.executable, "-m", "bridge.app.main", "--config", str(config), "run"]
    slow = ["strace", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync,fsync"]
    slow += ["-e", f"inject=fdatasync,fsync:delay_exit={slow_ms * 1000}"]
    load = [sys.executable, "-m", "benchmarks.esme", "--port", str(smpp_port), "--window", str(WINDOW)]
    load += ["--seconds", str(seconds), "--rate", str(rate)] + [word for bind in binds for word in ("--bind", bind)]
    with (
        running(carrier, folder / "carrier.log", "ready"),
        running(
            [*slow, *appliance] if slow_ms else appliance,
            folder / "appliance.log",
            "link bound",
            is_traced=slow_ms > 0,
        ) as process,
    ):
        pid = _python_of(process.pid) if slow_ms else process.pid
        before_s, before_mib = cpu_s(pid), memory_mib(pid)
        seen = json.loads(subprocess.run(load, capture_output=True, text=True, check=True).stdout)
        used_s, after_mib = cpu_s(pid) - before_s, memory_mib(pid)
    arrived = json.loads((folder / "carrier.log").read_text(encoding="utf-8").splitlines()[-1])
    figures = {
        "messages_per_s": seen["receipts"] / seen["took_s"],
        "cpu_us_per_message": used_s / max(seen["accepted"], 1) * 1e6,
        "memory_mib": [round(before_mib), round(after_mib)],
        **seen,
        **arrived,
    }
    return figures | asyncio.run(books_of(config))


def _python_of(tracer: int) -> int:
    """The process that strace runs."""
    return int(Path(f"/proc/{tracer}/task/{tracer}/children").read_text(encoding="ascii").split()[0])


async def books_of(config: Path) -> dict[str, Any]:
    """The audit's word and the rows of each table, after the appliance has ended."""
    settings = Settings.model_validate(yaml.safe_load(config.read_text(encoding="utf-8")))
    async with offline_operations(settings) as operations:
        audit = await operations.ledger_audit()
    with closing(sqlite.open_reader(ledger_path(settings))) as reader:
        rows = {table: reader.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in TABLES}
    return {"audit_is_ok": audit["is_ok"], "rows": rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30, help="length of each load")
    parser.add_argument("--only", choices=("fast", "steady", "slow"), help="one load alone")
    parser.add_argument("--keep", type=Path, help="folder to work in, kept afterwards")
    options = parser.parse_args()
    loads: dict[str, dict[str, Any]] = {"fast": {}, "steady": {"rate": STEADY_PER_S}, "slow": {"slow_ms": SLOW_DISK_MS}}
    if shutil.which("strace") is None:
        del loads["slow"]
    figures = {}
    for name, how in loads.items():
        if options.only not in (None, name):
            continue
        with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as temporary:
            folder = options.keep / name if options.keep else Path(temporary)
            folder.mkdir(parents=True, exist_ok=True)
            figures[name] = measure(folder, seconds=options.seconds, **how)
    show(figures)
    if options.only is None:
        save("smpp", figures)


def show(figures: dict[str, dict[str, Any]]) -> None:
    rows = [
        [
            name,
            round(one["messages_per_s"]),
            round(one["cpu_us_per_message"]),
            one["answer_p50_ms"],
            one["answer_p99_ms"],
            one["arrival_p50_ms"],
            one["arrival_p99_ms"],
            "{} -> {}".format(*one["memory_mib"]),
        ]
        for name, one in figures.items()
    ]
    headers = ["load", "cycles/s", "CPU us each", "answer p50 ms", "p99", "arrival p50 ms", "p99", "MiB"]
    print_table(f"{SESSIONS} sessions, window {WINDOW}, link window {LINK_WINDOW}", headers, rows)
    for name, one in figures.items():
        lost = f"refused {one['refused'] or 'none'}, receipts missing {one['receipts_missing']}"
        lost += f", of unknown ids {one['receipts_of_other_ids']}"
        print(f"\n  {name}: {one['accepted']:,} accepted, {lost}; audit {'ok' if one['audit_is_ok'] else 'FAILED'}")
        print("  rows: " + ", ".join(f"{table} {count:,}" for table, count in one["rows"].items()))


if __name__ == "__main__":
    main()
