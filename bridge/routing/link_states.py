"""What people told a link at run time, and which links are not to be used just now and why. Values; no clock."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from bridge.routing.health import HealthView

STARTED, DRAINING, STOPPED = "started", "draining", "stopped"


@dataclass(frozen=True, slots=True)
class Told:
    """What a link was told: to be stopped or drained, and how fast to send at most. A row of the ledger."""

    link: str
    state: str = STARTED
    actor: str = ""
    reason: str = ""
    since_ms: int = 0
    parts_per_second: float | None = None
    """None: as configured."""
    pace_actor: str = ""
    pace_since_ms: int = 0
    pace_until_ms: int = 0
    """0: until it is told otherwise."""

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Told":
        """Out of a row of the report `link_states`."""
        return cls(**row)

    @property
    def is_stopped(self) -> bool:
        return self.state == STOPPED

    @property
    def is_draining(self) -> bool:
        return self.state == DRAINING

    def pace(self, now_ms: int) -> float | None:
        """Parts per second that it may send at most; None: as configured."""
        is_over = self.pace_until_ms and self.pace_until_ms <= now_ms
        return None if is_over else self.parts_per_second

    @property
    def trouble(self) -> str:
        """Why nothing new is planned for it, as the end of "link X ": "is stopped by kim since ..."; "" for nothing."""
        if self.state == STARTED:
            return ""
        word = "is stopped" if self.is_stopped else "is being drained"
        by = f" by {self.actor}" if self.actor else ""
        because = f": {self.reason}" if self.reason else ""
        return f"{word}{by} since {moment(self.since_ms)}{because}"

    def pace_words(self, now_ms: int) -> str:
        """Who slowed it and until when, as the end of "link X "; "" for nobody."""
        pace = self.pace(now_ms)
        if pace is None:
            return ""
        by = f" by {self.pace_actor}" if self.pace_actor else ""
        until = f" until {moment(self.pace_until_ms)}" if self.pace_until_ms else ""
        return f"was slowed to {pace:g} parts/s{by} since {moment(self.pace_since_ms)}{until}"


def moment(at_ms: int) -> str:
    """A time as people read it: 2026-11-24 05:31:40Z."""
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M:%SZ}"


@dataclass(frozen=True, slots=True)
class LinkStates:
    """A HealthView of links as a whole: those that are stopped, drained, not connected or silent."""

    reasons: Mapping[str, str] = field(default_factory=dict)
    """By link: why it is not to be used."""

    def trouble(self, link: str, network: str, now_ms: int) -> str:
        """See HealthView: the same for every network and time, until a new value replaces this one."""
        return self.reasons.get(link, "")


@dataclass(frozen=True, slots=True)
class AllOf:
    """Several views as one: a pair is in trouble when one of them says so, and the first one is heard."""

    views: tuple[HealthView, ...]

    @classmethod
    def these(cls, views: Iterable[HealthView]) -> "AllOf":
        return cls(tuple(views))

    def trouble(self, link: str, network: str, now_ms: int) -> str:
        """See HealthView."""
        for view in self.views:
            if why := view.trouble(link, network, now_ms):
                return why
        return ""
