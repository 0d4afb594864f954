"""All settings of a process, gathered from the rooms that use them.

What a process needs to start is here: listeners, link endpoints, secrets. What the business changes
(accounts, prices, numbers) lives in the ledger.
"""

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from bridge.app.backup_settings import BackupSettings
from bridge.app.credit_settings import CreditSettings
from bridge.app.retention_settings import RetentionSettings
from bridge.http_out.settings import HttpLinkSettings
from bridge.inbound_mail.settings import RelaySettings
from bridge.intake.settings import IntakeSettings, OriginatorSettings
from bridge.runtime.disk_settings import DiskSettings
from bridge.runtime.logs import LogSettings
from bridge.runtime.selftest_settings import SelfTestSettings
from bridge.runtime.web_settings import HttpSettings
from bridge.simulator.settings import MailSinkSettings, SimulatorSettings
from bridge.smpp_in.settings import SmppListen, SmppSettings
from bridge.smpp_out.settings import LinkSettings
from bridge.smtp_in.settings import SmtpSettings
from bridge.test_out.settings import TestLinkSettings

TRIAL_SMPP_PORT = 2780
"""Of the SMPP door in a trial: the usual 2775 is the simulator's."""
TRIAL_LINK = "simulator"
"""Name of the one link of the built-in defaults."""


def _kind(link: Any) -> str:
    """Which kind of link is meant; one of an unknown kind is judged, and refused, as the usual one."""
    kind = link.get("kind") if isinstance(link, dict) else getattr(link, "kind", "")
    return "http" if kind == "http" else "smpp"


AnyLinkSettings = LinkSettings | HttpLinkSettings


class Settings(BaseModel):
    """The whole configuration. Every setting has a default, so an empty group may be left out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    state_folder: Path = Field(
        default=Path("state"),
        description="Folder of everything that must survive a restart: the ledger, and the control socket beside it. "
        "It is made when it is missing; keep it on a local disk.",
    )
    domain: str = Field(
        default="sms.localhost",
        description="The mail domain of this appliance: mail to NUMBER@domain becomes a message, and our own mails "
        "come from it.",
    )
    smtp: SmtpSettings = Field(default_factory=SmtpSettings, description="The e-mail door.")
    http: HttpSettings = Field(default_factory=HttpSettings, description="The HTTP door.")
    smpp: SmppSettings = Field(
        default_factory=SmppSettings, description="The SMPP door: the SMSC that ESMEs bind to. See docs/smpp.md."
    )
    links: list[
        Annotated[Annotated[LinkSettings, Tag("smpp")] | Annotated[HttpLinkSettings, Tag("http")], Discriminator(_kind)]
    ] = Field(
        default_factory=list,
        max_length=100,
        description="The upstream links, over SMPP or HTTP. Without any, every message is refused: its destination is "
        "not served.",
    )
    selftest: SelfTestSettings | None = Field(
        default=None,
        description="The self-test of all links that have none of their own. Without it there is none.",
    )
    relay: RelaySettings | None = Field(
        default=None,
        description="The mail server that takes our mails: reports and inbound messages. Without it they wait.",
    )
    simulator: SimulatorSettings | None = Field(
        default=None,
        description="The built-in SMSC, for trials: a link to its address and port reaches no handset. "
        "Without this group it does not run.",
    )
    mail_sink: MailSinkSettings | None = Field(
        default=None,
        description="The built-in mail server, for trials: it files what the relay would deliver. "
        "Without this group it does not run.",
    )
    test_link: TestLinkSettings = Field(
        default_factory=TestLinkSettings, description="The built-in link `test`, where test numbers end."
    )
    intake: IntakeSettings = Field(default_factory=IntakeSettings, description="What is accepted, and for how long.")
    originators: OriginatorSettings = Field(
        default_factory=OriginatorSettings, description="Whose name messages may bear."
    )
    credit: CreditSettings = Field(default_factory=CreditSettings, description="Credit, for all accounts alike.")
    disk: DiskSettings = Field(
        default_factory=DiskSettings, description="How much room must be left on the disk of the state folder."
    )
    retention: RetentionSettings = Field(
        default_factory=RetentionSettings, description="What is erased by itself, and when. See docs/privacy.md."
    )
    backup: BackupSettings = Field(default_factory=BackupSettings, description="Copies of the ledger, by the clock.")
    log: LogSettings = Field(default_factory=LogSettings, description="The log, on standard output.")

    @model_validator(mode="before")
    @classmethod
    def _mail_for_our_domain(cls, values: Any) -> Any:
        """`domain` alone is enough: unless `smtp.domains` says otherwise, the e-mail door takes mail for it."""
        if not isinstance(values, dict) or not isinstance(values.get("domain"), str):
            return values
        smtp = values.get("smtp", {})
        if not isinstance(smtp, dict) or "domains" in smtp:
            return values
        return {**values, "smtp": {**smtp, "domains": [values["domain"]]}}


def embedded(state_folder: Path) -> Settings:
    """The built-in defaults for a trial: the simulator as the one link, the mail sink as the relay."""
    simulator = SimulatorSettings()
    sink = MailSinkSettings(folder=state_folder / "mails")
    return Settings(
        state_folder=state_folder,
        smpp=SmppSettings(listen=[SmppListen(port=TRIAL_SMPP_PORT)]),
        links=[
            LinkSettings(
                name=TRIAL_LINK,
                host=simulator.address,
                port=simulator.port,
                system_id=simulator.system_id,
                password=simulator.password,
            )
        ],
        relay=RelaySettings(host=sink.address, port=sink.port),
        simulator=simulator,
        mail_sink=sink,
        # A trial on somebody's full laptop is to work; a share of its disk says nothing about a few messages.
        disk=DiskSettings(free_min_percent=0),
    )
