"""What an operator can say about the relay: the mail server that takes our mails."""

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

SECRET_SIZE_MAX = 4096
"""Octets read of a password file; a password is far shorter, a wrong path may point anywhere."""

ADDRESS_PATTERN = r"^([!#-'*+./0-9=?A-Z^-~-]{1,64}@[A-Za-z0-9.-]{1,255})?$"
"""A bare ASCII address, or nothing."""


class RelaySettings(BaseModel):
    """The mail server that takes reports and inbound messages from us."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field(default="127.0.0.1", min_length=1, description="Host name or address of the mail server.")
    port: int = Field(
        default=25, ge=1, le=65535, description="Its TCP port: usually 25, or 587 with starttls, or 465 with implicit."
    )
    tls: Literal["none", "starttls", "implicit"] = Field(
        default="none",
        description="none: plain, for a mail server on this machine. starttls and implicit: the certificate of `host` "
        "is verified, and without TLS nothing is sent.",
    )
    ca_file: Path | None = Field(
        default=None, description="PEM file of the authorities to trust instead of the system's."
    )
    username: str = Field(default="", description="Name to log in with; empty: no login.")
    password: str | None = Field(default=None, repr=False, description="Password to log in with.")
    password_file: Path | None = Field(
        default=None, description="File that holds the password instead (first line); give one of the two."
    )
    sender: str = Field(
        default="",
        pattern=ADDRESS_PATTERN,
        description="Address our mails are from, as the reader sees it. Empty: sms@ and the appliance's domain.",
    )
    discard_address: str = Field(
        default="",
        pattern=ADDRESS_PATTERN,
        description="Envelope sender for a relay that refuses the empty one (MAIL FROM:<>): an address whose mail is "
        "thrown away. Empty: such a mail is given up. Our mails have an empty envelope sender, so that nobody's "
        "server or holiday reply answers them.",
    )
    timeout_s: float = Field(
        default=60,
        gt=0,
        le=3600,
        description="Seconds to wait for an answer of the relay before the mail is tried again later.",
    )
    concurrency: int = Field(
        default=4, ge=1, le=100, description="Connections to the relay at a time; each is used for several mails."
    )

    @field_validator("host")
    @classmethod
    def _is_a_host(cls, value: str) -> str:
        if not value.isascii() or not value.isprintable() or " " in value:
            raise ValueError("a host name or address without blanks")
        return value

    @model_validator(mode="after")
    def _login_is_whole(self) -> Self:
        if self.password is not None and self.password_file is not None:
            raise ValueError("give password or password_file, not both")
        has_password = self.password is not None or self.password_file is not None
        if bool(self.username) != has_password:
            raise ValueError("username and a password (or password_file) belong together")
        return self

    def secret(self) -> str:
        """The password, from the settings or the first line of its file; "" without login. Raises OSError."""
        if self.password is not None:
            return self.password
        if self.password_file is None:
            return ""
        with self.password_file.open("rb") as file:
            return file.read(SECRET_SIZE_MAX).decode("utf-8", "replace").partition("\n")[0].rstrip("\r")
