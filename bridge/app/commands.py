"""What can be asked of an appliance: the closed list of commands, with their values and answers."""

from typing import Any, Generic, Protocol

from bridge.app.answers.accounts import AccountState, AllowedNetwork, NewPassword, NewPin, NumberLine
from bridge.app.answers.appliance import Injected, LinkLine, LinkRetry, Status
from bridge.app.answers.backup import BackupLine, HeldDone, NewBackup
from bridge.app.answers.credit import Closing, Refund, TopUp, Transfer
from bridge.app.answers.messages import Cancelled, SentMessage
from bridge.app.answers.person import PersonCounts, PersonErased, PersonPage
from bridge.app.answers.smpp import EsmeLine
from bridge.app.answers.tariff import PackedTariff, TariffChange, TariffLine


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

    async def message_cancel(self, *, message_id: str, actor: str) -> Cancelled: ...

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
        refunds: str,
        reserve_mc: int,
        low_limit_mc: int,
        is_low_texted: bool,
        is_trial: bool,
        actor: str,
    ) -> NewPin: ...

    async def account_set(self, *, name: str, facts: dict[str, Any]) -> AccountState: ...

    async def account_list(self) -> Any:
        """list[AccountLine]"""

    async def account_show(self, *, name: str) -> Any:
        """AccountDetail"""

    async def account_set_pin(self, *, name: str, pin: str | None, networks: list[str]) -> NewPin: ...

    async def account_smpp(self, *, name: str, password: str | None, networks: list[str]) -> NewPassword: ...

    async def account_disable(self, *, name: str) -> AccountState: ...

    async def account_enable(self, *, name: str) -> AccountState: ...

    async def account_allow_network(self, *, name: str, network: str) -> AllowedNetwork: ...

    async def number_add(self, *, number: str, account: str, mail: str, is_for_esme: bool) -> NumberLine: ...

    async def number_list(self) -> Any:
        """list[NumberLine]"""


class CreditCommands(Protocol):
    """Credit and its moves."""

    async def account_top_up(self, *, name: str, amount_mc: int, key: str, reason: str, actor: str) -> TopUp: ...

    async def account_adjust(self, *, name: str, amount_mc: int, key: str, reason: str, actor: str) -> TopUp: ...

    async def account_transfer(
        self, *, giver: str, taker: str, amount_mc: int, key: str, reason: str, actor: str
    ) -> Transfer: ...

    async def account_close(self, *, name: str, key: str, is_dry_run: bool, reason: str, actor: str) -> Closing: ...

    async def message_refund(self, *, message_id: str, part_no: int | None, reason: str, actor: str) -> Refund:
        """`part_no` None: all parts."""
        ...

    async def account_statement_show(self, *, name: str, from_ms: int, to_ms: int, book: str) -> Any:
        """StatementHead"""

    async def account_statement_list(
        self, *, name: str, from_ms: int, to_ms: int, book: str, count: int, last: int, after: int, balance_mc: int
    ) -> Any:
        """StatementPage"""


class RefusalCommands(Protocol):
    """What was not taken."""

    async def refusal_list(self, *, account: str | None, fault: str | None, count_max: int) -> Any:
        """list[RefusalLine]"""

    async def refusal_resubmit(self, *, refusal_ids: list[int]) -> list[SentMessage]: ...


class TariffCommands(Protocol):
    """Prices."""

    async def tariff_list(self) -> list[TariffLine]: ...

    async def tariff_show(self) -> PackedTariff: ...

    async def tariff_set(self, *, prefix: str, price_mc: int, account_class: str, valid_from_ms: int) -> TariffLine: ...

    async def tariff_import(self, *, packed: str, is_replacing: bool, is_trial: bool) -> TariffChange:
        """`packed` is a price list in the form of `packed.pack`."""
        ...


class BackupCommands(Protocol):
    """Backups, and what a restore holds back."""

    async def backup_create(self, *, target: str) -> NewBackup:
        """`target`: a new file or a folder, absolute; empty: the usual folder."""
        ...

    async def backup_list(self) -> list[BackupLine]: ...

    async def held_list(self) -> Any:
        """Held"""

    async def held_release(self, *, account: str, from_ms: int, to_ms: int, actor: str) -> HeldDone:
        """Of messages accepted from `from_ms` until before `to_ms`; `account` empty: of all."""
        ...

    async def held_cancel(
        self, *, account: str, from_ms: int, to_ms: int, is_refunded: bool, actor: str
    ) -> HeldDone: ...


class PersonCommands(Protocol):
    """What is known of one phone number; and what people did to the ledger."""

    async def person_show(self, *, number: str) -> PersonCounts: ...

    async def person_list(self, *, number: str, place: str, after: int) -> PersonPage: ...

    async def person_erase(self, *, number: str, actor: str) -> PersonErased: ...

    async def action_list(self, *, count_max: int) -> Any:
        """list[ActionLine]"""


class ApplianceCommands(Protocol):
    """The appliance as a whole."""

    async def status(self) -> Status: ...

    async def link_list(self) -> list[LinkLine]: ...

    async def link_retry(self, *, name: str, actor: str) -> LinkRetry: ...

    async def ledger_audit(self) -> Any:
        """Audit"""

    async def simulator_inbound(self, *, originator: str, recipient: str, text: str) -> Injected: ...


class SmppCommands(Protocol):
    """The ESMEs that are bound."""

    async def smpp_list(self) -> list[EsmeLine]: ...


class Commands(
    MessageCommands,
    AccountCommands,
    CreditCommands,
    RefusalCommands,
    TariffCommands,
    BackupCommands,
    PersonCommands,
    SmppCommands,
    ApplianceCommands,
    Protocol,
):
    """What `bridge.app.operations.everything.Operations` carries out; the control socket calls nothing else.

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
