"""What can be asked of an appliance: the closed list of commands, with their values and answers."""

from typing import Any, Generic, Protocol

from bridge.app.answers import (
    AccountState,
    AllowedNetwork,
    Injected,
    LinkLine,
    NewPin,
    NumberLine,
    SentMessage,
    Status,
    TariffLine,
    TopUp,
)


class MessageCommands(Protocol):
    """Sending, and what became of it."""

    async def send(
        self, *, account: str, to: list[str], text: str, originator: str, lane: str, reference: str
    ) -> list[SentMessage]:
        """All recipients or none. `lane` empty: the account's; `originator` empty: the account's."""
        ...

    async def message_list(self, *, account: str | None, state: str | None, count_max: int) -> Any:
        """list[MessageLine]"""

    async def message_show(self, *, message_id: str) -> Any:
        """MessageDetail"""

    async def inbound_list(self, *, count_max: int) -> Any:
        """list[InboundLine]"""

    async def queue(self) -> Any:
        """Queue"""


class AccountCommands(Protocol):
    """Accounts, credentials, virtual numbers."""

    async def account_add(
        self,
        *,
        name: str,
        email: str,
        mobile: str,
        account_class: str,
        home_country: str,
        time_zone: str,
        lane: str,
        mail_events: str,
        originator: str,
        pin: str | None,
        networks: list[str],
        credit_mc: int,
        overdraft_mc: int,
        actor: str,
    ) -> NewPin: ...

    async def account_list(self) -> Any:
        """list[AccountLine]"""

    async def account_show(self, *, name: str) -> Any:
        """AccountDetail"""

    async def account_set_pin(self, *, name: str, pin: str | None, networks: list[str]) -> NewPin: ...

    async def account_disable(self, *, name: str) -> AccountState: ...

    async def account_enable(self, *, name: str) -> AccountState: ...

    async def account_allow_network(self, *, name: str, network: str) -> AllowedNetwork: ...

    async def number_add(self, *, number: str, account: str, mail: str) -> NumberLine: ...

    async def number_list(self) -> Any:
        """list[NumberLine]"""


class CreditCommands(Protocol):
    """Credit and its moves."""

    async def account_top_up(self, *, name: str, amount_mc: int, key: str, reason: str, actor: str) -> TopUp: ...


class TariffCommands(Protocol):
    """Prices."""

    async def tariff_list(self) -> Any:
        """list[TariffLine]"""

    async def tariff_set(self, *, prefix: str, price_mc: int, account_class: str) -> TariffLine: ...


class ApplianceCommands(Protocol):
    """The appliance as a whole."""

    async def status(self) -> Status: ...

    async def link_list(self) -> list[LinkLine]: ...

    async def ledger_audit(self) -> Any:
        """Audit"""

    async def simulator_inbound(self, *, originator: str, recipient: str, text: str) -> Injected: ...


class Commands(MessageCommands, AccountCommands, CreditCommands, TariffCommands, ApplianceCommands, Protocol):
    """What `bridge.app.operations.Operations` carries out; the control socket calls nothing else.

    What is passed on from the ledger's reports is `Any` to the type checker; its docstring names the shape.
    """


COMMANDS: frozenset[str] = frozenset(
    name
    for part in Commands.__mro__
    if part not in (object, Protocol, Generic)
    for name in vars(part)
    if name[0] != "_"
)
"""The names of `Commands`: what may be asked for over the control socket."""
