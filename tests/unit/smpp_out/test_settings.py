"""A link's settings: what they refuse, and where the password comes from."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from bridge.smpp_out.settings import LinkSettings

GOOD = {"name": "carrier", "host": "127.0.0.1", "system_id": "acme", "password": "secret"}
DOCS = Path(__file__).parents[3] / "docs" / "links.md"


def test_the_smallest_link_has_the_documented_defaults() -> None:
    link = LinkSettings(**GOOD)
    assert (link.port, link.window, link.parts_per_second, link.in_doubt) == (2775, 10, None, "hold_then_resend_once")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"name": "Carrier One"}, "name"),
        ({"port": 0}, "port"),
        ({"window": 0}, "window"),
        ({"parts_per_second": 0}, "parts_per_second"),
        ({"in_doubt": "resend_now"}, "in_doubt"),
        ({"password": None}, "exactly one of password and password_file"),
        ({"password_file": "/etc/x"}, "exactly one of password and password_file"),
        ({"ca_file": "/etc/ca.pem"}, "tls: true"),
        ({"windw": 3}, "windw"),
    ],
)
def test_a_wrong_value_is_named(change: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValidationError) as refused:
        LinkSettings.model_validate(GOOD | change)
    assert complaint in str(refused.value)


def test_the_password_is_not_shown() -> None:
    assert "secret" not in repr(LinkSettings(**GOOD))


def test_the_password_file_is_read_each_time(tmp_path: Path) -> None:
    file = tmp_path / "password"
    link = LinkSettings(name="carrier", host="h", system_id="acme", password_file=file)
    file.write_text("first\nsecond line\n")
    assert link.secret() == "first"
    file.write_text("  changed  \r\n")
    assert link.secret() == "changed"


@pytest.mark.parametrize("content", ["", "\n", "  \nsecret\n"])
def test_a_password_file_without_a_password_is_an_error(tmp_path: Path, content: str) -> None:
    file = tmp_path / "password"
    file.write_text(content)
    with pytest.raises(ValueError, match="holds no password"):
        LinkSettings(name="carrier", host="h", system_id="acme", password_file=file).secret()


def test_a_missing_password_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        LinkSettings(name="carrier", host="h", system_id="acme", password_file=tmp_path / "none").secret()


def test_every_setting_is_documented() -> None:
    text = DOCS.read_text()
    for name, field in LinkSettings.model_fields.items():
        assert f"`{name}`" in text, f"{name} is missing in docs/links.md"
        assert field.description, f"{name} has no description"
