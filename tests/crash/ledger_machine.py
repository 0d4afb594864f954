"""The Hypothesis machine of tests/properties, as a detector: always the same stories, and no shrinking.

    python -m tests.crash.ledger_machine

exits 1 and prints "broken:" with the law that does not hold.
"""

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.properties.test_ledger import LedgerMachine

STORIES = 80
STEPS = 30


def main() -> int:
    quick = settings(
        max_examples=STORIES,
        stateful_step_count=STEPS,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    try:
        run_state_machine_as_test(LedgerMachine, settings=quick)
    except (Exception, pytest.fail.Exception) as error:  # Whatever breaks, the machine found it.
        print(f"broken: {error!r}")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
