"""What can be asked of an appliance: the closed list of commands, with their values and answers."""

from typing import Any, Generic, Protocol

from bridge.app.answers.accounts import AccountState, AllowedNetwork, NewPassword, NewPin, NumberLine
from bridge.app.answers.appliance import Injected, Status
from bridge.app.answers.backup import BackupLine, HeldDone, NewBackup
from bridge.app.answers.credit import Closing, Refund, TopUp, Transfer
from bridge.app.answers.links import LinkLine, LinkPace, LinkReload, LinkRetry, LinkSelfTest, LinkTold
from bridge.app.answers.messages import Cancelled, Rescheduled, SentMessage
from bridge.app.answers.person import PersonCounts, PersonErased, PersonPage
from bridge.app.answers.refusals import Resubmission
from bridge.app.answers.routes import (
    CoverageLine,
    Explanation,
    NetworkLine,
    PackedTable,
    RouteLine,
    TableChange,
)
from bridge.app.answers.senders import (
    HoursLine,
    OriginatorChange,
    OriginatorLine,
    OriginatorRuleLine,
    PoolLine,
    RowCount,
)
from bridge.app.answers.smpp import EsmeLine
from bridge.app.answers.tariff import PackedTariff, TariffChange, TariffLine


class MessageCommands(Protocol):
    """Sending, and what became of it."""

    async def send(
        self,
        *,
        account: str,
        to: list[str],
        text: str,
        originator: str,
        lane: str,
        reference: str,
        at: str,
        after: str,
        worthless_after: str,
        validity: str,
        queue_age: str,
    ) -> list[SentMessage]:
        """All recipients or none. `lane` and `originator` empty: the account's; times as `intake.when` reads them,
        empty: nothing is said."""
        ...

    async def message_list(self, *, account: str | None, state: str | None, count_max: int) -> Any:
        """list[MessageLine]"""

    async def message_show(self, *, message_id: str) -> Any:
        """MessageDetail"""

    async def message_cancel(self, *, message_id: str, actor: str) -> Cancelled: ...

    async def message_reschedule(self, *, message_id: str, at: str, after: str, actor: str) -> Rescheduled:
        """`at` is read as the clock of the message's account shows it, unless it names a zone."""
        ...

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

    async def refusal_missing(self) -> Any:
        """list[MissingLine]"""

    async def refusal_waiting(self, *, prefix: str) -> Any:
        """list[WaitingLine]"""

    async def refusal_resubmit_range(
        self, *, prefix: str, account: str, lane: int, after: int, is_old_too: bool, actor: str
    ) -> Resubmission:
        """One batch: begin with `lane` 0 and `after` 0, go on with what the answer says."""
        ...


class TariffCommands(Protocol):
    """Prices."""

    async def tariff_list(self) -> list[TariffLine]: ...

    async def tariff_show(self) -> PackedTariff: ...

    async def tariff_set(self, *, prefix: str, price_mc: int, account_class: str, valid_from_ms: int) -> TariffLine: ...

    async def tariff_import(self, *, packed: str, is_replacing: bool, is_trial: bool) -> TariffChange:
        """`packed` is a price list in the form of `packed.pack`."""
        ...


class RouteCommands(Protocol):
    """Routes, networks, and how a number would be reached. Whole tables are files in the form of `packed.pack`."""

    async def route_list(self) -> list[RouteLine]: ...

    async def route_show(self) -> PackedTable: ...

    async def route_add(self, *, cells: dict[str, str]) -> RouteLine:
        """`cells` by the columns of a file of routes."""
        ...

    async def route_remove(self, *, route_id: int) -> RouteLine: ...

    async def route_import(self, *, packed: str, is_trial: bool) -> TableChange: ...

    async def network_list(self) -> list[NetworkLine]: ...

    async def network_show(self) -> PackedTable: ...

    async def network_import(self, *, packed: str, is_trial: bool) -> TableChange: ...

    async def explain(self, *, number: str, text: str, account: str, originator: str) -> Explanation:
        """`account` empty: one without a class or home country."""
        ...

    async def coverage(self, *, country: str, account_class: str) -> list[CoverageLine]:
        """`country` empty: all."""
        ...


class SenderCommands(Protocol):
    """Originators, pools, and hours of destinations. A destination is 'prefix:4670', 'country:SE' or ''."""

    async def originator_list(self, *, account: str | None) -> list[OriginatorLine]: ...

    async def originator_add(self, *, originator: str, account: str, actor: str) -> OriginatorChange: ...

    async def originator_remove(self, *, originator: str, account: str, actor: str) -> OriginatorChange: ...

    async def originator_rule_list(self) -> list[OriginatorRuleLine]: ...

    async def originator_rule_set(
        self, *, destination: str, kind: str, replacement: str, link: str, actor: str
    ) -> OriginatorRuleLine:
        """`replacement` "refuse": nothing goes out."""
        ...

    async def originator_rule_remove(
        self, *, destination: str, kind: str, link: str, actor: str
    ) -> OriginatorRuleLine: ...

    async def originator_rule_import(self, *, rows: list[dict[str, str]], actor: str) -> RowCount: ...

    async def pool_list(self) -> list[PoolLine]: ...

    async def pool_set(self, *, pool: str, numbers: list[str], actor: str) -> RowCount:
        """`numbers` empty: the pool goes."""
        ...

    async def hours_list(self) -> list[HoursLine]: ...

    async def hours_set(self, *, destination: str, hours: str, is_for_alarms: bool, actor: str) -> HoursLine: ...

    async def hours_remove(self, *, destination: str, actor: str) -> RowCount: ...


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


class LinkCommands(Protocol):
    """The links, and what they are told while they run."""

    async def link_list(self) -> list[LinkLine]: ...

    async def link_retry(self, *, name: str, actor: str) -> LinkRetry: ...

    async def link_stop(self, *, name: str, reason: str, actor: str) -> LinkTold: ...

    async def link_start(self, *, name: str, actor: str) -> LinkTold: ...

    async def link_drain(self, *, name: str, reason: str, actor: str) -> LinkTold: ...

    async def link_throttle(
        self, *, name: str, parts_per_second: float | None, until_at_ms: int, actor: str
    ) -> LinkPace:
        """`parts_per_second` None: as configured; `until_at_ms` 0: until told otherwise."""
        ...

    async def link_reload(self, *, actor: str) -> LinkReload: ...

    async def link_selftest_begin(self, *, name: str) -> LinkSelfTest: ...

    async def link_selftest_show(self, *, name: str, count_max: int) -> LinkSelfTest: ...


class ApplianceCommands(Protocol):
    """The appliance as a whole."""

    async def status(self) -> Status: ...

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
    RouteCommands,
    SenderCommands,
    BackupCommands,
    PersonCommands,
    SmppCommands,
    LinkCommands,
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
