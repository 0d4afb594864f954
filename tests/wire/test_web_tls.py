"""HTTPS: which versions, which certificate, and what happens to the rest."""

import asyncio
import datetime
import socket
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from structlog.testing import capture_logs
from twisted.web.resource import Resource

from bridge.runtime import logs, renewal
from bridge.runtime.web import WebListeners
from bridge.runtime.web_settings import HttpListen, HttpSettings
from bridge.runtime.web_site import WebRequest
from tests.support import asyncio_test
from tests.wire.raw_http import Echo, exchange, parse_answers, port_of


def write_certificate(folder: Path, name: str) -> None:
    """A self-signed certificate and its key as cert.pem and key.pem."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


class Secure(Resource):
    isLeaf = True

    def render_GET(self, request: WebRequest) -> bytes:
        return b"encrypted" if request.isSecure() else b"plain"


async def listeners(folder: Path) -> WebListeners:
    settings = HttpSettings(
        listen=[HttpListen(port=0, tls=True), HttpListen(port=0)],
        certificate=folder / "cert.pem",
        private_key=folder / "key.pem",
    )
    web = WebListeners(settings, logs.get("web"))
    web.mount(b"secure", Secure())
    web.mount(b"s", Echo())
    await web.start()
    return web


def trusting(folder: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(folder / "cert.pem"))
    context.check_hostname = False
    return context


def name_served(port: int, folder: Path) -> str:
    """The common name in the certificate that a client gets."""
    with socket.create_connection(("127.0.0.1", port), 10) as plain, trusting(folder).wrap_socket(plain) as wrapped:
        der = wrapped.getpeercert(binary_form=True)
    assert der is not None
    (attribute,) = x509.load_der_x509_certificate(der).subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(attribute.value)


@asyncio_test
async def test_a_request_knows_whether_it_was_encrypted(tmp_path: Path) -> None:
    write_certificate(tmp_path, "one")
    web = await listeners(tmp_path)
    try:
        (_, secure), (_, plain) = web.addresses
        request = b"GET /secure HTTP/1.1\r\nHost: h\r\n\r\nGET /secure HTTP/1.0\r\n\r\n"
        over_tls = parse_answers(await exchange(secure, request, tls=trusting(tmp_path)))
        assert [got.body for got in over_tls] == ["encrypted", "encrypted"]
        assert [got.body for got in parse_answers(await exchange(plain, request))] == ["plain", "plain"]
    finally:
        await web.stop()


@asyncio_test
async def test_a_renewed_certificate_is_served_without_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is no good, or gone, changes nothing; and it says so."""
    monkeypatch.setattr(renewal, "LOOK_EVERY_S", 0.0)
    write_certificate(tmp_path, "one")
    web = await listeners(tmp_path)
    try:
        port = port_of(web)
        assert await asyncio.to_thread(name_served, port, tmp_path) == "one"
        with capture_logs() as lines:
            write_certificate(tmp_path, "two")
            assert await asyncio.to_thread(name_served, port, tmp_path) == "two"
            (tmp_path / "good").mkdir()
            (tmp_path / "good" / "cert.pem").write_bytes((tmp_path / "cert.pem").read_bytes())
            (tmp_path / "cert.pem").write_bytes(b"half a file")
            assert await asyncio.to_thread(name_served, port, tmp_path / "good") == "two"
            (tmp_path / "key.pem").unlink()
            assert await asyncio.to_thread(name_served, port, tmp_path / "good") == "two"
            write_certificate(tmp_path, "three")
            assert await asyncio.to_thread(name_served, port, tmp_path) == "three"
        events = [line["event"] for line in lines]
        assert events == ["certificate read", "certificate kept", "certificate kept", "certificate read"]
        assert "cert.pem" in lines[1]["why"]
        assert "key.pem" in lines[2]["why"]
    finally:
        await web.stop()


@asyncio_test
async def test_old_versions_and_plain_http_are_refused_and_the_port_lives_on(tmp_path: Path) -> None:
    write_certificate(tmp_path, "one")
    web = await listeners(tmp_path)
    try:
        port = port_of(web)
        old = trusting(tmp_path)
        # OpenSSL itself refuses TLS 1.1 at its default level; lowered, only the listener can say no.
        old.set_ciphers("DEFAULT:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning, match="TLSv1"):
            old.minimum_version = ssl.TLSVersion.TLSv1
        with pytest.warns(DeprecationWarning, match="TLSv1"):
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        with capture_logs() as lines:
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await exchange_tls(port, old)
            assert b"HTTP/" not in await exchange(port, b"GET /s HTTP/1.0\r\n\r\n")
        assert lines == []
        assert await asyncio.to_thread(name_served, port, tmp_path) == "one"
    finally:
        await web.stop()


async def exchange_tls(port: int, context: ssl.SSLContext) -> None:
    """A handshake and nothing more; raises when the peer does not want it."""
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
    writer.close()


@asyncio_test
async def test_a_handshake_that_never_comes_has_a_deadline(tmp_path: Path) -> None:
    write_certificate(tmp_path, "one")
    settings = HttpSettings(
        listen=[HttpListen(port=0, tls=True)],
        certificate=tmp_path / "cert.pem",
        private_key=tmp_path / "key.pem",
        header_timeout_s=0.2,
    )
    web = WebListeners(settings, logs.get("web"))
    await web.start()
    try:
        assert b"HTTP/" not in await exchange(port_of(web), b"")
    finally:
        await web.stop()


@asyncio_test
async def test_a_certificate_that_does_not_fit_or_exist_opens_nothing(tmp_path: Path) -> None:
    write_certificate(tmp_path, "one")
    key = (tmp_path / "key.pem").read_bytes()
    write_certificate(tmp_path, "two")
    (tmp_path / "key.pem").write_bytes(key)
    with pytest.raises(ValueError, match=r"key\.pem"):
        await listeners(tmp_path)
    (tmp_path / "cert.pem").unlink()
    with pytest.raises(FileNotFoundError, match=r"cert\.pem"):
        await listeners(tmp_path)


def test_tls_without_a_certificate_is_a_wrong_setting() -> None:
    with pytest.raises(ValueError, match="needs both certificate and private_key"):
        HttpSettings(listen=[HttpListen(tls=True)])
