"""A link's settings: what they refuse, and where the password comes from."""

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from bridge.messages.causes import SENTENCES, USUAL, Cause
from bridge.smpp import translate
from bridge.smpp.alphabets import Alphabet
from bridge.smpp.constants import Status
from bridge.smpp_out.outcome import Meaning
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
        ({"binds": 0}, "binds"),
        ({"bind": "receiver"}, "bind"),
        ({"long_form": "udh"}, "long_form"),
        ({"alphabet": "utf8"}, "alphabet"),
        ({"validity": "never"}, "validity"),
        ({"service_type": "toolong"}, "service_type"),
        ({"id_format": "hex"}, "id_format"),
        ({"query_after_s": 1}, "query_after_s"),
        ({"source_rules": [{"strip": "+46", "prepend": ""}]}, "source_rules.0.strip"),
        ({"statuses": {"0x45": "again"}}, "again is none of retry, slow, next_link, fail"),
        ({"statuses": {"0x00": "retry"}}, "0x00 is no command_status"),
        ({"statuses": {"ESME_NOPE": "retry"}}, "ESME_NOPE is no command_status"),
        ({"errors": {"000": "unknown"}}, "000 is no error code"),
        ({"errors": {"1" * 17: "unknown"}}, "is no error code"),
        ({"errors": {"1": "asleep"}}, "errors.1"),
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


@pytest.mark.parametrize("text", ["0x45", "0X00000045", "69", "ESME_RSUBMITFAIL", "rsubmitfail", " 69 "])
def test_a_status_may_be_written_in_every_way(text: str) -> None:
    link = LinkSettings(**GOOD, statuses={text: "retry"})
    assert link.meanings() == {Status.RSUBMITFAIL: Meaning.BUSY}


def test_error_codes_are_compared_without_zeros_and_case() -> None:
    link = LinkSettings(**GOOD, errors={"0027": Cause.MEMORY_FULL, "1B": Cause.SWITCHED_OFF})
    assert link.causes() == {"27": Cause.MEMORY_FULL, "1b": Cause.SWITCHED_OFF}


def test_the_form_of_a_link_reaches_the_translation() -> None:
    link = LinkSettings(
        **GOOD,
        long_form="sar",
        alphabet="latin1",
        data_coding_gsm7=3,
        source_ton=2,
        dest_npi=8,
        service_type="CMT",
        validity="none",
        wants_intermediate=True,
        sends_reference=True,
        source_rules=[{"strip": "46", "prepend": "0"}],
        dest_rules=[{"strip": "", "prepend": "00"}],
    )
    assert link.submit_options() == translate.SubmitOptions(
        source_ton=2,
        dest_npi=8,
        service_type="CMT",
        validity=translate.Validity.NONE,
        registered_delivery=0x11,
        long_form=translate.LongForm.SAR,
        alphabet=Alphabet.LATIN1,
        data_coding_gsm7=3,
        source_rules=(translate.AddressRule("46", "0"),),
        dest_rules=(translate.AddressRule("", "00"),),
        has_user_message_reference=True,
    )
    assert LinkSettings(**GOOD).submit_options() == translate.SubmitOptions()


def test_the_documented_error_codes_are_those_of_the_program() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \|$", DOCS.read_text(), re.MULTILINE)
    told = {cause: (words, set(re.findall(r"\d+", codes))) for cause, words, codes in rows if cause in set(Cause)}
    assert set(told) == set(Cause)
    for cause, (words, codes) in told.items():
        assert words == SENTENCES[Cause(cause)]
        assert codes == {code for code, meant in USUAL.items() if meant == cause}
