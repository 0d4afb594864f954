"""The sessions of a link that may be written to, taken in turn."""

from collections import deque

from bridge.smpp_out.connection import LinkConnection


class Turns:
    """Spreads what goes out over the bound sessions. Each keeps its own window; this only asks for room."""

    def __init__(self) -> None:
        self._connections: deque[LinkConnection] = deque()

    def __contains__(self, connection: LinkConnection) -> bool:
        return connection in self._connections

    @property
    def is_bound(self) -> bool:
        """Whether there is a session that may be written to, with room or without."""
        return bool(self._connections)

    @property
    def room(self) -> int:
        """Requests that may be sent before every window is full; 0 while nothing is bound."""
        return sum(connection.room for connection in self._connections)

    def add(self, connection: LinkConnection) -> None:
        """It is bound."""
        self._connections.append(connection)

    def remove(self, connection: LinkConnection) -> bool:
        """Nothing may be written to it any more; whether it was there."""
        if connection not in self._connections:
            return False
        self._connections.remove(connection)
        return True

    def next(self) -> LinkConnection | None:
        """Whose turn it is: the next one with room; None when there is none."""
        for _ in range(len(self._connections)):
            connection = self._connections[0]
            self._connections.rotate(-1)
            if connection.room:
                return connection
        return None
