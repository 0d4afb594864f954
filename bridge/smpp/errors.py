"""The ways SMPP goes wrong: we misused it, the peer did, or a request makes no sense.

Nothing else leaves this room because of what a peer sent: any bytes parse or raise `RemoteProtocolError`.
"""


class LocalProtocolError(Exception):
    """Our own mistake: a PDU that cannot be written, or a step that the session's state forbids."""


class Refused(Exception):
    """A request that makes no sense. `status` is the command_status to answer, `reason` says why in plain words."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class RemoteProtocolError(Exception):
    """The peer broke the protocol.

    `status` is the command_status to answer with, `command_id` and `sequence` say what is answered (None and 0
    when not even the header could be read), and `is_fatal` tells that framing is lost: the connection must close.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        sequence: int = 0,
        command_id: int | None = None,
        is_fatal: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.sequence = sequence
        self.command_id = command_id
        self.is_fatal = is_fatal
