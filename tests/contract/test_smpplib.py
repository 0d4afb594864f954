"""smpplib is the other implementation: each reads what the other writes.

What smpplib cannot do (cancel_sm, replace_sm, submit_multi, outbind, TLVs it does not know) is left to the corpus.
"""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from smpplib import consts, gsm, smpp

from bridge.intake.content import content_of
from bridge.intake.settings import IntakeSettings
from bridge.messages import charset
from bridge.messages.message import Coding
from bridge.smpp import codec, pdus, submission, translate, udh
from bridge.smpp.constants import CommandId, Status, Tag
from bridge.smpp.fields import CString, Octet
from bridge.smpp.submission import DefaultRules
from bridge.smpp.translate import LongForm
from tests.unit.smpp.test_translate import part


class Numbers:
    """smpplib asks a client for each sequence_number."""

    def next_sequence(self) -> int:
        return 7


def write(name: str, status: int = 0, **values: Any) -> bytes:
    pdu = smpp.make_pdu(name, client=Numbers(), **values)
    pdu.sequence, pdu.status = 7, status
    return pdu.generate()


def read(octets: bytes) -> Any:
    return smpp.parse_pdu(octets, client=Numbers(), allow_unknown_opt_params=True)


MESSAGE = {
    "source_addr_ton": 5,
    "source_addr": "Pumps",
    "dest_addr_ton": 1,
    "dest_addr_npi": 1,
    "destination_addr": "46701740605",
    "esm_class": 0x40,
    "registered_delivery": 1,
    "data_coding": 8,
}

SHARED: list[tuple[pdus.Pdu, dict[str, Any]]] = [
    (pdus.BindTransmitter(system_id="pumps", password="secret", system_type="VMA"), {}),
    (pdus.BindReceiver(system_id="pumps", password="secret", addr_ton=1, addr_npi=1, address_range="467"), {}),
    (pdus.BindTransceiver(system_id="pumps", password="secret"), {}),
    (pdus.BindTransceiverResp(system_id="smsc"), {}),
    (pdus.SubmitSm(**MESSAGE, short_message=b"\5\0\3\x2a\2\1\0A"), {}),
    (pdus.SubmitSm(**MESSAGE, priority_flag=3, validity_period="261124120000000+", service_type="CMT"), {}),
    (pdus.SubmitSmResp(message_id="6FD54FA2"), {}),
    (pdus.DeliverSm(**MESSAGE, short_message=b"id:1 stat:DELIVRD"), {}),
    (
        pdus.DeliverSm(**MESSAGE, tlvs={Tag.RECEIPTED_MESSAGE_ID: b"6FD54FA2\0", Tag.MESSAGE_STATE: b"\2"}),
        {"receipted_message_id": "6FD54FA2", "message_state": 2},
    ),
    (pdus.SubmitSm(**MESSAGE, tlvs={Tag.MESSAGE_PAYLOAD: b"long text"}), {"message_payload": b"long text"}),
    (
        pdus.SubmitSm(
            **MESSAGE,
            tlvs={Tag.SAR_MSG_REF_NUM: b"\1\2", Tag.SAR_TOTAL_SEGMENTS: b"\3", Tag.SAR_SEGMENT_SEQNUM: b"\1"},
        ),
        {"sar_msg_ref_num": 0x0102, "sar_total_segments": 3, "sar_segment_seqnum": 1},
    ),
    (pdus.SubmitSm(**MESSAGE, tlvs={Tag.USER_MESSAGE_REFERENCE: b"\x12\x34"}), {"user_message_reference": 0x1234}),
    (pdus.DeliverSmResp(), {}),
    (pdus.QuerySm(message_id="6FD54FA2", source_addr="46"), {}),
    (pdus.QuerySmResp(message_id="6FD54FA2", final_date="261124120000000+", message_state=2), {}),
    (pdus.DataSm(destination_addr="46701740605", tlvs={Tag.MESSAGE_PAYLOAD: b"hi"}), {"message_payload": b"hi"}),
    (pdus.EnquireLink(), {}),
    (pdus.EnquireLinkResp(), {}),
    (pdus.Unbind(), {}),
    (pdus.UnbindResp(), {}),
    (pdus.GenericNack(status=Status.RINVCMDID), {}),
]


def mandatory(pdu: pdus.Pdu) -> dict[str, Any]:
    return {field.name: getattr(pdu, field.name) for field in pdu.FIELDS}


def name_of(pdu: pdus.Pdu) -> str:
    return pdu.COMMAND_ID.name.lower()


@pytest.mark.parametrize(("pdu", "optional"), SHARED, ids=str)
def test_smpplib_reads_what_we_write(pdu: pdus.Pdu, optional: dict[str, Any]) -> None:
    theirs = read(codec.encode(pdu, 7))
    assert (theirs.command, theirs.status, theirs.sequence) == (name_of(pdu), pdu.status, 7)
    for name, value in {**mandatory(pdu), **optional}.items():
        found = getattr(theirs, name)
        if isinstance(value, str):
            value = value.encode("latin-1")
        assert (found or type(value)()) == value, name


@pytest.mark.parametrize(("pdu", "optional"), SHARED, ids=str)
def test_we_read_what_smpplib_writes(pdu: pdus.Pdu, optional: dict[str, Any]) -> None:
    octets = write(
        name_of(pdu), pdu.status, **{name: value for name, value in mandatory(pdu).items() if value}, **optional
    )
    assert codec.decode(octets) == (pdu, 7)


texts = st.text(st.characters(min_codepoint=1, max_codepoint=127), max_size=20)


@given(st.data())
def test_any_submit_sm_is_the_same_octets_to_both(data: st.DataObject) -> None:
    values: dict[str, Any] = {"short_message": data.draw(st.binary(max_size=254))}
    for field in pdus.SubmitSm.FIELDS:
        if isinstance(field, Octet):
            values[field.name] = data.draw(st.integers(0, 255))
        elif isinstance(field, CString):
            values[field.name] = data.draw(texts)[: field.size_max - 1]
    ours = codec.encode(pdus.SubmitSm(**values), 7)
    assert ours == write("submit_sm", **values)
    assert (read(ours).short_message or b"") == values["short_message"]


def test_the_same_numbers_have_the_same_names() -> None:
    for status in Status:
        theirs = getattr(consts, f"SMPP_{Status.name_of(status)}", None)
        assert theirs in (status, None), status
    known = [status for status in Status if hasattr(consts, f"SMPP_{Status.name_of(status)}")]
    assert len(known) > 40
    assert {name.upper() for name in ("submit_sm", "deliver_sm", "query_sm")} <= set(CommandId.__members__)


PART = part()
GSM_OF_SMPPLIB = st.text(
    st.sampled_from([sign for sign in gsm.GSM_CHARACTER_TABLE if sign not in "`\x1b\r"]), min_size=1, max_size=500
)


@given(GSM_OF_SMPPLIB, st.booleans(), st.sampled_from(LongForm))
def test_a_long_text_that_smpplib_cut_arrives_whole(text: str, is_udh: bool, form: LongForm) -> None:
    """It cuts encoded octets, even between an escape and its partner; the octets of all parts are still the text's."""
    assume(text.strip())
    pieces, encoding, esm_class = gsm.make_parts(text, use_udhi=is_udh)
    received = []
    for number, octets in enumerate(pieces, 1):
        optional: dict[str, Any] = {}
        if not is_udh and len(pieces) > 1:
            optional = {"sar_msg_ref_num": 99, "sar_total_segments": len(pieces), "sar_segment_seqnum": number}
        submit, _ = codec.decode(
            write("submit_sm", short_message=octets, data_coding=encoding, esm_class=esm_class, **optional)
        )
        assert isinstance(submit, pdus.SubmitSm)
        found = submission.read(submit, DefaultRules(), now_ms=0).submission
        content = content_of(found.text, found.user_data, IntakeSettings())
        pdu = translate.submit_sm(
            replace(PART, text=content.texts[0], coding=content.coding, user_data=content.user_data),
            translate.SubmitOptions(long_form=form),
        )
        received.append(pdu)
    octets_of = [pdu.tlvs.get(Tag.MESSAGE_PAYLOAD) or pdu.short_message for pdu in received]
    bodies = [udh.parse(one)[1] if pdu.esm_class & 0x40 else one for pdu, one in zip(received, octets_of, strict=True)]
    if len(pieces) > 1:
        assert {pdu.data_coding for pdu in received} == {0}
        assert charset.decode(b"".join(bodies), Coding.GSM7) == charset.normalise_text(text)
        concats = [translate.content_of(pdu)[1] for pdu in received]
        assert [concat and (concat.total, concat.number) for concat in concats] == [
            (len(pieces), number) for number in range(1, len(pieces) + 1)
        ]
