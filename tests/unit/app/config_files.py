"""The files that configurations of these tests name: secrets, certificates and keys, good and bad."""

import contextlib
import datetime
import os
from collections.abc import Iterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

NOBODY = 65534


@contextlib.contextmanager
def as_nobody() -> Iterator[None]:
    """Act as a user who owns nothing. Only root needs to: it may read everything."""
    if os.geteuid() != 0:
        yield
        return
    groups, group = os.getgroups(), os.getegid()
    os.setgroups([])
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)


def make(folder: Path) -> None:
    """Put all of them into `folder`/files."""
    files = folder / "files"
    files.mkdir()
    (files / "folder").mkdir()
    key, other = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    pem = NoEncryption()
    _write(files / "secret", b"s3cret\n", 0o600)
    _write(files / "long-secret", b"twelve chars\n", 0o600)
    _write(files / "open-secret", b"s3cret\n", 0o644)
    _write(files / "empty-secret", b"\n", 0o600)
    _write(files / "large", b"x" * 5000, 0o600)
    _write(files / "certificate.pem", certificate(key, days=365), 0o644)
    _write(files / "ending.pem", certificate(key, days=10), 0o644)
    _write(files / "ended.pem", certificate(key, days=-1), 0o644)
    _write(files / "key.pem", _key(key, pem), 0o600)
    _write(files / "open-key.pem", _key(key, pem), 0o644)
    _write(files / "other-key.pem", _key(other, pem), 0o600)
    _write(files / "locked-key.pem", _key(key, BestAvailableEncryption(b"passphrase")), 0o600)


def certificate(key: ec.EllipticCurvePrivateKey, days: int) -> bytes:
    """A self-signed certificate that ends in `days` days."""
    now = datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sms.example.org")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=30))
    builder = builder.not_valid_after(now + datetime.timedelta(days=days))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def _key(key: ec.EllipticCurvePrivateKey, encryption: KeySerializationEncryption) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def _write(path: Path, data: bytes, mode: int) -> None:
    path.write_bytes(data)
    path.chmod(mode)
