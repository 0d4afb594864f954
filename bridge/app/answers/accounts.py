"""Answers about accounts, their credentials and their virtual numbers."""

from typing import TypedDict


class AccountLine(TypedDict):
    """An account in a list."""

    name: str
    account_class: str
    email: str
    mobile: str
    home_country: str
    time_zone: str
    lane: str
    mail_events: str
    originator: str
    balance_mc: int
    overdraft_mc: int
    trial_parts: int | None
    """Free parts that are left; None: no trial account."""
    is_disabled: bool
    created_at_ms: int
    closed_at_ms: int | None
    refunds: str
    """Which failed parts are paid back: "unaccepted" or "undeliverable"."""
    reserve_mc: int
    """Credit that only the alarm lane may use."""
    low_limit_mc: int
    """Below it the account is warned; 0: never."""
    is_low_texted: bool
    smpp_binds_max: int
    smpp_parts_per_second: float
    """0: no limit."""
    smpp_receipts: str
    smpp_alphabet_0: str
    smpp_alphabet_1: str
    smpp_id_form: str
    smpp_long_inbound: str
    hours: str
    """When its messages may be sent; empty: always."""
    hours_for_alarms: bool
    validity_ms: int
    """Spans of 0 say nothing."""
    queue_age_ms: int
    worthless_after_ms: int
    parts_per_second: float
    """How fast its parts leave, at most, on all links together; 0: no limit."""


class CredentialLine(TypedDict):
    """One way to prove to be an account; never the secret itself."""

    kind: str
    scopes: list[str]
    networks: list[str]
    """Empty: from anywhere."""
    created_at_ms: int
    expires_at_ms: int | None


class PostingLine(TypedDict):
    """One move of credit."""

    kind: str
    cause: str
    amount_mc: int
    created_at_ms: int
    actor: str
    reason: str


class AccountDetail(AccountLine):
    """All that is known of one account."""

    credentials: list[CredentialLine]
    numbers: list[str]
    postings: list[PostingLine]
    """The latest, newest first."""


class NewPin(TypedDict):
    """The answer of account_add and account_set_pin."""

    name: str
    pin: str
    """The generated PIN, which nobody can show again; empty when the PIN was given."""


class NewPassword(TypedDict):
    """The answer of account_smpp."""

    name: str
    password: str
    """The generated password, which nobody can show again; empty when it was given."""


class AccountState(TypedDict):
    name: str
    is_disabled: bool


class AllowedNetwork(TypedDict):
    name: str
    network: str
    """In its normal form."""


class NumberLine(TypedDict):
    """A virtual number and who gets what arrives there."""

    number: str
    account: str
    mail: str
    """Empty: not mailed."""
    is_for_esme: bool
    """They go to the account's ESMEs."""
