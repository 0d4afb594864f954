"""What an operator can say about one link, the upstream SMSC we are an ESME of."""

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from bridge.runtime.selftest_settings import SelfTestSettings
from bridge.smpp_out.answer_settings import AnswerSettings
from bridge.smpp_out.form_settings import FormSettings

SECRET_SIZE_MAX = 4096
"""Octets read of a password file; a password is far shorter, a wrong path may point anywhere."""


class SessionSettings(BaseModel):
    """Where the SMSC is, who we are there, and how fast we may be."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["smpp"] = Field(
        default="smpp",
        description="What the carrier speaks: smpp, or http, which has other settings: see docs/http-carriers.md.",
    )
    name: str = Field(
        examples=["carrier"],
        pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$",
        description="Name of the link in routes, logs and the ledger: lower-case letters, digits, - and _. "
        "Parts that wait for a link remember it by this name, so a link that keeps its carrier keeps its name.",
    )
    host: str = Field(examples=["smsc.example"], min_length=1, description="Host name or address of the SMSC.")
    port: int = Field(default=2775, ge=1, le=65535, description="TCP port; 2775 is the registered port of SMPP.")
    tls: bool = Field(default=False, description="Speak TLS from the first byte and verify the certificate of `host`.")
    ca_file: Path | None = Field(
        default=None,
        description="PEM file of the authorities to trust instead of the system's, for carriers with their own.",
    )
    system_id: str = Field(
        examples=["account"],
        min_length=1,
        max_length=64,
        description="The account name the carrier gave us. SMPP allows 15 characters; longer ones are in use.",
    )
    password: str | None = Field(
        default=None,
        max_length=64,
        repr=False,
        description="The carrier's password. SMPP allows 8 characters; some take more.",
    )
    password_file: Path | None = Field(
        default=None, description="File that holds the password instead (first line); give one of the two."
    )
    system_type: str = Field(default="", max_length=12, description="Sent in the bind; most carriers want it empty.")
    address_range: str = Field(
        default="",
        max_length=40,
        description="Sent in the bind: which numbers' inbound texts we want, for carriers that ask for it.",
    )
    bind: Literal["transceiver", "pair"] = Field(
        default="transceiver",
        description="One session for both ways (transceiver), or one that sends and one that receives (pair), for "
        "carriers that know no transceiver or send receipts to receivers only.",
    )
    binds: int = Field(
        default=1,
        ge=1,
        le=20,
        description="Sessions of this link (pairs of them, with `bind: pair`), as many as the carrier allows. Parts "
        "are spread over them; each has a window of its own.",
    )
    window: int = Field(
        default=10,
        ge=1,
        le=1000,
        description="Parts sent and not yet answered, at most, on each session. `binds` times so many can be in doubt "
        "after a lost connection; ten keeps a link with 100 ms of delay busy at 100 parts/s.",
    )
    parts_per_second: float | None = Field(
        default=None,
        gt=0,
        le=10_000,
        description="Parts sent per second, at most, by all sessions together; empty: as fast as the window allows.",
    )
    originator_parts_per_second: float | None = Field(
        default=None,
        ge=0.1,
        le=10_000,
        description="Parts per second of one originator, at most, for carriers that limit each; empty: no such limit.",
    )
    enquire_link_s: float = Field(
        default=30, ge=1, le=3600, description="Seconds of silence after which we ask the SMSC whether it is there."
    )
    response_timeout_s: float = Field(
        default=60, ge=1, le=3600, description="Seconds to wait for the answer to a part before it counts as in doubt."
    )
    bind_timeout_s: float = Field(
        default=10, ge=1, le=300, description="Seconds to wait for the connection and for the bind."
    )
    in_doubt: Literal["hold_then_resend_once", "never_resend"] = Field(
        default="hold_then_resend_once",
        description="What to do with a part that was written and never answered: wait for a late word and then send "
        "it once more, marked as a possible duplicate; or never send it again.",
    )
    in_doubt_hold_s: float = Field(
        default=60,
        ge=0,
        le=86_400,
        description="Seconds a part in doubt waits for a late answer, or for its receipt; until its link has been "
        "bound for so long, since nothing comes while it is down.",
    )
    selftest: SelfTestSettings | None = Field(
        default=None,
        description="A heartbeat through this link, so that its time to receipt is measured; without it the one of "
        "the whole appliance, if any. See docs/links.md.",
    )


class LinkSettings(AnswerSettings, FormSettings, SessionSettings):
    """One upstream link. A process may have several; each binds on its own."""

    @field_validator("kind", mode="before")
    @classmethod
    def _known_kind(cls, kind: object) -> object:
        if kind != "smpp":
            raise ValueError("is neither smpp nor http")
        return kind

    @model_validator(mode="after")
    def _one_password(self) -> Self:
        if (self.password is None) == (self.password_file is None):
            raise ValueError("give exactly one of password and password_file")
        if self.ca_file is not None and not self.tls:
            raise ValueError("ca_file is only used with tls: true")
        return self

    @property
    def sessions_total(self) -> int:
        """Sessions of this link when all are bound."""
        return self.binds * (2 if self.bind == "pair" else 1)

    @property
    def endpoint(self) -> str:
        """Where it connects to, for people."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def window_total(self) -> int:
        """Parts sent and not yet answered, at most, by all sessions together."""
        return self.window * self.binds

    @property
    def header_size(self) -> int:
        """Octets of each part of a longer text that its text must leave free."""
        return self.long_form.header_size

    def secret(self) -> str:
        """The password, from the settings or the first line of its file. Raises OSError or ValueError."""
        if self.password is not None:
            return self.password
        if self.password_file is None:
            raise ValueError("no password given")
        with self.password_file.open("rb") as file:
            lines = file.read(SECRET_SIZE_MAX).decode().splitlines()
        if not lines or not lines[0].strip():
            raise ValueError(f"{self.password_file} holds no password")
        return lines[0].strip()
