"""What an SMSC answers besides submit_sm, from its journal: pure functions, requests in, answers out."""

import dataclasses
from functools import lru_cache

from bridge.simulator.journal import Journal, Submitted
from bridge.smpp import times, udh
from bridge.smpp.constants import EsmClass, MessageState, RegisteredDelivery, Status, Tag
from bridge.smpp.pdus import CancelSm, DataSm, QuerySm, QuerySmResp, ReplaceSm, ShortMessagePdu, SubmitMulti, SubmitSm

ERROR_CODE_MAX = 255
ASKED_BITS = 0x03
"""Of registered_delivery (SMPP 3.4, 5.2.17; the value 3 from 5.0)."""
SUCCESS_ONLY = 3


def wants_receipt(registered_delivery: int, state: MessageState) -> bool:
    """Whether a receipt of this state was asked for. En route is told whoever asked for anything: many carriers do."""
    asked = registered_delivery & ASKED_BITS
    if asked == RegisteredDelivery.FINAL or state is MessageState.ENROUTE:
        return bool(registered_delivery & (ASKED_BITS | RegisteredDelivery.INTERMEDIATE))
    return bool(asked) and (asked == SUCCESS_ONLY) == (state is MessageState.DELIVERED)


def offence(pdu: SubmitSm) -> int:
    """The command_status for a submit_sm that no SMSC would take, whatever the script says; 0 when it is in order."""
    if not pdu.destination_addr:
        return Status.RINVDSTADR
    if pdu.esm_class & EsmClass.UDHI and not _has_good_header(pdu):
        return Status.RINVESMCLASS
    if pdu.validity_period and not is_time(pdu.validity_period):
        return Status.RINVEXPIRY
    if pdu.schedule_delivery_time and not is_time(pdu.schedule_delivery_time):
        return Status.RINVSCHED
    return Status.ROK


def _has_good_header(pdu: SubmitSm) -> bool:
    try:
        udh.parse(pdu.tlvs.get(Tag.MESSAGE_PAYLOAD) or pdu.short_message)
    except udh.UdhError:
        return False
    return True


@lru_cache(maxsize=256)
def is_time(text: str) -> bool:
    """Whether this is a time as SMPP writes them. Remembered, for many messages say the same."""
    try:
        times.parse(text, 0)
    except ValueError:
        return False
    return True


def submit_of_data(pdu: DataSm) -> SubmitSm:
    """A data_sm in the shape of a submit_sm; its text stays in message_payload."""
    return SubmitSm(
        service_type=pdu.service_type,
        source_addr_ton=pdu.source_addr_ton,
        source_addr_npi=pdu.source_addr_npi,
        source_addr=pdu.source_addr,
        dest_addr_ton=pdu.dest_addr_ton,
        dest_addr_npi=pdu.dest_addr_npi,
        destination_addr=pdu.destination_addr,
        esm_class=pdu.esm_class,
        registered_delivery=pdu.registered_delivery,
        data_coding=pdu.data_coding,
        tlvs=pdu.tlvs,
    )


_SHARED = [field.name for field in SubmitMulti.FIELDS if field.name in {one.name for one in ShortMessagePdu.FIELDS}]


def submit_of_multi(pdu: SubmitMulti, address: str, ton: int, npi: int) -> SubmitSm:
    """The submit_sm to one of the destinations of a submit_multi."""
    shared = {name: getattr(pdu, name) for name in _SHARED}
    return SubmitSm(**shared, destination_addr=address, dest_addr_ton=ton, dest_addr_npi=npi, tlvs=pdu.tlvs)


def query(journal: Journal, pdu: QuerySm, at_ms: int, wall_ms: int) -> QuerySmResp:
    """The answer to query_sm: id and source address must be those of the submission (SMPP 3.4, 4.8.1)."""
    found = _of(journal, pdu.message_id, pdu.source_addr)
    if not found:
        return QuerySmResp(status=Status.RINVMSGID if not journal.of(pdu.message_id) else Status.RQUERYFAIL)
    entry = found[0]
    state = entry.state(at_ms)
    is_final = not entry.is_open(at_ms)
    since_ms = at_ms - min(entry.final_at_ms, at_ms)
    error = int(entry.does.error) if is_final and entry.does.error.isdigit() else 0
    return QuerySmResp(
        message_id=pdu.message_id,
        final_date=times.format_absolute(wall_ms - since_ms) if is_final else "",
        message_state=state,
        error_code=min(error, ERROR_CODE_MAX),
    )


def cancel(journal: Journal, pdu: CancelSm, at_ms: int) -> tuple[int, list[Submitted]]:
    """The command_status for cancel_sm and what it cancels: one id, or all that wait between two addresses."""
    if pdu.message_id:
        meant = _of(journal, pdu.message_id, pdu.source_addr)
        if not meant and not journal.of(pdu.message_id):
            return Status.RINVMSGID, []
    else:
        meant = [entry for entry in journal if _is_between(entry, pdu)]
    cancelled = [entry for entry in meant if entry.is_open(at_ms)]
    return (Status.ROK if cancelled else Status.RCANCELFAIL), cancelled


def _is_between(entry: Submitted, pdu: CancelSm) -> bool:
    was = entry.pdu
    return (
        not entry.status
        and was.source_addr == pdu.source_addr
        and was.destination_addr == pdu.destination_addr
        and pdu.service_type in ("", was.service_type)
    )


def replace(journal: Journal, pdu: ReplaceSm, at_ms: int) -> tuple[int, list[Submitted]]:
    """The command_status for replace_sm and the parts it is about, for `replaced`."""
    meant = _of(journal, pdu.message_id, pdu.source_addr)
    if not meant:
        return (Status.RREPLACEFAIL if journal.of(pdu.message_id) else Status.RINVMSGID), []
    if pdu.schedule_delivery_time and not is_time(pdu.schedule_delivery_time):
        return Status.RINVSCHED, []
    if pdu.validity_period and not is_time(pdu.validity_period):
        return Status.RINVEXPIRY, []
    if not all(entry.is_open(at_ms) for entry in meant):
        return Status.RREPLACEFAIL, []
    return Status.ROK, meant


def replaced(was: SubmitSm, pdu: ReplaceSm) -> SubmitSm:
    """The submission with its new words; the data_coding stays, for replace_sm has none."""
    tlvs = {tag: value for tag, value in was.tlvs.items() if tag != Tag.MESSAGE_PAYLOAD}
    return dataclasses.replace(
        was, short_message=pdu.short_message, registered_delivery=pdu.registered_delivery, tlvs=tlvs
    )


def _of(journal: Journal, message_id: str, source_addr: str) -> list[Submitted]:
    return [entry for entry in journal.of(message_id) if entry.pdu.source_addr == source_addr]
