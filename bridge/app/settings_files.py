"""Checks of the files that settings name: secrets, certificates, keys. They are read, never kept."""

import datetime
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from pydantic import BaseModel

from bridge.app.config_errors import Finding, Loc
from bridge.app.settings import AnyLinkSettings
from bridge.runtime.web_settings import HttpSettings
from bridge.simulator.settings import SimulatorSettings
from bridge.smpp_in.settings import SmppSettings
from bridge.smtp_in.settings import SmtpSettings

SECRET_SIZE_MAX = 4096
"""Octets of a secret's file."""
PEM_SIZE_MAX = 1_048_576
"""Octets of a certificate or key file: long chains have a few dozen kilobytes."""
CERTIFICATE_WARNING_DAYS = 21
"""How long before its end a certificate is mentioned: three weeks are enough to get another."""


def secrets(model: BaseModel, loc: Loc) -> Iterator[Finding]:
    """For every pair `X` and `X_file`: not both, and the file readable, private and not empty."""
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from secrets(value, (*loc, name))
        elif isinstance(value, list):
            for index, item in enumerate(value):
                if isinstance(item, BaseModel):
                    yield from secrets(item, (*loc, name, index))
        base = name.removesuffix("_file")
        if base != name and isinstance(value, Path) and base in type(model).model_fields:
            if getattr(model, base) is not None:
                yield Finding((*loc, name), f"{base} is given as well", "keep one of the two")
            yield from _private_file((*loc, name), value, SECRET_SIZE_MAX)


def _private_file(loc: Loc, path: Path, size_max: int) -> Iterator[Finding]:
    """A file with a secret: one of ours, not everybody's."""
    data, finding = _read(loc, path, size_max)
    if finding:
        yield finding
        return
    if not data.strip():
        yield Finding(loc, f"{path} is empty", "put the secret in its first line")
    mode = path.stat().st_mode
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        yield Finding(loc, f"{path} is open to every user (mode {stat.S_IMODE(mode):04o})", f"chmod 0640 {path}")


def _read(loc: Loc, path: Path, size_max: int) -> tuple[bytes, Finding | None]:
    try:
        with path.open("rb") as opened:
            data = opened.read(size_max + 1)
    except FileNotFoundError:
        return b"", Finding(loc, f"there is no file {path}", "name an existing file")
    except PermissionError:
        return b"", Finding(loc, f"{path} cannot be read by this user", "change its owner or group")
    except IsADirectoryError:
        return b"", Finding(loc, f"{path} is a folder", "name the file in it")
    except OSError as error:
        return b"", Finding(loc, f"{path} cannot be read ({error.strerror})", "name a readable file")
    if len(data) > size_max:
        return b"", Finding(loc, f"{path} has more than {size_max} octets", "is it the right file?")
    return data, None


def tls(
    settings: SmtpSettings | HttpSettings | SmppSettings | SimulatorSettings, room: str, is_needed: bool
) -> Iterator[Finding]:
    """Certificate and key: both or none, readable, and made for each other."""
    certificate, key = settings.certificate, settings.private_key
    if certificate is None or key is None:
        absent = [name for name, path in (("certificate", certificate), ("private_key", key)) if path is None]
        if is_needed or len(absent) == 1:
            for name in absent:
                yield Finding((room, name), "is missing, and TLS needs both", "name its PEM file")
        return
    key_loc: Loc = (room, "private_key")
    yield from _private_file(key_loc, key, PEM_SIZE_MAX)
    chain, finding = _read((room, "certificate"), certificate, PEM_SIZE_MAX)
    if finding:
        yield finding
        return
    yield from _certificate(room, certificate, chain, key)


def _certificate(room: str, path: Path, chain: bytes, key_path: Path) -> Iterator[Finding]:
    loc: Loc = (room, "certificate")
    try:
        certificate = x509.load_pem_x509_certificate(chain)
    except ValueError:
        yield Finding(loc, f"{path} holds no certificate", "name a PEM file: -----BEGIN CERTIFICATE-----")
        return
    ends = certificate.not_valid_after_utc
    left = ends - datetime.datetime.now(datetime.UTC)
    if left < datetime.timedelta(days=CERTIFICATE_WARNING_DAYS):
        wrong = f"{path} {'ended' if left.total_seconds() < 0 else 'ends'} on {ends:%Y-%m-%d}"
        yield Finding(loc, wrong, "renew it", is_warning=True)
    data, finding = _read((room, "private_key"), key_path, PEM_SIZE_MAX)
    if finding or not data.strip():
        return
    try:
        key = load_pem_private_key(data, password=None)
    except TypeError:
        yield Finding((room, "private_key"), f"{key_path} has a passphrase", "store the key without one")
    except ValueError:
        yield Finding((room, "private_key"), f"{key_path} holds no private key", "name a PEM file: BEGIN PRIVATE KEY")
    else:
        form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        if key.public_key().public_bytes(*form) != certificate.public_key().public_bytes(*form):
            wrong = f"{key_path} is not the key of {path}"
            yield Finding((room, "private_key"), wrong, "name the pair that belongs together")


def authorities(links: Sequence[AnyLinkSettings]) -> Iterator[Finding]:
    for index, link in enumerate(links):
        yield from authority(link.ca_file, ("links", index, "ca_file"))


def authority(path: Path | None, loc: Loc) -> Iterator[Finding]:
    """The certificates of authorities; None: not used."""
    if path is None:
        return
    data, finding = _read(loc, path, PEM_SIZE_MAX)
    if finding:
        yield finding
        return
    try:
        x509.load_pem_x509_certificates(data)
    except ValueError:
        yield Finding(loc, f"{path} holds no certificate", "name a PEM file: -----BEGIN CERTIFICATE-----")
