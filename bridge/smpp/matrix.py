"""Who may ask for what in which state (SMPP 3.4, 2.2 and table 2-1), as data."""

from enum import Enum

from bridge.smpp.constants import CommandId


class Role(Enum):
    """Which side of the connection a session plays. Upstream we are ESME; towards ESMEs we play SMSC."""

    ESME = "esme"
    SMSC = "smsc"

    @property
    def peer(self) -> "Role":
        return Role.SMSC if self is Role.ESME else Role.ESME


class State(Enum):
    """Where a session is. A bind on its way leaves it OPEN; an unbind on its way leaves it bound."""

    OPEN = "open"
    BOUND_TX = "bound_tx"
    BOUND_RX = "bound_rx"
    BOUND_TRX = "bound_trx"
    UNBOUND = "unbound"
    CLOSED = "closed"

    @property
    def is_bound(self) -> bool:
        return self in (State.BOUND_TX, State.BOUND_RX, State.BOUND_TRX)


BOUND_BY_BIND: dict[int, State] = {
    CommandId.BIND_TRANSMITTER: State.BOUND_TX,
    CommandId.BIND_RECEIVER: State.BOUND_RX,
    CommandId.BIND_TRANSCEIVER: State.BOUND_TRX,
}
"""What a successful bind makes of a session, on both sides."""

ONE_WAY = frozenset({CommandId.OUTBIND, CommandId.ALERT_NOTIFICATION})
"""Requests that have no response."""

UNWINDOWED = frozenset({*BOUND_BY_BIND, *ONE_WAY, CommandId.ENQUIRE_LINK, CommandId.UNBIND})
"""Requests that take no place in the window and no token: they steer the session, or nobody answers them."""

_EITHER = frozenset({CommandId.ENQUIRE_LINK, CommandId.UNBIND})
_TO_SMSC = frozenset(
    {
        CommandId.SUBMIT_SM,
        CommandId.SUBMIT_MULTI,
        CommandId.DATA_SM,
        CommandId.QUERY_SM,
        CommandId.CANCEL_SM,
        CommandId.REPLACE_SM,
    }
)
_TO_ESME = frozenset({CommandId.DELIVER_SM, CommandId.DATA_SM, CommandId.ALERT_NOTIFICATION})
_NOTHING: frozenset[CommandId] = frozenset()

MAY_ASK: dict[tuple[Role, State], frozenset[CommandId]] = {
    # enquire_link before a bind is not in the table of 3.4, but peers do it and 5.0 allows it.
    (Role.ESME, State.OPEN): frozenset({*BOUND_BY_BIND, CommandId.ENQUIRE_LINK}),  # type: ignore[arg-type]
    (Role.ESME, State.BOUND_TX): _EITHER | _TO_SMSC,
    (Role.ESME, State.BOUND_RX): _EITHER,
    (Role.ESME, State.BOUND_TRX): _EITHER | _TO_SMSC,
    (Role.ESME, State.UNBOUND): _NOTHING,
    (Role.ESME, State.CLOSED): _NOTHING,
    (Role.SMSC, State.OPEN): frozenset({CommandId.OUTBIND, CommandId.ENQUIRE_LINK}),
    (Role.SMSC, State.BOUND_TX): _EITHER,
    (Role.SMSC, State.BOUND_RX): _EITHER | _TO_ESME,
    (Role.SMSC, State.BOUND_TRX): _EITHER | _TO_ESME,
    (Role.SMSC, State.UNBOUND): _NOTHING,
    (Role.SMSC, State.CLOSED): _NOTHING,
}
"""The requests a role may send, and so its peer may receive."""


def can_send_messages(role: Role, state: State) -> bool:
    """Whether messages (not only enquire_link and unbind) may go out."""
    return state.is_bound and MAY_ASK[role, state] != _EITHER
