"""What may be said about a link over HTTP, and how mistakes in a file are told."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from bridge.app import config_file
from bridge.app.config_errors import ConfigErrors
from bridge.http_out.settings import HttpLinkSettings
from bridge.messages.causes import Cause
from bridge.smpp_out.settings import LinkSettings

DOCS = Path(__file__).parents[3] / "docs" / "http-carriers.md"
GOOD = {"name": "up", "mapping": "infobip"}
TOKEN = "abcdefghijklmnop"


def test_every_setting_is_documented() -> None:
    text = DOCS.read_text("utf-8")
    for name, field in HttpLinkSettings.model_fields.items():
        assert f"`{name}`" in text, f"{name} is missing in docs/http-carriers.md"
        assert field.description, f"{name} has no description"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"name": "Up"}, "name"),
        ({"url": "ftp://a.example"}, "https://"),
        ({"password": "a", "password_file": "b"}, "at most one"),
        ({"public_url": "https://sms.example.org"}, "receipt_token"),
        ({"receipt_token": "short"}, "receipt_token"),
        ({"receipt_token": TOKEN + "/.."}, "receipt_token"),
        ({"window": 0}, "window"),
        ({"networks": ["10.0.0.1/8"]}, "networks"),
        ({"errors": {"1": "melted"}}, "errors"),
        ({"host": "a.example"}, "host"),
    ],
)
def test_what_makes_no_sense_is_refused(change: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValidationError) as refused:
        HttpLinkSettings.model_validate(GOOD | change)
    assert complaint in str(refused.value)


def test_secrets_are_not_shown() -> None:
    link = HttpLinkSettings.model_validate(GOOD | {"password": "SECRET", "receipt_token": TOKEN})
    assert "SECRET" not in repr(link)
    assert TOKEN not in repr(link)


def test_error_codes_are_compared_without_zeros_in_front() -> None:
    assert HttpLinkSettings.model_validate(GOOD | {"errors": {"007": "memory_full"}}).errors == {"7": Cause.MEMORY_FULL}


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "bridge.yaml"
    path.write_text(text)
    return path


BOTH = """\
links:
  - name: one
    host: smpp.example
    system_id: a
    password: b
  - name: two
    kind: http
    mapping: infobip
    url: https://a.example
    password: x
  - name: three
    kind: smpp
    host: smpp.example
    system_id: a
    password: b
"""


def test_links_of_both_kinds_stand_beside_each_other(tmp_path: Path) -> None:
    links = config_file.load(write(tmp_path, BOTH)).links
    assert [(type(link), link.name) for link in links] == [
        (LinkSettings, "one"),
        (HttpLinkSettings, "two"),
        (LinkSettings, "three"),
    ]


WRONG = """\
links:
  - name: one
    kind: http
    mapping: infobip
    widnow: 3
    window: 900
  - name: two
    kind: htp
    hots: x
    host: h
    system_id: a
    password: b
  - kind: http
    name: three
  - name: four
    host: smpp.example
    system_id: a
    password: b
    mapping: infobip
"""


def test_a_mistake_in_either_kind_is_told_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors) as wrong:
        config_file.load(write(tmp_path, WRONG))
    told = {(error.line, error.key): f"{error.wrong}; {error.right}" for error in wrong.value.errors}
    assert told[5, "links[0].widnow"] == 'is no setting; did you mean "window"?'
    assert told[6, "links[0].window"].startswith("900 is not allowed; write a whole number from 1 to 200")
    assert told[8, "links[1].kind"].startswith("is neither smpp nor http")
    assert told[9, "links[1].hots"] == 'is no setting; did you mean "host"?'
    assert told[13, "links[2].mapping"].startswith("is missing")
    assert told[19, "links[3].mapping"].startswith("is no setting")
    assert told[2, "links[0].url"].startswith("is missing"), "the mapping needs it"


def test_a_mapping_of_ones_own_lies_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("request: {url: '{ulr}/x'}\nanswers: [{then: submitted}]\nid: {own: true}\n")
    text = "links:\n  - {kind: http, name: a, mapping: mine.yaml}\n  - {kind: http, name: b, mapping: other}\n"
    with pytest.raises(ConfigErrors) as wrong:
        config_file.load(write(tmp_path, text))
    told = [(Path(error.file).name, error.line, error.wrong) for error in wrong.value.errors]
    assert told == [
        ("mine.yaml", 1, "request has unknown names in braces: ulr"),
        ("bridge.yaml", 3, "there is no mapping other"),
    ]


def test_plain_http_needs_its_network_named(tmp_path: Path) -> None:
    link = "links:\n  - kind: http\n    name: a\n    mapping: jasmin\n    url: http://10.1.1.1:1401\n"
    link += "    account: a\n    password: b\n"
    with pytest.raises(ConfigErrors, match="links\\[0\\].url: has no TLS"):
        config_file.load(write(tmp_path, link))
    assert config_file.load(write(tmp_path, link + "    networks: [10.0.0.0/8]\n")).links
