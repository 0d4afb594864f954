"""The window: requests sent and not yet answered, and for a while those that were given up."""

from bridge.smpp.constants import RESPONSE_BIT, CommandId

LATE_MAX = 1000
"""Given-up requests whose late answer is still recognised; a hundred windows of the usual ten."""


class Request:
    """One request on the wire."""

    __slots__ = ("command_id", "sent_at_ms", "token")

    def __init__(self, command_id: int, token: object, sent_at_ms: int) -> None:
        self.command_id = command_id
        self.token = token
        self.sent_at_ms = sent_at_ms

    def is_answered_by(self, command_id: int) -> bool:
        """Whether a response with this command_id can be the answer: its own kind, or generic_nack."""
        return command_id == self.command_id | RESPONSE_BIT or command_id == CommandId.GENERIC_NACK


class Window:
    """At most `size_max` open requests by sequence_number, oldest first. Knows no bytes and no states."""

    __slots__ = ("_late", "_open", "size_max")

    def __init__(self, size_max: int) -> None:
        self.size_max = size_max
        self._open: dict[int, Request] = {}
        self._late: dict[int, Request] = {}

    def __len__(self) -> int:
        return len(self._open)

    def __contains__(self, sequence: int) -> bool:
        """Whether the number is taken, by an open request or by one whose late answer may still come."""
        return sequence in self._open or sequence in self._late

    @property
    def room(self) -> int:
        return self.size_max - len(self._open)

    @property
    def oldest_sent_at_ms(self) -> int | None:
        """When the oldest open request was sent; None when there is none."""
        for request in self._open.values():
            return request.sent_at_ms
        return None

    def add(self, sequence: int, request: Request) -> None:
        """Open a request; the caller has seen to it that there is room and that the number is free."""
        self._open[sequence] = request

    def answer(self, sequence: int, command_id: int) -> Request | None:
        """Close and return the open request that this response answers, or None."""
        return _take(self._open, sequence, command_id)

    def answer_late(self, sequence: int, command_id: int) -> Request | None:
        """Forget and return the given-up request that this response answers, or None."""
        return _take(self._late, sequence, command_id)

    def give_up(self, sent_until_ms: int) -> list[Request]:
        """Close all requests sent at or before this time; their answers are late from now on."""
        overdue = []
        for sequence, request in list(self._open.items()):
            if request.sent_at_ms > sent_until_ms:
                break
            overdue.append(request)
            self._late[sequence] = self._open.pop(sequence)
        while len(self._late) > LATE_MAX:
            del self._late[next(iter(self._late))]
        return overdue

    def abandon(self) -> list[Request]:
        """Close everything, late ones too; returns what was open."""
        abandoned = list(self._open.values())
        self._open.clear()
        self._late.clear()
        return abandoned


def _take(requests: dict[int, Request], sequence: int, command_id: int) -> Request | None:
    request = requests.get(sequence)
    if request is None or not request.is_answered_by(command_id):
        return None
    return requests.pop(sequence)
