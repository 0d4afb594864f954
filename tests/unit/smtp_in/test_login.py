"""SMTP AUTH PLAIN and LOGIN."""

import asyncio
import base64

import pytest

from bridge.smtp_in import login


def encoded(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def exchange(mechanism: str, initial: str | None, *answers: bytes) -> tuple[tuple[str, str], list[bytes]]:
    """The credentials of one exchange, and the challenges that were asked."""
    asked: list[bytes] = []
    waiting = list(answers)

    async def ask(challenge: bytes) -> bytes:
        asked.append(challenge)
        return waiting.pop(0)

    return asyncio.run(login.credentials(mechanism, initial, ask)), asked


PLAIN = encoded(b"\0demo\0secret")


@pytest.mark.parametrize(
    ("mechanism", "initial", "answers", "asked"),
    [
        ("PLAIN", PLAIN, (), []),
        ("PLAIN", encoded(b"other\0demo\0secret"), (), []),
        ("PLAIN", None, (PLAIN.encode() + b"\r\n",), [b""]),
        (
            "LOGIN",
            None,
            (encoded(b"demo").encode() + b"\r\n", encoded(b"secret").encode()),
            [b"Username:", b"Password:"],
        ),
        ("LOGIN", encoded(b"demo"), (encoded(b"secret").encode() + b"\n",), [b"Password:"]),
    ],
)
def test_name_and_secret_are_found(
    mechanism: str, initial: str | None, answers: tuple[bytes, ...], asked: list[bytes]
) -> None:
    assert exchange(mechanism, initial, *answers) == (("demo", "secret"), asked)


def test_letters_beyond_ascii_and_empty_secrets() -> None:
    assert exchange("PLAIN", encoded("\0jörg\0gehéim".encode()))[0] == ("jörg", "gehéim")
    assert exchange("LOGIN", "=", b"=")[0] == ("", "")
    assert exchange("PLAIN", encoded(b"\0a\xff\0b"))[0] == ("a\N{REPLACEMENT CHARACTER}", "b")


@pytest.mark.parametrize(
    ("mechanism", "initial", "answers"),
    [
        ("PLAIN", "!!!", ()),
        ("PLAIN", encoded(b"demo\0secret"), ()),
        ("PLAIN", encoded(b"\0a\0b\0c"), ()),
        ("PLAIN", "", ()),
        ("PLAIN", "é", ()),
        ("LOGIN", None, (b"!!!\r\n",)),
        ("LOGIN", encoded(b"demo"), (b"c2Vjcm\r\n",)),
    ],
)
def test_what_cannot_be_read(mechanism: str, initial: str | None, answers: tuple[bytes, ...]) -> None:
    with pytest.raises(login.Unreadable):
        exchange(mechanism, initial, *answers)


def test_a_star_cancels() -> None:
    with pytest.raises(login.Cancelled):
        exchange("PLAIN", None, b"*\r\n")
    with pytest.raises(login.Cancelled):
        exchange("LOGIN", encoded(b"demo"), b"*\r\n")
