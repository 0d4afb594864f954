"""The number@domain grammar."""

import pytest

from bridge.mail import recipient
from bridge.messages.faults import Fault, FaultCode

DOMAINS = ("sms.example", "sms.localhost")


@pytest.mark.parametrize(
    ("address", "number"),
    [
        ("46701740605@sms.example", "46701740605"),
        ("+46701740605@sms.example", "+46701740605"),
        ("46701740605@SMS.Example", "46701740605"),
        ("46701740605@sms.localhost", "46701740605"),
        ("46701740605@sms.example.", "46701740605"),
        ("+46 70 174 06 05@sms.example", "+46 70 174 06 05"),
        ('"+46 70-174 06 05"@sms.example', "+46 70-174 06 05"),
        ('"46\\70174"@sms.example', "4670174"),
        ('"a b"@sms.example', "a b"),
        ("46701740605", "46701740605"),
        (" 46701740605 ", "46701740605"),
        ("46701740605@", "46701740605"),
        ("@relay.example,@other.example:46701740605@sms.example", "46701740605"),
        ("46701740605%elsewhere.example@sms.example", "46701740605%elsewhere.example"),
        ("٤٦٧٠@sms.example", "٤٦٧٠"),
    ],
)
def test_the_number_is_handed_on_as_written(address: str, number: str) -> None:
    assert recipient.parse(address, DOMAINS) == number


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("46701740605@elsewhere.example", FaultCode.FOREIGN_DOMAIN),
        ("46701740605@sms.example.evil.test", FaultCode.FOREIGN_DOMAIN),
        ("46701740605@[127.0.0.1]", FaultCode.FOREIGN_DOMAIN),
        ("46701740605@sms.example@elsewhere.example", FaultCode.FOREIGN_DOMAIN),
        ("", FaultCode.BAD_RECIPIENT),
        ("@sms.example", FaultCode.BAD_RECIPIENT),
        ("@relay.example:", FaultCode.BAD_RECIPIENT),
        ('""@sms.example', FaultCode.BAD_RECIPIENT),
        ("4670\r\n1740605@sms.example", FaultCode.BAD_RECIPIENT),
        ("4670\x001740605@sms.example", FaultCode.BAD_RECIPIENT),
        ("4670\udce91740605@sms.example", FaultCode.BAD_RECIPIENT),
        ("4" * 400 + "@sms.example", FaultCode.BAD_RECIPIENT),
        ("(" * 300 + "46701740605@elsewhere.example", FaultCode.BAD_RECIPIENT),
    ],
)
def test_other_addresses_are_refused(address: str, code: FaultCode) -> None:
    with pytest.raises(Fault) as caught:
        recipient.parse(address, DOMAINS)
    assert caught.value.code is code
