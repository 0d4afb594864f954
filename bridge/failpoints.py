"""Named places where a crash is worth rehearsing; nothing happens there unless the environment asks for it.

`SMSBRIDGE_FAILPOINT=<name>[:<count>]` kills this process, as SIGKILL does, when the place is reached for the
`count`-th time (1 when left out). docs/crashes.md lists every name with what must be found after the next start.
"""

import itertools
import os
import signal

VARIABLE = "SMSBRIDGE_FAILPOINT"

_name, _, _count = os.environ.get(VARIABLE, "").partition(":")
_times = itertools.count(1)

is_armed = bool(_name)
"""Whether any failpoint is set; hot paths look at this first."""


def reach(name: str) -> None:
    """Tell that the place `name` is reached; the process ends here when that one is set."""
    if name == _name and next(_times) == int(_count or 1):
        os.kill(os.getpid(), signal.SIGKILL)
