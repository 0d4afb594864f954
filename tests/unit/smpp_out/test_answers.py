"""What an answer says, whatever PDU it came in."""

import pytest

from bridge.smpp import pdus
from bridge.smpp.constants import Status
from bridge.smpp_out.outcome import NO_STATUS
from bridge.smpp_out.sender import status_of


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (pdus.SubmitSmResp(message_id="0A"), (0, "0A")),
        (pdus.SubmitSmResp(status=Status.RTHROTTLED), (Status.RTHROTTLED, "")),
        (pdus.GenericNack(status=Status.RINVCMDID), (Status.RINVCMDID, "")),
        (pdus.GenericNack(), (NO_STATUS, "")),
    ],
)
def test_the_status_and_the_id(response: pdus.Pdu, expected: tuple[int, str]) -> None:
    assert status_of(response) == expected
