"""What an operator can say about one link to a carrier that speaks HTTP."""

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from bridge.messages.causes import Cause, code_key
from bridge.messages.segment import HEADER_SIZE
from bridge.runtime.selftest_settings import SelfTestSettings

SECRET_SIZE_MAX = 4096
"""Octets read of a password file."""
TOKEN_SIZE_MIN = 16
"""Characters of a receipt token: it is all that keeps strangers from writing receipts."""


class HttpLinkSettings(BaseModel):
    """One upstream link over HTTP: `kind: http`. See docs/http-carriers.md."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["http"] = Field(
        default="http", description="Says that this carrier speaks HTTP; links without it speak SMPP."
    )
    name: str = Field(
        examples=["aggregator"],
        pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$",
        description="Name of the link in routes, logs and the ledger: lower-case letters, digits, - and _. "
        "Parts that wait for a link remember it by this name, so a link that keeps its carrier keeps its name.",
    )
    mapping: Path = Field(
        examples=["infobip"],
        description="The carrier's interface: the name of a mapping that comes with us (infobip, jasmin, kannel, "
        "messagebird, twilio, vonage), or a YAML file of your own.",
    )
    url: str = Field(
        default="",
        max_length=500,
        examples=["https://api.example.com"],
        description="Where the carrier's interface is, as its mapping needs it; empty: where the mapping says.",
    )
    account: str = Field(default="", max_length=200, description="The account name or key that the carrier gave us.")
    password: str | None = Field(
        default=None, max_length=500, repr=False, description="The carrier's password, secret or key."
    )
    password_file: Path | None = Field(
        default=None, description="File that holds the password instead (first line); give at most one of the two."
    )
    values: dict[str, str] = Field(
        default_factory=dict,
        max_length=20,
        description="What else the mapping asks for, by its own names.",
    )
    public_url: str = Field(
        default="",
        max_length=300,
        examples=["https://sms.example.org"],
        description="Where the carrier reaches our HTTP listeners, without a path: it is told to send receipts there. "
        "Empty: no receipts are asked for.",
    )
    receipt_token: str | None = Field(
        default=None,
        min_length=TOKEN_SIZE_MIN,
        max_length=128,
        pattern=r"^[A-Za-z0-9_-]+$",
        repr=False,
        description="Secret part of the path to which receipts and texts come: letters, digits, - and _. Without it "
        "none are taken.",
    )
    networks: list[IPv4Network | IPv6Network] = Field(
        default_factory=list,
        max_length=50,
        examples=[["192.168.0.0/16"]],
        description="Networks in which the carrier may be although they are private, and without TLS. All other "
        "private addresses are refused, and all other requests need https.",
    )
    ca_file: Path | None = Field(
        default=None,
        description="PEM file of the authorities to trust instead of the system's, for carriers with their own.",
    )
    window: int = Field(default=10, ge=1, le=200, description="Requests sent and not yet answered, at most.")
    parts_per_second: float | None = Field(
        default=None,
        gt=0,
        le=10_000,
        description="Parts sent per second, at most; empty: as fast as the window allows.",
    )
    connect_timeout_s: float = Field(
        default=5, ge=0.1, le=60, description="Seconds to wait for a connection, TLS included."
    )
    response_timeout_s: float = Field(
        default=30, ge=0.1, le=300, description="Seconds to wait for an answer before the part counts as in doubt."
    )
    in_doubt: Literal["hold_then_resend_once", "never_resend"] = Field(
        default="hold_then_resend_once",
        description="What to do with a part whose request left and was never answered: wait for its receipt and then "
        "send it once more, marked as a possible duplicate; or never send it again.",
    )
    in_doubt_hold_s: float = Field(
        default=60, ge=0, le=86_400, description="Seconds a part in doubt waits for its receipt."
    )
    errors: dict[str, Cause] = Field(
        default_factory=dict,
        max_length=500,
        description="What the error codes in receipts mean, where the mapping does not say it: a code, and one of "
        "no_such_number, switched_off, memory_full, contract_ended, route_fault and unknown.",
    )

    originator_parts_per_second: float | None = Field(
        default=None,
        ge=0.1,
        le=10_000,
        description="Parts per second of one originator, at most, for carriers that limit each; empty: no such limit.",
    )
    selftest: SelfTestSettings | None = Field(
        default=None,
        description="A heartbeat through this link, so that its time to receipt is measured; without it the one of "
        "the whole appliance, if any. See docs/links.md.",
    )

    @field_validator("errors", mode="before")
    @classmethod
    def _keys(cls, errors: object) -> object:
        return {code_key(str(code)): cause for code, cause in errors.items()} if isinstance(errors, dict) else errors

    @field_validator("url", "public_url")
    @classmethod
    def _is_url(cls, url: str) -> str:
        if url and not url.startswith(("https://", "http://")):
            raise ValueError("does not begin with https:// or http://")
        return url.rstrip("/")

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        if self.password is not None and self.password_file is not None:
            raise ValueError("give at most one of password and password_file")
        if self.public_url and self.receipt_token is None:
            raise ValueError("public_url needs a receipt_token")
        return self

    @property
    def sessions_total(self) -> int:
        """There are none."""
        return 0

    @property
    def endpoint(self) -> str:
        """Where it connects to, for people."""
        return urlsplit(self.url).netloc or self.mapping.stem

    @property
    def system_id(self) -> str:
        """Who we are there."""
        return self.account

    @property
    def window_total(self) -> int:
        """Requests sent and not yet answered, at most."""
        return self.window

    @property
    def header_size(self) -> int:
        """Octets of each part of a longer text that its text must leave free: as what a carrier cuts by itself."""
        return HEADER_SIZE

    def secret(self) -> str:
        """The password, from the settings or the first line of its file; "" for none. Raises OSError or ValueError."""
        if self.password_file is None:
            return self.password or ""
        with self.password_file.open("rb") as file:
            lines = file.read(SECRET_SIZE_MAX).decode().splitlines()
        if not lines or not lines[0].strip():
            raise ValueError(f"{self.password_file} holds no password")
        return lines[0].strip()
