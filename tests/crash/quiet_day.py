"""The workload on a sound disk, as a detector: what a bug does to the books needs no catastrophe.

    python -m tests.crash.quiet_day

prints what is wrong at the end of the day, and exits 1 if anything is.
"""

from pathlib import Path

from tests.crash.findings import examine
from tests.crash.workload import FILE, ROUNDS, Desk, Journal, Story, scratch


def quiet_day(folder: Path, rounds: int = ROUNDS) -> list[str]:
    """Live so many rounds in a folder; gives everything that is wrong afterwards."""
    journal = Journal(lambda: 0)
    desk = Desk(folder / FILE, journal)
    Story(desk, journal).tell(rounds)
    desk.close()
    wrong = [f"surprise: {surprise}" for surprise in journal.surprises]
    return wrong + examine(folder, journal.until(0), journal.groups)


def main() -> int:
    with scratch() as folder:
        found = quiet_day(folder)
    print("\n".join(found) or "nothing wrong")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
