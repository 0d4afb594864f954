"""The PDUs of SMPP 3.4 (section 4): one class and one FIELDS table each, names as in the standard.

FIELDS says what is on the wire, in order; the attributes of a class are exactly the names of its table (a test
compares them), plus `status` (command_status, the header's) and `tlvs` (every TLV that came, known or not, as raw
octets by tag). Strings are `str` holding latin-1 characters, short_message is octets; nothing is interpreted here.
Values are not frozen because building them is on the hot path; nobody changes one after making it.
"""

from dataclasses import dataclass, field
from typing import ClassVar

from bridge.smpp.constants import RESPONSE_BIT, CommandId, Status
from bridge.smpp.fields import (
    ADDRESS_SIZE_MAX,
    CString,
    DistributionList,
    Field,
    Listing,
    Octet,
    ShortMessage,
    SmeAddress,
    UnsuccessSme,
    read_destinations,
    read_failures,
    write_destinations,
    write_failures,
)

SYSTEM_ID_SIZE_MAX = 65
"""The standard says 16; account names of 20 and 30 characters are in the field, so it is liberal both ways."""

PASSWORD_SIZE_MAX = 65
"""The standard says 9; longer ones are in the field."""

MESSAGE_ID_SIZE_MAX = 65
TIME_SIZE_MAX = 17
DATA_SM_ADDRESS_SIZE_MAX = 65
"""data_sm and alert_notification have room for longer addresses (SMPP 3.4, 4.7.1)."""


@dataclass(slots=True)
class Pdu:
    """What every PDU has."""

    COMMAND_ID: ClassVar[CommandId]
    FIELDS: ClassVar[tuple[Field, ...]] = ()

    status: int = field(default=0, kw_only=True)
    tlvs: dict[int, bytes] = field(default_factory=dict, kw_only=True)

    @classmethod
    def is_response(cls) -> bool:
        return bool(cls.COMMAND_ID & RESPONSE_BIT)


_SERVICE_TYPE = CString("service_type", 6, Status.RINVSERTYP)
_SOURCE = (
    Octet("source_addr_ton"),
    Octet("source_addr_npi"),
    CString("source_addr", ADDRESS_SIZE_MAX, Status.RINVSRCADR),
)
_DESTINATION = (
    Octet("dest_addr_ton"),
    Octet("dest_addr_npi"),
    CString("destination_addr", ADDRESS_SIZE_MAX, Status.RINVDSTADR),
)
_LONG_SOURCE = (*_SOURCE[:2], CString("source_addr", DATA_SM_ADDRESS_SIZE_MAX, Status.RINVSRCADR))
_LONG_DESTINATION = (*_DESTINATION[:2], CString("destination_addr", DATA_SM_ADDRESS_SIZE_MAX, Status.RINVDSTADR))
_MESSAGE_ID = CString("message_id", MESSAGE_ID_SIZE_MAX, Status.RINVMSGID)
_SCHEDULE = CString("schedule_delivery_time", TIME_SIZE_MAX, Status.RINVSCHED)
_VALIDITY = CString("validity_period", TIME_SIZE_MAX, Status.RINVEXPIRY)
_HOW_AND_WHEN = (
    Octet("esm_class"),
    Octet("protocol_id"),
    Octet("priority_flag"),
    _SCHEDULE,
    _VALIDITY,
    Octet("registered_delivery"),
    Octet("replace_if_present_flag"),
    Octet("data_coding"),
    Octet("sm_default_msg_id"),
    ShortMessage(),
)


@dataclass(slots=True)
class Bind(Pdu):
    """What the three binds share."""

    FIELDS: ClassVar = (
        CString("system_id", SYSTEM_ID_SIZE_MAX, Status.RINVSYSID),
        CString("password", PASSWORD_SIZE_MAX, Status.RINVPASWD),
        CString("system_type", 13, Status.RINVSYSTYP),
        Octet("interface_version"),
        Octet("addr_ton"),
        Octet("addr_npi"),
        CString("address_range", 41, Status.RBINDFAIL),
    )

    system_id: str = ""
    password: str = field(default="", repr=False)
    system_type: str = ""
    interface_version: int = 0x34
    addr_ton: int = 0
    addr_npi: int = 0
    address_range: str = ""


@dataclass(slots=True)
class BindResp(Pdu):
    """What the answers to the three binds share; they may carry the TLV sc_interface_version."""

    FIELDS: ClassVar = (CString("system_id", SYSTEM_ID_SIZE_MAX, Status.RINVSYSID),)

    system_id: str = ""


@dataclass(slots=True)
class BindTransmitter(Bind):
    """An ESME asks to send (4.1.1)."""

    COMMAND_ID: ClassVar = CommandId.BIND_TRANSMITTER


@dataclass(slots=True)
class BindTransmitterResp(BindResp):
    COMMAND_ID: ClassVar = CommandId.BIND_TRANSMITTER_RESP


@dataclass(slots=True)
class BindReceiver(Bind):
    """An ESME asks to receive (4.1.3)."""

    COMMAND_ID: ClassVar = CommandId.BIND_RECEIVER


@dataclass(slots=True)
class BindReceiverResp(BindResp):
    COMMAND_ID: ClassVar = CommandId.BIND_RECEIVER_RESP


@dataclass(slots=True)
class BindTransceiver(Bind):
    """An ESME asks to send and receive (4.1.5)."""

    COMMAND_ID: ClassVar = CommandId.BIND_TRANSCEIVER


@dataclass(slots=True)
class BindTransceiverResp(BindResp):
    COMMAND_ID: ClassVar = CommandId.BIND_TRANSCEIVER_RESP


@dataclass(slots=True)
class Outbind(Pdu):
    """An SMSC asks an ESME to bind as receiver (4.1.7); it has no response."""

    COMMAND_ID: ClassVar = CommandId.OUTBIND
    FIELDS: ClassVar = Bind.FIELDS[:2]

    system_id: str = ""
    password: str = field(default="", repr=False)


@dataclass(slots=True)
class Unbind(Pdu):
    """Either side says goodbye (4.2.1)."""

    COMMAND_ID: ClassVar = CommandId.UNBIND


@dataclass(slots=True)
class UnbindResp(Pdu):
    COMMAND_ID: ClassVar = CommandId.UNBIND_RESP


@dataclass(slots=True)
class GenericNack(Pdu):
    """The answer to what has no answer of its own (4.3.1)."""

    COMMAND_ID: ClassVar = CommandId.GENERIC_NACK


@dataclass(slots=True)
class ShortMessagePdu(Pdu):
    """What submit_sm and deliver_sm share: everything but the name."""

    FIELDS: ClassVar = (_SERVICE_TYPE, *_SOURCE, *_DESTINATION, *_HOW_AND_WHEN)

    service_type: str = ""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""
    dest_addr_ton: int = 0
    dest_addr_npi: int = 0
    destination_addr: str = ""
    esm_class: int = 0
    protocol_id: int = 0
    priority_flag: int = 0
    schedule_delivery_time: str = ""
    validity_period: str = ""
    registered_delivery: int = 0
    replace_if_present_flag: int = 0
    data_coding: int = 0
    sm_default_msg_id: int = 0
    short_message: bytes = b""


@dataclass(slots=True)
class SubmitSm(ShortMessagePdu):
    """An ESME hands one short message over for sending (4.4.1)."""

    COMMAND_ID: ClassVar = CommandId.SUBMIT_SM


@dataclass(slots=True)
class SubmitSmResp(Pdu):
    """The SMSC's answer to submit_sm: the name it gave our part, or why it refused (4.4.2)."""

    COMMAND_ID: ClassVar = CommandId.SUBMIT_SM_RESP
    FIELDS: ClassVar = (_MESSAGE_ID,)

    message_id: str = ""


@dataclass(slots=True)
class SubmitMulti(Pdu):
    """submit_sm for up to 254 destinations (4.5.1)."""

    COMMAND_ID: ClassVar = CommandId.SUBMIT_MULTI
    FIELDS: ClassVar = (
        _SERVICE_TYPE,
        *_SOURCE,
        Listing("dest_address", read_destinations, write_destinations),
        *_HOW_AND_WHEN,
    )

    service_type: str = ""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""
    dest_address: list[SmeAddress | DistributionList] = field(default_factory=list)
    esm_class: int = 0
    protocol_id: int = 0
    priority_flag: int = 0
    schedule_delivery_time: str = ""
    validity_period: str = ""
    registered_delivery: int = 0
    replace_if_present_flag: int = 0
    data_coding: int = 0
    sm_default_msg_id: int = 0
    short_message: bytes = b""


@dataclass(slots=True)
class SubmitMultiResp(Pdu):
    """The name of the message and the destinations that cannot be served (4.5.2)."""

    COMMAND_ID: ClassVar = CommandId.SUBMIT_MULTI_RESP
    FIELDS: ClassVar = (_MESSAGE_ID, Listing("unsuccess_sme", read_failures, write_failures))

    message_id: str = ""
    unsuccess_sme: list[UnsuccessSme] = field(default_factory=list)


@dataclass(slots=True)
class DeliverSm(ShortMessagePdu):
    """An SMSC hands an inbound message or a receipt to an ESME (4.6.1)."""

    COMMAND_ID: ClassVar = CommandId.DELIVER_SM


@dataclass(slots=True)
class DeliverSmResp(Pdu):
    """The ESME has it; message_id is unused and empty (4.6.2)."""

    COMMAND_ID: ClassVar = CommandId.DELIVER_SM_RESP
    FIELDS: ClassVar = (_MESSAGE_ID,)

    message_id: str = ""


@dataclass(slots=True)
class DataSm(Pdu):
    """A message whose text is the message_payload TLV, in either direction (4.7.1)."""

    COMMAND_ID: ClassVar = CommandId.DATA_SM
    FIELDS: ClassVar = (
        _SERVICE_TYPE,
        *_LONG_SOURCE,
        *_LONG_DESTINATION,
        Octet("esm_class"),
        Octet("registered_delivery"),
        Octet("data_coding"),
    )

    service_type: str = ""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""
    dest_addr_ton: int = 0
    dest_addr_npi: int = 0
    destination_addr: str = ""
    esm_class: int = 0
    registered_delivery: int = 0
    data_coding: int = 0


@dataclass(slots=True)
class DataSmResp(Pdu):
    COMMAND_ID: ClassVar = CommandId.DATA_SM_RESP
    FIELDS: ClassVar = (_MESSAGE_ID,)

    message_id: str = ""


@dataclass(slots=True)
class QuerySm(Pdu):
    """What became of an earlier submit_sm? (4.8.1)"""

    COMMAND_ID: ClassVar = CommandId.QUERY_SM
    FIELDS: ClassVar = (_MESSAGE_ID, *_SOURCE)

    message_id: str = ""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""


@dataclass(slots=True)
class QuerySmResp(Pdu):
    COMMAND_ID: ClassVar = CommandId.QUERY_SM_RESP
    FIELDS: ClassVar = (
        _MESSAGE_ID,
        CString("final_date", TIME_SIZE_MAX, Status.RQUERYFAIL),
        Octet("message_state"),
        Octet("error_code"),
    )

    message_id: str = ""
    final_date: str = ""
    message_state: int = 0
    error_code: int = 0


@dataclass(slots=True)
class CancelSm(Pdu):
    """Take one message back, or all to a destination when message_id is empty (4.9.1)."""

    COMMAND_ID: ClassVar = CommandId.CANCEL_SM
    FIELDS: ClassVar = (_SERVICE_TYPE, _MESSAGE_ID, *_SOURCE, *_DESTINATION)

    service_type: str = ""
    message_id: str = ""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""
    dest_addr_ton: int = 0
    dest_addr_npi: int = 0
    destination_addr: str = ""


@dataclass(slots=True)
class CancelSmResp(Pdu):
    COMMAND_ID: ClassVar = CommandId.CANCEL_SM_RESP


@dataclass(slots=True)
class ReplaceSm(Pdu):
    """New text for a message that has not left yet (4.10.1)."""

    COMMAND_ID: ClassVar = CommandId.REPLACE_SM
    FIELDS: ClassVar = (
        _MESSAGE_ID,
        *_SOURCE,
        _SCHEDULE,
        _VALIDITY,
        Octet("registered_delivery"),
        Octet("sm_default_msg_id"),
        ShortMessage(),
    )

    message_id: str = ""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""
    schedule_delivery_time: str = ""
    validity_period: str = ""
    registered_delivery: int = 0
    sm_default_msg_id: int = 0
    short_message: bytes = b""


@dataclass(slots=True)
class ReplaceSmResp(Pdu):
    COMMAND_ID: ClassVar = CommandId.REPLACE_SM_RESP


@dataclass(slots=True)
class EnquireLink(Pdu):
    """Are you there? (4.11.1)"""

    COMMAND_ID: ClassVar = CommandId.ENQUIRE_LINK


@dataclass(slots=True)
class EnquireLinkResp(Pdu):
    COMMAND_ID: ClassVar = CommandId.ENQUIRE_LINK_RESP


@dataclass(slots=True)
class AlertNotification(Pdu):
    """A handset that was away is back (4.12.1); it has no response."""

    COMMAND_ID: ClassVar = CommandId.ALERT_NOTIFICATION
    FIELDS: ClassVar = (
        *_LONG_SOURCE,
        Octet("esme_addr_ton"),
        Octet("esme_addr_npi"),
        CString("esme_addr", DATA_SM_ADDRESS_SIZE_MAX, Status.RINVDSTADR),
    )

    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""
    esme_addr_ton: int = 0
    esme_addr_npi: int = 0
    esme_addr: str = ""


ALL: tuple[type[Pdu], ...] = (
    BindTransmitter,
    BindTransmitterResp,
    BindReceiver,
    BindReceiverResp,
    BindTransceiver,
    BindTransceiverResp,
    Outbind,
    Unbind,
    UnbindResp,
    GenericNack,
    SubmitSm,
    SubmitSmResp,
    SubmitMulti,
    SubmitMultiResp,
    DeliverSm,
    DeliverSmResp,
    DataSm,
    DataSmResp,
    QuerySm,
    QuerySmResp,
    CancelSm,
    CancelSmResp,
    ReplaceSm,
    ReplaceSmResp,
    EnquireLink,
    EnquireLinkResp,
    AlertNotification,
)

BY_COMMAND_ID: dict[int, type[Pdu]] = {int(pdu.COMMAND_ID): pdu for pdu in ALL}

RESPONSE_TO: dict[int, type[Pdu]] = {
    command_id: BY_COMMAND_ID[command_id | RESPONSE_BIT]
    for command_id in BY_COMMAND_ID
    if not command_id & RESPONSE_BIT and command_id | RESPONSE_BIT in BY_COMMAND_ID
}
"""From a request's command_id to the class of its response; outbind and alert_notification have none."""
