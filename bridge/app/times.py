"""Times as text beside the milliseconds, for what leaves this machine."""

import time
from typing import Any


def iso(at_ms: int) -> str:
    """A time as 2026-11-24T05:31:40.123Z."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at_ms // 1000)) + f".{at_ms % 1000:03}Z"


def with_times(value: Any) -> Any:
    """The same with each time as text too: beside `accepted_at_ms` stands `accepted_at` in ISO 8601, UTC."""
    if isinstance(value, list):
        return [with_times(one) for one in value]
    if not isinstance(value, dict):
        return value
    told: dict[str, Any] = {}
    for name, one in value.items():
        told[name] = with_times(one)
        if name.endswith("at_ms") and isinstance(one, int):
            told[name.removesuffix("_ms")] = iso(one)
    return told
