"""What a client reads, for every fault there is."""

import json

import pytest

from bridge.http_in.replies import STATUS, Refused, reply_to
from bridge.http_in.request import UnsupportedBody
from bridge.messages.faults import TEMPORARY, Fault, FaultCode
from bridge.messages.message import Accepted

TAKEN = Accepted("6FD54FA2", "46701740605", 2, 2000)


def test_every_fault_has_a_status_and_the_temporary_ones_say_so() -> None:
    assert set(STATUS) == set(FaultCode)
    assert {code for code, status in STATUS.items() if status in (429, 503)} == TEMPORARY
    assert all(400 <= status < 500 or status == 503 for status in STATUS.values())


@pytest.mark.parametrize("code", FaultCode)
def test_a_refused_request(code: FaultCode) -> None:
    reply = reply_to([Refused("", Fault(code, "do it so"))], as_json=False)
    assert reply.status == STATUS[code]
    assert ("Retry-After" in reply.headers) == (code in TEMPORARY)
    assert ("WWW-Authenticate" in reply.headers) == (reply.status == 401)
    assert reply.body.startswith(f"ERR {code.value}: ")
    assert reply.body.endswith(": do it so\n")


def test_one_line_for_each_recipient_in_order() -> None:
    refused = Refused("123", Fault(FaultCode.BAD_RECIPIENT, "too short"))
    reply = reply_to([refused, TAKEN], as_json=False)
    assert (reply.status, reply.content_type) == (200, "text/plain; charset=utf-8")
    assert reply.body == (
        "ERR bad_recipient 123: Not a phone number in international format: too short\nOK 6FD54FA2 46701740605\n"
    )


def test_the_same_as_json() -> None:
    refused = Refused("123", Fault(FaultCode.BAD_RECIPIENT, "too short"))
    reply = reply_to([refused, TAKEN], as_json=True)
    assert (reply.status, reply.content_type) == (200, "application/json")
    assert json.loads(reply.body) == {
        "messages": [{"id": "6FD54FA2", "recipient": "46701740605", "parts": 2, "price": "2.000", "is_repeat": False}],
        "refusals": [
            {
                "fault": "bad_recipient",
                "recipient": "123",
                "sentence": "Not a phone number in international format: too short",
                "is_temporary": False,
            }
        ],
    }


def test_a_temporary_fault_decides_the_status_when_nothing_was_accepted() -> None:
    """Repeating the request can help, and cannot send anything twice."""
    results = [Refused("1", Fault(FaultCode.NO_ROUTE)), Refused("2", Fault(FaultCode.QUEUE_FULL))]
    assert reply_to(results, as_json=False).status == 503
    assert reply_to([*results, TAKEN], as_json=False).status == 200


def test_a_body_of_another_kind() -> None:
    assert reply_to([Refused("", UnsupportedBody("send a form"))], as_json=False).status == 415


def test_an_echo_is_short_and_stays_on_its_line() -> None:
    refused = Refused("12\r\nOK 00000000 1\x1b[2J" + "9" * 99, Fault(FaultCode.BAD_RECIPIENT))
    body = reply_to([refused], as_json=False).body
    assert body.count("\n") == 1
    assert "\x1b" not in body
    assert len(body) < 120
