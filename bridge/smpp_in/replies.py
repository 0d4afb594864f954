"""What each fault is called in SMPP.

ESMEs repeat a submit_sm for ever after RMSGQFUL, RTHROTTLED, RX_T_APPN and RSYSERR, and take everything else as final;
so exactly the temporary faults have one of these four. They give up binding after RINVPASWD, RINVSYSID and RINVSYSTYP,
so only wrong credentials have one of these; whoever is to come back later hears RBINDFAIL. RALYBND counts as success
with some and is left to a second bind on one connection.
"""

from bridge.messages.faults import Fault, FaultCode
from bridge.smpp.constants import Status, Version
from bridge.smpp.pdus import RESPONSE_TO, Pdu

COME_AGAIN = frozenset({Status.RMSGQFUL, Status.RTHROTTLED, Status.RX_T_APPN, Status.RSYSERR})
"""After these an ESME sends the same again, and so do we when one answers a deliver_sm."""

SMPP_REPLIES: dict[FaultCode, Status] = {
    FaultCode.BAD_CREDENTIALS: Status.RINVPASWD,
    FaultCode.NOT_ALLOWED_HERE: Status.RSUBMITFAIL,
    FaultCode.ACCOUNT_DISABLED: Status.RSUBMITFAIL,
    FaultCode.UNTRUSTED_SENDER: Status.RINVSRCADR,
    FaultCode.FOREIGN_DOMAIN: Status.RINVDSTADR,
    FaultCode.BAD_REQUEST: Status.RSUBMITFAIL,
    FaultCode.BAD_RECIPIENT: Status.RINVDSTADR,
    FaultCode.KIND_REFUSED: Status.RINVDSTADR,
    FaultCode.NO_RECIPIENT: Status.RINVNUMDESTS,
    FaultCode.TOO_MANY_RECIPIENTS: Status.RINVNUMDESTS,
    FaultCode.OPTED_OUT: Status.RSUBMITFAIL,
    FaultCode.BAD_ORIGINATOR: Status.RINVSRCADR,
    FaultCode.EMPTY_TEXT: Status.RINVMSGLEN,
    FaultCode.TOO_MANY_PARTS: Status.RINVMSGLEN,
    FaultCode.MESSAGE_TOO_LARGE: Status.RINVMSGLEN,
    FaultCode.UNREADABLE_MESSAGE: Status.RINVDCS,
    FaultCode.NO_ROUTE: Status.RINVDSTADR,
    FaultCode.NO_CREDIT: Status.RSUBMITFAIL,
    FaultCode.NOT_FOUND: Status.RINVMSGID,
    FaultCode.ALREADY_EXISTS: Status.RSUBMITFAIL,
    FaultCode.KEY_REUSED: Status.RSUBMITFAIL,
    FaultCode.TOO_LATE: Status.RSUBMITFAIL,
    FaultCode.TOO_FAST: Status.RTHROTTLED,
    FaultCode.QUEUE_FULL: Status.RMSGQFUL,
    FaultCode.DISK_FULL: Status.RMSGQFUL,
    FaultCode.TRY_LATER: Status.RSYSERR,
}
"""The command_status of submit_sm_resp, submit_multi_resp and data_sm_resp; a test demands one for each fault."""

_V5_ONLY_FROM = 0x100
"""Codes from here to 0x3FF are of SMPP 5.0; older peers hear RSUBMITFAIL instead."""


def status_of(fault: Fault, version: int) -> int:
    """How a request is refused because of `fault`, for a peer of this interface version."""
    return for_version(SMPP_REPLIES[fault.code], version)


def for_version(status: int, version: int) -> int:
    """A status in the words of the peer's version."""
    return Status.RSUBMITFAIL if status >= _V5_ONLY_FROM and version < Version.V50 else status


def bind_status_of(fault: Fault) -> Status:
    """How a bind is refused because of `fault`."""
    return Status.RINVPASWD if fault.code is FaultCode.BAD_CREDENTIALS else Status.RBINDFAIL


def failed(fault: Fault, final: Status) -> Status:
    """How query_sm, cancel_sm or replace_sm is refused: with its own code, unless a retry can help."""
    return SMPP_REPLIES[fault.code] if fault.is_temporary else final


def refusal_of(request: Pdu, status: int) -> Pdu:
    """The response that refuses a request, without a body (SMPP 3.4, 4.4.2)."""
    return RESPONSE_TO[request.COMMAND_ID](status=status)
