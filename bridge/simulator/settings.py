"""What an operator can say about the built-in other side: the scripted SMSC and the mail sink."""

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class SimulatorAccount(BaseModel):
    """One more account of the built-in SMSC."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    system_id: str = Field(min_length=1, max_length=64, description="What it binds as.", examples=["second"])
    password: str = Field(default="simulate", max_length=64, repr=False, description="Its password; this is no secret.")


class SimulatorSettings(BaseModel):
    """The built-in SMSC: a carrier that costs nothing and answers by the recipient's last digits."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    address: str = Field(
        default="127.0.0.1", description="Address to listen on; loopback, since it gives away receipts."
    )
    port: int = Field(
        default=2775, ge=0, le=65535, description="TCP port; 2775 is the registered port of SMPP, 0 any free."
    )
    system_id: str = Field(default="simulator", min_length=1, max_length=64, description="The account that may bind.")
    password: str = Field(default="simulate", max_length=64, repr=False, description="Its password; this is no secret.")
    accounts: list[SimulatorAccount] = Field(
        default_factory=list, description="Further accounts; each gets its own receipts, on any of its sessions."
    )
    certificate: Path | None = Field(
        default=None, description="PEM file with the certificate and its chain; with it the port speaks TLS."
    )
    private_key: Path | None = Field(default=None, description="PEM file with the certificate's key.")
    script: Path | None = Field(
        default=None,
        description="What it plays: the name of a ready script, or a YAML file. See docs/simulator.md. "
        "Empty: what the last digits of a number say.",
    )
    receipt_delay_ms: int = Field(
        default=200, ge=0, le=3_600_000, description="Milliseconds from the submission of a part to its receipt."
    )
    window: int = Field(
        default=100,
        ge=1,
        le=10_000,
        description="Receipts and inbound texts sent and not yet answered, at most, per session.",
    )
    connections_max: int = Field(default=20, ge=1, le=1000, description="Sessions at a time; more are closed at once.")
    journal_max: int = Field(default=10_000, ge=1, le=1_000_000, description="Submitted parts remembered, for tests.")
    waiting_max: int = Field(
        default=100_000,
        ge=1,
        le=10_000_000,
        description="Receipts and inbound texts kept for an account that is not bound.",
    )

    @model_validator(mode="after")
    def _one_password_each(self) -> Self:
        named = [self.system_id, *(account.system_id for account in self.accounts)]
        twice = next((name for name in named if named.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"{twice} has two passwords; name each account once")
        return self


class MailSinkSettings(BaseModel):
    """The built-in mail sink: takes every mail and delivers none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    address: str = Field(
        default="127.0.0.1", description="Address to listen on; loopback, since it takes mail from anyone."
    )
    port: int = Field(default=2526, ge=0, le=65535, description="TCP port; 0 takes any free one.")
    folder: Path = Field(description="Folder the mails are written to, one file each.")
