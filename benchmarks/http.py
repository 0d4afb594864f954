"""How many requests does /send take, and how long does a client wait for its yes? `python -m benchmarks.http`

The appliance as shipped in one process (pricing, postings, history and log lines on, synchronous=FULL), its upstream
link down so that messages wait; the clients in another process, over loopback. Each request is one message of one part,
authenticated with a PIN and answered after its commit. Three ways to come: a connection for every request (HTTP/1.0, as
devices do), kept connections (HTTP/1.1), and a steady 100 requests per second, each on its own connection.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.common import print_table, save
from benchmarks.walk import on_the_reactor
from bridge.app.roles import Appliance
from bridge.app.settings import Settings

CLIENTS = 50
"""Clients that wait for their answers at the same time."""
STEADY_PER_S = 100
NAME = "demo"


class Client:
    """Sends requests and notes how long each answer took; runs in a process of its own."""

    def __init__(self, port: int, pin: str) -> None:
        self._port = port
        self._pin = pin
        self.waits_ms: list[float] = []

    async def one(self, number: int) -> None:
        """A request on a connection of its own."""
        started = time.perf_counter()
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(self._request(number, b"HTTP/1.0"))
        answer = await reader.read()
        writer.close()
        self._note(started, answer)

    async def kept(self, numbers: Any) -> None:
        """Requests one after the other on one connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        for number in numbers:
            started = time.perf_counter()
            writer.write(self._request(number, b"HTTP/1.1"))
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
            self._note(started, head + await reader.readexactly(int(length.split(b":")[1])))
        writer.close()

    async def each_its_own(self, numbers: Any) -> None:
        for number in numbers:
            await self.one(number)

    async def steady(self, seconds: int) -> None:
        start = time.perf_counter()
        tasks = []
        for number in range(seconds * STEADY_PER_S):
            await asyncio.sleep(start + number / STEADY_PER_S - time.perf_counter())
            tasks.append(asyncio.create_task(self.one(number)))
        await asyncio.gather(*tasks)

    def _request(self, number: int, version: bytes) -> bytes:
        text = b"Pump+2+stopped%2C+pressure+0.4+bar%2C+call+the+operator+on+duty"
        query = b"account=demo&pin=%s&to=4670174%04d&text=%s" % (self._pin.encode(), number % 10_000, text)
        return b"GET /send?%s %s\r\nHost: localhost\r\nUser-Agent: benchmark\r\n\r\n" % (query, version)

    def _note(self, started: float, answer: bytes) -> None:
        if b"\r\n\r\nOK " not in answer:
            raise RuntimeError(f"not accepted: {answer[:300]!r}")
        self.waits_ms.append((time.perf_counter() - started) * 1000)


async def run_client(port: int, pin: str, way: str, amount: int) -> dict[str, float]:
    client = Client(port, pin)
    started = time.perf_counter()
    if way == "steady":
        await client.steady(amount)
    else:
        numbers = iter(range(amount))
        work = client.kept if way == "kept" else client.each_its_own
        await asyncio.gather(*(work(numbers) for _ in range(CLIENTS)))
    took_s = time.perf_counter() - started
    waits = sorted(client.waits_ms)
    return {
        "requests": len(waits),
        "per_s": len(waits) / took_s,
        "p50_ms": waits[len(waits) // 2],
        "p99_ms": waits[len(waits) * 99 // 100],
        "max_ms": waits[-1],
    }


async def in_its_own_process(port: int, pin: str, way: str, amount: int) -> dict[str, float]:
    """The client's figures, and the processor time that the appliance spent on each request."""
    cpu = time.process_time()
    arguments = ("-m", "benchmarks.http", "--client", str(port), way, str(amount))
    environment = os.environ | {"BENCHMARK_PIN": pin}
    child = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=-1, env=environment)
    out, _ = await child.communicate()
    if child.returncode:
        raise RuntimeError(f"the client failed: {child.returncode}")
    figures: dict[str, float] = json.loads(out)
    return figures | {"cpu_us_per_request": (time.process_time() - cpu) / figures["requests"] * 1e6}


async def measure(folder: Path, options: Any) -> dict[str, Any]:
    settings = Settings.model_validate(
        {
            "state_folder": folder / "state",
            # Nobody listens there: port 1 is reserved.
            "links": [{"name": "down", "host": "127.0.0.1", "port": 1, "system_id": "x", "password": "x"}],
            "smtp": {"listen": [{"port": 0}]},
            "http": {"listen": [{"port": 0}]},
        }
    )
    appliance = Appliance(settings, print)
    await appliance.start()
    try:
        operations = appliance.core.operations
        pin = (await operations.account_add(name=NAME, credit_mc=10**12))["pin"]
        ((_, port),) = appliance.web.addresses
        figures: dict[str, Any] = {"clients": CLIENTS}
        # One first, for the password check; then enough for caches and pages to be warm.
        for warm_up in (1, 500):
            await in_its_own_process(port, pin, "each", warm_up)
        for way, amount in (("each", options.requests), ("kept", options.requests), ("steady", options.seconds)):
            figures[way] = await in_its_own_process(port, pin, way, amount)
        figures["audit_is_ok"] = (await operations.ledger_audit())["is_ok"]
    finally:
        await appliance.stop()
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--seconds", type=int, default=20, help="of the steady load")
    parser.add_argument("--log", default="/dev/null", help="where the log lines go")
    parser.add_argument("--client", nargs=3, metavar=("PORT", "WAY", "AMOUNT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.client:
        port, way, amount = options.client
        print(json.dumps(asyncio.run(run_client(int(port), os.environ["BENCHMARK_PIN"], way, int(amount)))))
        return
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as folder:
        figures = on_the_reactor(lambda: measure(Path(folder), options), options.log)
    titles = {"each": f"{CLIENTS} clients, a connection each time", "kept": f"{CLIENTS} clients, kept connections"}
    titles["steady"] = f"steady {STEADY_PER_S}/s, a connection each time"
    columns = ("per_s", "p50_ms", "p99_ms", "max_ms", "cpu_us_per_request")
    rows = [[title, *(figures[way][column] for column in columns)] for way, title in titles.items()]
    headers = ("GET /send, accepted", "per s", "p50 ms", "p99 ms", "max ms", "our CPU us")
    print_table("The HTTP door, from connecting to the answer after the commit", headers, rows)
    print(f"\n  audit {'ok' if figures['audit_is_ok'] else 'FAILED'}")
    save("http", figures)


if __name__ == "__main__":
    main()
