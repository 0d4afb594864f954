"""Run every benchmark, one after the other: `python -m benchmarks`. Takes about five minutes on an idle machine."""

import subprocess
import sys

NAMES = ("codec", "routing", "ledger", "lanes", "walk", "http", "smpp")
"""Each also runs alone, `python -m benchmarks.walk`, and tells its options with --help."""


def main() -> int:
    """Each in a process of its own, so that none warms or disturbs another; gives how many failed."""
    failed = 0
    for name in NAMES:
        print(f"\n== {name}", flush=True)
        failed += subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main())
