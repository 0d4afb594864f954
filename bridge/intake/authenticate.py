"""Who is this? Pure decisions over an account's credentials; the slow hash is for the caller to run elsewhere.

Low-entropy secrets (PIN, passwords) are kept as argon2id; generated 128-bit secrets (API key, device token, mail
secret) as SHA-256, because no guessing reaches them.
"""

import hashlib
import hmac
import ipaddress
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from bridge.messages.faults import Fault, FaultCode
from bridge.messages.message import Lane

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

PIN_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""32 characters that nobody confuses: no I, O, 0 or 1."""
PIN_LENGTH = 10
"""50 bits: at the 100 guesses a second that password checks leave time for, safe for longer than any device lives."""
SMPP_PASSWORD_LENGTH = 8
"""40 bits: at 100 guesses a second it is found in 170 years on average, longer than any contract lasts."""
IMPORTED_PIN_MIN, SECRET_MAX = 4, 128
"""An old device's PIN may be this short, but then only from its own networks."""

_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
"""argon2id at OWASP's minimum, about 20 to 30 ms of one core."""
_DUMMY = _hasher.hash(secrets.token_hex(16))
"""Verified when an account does not exist, so that the answer takes as long as for one that does."""


class CredentialKind(StrEnum):
    PIN = "pin"
    SMPP_PASSWORD = "smpp_password"  # noqa: S105 - names of kinds, not secrets
    API_KEY = "api_key"
    DEVICE_TOKEN = "device_token"  # noqa: S105
    MAIL_SECRET = "mail_secret"  # noqa: S105
    CONSOLE_PASSWORD = "console_password"  # noqa: S105
    NETWORK = "network"


@dataclass(frozen=True, slots=True)
class SmppRules:
    """What holds for an account's ESMEs; what may be chosen is in accounts.SMPP_CHOICES."""

    binds_max: int = 10
    """Sessions at a time."""
    parts_per_second: float = 0.0
    """0: no limit."""
    receipts: str = "honour"
    """"honour" registered_delivery, or "always", or "never" send receipts."""
    alphabet_0: str = "gsm"
    """What data_coding 0 means: "gsm", "ascii", "latin1" or "cp1252"."""
    alphabet_1: str = "ascii"
    """The same of data_coding 1."""
    id_form: str = "hex"
    """How message_id is spelled: "hex", "decimal", or "hex_decimal" (hex in submit_sm_resp, decimal in receipts)."""
    long_inbound: str = "payload"
    """How long inbound texts arrive: as one "payload", or in "parts"."""


@dataclass(frozen=True, slots=True)
class TimeRules:
    """When an account's messages may be sent, and for how long they are worth it; spans of 0 say nothing."""

    hours: str = ""
    """As `messages.hours` reads them, in `time_zone` unless they name another; empty: always."""
    hours_for_alarms: bool = False
    """Whether the alarm lane waits for them too."""
    validity_ms: int = 0
    """Asked of the network."""
    queue_age_ms: int = 0
    """How long a message may wait for a link; 0: by the settings."""
    worthless_after_ms: int = 0
    """From acceptance, or from the time it is scheduled for."""
    time_zone: str = "UTC"
    """How the account reads and writes times of day."""

    @classmethod
    def of(cls, account: Mapping[str, Any]) -> "TimeRules":
        """Those of an account's row."""
        found = {rule.name: account[rule.name] for rule in fields(cls)}
        rules = cls(**found | {"hours_for_alarms": bool(found["hours_for_alarms"])})
        return NO_TIME_RULES if rules == NO_TIME_RULES else rules


NO_TIME_RULES = TimeRules()
"""Of most accounts, known by its identity."""


@dataclass(frozen=True, slots=True)
class Identity:
    """An account that has proved itself, with what the submission path needs to know of it."""

    account_id: int
    account_name: str
    account_class: str
    credential_id: int
    lane: Lane
    """The credential's lane, else the account's."""
    originator: str
    home_country: str
    scopes: frozenset[str]
    smpp: SmppRules = SmppRules()
    has_networks: bool = False
    """Whether the credential opens from some networks only."""
    times: TimeRules = NO_TIME_RULES


def generate_pin() -> str:
    """A new PIN: easy to type, hard to guess."""
    return "".join(secrets.choice(PIN_ALPHABET) for _ in range(PIN_LENGTH))


def generate_smpp_password() -> str:
    """A new password of an ESME: as long as SMPP 3.4 lets one be (4.1.1)."""
    return "".join(secrets.choice(PIN_ALPHABET) for _ in range(SMPP_PASSWORD_LENGTH))


def check_imported_pin(pin: str, networks: Sequence[str], what: str = "PIN") -> None:
    """Judge a PIN, or another short secret, that somebody brings along. Raises Fault BAD_REQUEST.

    It must come with networks: an old device keeps its short PIN, but only where it stands.
    """
    if not IMPORTED_PIN_MIN <= len(pin) <= SECRET_MAX or not pin.isprintable() or " " in pin:
        raise Fault(
            FaultCode.BAD_REQUEST,
            f"an imported {what} has {IMPORTED_PIN_MIN} to {SECRET_MAX} printable characters without blanks",
        )
    if not networks:
        raise Fault(
            FaultCode.BAD_REQUEST,
            f"an imported {what} needs the networks it may come from, like --network 192.0.2.0/24;"
            " or let smsbridge generate a strong one",
        )


def parse_networks(texts: Sequence[str]) -> list[str]:
    """Check and normalise CIDR texts ("192.0.2.7" is one address). Raises Fault BAD_REQUEST."""
    found = []
    for text in texts:
        try:
            found.append(str(ipaddress.ip_network(text.strip())))
        except ValueError as error:
            raise Fault(FaultCode.BAD_REQUEST, f"not a network: {text} ({error}); write it like 192.0.2.0/24") from None
    return found


def is_inside(ip: str, networks: Sequence[Network]) -> bool:
    """Whether an address lies in one of the networks; IPv4 written as IPv6 counts as IPv4."""
    try:
        address = ipaddress.ip_address(ip.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in networks if network.version == address.version)


def _networks_of(credential: Mapping[str, Any]) -> list[Network]:
    return [ipaddress.ip_network(text) for text in credential["networks"].split()]


def hash_secret(kind: CredentialKind, secret: str) -> str:
    """The verifier to store for a secret. Slow for PINs and passwords: run it off the loop."""
    if kind in (CredentialKind.API_KEY, CredentialKind.DEVICE_TOKEN, CredentialKind.MAIL_SECRET):
        return "sha256:" + hashlib.sha256(secret.encode()).hexdigest()
    return _hasher.hash(secret)


def verify(verifier: str, secret: str) -> bool:
    """Whether `secret` is the one behind `verifier`. Slow for argon2id: run it off the loop."""
    if verifier.startswith("sha256:"):
        digest = hashlib.sha256(secret.encode()).hexdigest()
        return hmac.compare_digest(verifier, "sha256:" + digest)
    try:
        return _hasher.verify(verifier, secret)
    except (VerificationError, InvalidHashError):
        return False


def find(
    facts: Mapping[str, Any], secret: str, kinds: Sequence[CredentialKind], now_ms: int
) -> Mapping[str, Any] | None:
    """The credential of these kinds that `secret` opens, or None. Slow: run it off the loop.

    `facts` is the report `credentials_of`. Costs one password check also where there is nothing to check.
    """
    candidates = [
        credential
        for credential in facts["credentials"]
        if credential["kind"] in kinds and (credential["expires_at_ms"] is None or credential["expires_at_ms"] > now_ms)
    ]
    if len(secret) > SECRET_MAX or not candidates:
        verify(_DUMMY, secret[:SECRET_MAX])
        return None
    return next((credential for credential in candidates if verify(credential["verifier"], secret)), None)


def identify(account: Mapping[str, Any], credential: Mapping[str, Any], scope: str, ip: str) -> Identity:
    """The identity behind an opened credential. Raises Fault ACCOUNT_DISABLED or NOT_ALLOWED_HERE."""
    networks = _networks_of(credential)
    if networks and not is_inside(ip, networks):
        raise Fault(FaultCode.NOT_ALLOWED_HERE, private=f"{account['name']} from {ip}")
    return _identity(account, credential, credential["lane"], scope)


def by_network(credentials: Sequence[Mapping[str, Any]], scope: str, ip: str, now_ms: int) -> Identity | None:
    """The account whose bound network contains `ip`, the narrowest network first; None when no network does.

    `credentials` is the report `network_credentials`. Raises Fault ACCOUNT_DISABLED.
    """
    best: tuple[int, Mapping[str, Any]] | None = None
    for credential in credentials:
        if credential["expires_at_ms"] is not None and credential["expires_at_ms"] <= now_ms:
            continue
        for network in _networks_of(credential):
            if is_inside(ip, [network]) and (best is None or network.prefixlen > best[0]):
                best = (network.prefixlen, credential)
    if best is None:
        return None
    return _identity(best[1], best[1], best[1]["credential_lane"], scope)


def _identity(account: Mapping[str, Any], credential: Mapping[str, Any], lane: int | None, scope: str) -> Identity:
    if account["is_disabled"]:
        raise Fault(FaultCode.ACCOUNT_DISABLED, private=account["name"])
    scopes = frozenset(credential["scopes"].split())
    if scope not in scopes:
        raise Fault(FaultCode.NOT_ALLOWED_HERE, f"this credential may not {scope}", private=account["name"])
    return Identity(
        account_id=account["account_id"],
        account_name=account["name"],
        account_class=account["account_class"],
        credential_id=credential["credential_id"],
        lane=Lane(account["lane"] if lane is None else lane),
        originator=account["originator"],
        home_country=account["home_country"],
        scopes=scopes,
        smpp=SmppRules(**{rule.name: account[f"smpp_{rule.name}"] for rule in fields(SmppRules)}),
        has_networks=bool(credential["networks"].strip()),
        times=TimeRules.of(account),
    )
