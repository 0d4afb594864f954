"""The built-in simulator as the far side of the benchmark, in a process of its own, with a clock on what arrives.

Prints one JSON object when it is told to end: how many parts came, and how long they were under way (see esme.py).
"""

import argparse
import asyncio
import json
import signal
import time
from typing import Any

from bridge.runtime import logs
from bridge.runtime.logs_settings import LogSettings
from bridge.simulator.settings import SimulatorSettings
from bridge.simulator.smsc import Smsc, Submitted

CLOCK_SIZE = 20
"""Digits of the clock at the head of each text."""


class Clocked:
    """Takes the place of the simulator's journal: what arrives is timed and forgotten."""

    def __init__(self) -> None:
        self.waits_ns: list[int] = []

    def append(self, submitted: Submitted) -> None:
        clock = submitted.pdu.short_message[:CLOCK_SIZE]
        if clock.isdigit():
            self.waits_ns.append(time.monotonic_ns() - int(clock))


async def main(port: int) -> dict[str, Any]:
    logs.configure(LogSettings(level="error"))
    smsc = Smsc(SimulatorSettings(port=port, receipt_delay_ms=0, window=1000))
    arrived = Clocked()
    smsc.journal = arrived  # type: ignore[assignment]
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await smsc.start()
    print("ready", flush=True)
    await ended.wait()
    await smsc.stop()
    waits = sorted(arrived.waits_ns) or [0]
    return {
        "arrived": len(arrived.waits_ns),
        "arrival_p50_ms": waits[len(waits) // 2] / 1e6,
        "arrival_p99_ms": waits[len(waits) * 99 // 100] / 1e6,
        "cpu_s": time.process_time(),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    print(json.dumps(asyncio.run(main(parser.parse_args().port))))
