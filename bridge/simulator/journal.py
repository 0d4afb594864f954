"""What was submitted, and what became of it: the memory that query_sm, cancel_sm and replace_sm are answered from."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from bridge.simulator.behaviour import DELIVERED, Behaviour
from bridge.smpp import translate
from bridge.smpp.constants import MessageState
from bridge.smpp.pdus import SubmitSm

NEVER_MS = 1 << 62


@dataclass(slots=True, eq=False)
class Submitted:
    """One part in the journal."""

    at_ms: int
    """Monotonic."""
    pdu: SubmitSm
    """What was submitted by data_sm or submit_multi has this shape too."""
    status: int
    message_id: str
    """Empty when it was refused."""
    does: Behaviour = DELIVERED
    submitted_at_ms: int = 0
    """Wall clock."""
    leaves_at_ms: int = 0
    """Monotonic: when a scheduled part is sent; it is SCHEDULED until then."""
    first_receipt_at_ms: int = 0
    """Monotonic, also when there is none."""
    is_cancelled: bool = False
    plan: int = 0
    """Counts how often its receipts were planned; those of an older plan are not given."""

    @property
    def text(self) -> str:
        """The characters of this part."""
        return translate.content_of(self.pdu)[0]

    @property
    def final_at_ms(self) -> int:
        """Monotonic: when it reaches its last state."""
        state, gaps = self.does.ending
        if state is MessageState.ENROUTE:
            return NEVER_MS
        return self.first_receipt_at_ms + gaps * self.does.receipt_gap_ms

    def state(self, at_ms: int) -> MessageState:
        """Its message_state at a time of the monotonic clock."""
        if self.is_cancelled:
            return MessageState.DELETED
        if at_ms < self.leaves_at_ms:
            return MessageState.SCHEDULED
        return self.does.ending[0] if at_ms >= self.final_at_ms else MessageState.ENROUTE

    def is_open(self, at_ms: int) -> bool:
        """Whether it can still be cancelled or replaced."""
        return self.state(at_ms) in (MessageState.SCHEDULED, MessageState.ENROUTE)


class Journal:
    """The newest parts, the oldest first, and by their ids."""

    def __init__(self, size_max: int) -> None:
        self._size_max = size_max
        self._all: deque[Submitted] = deque()
        self._by_id: dict[str, list[Submitted]] = {}

    def append(self, submitted: Submitted) -> None:
        """Remember a part; the oldest is forgotten beyond the size."""
        if len(self._all) >= self._size_max:
            self._forget(self._all.popleft())
        self._all.append(submitted)
        name = submitted.message_id
        if name:
            same = self._by_id.get(name)
            if same is None:
                self._by_id[name] = [submitted]
            else:
                same.append(submitted)

    def clear(self) -> None:
        """Forget every part."""
        self._all.clear()
        self._by_id.clear()

    def of(self, message_id: str) -> list[Submitted]:
        """The parts of this id: one, or as many as submit_multi had recipients, or none."""
        return self._by_id.get(message_id, [])

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Submitted]:
        return iter(self._all)

    def __getitem__(self, index: int) -> Submitted:
        return self._all[index]

    def _forget(self, submitted: Submitted) -> None:
        same = self._by_id.get(submitted.message_id)
        if same is not None:
            same.remove(submitted)
            if not same:
                del self._by_id[submitted.message_id]
