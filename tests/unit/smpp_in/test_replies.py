"""What an ESME hears, for every fault there is."""

import pytest

from bridge.messages.faults import TEMPORARY, Fault, FaultCode
from bridge.smpp.constants import Status, Version
from bridge.smpp.pdus import CancelSm, SubmitSm
from bridge.smpp_in import replies

GIVE_UP_BINDING = (Status.RINVPASWD, Status.RINVSYSID, Status.RINVSYSTYP)


def test_every_fault_has_a_status_and_exactly_the_temporary_ones_are_worth_a_retry() -> None:
    assert set(replies.SMPP_REPLIES) == set(FaultCode)
    assert {code for code, status in replies.SMPP_REPLIES.items() if status in (0x14, 0x58, 0x64, 0x08)} == TEMPORARY
    assert all(status != Status.ROK for status in replies.SMPP_REPLIES.values())


@pytest.mark.parametrize("code", FaultCode)
def test_only_wrong_credentials_make_an_esme_give_up_binding(code: FaultCode) -> None:
    status = replies.bind_status_of(Fault(code))
    assert (status in GIVE_UP_BINDING) == (code is FaultCode.BAD_CREDENTIALS)
    assert status in (Status.RINVPASWD, Status.RBINDFAIL)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (FaultCode.NO_CREDIT, 0x45),
        (FaultCode.NO_ROUTE, 0x0B),
        (FaultCode.BAD_RECIPIENT, 0x0B),
        (FaultCode.BAD_ORIGINATOR, 0x0A),
        (FaultCode.TOO_MANY_PARTS, 0x01),
        (FaultCode.TOO_FAST, 0x58),
        (FaultCode.QUEUE_FULL, 0x14),
        (FaultCode.DISK_FULL, 0x14),
        (FaultCode.TRY_LATER, 0x08),
    ],
)
def test_the_statuses_that_clients_act_upon(code: FaultCode, status: int) -> None:
    assert replies.status_of(Fault(code), Version.V34) == status


def test_a_code_of_5_0_is_told_to_peers_that_know_it() -> None:
    assert replies.for_version(Status.RINVDCS, Version.V50) == Status.RINVDCS
    assert replies.for_version(Status.RINVDCS, Version.V34) == Status.RSUBMITFAIL
    assert replies.for_version(Status.RINVDCS, Version.V33) == Status.RSUBMITFAIL


def test_query_cancel_and_replace_keep_their_own_code_unless_a_retry_can_help() -> None:
    assert replies.failed(Fault(FaultCode.TOO_LATE), Status.RCANCELFAIL) == Status.RCANCELFAIL
    assert replies.failed(Fault(FaultCode.DISK_FULL), Status.RCANCELFAIL) == Status.RMSGQFUL


@pytest.mark.parametrize("request_pdu", [SubmitSm(), CancelSm()])
def test_a_refusal_is_the_response_to_its_request(request_pdu: SubmitSm | CancelSm) -> None:
    response = replies.refusal_of(request_pdu, Status.RSYSERR)
    assert response.COMMAND_ID == request_pdu.COMMAND_ID | 0x80000000
    assert response.status == Status.RSYSERR
