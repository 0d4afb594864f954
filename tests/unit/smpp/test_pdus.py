"""The tables: one per PDU, complete and consistent."""

import dataclasses

import pytest

from bridge.smpp import pdus
from bridge.smpp.constants import RESPONSE_BIT, CommandId
from bridge.smpp.fields import CString, Listing


@pytest.mark.parametrize("pdu", pdus.ALL, ids=lambda pdu: pdu.__name__)
def test_attributes_are_the_table(pdu: type[pdus.Pdu]) -> None:
    own = [field.name for field in dataclasses.fields(pdu) if field.name not in ("status", "tlvs")]
    assert own == [field.name for field in pdu.FIELDS]
    assert not hasattr(pdu(), "__dict__")


@pytest.mark.parametrize("pdu", pdus.ALL, ids=lambda pdu: pdu.__name__)
def test_every_string_names_a_status_to_answer_with(pdu: type[pdus.Pdu]) -> None:
    for field in pdu.FIELDS:
        if isinstance(field, CString):
            assert field.status != 0


def test_every_command_has_one_pdu() -> None:
    assert {pdu.COMMAND_ID for pdu in pdus.ALL} == set(CommandId)
    assert len(pdus.ALL) == len(CommandId)


def test_requests_and_their_responses() -> None:
    requests = {pdu.COMMAND_ID for pdu in pdus.ALL if not pdu.is_response()}
    assert requests - set(pdus.RESPONSE_TO) == {CommandId.OUTBIND, CommandId.ALERT_NOTIFICATION}
    for command_id, response in pdus.RESPONSE_TO.items():
        assert command_id | RESPONSE_BIT == response.COMMAND_ID


def test_a_password_does_not_get_into_a_log_by_accident() -> None:
    for pdu in (pdus.BindTransceiver(password="hush"), pdus.Outbind(password="hush")):
        assert "hush" not in repr(pdu)


def test_deliver_sm_is_no_submit_sm() -> None:
    assert not isinstance(pdus.DeliverSm(), pdus.SubmitSm)
    assert pdus.DeliverSm.FIELDS == pdus.SubmitSm.FIELDS


def test_lists_are_not_shared() -> None:
    first, second = pdus.SubmitMulti(), pdus.SubmitMulti()
    assert first.dest_address is not second.dest_address
    assert any(isinstance(field, Listing) for field in pdus.SubmitMulti.FIELDS)
