"""Whole frames to PDUs and back.

The codec judges what the wire format defines: lengths, terminators, counts, TLV structure. What a value means
(a TON nobody has heard of, a time that does not exist) is left to whoever uses it. Requests are read strictly and
each error names the command_status to answer with. Responses are read leniently: nobody can be told that one is bad,
and one that is dropped leaves its request in doubt. So an empty body always reads as defaults, a body after a
command_status other than zero may be anything, and a last string may lack its NUL.
"""

import struct

from bridge.smpp.compiler import HEADER, make_decoder, make_encoder
from bridge.smpp.constants import RESPONSE_BIT, CommandId, Status, Tag
from bridge.smpp.errors import LocalProtocolError, RemoteProtocolError
from bridge.smpp.framing import FRAME_SIZE_MAX
from bridge.smpp.pdus import ALL, BY_COMMAND_ID, Pdu

SEQUENCE_NUMBER_MAX = 0xFFFFFFFF
"""What the field can hold. We number up to 0x7FFFFFFF (SMPP 3.4, 5.1.4), but peers do not always."""

_ONE, _TWO = (1, 1), (2, 2)

TLV_SIZES: dict[int, tuple[int, int]] = {
    Tag.DEST_ADDR_SUBUNIT: _ONE,
    Tag.DEST_NETWORK_TYPE: _ONE,
    Tag.DEST_BEARER_TYPE: _ONE,
    Tag.DEST_TELEMATICS_ID: _TWO,
    Tag.SOURCE_ADDR_SUBUNIT: _ONE,
    Tag.SOURCE_NETWORK_TYPE: _ONE,
    Tag.SOURCE_BEARER_TYPE: _ONE,
    Tag.SOURCE_TELEMATICS_ID: (1, 2),
    Tag.QOS_TIME_TO_LIVE: (4, 4),
    Tag.PAYLOAD_TYPE: _ONE,
    Tag.MS_MSG_WAIT_FACILITIES: _ONE,
    Tag.PRIVACY_INDICATOR: _ONE,
    Tag.SOURCE_SUBADDRESS: (2, 23),
    Tag.DEST_SUBADDRESS: (2, 23),
    Tag.USER_MESSAGE_REFERENCE: _TWO,
    Tag.USER_RESPONSE_CODE: _ONE,
    Tag.SOURCE_PORT: _TWO,
    Tag.DESTINATION_PORT: _TWO,
    Tag.SAR_MSG_REF_NUM: _TWO,
    Tag.LANGUAGE_INDICATOR: _ONE,
    Tag.SAR_TOTAL_SEGMENTS: _ONE,
    Tag.SAR_SEGMENT_SEQNUM: _ONE,
    Tag.CALLBACK_NUM_PRES_IND: _ONE,
    Tag.CALLBACK_NUM_ATAG: (0, 65),
    Tag.NUMBER_OF_MESSAGES: _ONE,
    Tag.CALLBACK_NUM: (4, 19),
    Tag.SET_DPF: _ONE,
    Tag.MORE_MESSAGES_TO_SEND: _ONE,
    Tag.USSD_SERVICE_OP: _ONE,
    Tag.DISPLAY_TIME: _ONE,
    Tag.SMS_SIGNAL: _TWO,
    Tag.MS_VALIDITY: (1, 4),
    Tag.ALERT_ON_MESSAGE_DELIVERY: (0, 1),
    Tag.ITS_REPLY_TYPE: _ONE,
    Tag.ITS_SESSION_INFO: _TWO,
}
"""Sizes of the TLVs that a message on its way out may have (SMPP 3.4, 5.3.2), where 5.0 allows more as there.
Receipts are not judged: their TLVs are often odd in the field, and refusing one would have it repeated for days."""

_JUDGED = frozenset({CommandId.SUBMIT_SM, CommandId.SUBMIT_MULTI, CommandId.DATA_SM})

_ENCODERS = {pdu: make_encoder(pdu) for pdu in ALL}
_DECODERS = {int(pdu.COMMAND_ID): make_decoder(pdu) for pdu in ALL}

_UNWRITABLE = (TypeError, ValueError, OverflowError, AttributeError, struct.error)


def encode(pdu: Pdu, sequence_number: int) -> bytes:
    """The frame of `pdu`. LocalProtocolError when a value does not fit its field; nothing is cut silently.

    A response with a command_status other than zero and nothing else to say has no body (SMPP 3.4, 4.4.2).
    """
    encoder = _ENCODERS.get(type(pdu))
    if encoder is None:
        raise LocalProtocolError(f"not a PDU: {type(pdu).__name__}")
    try:
        frame = encoder(pdu, sequence_number)
    except _UNWRITABLE as error:
        raise LocalProtocolError(f"{pdu.COMMAND_ID.name.lower()} cannot be written: {error}") from error
    if pdu.tlvs:
        if len(frame) > FRAME_SIZE_MAX:
            raise LocalProtocolError(f"{len(frame)} octets; a frame has at most {FRAME_SIZE_MAX}")
        if pdu.COMMAND_ID in _JUDGED and (verdict := _judge(pdu)):
            raise LocalProtocolError(verdict[0])
    return frame


def decode(frame: bytes) -> tuple[Pdu, int]:
    """The PDU in a whole frame, and its sequence_number.

    Raises RemoteProtocolError with the command_status to answer; it is fatal when the length cannot be right.
    """
    if len(frame) < HEADER.size:
        raise RemoteProtocolError(f"{len(frame)} octets are no header", status=Status.RINVCMDLEN, is_fatal=True)
    length, command_id, status, sequence = HEADER.unpack_from(frame)
    decoder = _DECODERS.get(command_id)
    try:
        if length != len(frame):
            raise RemoteProtocolError(
                f"command_length is {length}, the frame has {len(frame)} octets",
                status=Status.RINVCMDLEN,
                is_fatal=True,
            )
        if decoder is None:
            raise RemoteProtocolError(f"unknown command_id 0x{command_id:08X}", status=Status.RINVCMDID)
        pdu = decoder(frame, status)
        if pdu.tlvs and command_id in _JUDGED and (verdict := _judge(pdu)):
            raise RemoteProtocolError(verdict[0], status=verdict[1])
    except (IndexError, RemoteProtocolError) as error:
        return _read_badly(command_id, status, _offence(error, command_id, sequence)), sequence
    return pdu, sequence


def _offence(error: IndexError | RemoteProtocolError, command_id: int, sequence: int) -> RemoteProtocolError:
    """What is wrong with the frame, addressed. An IndexError means that it ended before its fields did."""
    if isinstance(error, IndexError):
        # The length of a request and its fields contradict each other, so what follows may be misread too.
        is_fatal = not command_id & RESPONSE_BIT
        error = RemoteProtocolError("it ends before its fields do", status=Status.RINVCMDLEN, is_fatal=is_fatal)
    error.command_id = command_id
    error.sequence = sequence
    return error


def _read_badly(command_id: int, status: int, offence: RemoteProtocolError) -> Pdu:
    """A response that refuses needs no readable body, nor does the yes to a submit_sm: dropped, it would be sent again.

    Everything else is an offence.
    """
    says_enough = status or command_id == CommandId.SUBMIT_SM_RESP
    if says_enough and command_id & RESPONSE_BIT and command_id in BY_COMMAND_ID and not offence.is_fatal:
        return BY_COMMAND_ID[command_id](status=status)
    raise offence


def _judge(pdu: Pdu) -> tuple[str, int] | None:
    """What is wrong with the TLVs of a message on its way out, and the command_status for it; None if nothing is."""
    for tag, value in pdu.tlvs.items():
        size_min, size_max = TLV_SIZES.get(tag, (0, len(value)))
        if not size_min <= len(value) <= size_max:
            return f"TLV 0x{tag:04X} has {len(value)} octets", Status.RINVPARLEN
    if Tag.MESSAGE_PAYLOAD in pdu.tlvs and getattr(pdu, "short_message", None):
        return "both short_message and message_payload", Status.RINVMSGLEN
    return None
