"""Hypothesis strategies made from the FIELDS tables: any PDU that can be written."""

from typing import Any

from hypothesis import strategies as st

from bridge.smpp import pdus
from bridge.smpp.codec import TLV_SIZES
from bridge.smpp.constants import CommandId, Tag
from bridge.smpp.fields import CString, Field, Octet, ShortMessage

JUDGED = (CommandId.SUBMIT_SM, CommandId.SUBMIT_MULTI, CommandId.DATA_SM)
LATIN1 = st.characters(min_codepoint=1, max_codepoint=255)

sequences = st.integers(0, 0xFFFFFFFF)
statuses = st.sampled_from([0, 0, 0, 0x45, 0x58, 0x400]) | st.integers(0, 0xFFFFFFFF)
octets = st.integers(0, 255)
addresses = st.text(LATIN1, max_size=20)

destinations = st.builds(pdus.SmeAddress, addresses, octets, octets) | st.builds(pdus.DistributionList, addresses)
failures = st.builds(pdus.UnsuccessSme, addresses, octets, octets, st.integers(0, 0xFFFFFFFF))
LISTINGS = {
    "dest_address": st.lists(destinations, min_size=1, max_size=8),
    "unsuccess_sme": st.lists(failures, max_size=8),
}


def values_of(field: Field) -> st.SearchStrategy[Any]:
    match field:
        case CString():
            return st.text(LATIN1, max_size=field.size_max - 1)
        case Octet():
            return octets
        case ShortMessage():
            return st.binary(max_size=254)
    return LISTINGS[field.name]


def tlvs_of(pdu: type[pdus.Pdu]) -> st.SearchStrategy[dict[int, bytes]]:
    tags = st.sampled_from([int(tag) for tag in Tag]) | st.integers(0, 0xFFFF)
    if pdu.COMMAND_ID in JUDGED:
        tags = tags.filter(lambda tag: tag not in TLV_SIZES and tag != Tag.MESSAGE_PAYLOAD)
    return st.dictionaries(tags, st.binary(max_size=40), max_size=5)


def of_kind(pdu: type[pdus.Pdu]) -> st.SearchStrategy[Any]:
    values = {field.name: values_of(field) for field in pdu.FIELDS}
    return st.builds(pdu, **values, status=statuses, tlvs=st.just({}) | tlvs_of(pdu))


any_pdu: st.SearchStrategy[Any] = st.one_of([of_kind(pdu) for pdu in pdus.ALL])
