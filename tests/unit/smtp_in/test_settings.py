"""The settings of the e-mail door."""

import pytest
from pydantic import ValidationError

from bridge.intake.authenticate import is_inside
from bridge.smtp_in.settings import SmtpListen, SmtpSettings


def test_the_defaults_serve_this_machine_only() -> None:
    settings = SmtpSettings()
    assert [(listen.address, listen.port, listen.tls) for listen in settings.listen] == [("127.0.0.1", 2525, "none")]
    assert is_inside("192.168.7.7", settings.plain_auth_networks)
    assert not is_inside("192.0.2.7", settings.plain_auth_networks)


def test_domains_are_compared_in_lower_case_without_a_final_dot() -> None:
    assert SmtpSettings(domains=[" SMS.Example. "]).domains == ["sms.example"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"domains": []},
        {"size_max": 100},
        {"listen": [{"address": "not-an-address"}]},
        {"listen": [{"tls": "yes"}]},
        {"x": 1},
    ],
)
def test_nonsense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SmtpSettings.model_validate(wrong)


def test_every_setting_is_described() -> None:
    for model in (SmtpSettings, SmtpListen):
        for name, field in model.model_fields.items():
            assert field.description, name
