"""The timers of one session as a value: when something is due next, and what it is. Times are integers from outside."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timers:
    """How long to wait for what, in seconds."""

    bind_s: float = 10.0
    """From opening (or from our bind) until a bind has succeeded; then the link is dead."""
    enquire_link_s: float = 30.0
    """Silence after which the peer is probed; 0 = never. A hung peer is found within 40 s with the defaults."""
    response_s: float = 60.0
    """From sending a request until it is given up as timed out."""
    enquire_link_response_s: float = 10.0
    """Silence after a probe, or after our unbind, until the link is dead."""
    inactivity_s: float = 0.0
    """Time without any request but enquire_link, from either side, after which the link is dead; 0 = never."""
    busy_probe_s: float = 5.0
    """Silence after which the peer is probed while it owes us responses; 0 = never. A hung one is found within 15 s."""
    pdu_s: float = 10.0
    """How long one PDU may take to arrive, so that a slow sender holds no slot."""


class Clocks:
    """Points in time of one session, in milliseconds; None where nothing is waited for."""

    __slots__ = (
        "_bind_ms",
        "_busy_probe_ms",
        "_enquire_link_ms",
        "_inactivity_ms",
        "_pdu_ms",
        "_probe_response_ms",
        "_response_ms",
        "active_at_ms",
        "bind_since_ms",
        "heard_at_ms",
        "is_bound",
        "pdu_since_ms",
        "probe_since_ms",
        "unbind_since_ms",
    )

    def __init__(self, timers: Timers, now_ms: int) -> None:
        self._bind_ms = _ms(timers.bind_s)
        self._enquire_link_ms = _ms(timers.enquire_link_s)
        self._response_ms = _ms(timers.response_s)
        self._probe_response_ms = _ms(timers.enquire_link_response_s)
        self._inactivity_ms = _ms(timers.inactivity_s)
        self._busy_probe_ms = _ms(timers.busy_probe_s)
        self._pdu_ms = _ms(timers.pdu_s)
        self.heard_at_ms = now_ms
        """When octets last came."""
        self.active_at_ms = now_ms
        """When a request other than enquire_link last came or went."""
        self.is_bound = False
        """Whether the peer is probed and has to stay active."""
        self.bind_since_ms: int | None = now_ms
        self.unbind_since_ms: int | None = None
        self.probe_since_ms: int | None = None
        self.pdu_since_ms: int | None = None

    def due_at_ms(self, oldest_sent_at_ms: int | None) -> int:
        """When something is due next, given when the oldest unanswered request was sent. May lie in the past."""
        times = [at_ms for at_ms, _ in self._deaths()]
        times += self._probes(oldest_sent_at_ms)
        if oldest_sent_at_ms is not None:
            times.append(oldest_sent_at_ms + self._response_ms)
        return min(times, default=NEVER_MS)

    def overdue_since_ms(self, now_ms: int) -> int:
        """Requests sent at or before this time have had no response in time."""
        return now_ms - self._response_ms

    def death(self, now_ms: int) -> str | None:
        """Why the link is dead now, or None."""
        return next((reason for at_ms, reason in self._deaths() if at_ms <= now_ms), None)

    def wants_probe(self, now_ms: int, oldest_sent_at_ms: int | None) -> bool:
        """Whether the silence has lasted long enough for an enquire_link."""
        return any(at_ms <= now_ms for at_ms in self._probes(oldest_sent_at_ms))

    def _deaths(self) -> Iterator[tuple[int, str]]:
        if self.bind_since_ms is not None:
            yield self.bind_since_ms + self._bind_ms, f"not bound within {self._bind_ms / 1000:g} s"
        if self.pdu_since_ms is not None:
            yield self.pdu_since_ms + self._pdu_ms, f"a PDU was not complete within {self._pdu_ms / 1000:g} s"
        if self.probe_since_ms is not None:
            silent_since = max(self.probe_since_ms, self.heard_at_ms)
            yield silent_since + self._probe_response_ms, "enquire_link was not answered"
        if self.unbind_since_ms is not None:
            yield self.unbind_since_ms + self._probe_response_ms, "unbind was not answered"
        if self._inactivity_ms and self.is_bound:
            yield self.active_at_ms + self._inactivity_ms, f"no request for {self._inactivity_ms / 1000:g} s"

    def _probes(self, oldest_sent_at_ms: int | None) -> Iterator[int]:
        if self.probe_since_ms is not None or not self.is_bound:
            return
        if self._enquire_link_ms:
            yield self.heard_at_ms + self._enquire_link_ms
        if self._busy_probe_ms and oldest_sent_at_ms is not None:
            yield max(self.heard_at_ms, oldest_sent_at_ms) + self._busy_probe_ms


NEVER_MS = 1 << 62
"""Later than any deadline."""


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
