"""Octets to PDUs and back: what is refused, with which command_status, and what is put up with."""

import pytest

from bridge.smpp import codec, compiler, pdus
from bridge.smpp.constants import CommandId, Status, Tag
from bridge.smpp.errors import LocalProtocolError, RemoteProtocolError
from bridge.smpp.fields import DistributionList, SmeAddress, UnsuccessSme
from tests.unit.smpp.wire import frame, sm_body, tlv

SUBMIT = CommandId.SUBMIT_SM
BIND = CommandId.BIND_TRANSCEIVER


def offence(octets: bytes) -> RemoteProtocolError:
    with pytest.raises(RemoteProtocolError) as caught:
        codec.decode(octets)
    return caught.value


def test_a_submit_sm_as_the_standard_lays_it_out() -> None:
    pdu = pdus.SubmitSm(
        service_type="CMT",
        source_addr_ton=5,
        source_addr="Pumps",
        dest_addr_ton=1,
        dest_addr_npi=1,
        destination_addr="46701740605",
        esm_class=0x40,
        protocol_id=0x11,
        priority_flag=2,
        schedule_delivery_time="261124053800000+",
        validity_period="000001000000000R",
        registered_delivery=1,
        replace_if_present_flag=1,
        data_coding=8,
        sm_default_msg_id=3,
        short_message=b"\0\xe9",
        tlvs={Tag.USER_MESSAGE_REFERENCE: b"\0\5"},
    )
    expected = (
        b"CMT\0" b"\5\0Pumps\0" b"\1\1" b"46701740605\0" b"\x40\x11\2" b"261124053800000+\0" b"000001000000000R\0"
        b"\1\1\x08\3" b"\2\0\xe9" b"\2\4\0\2\0\5"
    )  # fmt: skip
    assert codec.encode(pdu, 0x7F) == frame(SUBMIT, expected, sequence=0x7F)
    assert codec.decode(frame(SUBMIT, expected, sequence=0x7F)) == (pdu, 0x7F)


def test_status_and_any_sequence_number_are_kept() -> None:
    for sequence in (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF):
        octets = frame(CommandId.ENQUIRE_LINK, status=0x12345678, sequence=sequence)
        assert codec.decode(octets) == (pdus.EnquireLink(status=0x12345678), sequence)
        assert codec.encode(pdus.EnquireLink(status=0x12345678), sequence) == octets


LONG = b"x" * 100

BAD_STRINGS = [
    ("service_type", CommandId.SUBMIT_SM, {"service_type": b"123456\0"}, Status.RINVSERTYP),
    ("source_addr", CommandId.SUBMIT_SM, {"source": b"9" * 21 + b"\0"}, Status.RINVSRCADR),
    ("destination_addr", CommandId.SUBMIT_SM, {"destination": b"9" * 21 + b"\0"}, Status.RINVDSTADR),
    ("schedule_delivery_time", CommandId.SUBMIT_SM, {"schedule": b"0" * 17 + b"\0"}, Status.RINVSCHED),
    ("validity_period", CommandId.SUBMIT_SM, {"validity": b"0" * 17 + b"\0"}, Status.RINVEXPIRY),
    ("source_addr", CommandId.DELIVER_SM, {"source": b"9" * 21 + b"\0"}, Status.RINVSRCADR),
]


@pytest.mark.parametrize(("name", "command_id", "fields", "status"), BAD_STRINGS)
def test_over_long_string_names_its_field(name: str, command_id: int, fields: dict[str, bytes], status: int) -> None:
    error = offence(frame(command_id, sm_body(**fields), sequence=9))
    assert (error.status, error.sequence, error.command_id, error.is_fatal) == (status, 9, command_id, False)
    assert name in error.message


@pytest.mark.parametrize(
    ("command_id", "body", "status"),
    [
        (BIND, LONG + b"\0", Status.RINVSYSID),
        (BIND, b"id\0" + LONG + b"\0", Status.RINVPASWD),
        (BIND, b"id\0pw\0" + b"x" * 13 + b"\0", Status.RINVSYSTYP),
        (BIND, b"id\0pw\0\0\x34\0\0" + b"x" * 41 + b"\0", Status.RBINDFAIL),
        (CommandId.QUERY_SM, LONG + b"\0", Status.RINVMSGID),
        (CommandId.CANCEL_SM, b"\0" + b"x" * 65 + b"\0", Status.RINVMSGID),
        (CommandId.REPLACE_SM, b"x" * 65 + b"\0", Status.RINVMSGID),
        (CommandId.DATA_SM, b"\0\0\0" + b"x" * 65 + b"\0", Status.RINVSRCADR),
        (CommandId.SUBMIT_MULTI, b"\0\0\0001\0\1\1\0\0" + b"9" * 21 + b"\0", Status.RINVDSTADR),
        (CommandId.SUBMIT_MULTI, b"\0\0\0001\0\1\2" + b"x" * 21 + b"\0", Status.RINVDLNAME),
        (CommandId.SUBMIT_MULTI, b"\0\0\0001\0\1\3", Status.RINVDESTFLAG),
        (CommandId.SUBMIT_MULTI, b"\0\0\0001\0\0", Status.RINVNUMDESTS),
        (CommandId.SUBMIT_MULTI, b"\0\0\0001\0\xff", Status.RINVNUMDESTS),
    ],
)
def test_bad_field_of_other_requests(command_id: int, body: bytes, status: int) -> None:
    error = offence(frame(command_id, body, sequence=4))
    assert (error.status, error.sequence, error.is_fatal) == (status, 4, False)


def test_unterminated_string_never_reads_the_next_field() -> None:
    """smpplib reads this source address on into the destination; a string ends within its own bound or not at all."""
    body = b"\0\1\1" + b"44770090012" * 2
    error = offence(frame(SUBMIT, body))
    assert (error.status, error.message) == (Status.RINVSRCADR, "source_addr is longer than 20 octets")
    error = offence(frame(SUBMIT, b"\0\1\1" + b"447700"))
    assert (error.status, error.message) == (Status.RINVSRCADR, "source_addr does not end")


def test_longest_strings_pass() -> None:
    octets = frame(
        SUBMIT,
        sm_body(
            service_type=b"12345\0", source=b"9" * 20 + b"\0", destination=b"8" * 20 + b"\0", schedule=b"0" * 16 + b"\0"
        ),
    )
    pdu, _ = codec.decode(octets)
    assert (pdu.service_type, pdu.source_addr, pdu.destination_addr) == ("12345", "9" * 20, "8" * 20)
    pdu, _ = codec.decode(frame(BIND, b"u" * 64 + b"\0" + b"p" * 64 + b"\0" + b"\0\x34\0\0\0"))
    assert (pdu.system_id, pdu.password) == ("u" * 64, "p" * 64)


@pytest.mark.parametrize(
    "message",
    [b"\x32hi", b"\xff" + b"x" * 255, b"\x01"],
    ids=["length past the end", "255 octets", "nothing there"],
)
def test_a_lying_sm_length(message: bytes) -> None:
    error = offence(frame(SUBMIT, sm_body(message=message)))
    assert (error.status, error.is_fatal) == (Status.RINVMSGLEN, False)


def test_254_octets_pass() -> None:
    pdu, _ = codec.decode(frame(SUBMIT, sm_body(message=b"\xfe" + b"x" * 254)))
    assert pdu.short_message == b"x" * 254


def test_unknown_tlvs_are_kept_and_the_first_of_a_kind_counts() -> None:
    rest = tlv(0x1401, b"vendor") + tlv(0x0204, b"\0\1") + tlv(0x1401, b"again") + tlv(0x1500, b"")
    pdu, _ = codec.decode(frame(SUBMIT, sm_body(rest=rest)))
    assert pdu.tlvs == {0x1401: b"vendor", 0x0204: b"\0\1", 0x1500: b""}


@pytest.mark.parametrize(
    "rest",
    [b"\4", b"\4\x24\0", tlv(0x1401, b"abc")[:-1], b"\x04\x24\x01\xf4abc", tlv(0x1400, b"") * 101],
    ids=["one octet", "half a header", "value cut", "length past the end", "101 TLVs"],
)
def test_broken_tlvs(rest: bytes) -> None:
    error = offence(frame(SUBMIT, sm_body(rest=rest), sequence=3))
    assert (error.status, error.sequence, error.is_fatal) == (Status.RINVOPTPARSTREAM, 3, False)


def test_a_hundred_tlvs_pass() -> None:
    pdu, _ = codec.decode(frame(SUBMIT, sm_body(rest=b"".join(tlv(0x1400 + n, b"") for n in range(100)))))
    assert len(pdu.tlvs) == 100


@pytest.mark.parametrize(("tag", "value"), [(Tag.USER_MESSAGE_REFERENCE, b"\1"), (Tag.SAR_TOTAL_SEGMENTS, b"")])
def test_wrong_size_of_a_tlv_that_steers_a_message(tag: int, value: bytes) -> None:
    assert offence(frame(SUBMIT, sm_body(rest=tlv(tag, value)))).status == Status.RINVPARLEN
    with pytest.raises(LocalProtocolError, match=f"0x{tag:04X}"):
        codec.encode(pdus.SubmitSm(tlvs={tag: value}), 1)


def test_an_odd_tlv_in_a_receipt_is_no_reason_to_lose_the_receipt() -> None:
    pdu, _ = codec.decode(frame(CommandId.DELIVER_SM, sm_body(rest=tlv(Tag.MESSAGE_STATE, b"\0\0\0\2"))))
    assert pdu.tlvs == {Tag.MESSAGE_STATE: b"\0\0\0\2"}


def test_two_texts_in_one_message() -> None:
    payload = tlv(Tag.MESSAGE_PAYLOAD, b"long")
    assert offence(frame(SUBMIT, sm_body(rest=payload))).status == Status.RINVMSGLEN
    with pytest.raises(LocalProtocolError, match="both"):
        codec.encode(pdus.SubmitSm(short_message=b"hi", tlvs={Tag.MESSAGE_PAYLOAD: b"long"}), 1)
    pdu, _ = codec.decode(frame(SUBMIT, sm_body(message=b"\0", rest=payload)))
    assert (pdu.short_message, pdu.tlvs[Tag.MESSAGE_PAYLOAD]) == (b"", b"long")


def test_the_largest_payload_fits() -> None:
    pdu = pdus.DataSm(destination_addr="46701740605", tlvs={Tag.MESSAGE_PAYLOAD: b"x" * 65_535})
    assert codec.decode(codec.encode(pdu, 1)) == (pdu, 1)


def test_unknown_command() -> None:
    error = offence(frame(0x00010203, b"whatever", sequence=77))
    assert (error.status, error.sequence, error.command_id) == (Status.RINVCMDID, 77, 0x00010203)
    assert not error.is_fatal


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\0\0\0\x10\0\0\0\x15",
        frame(0x15) + b"\0",
        frame(0x15, b"1234")[:-1],
        frame(CommandId.SUBMIT_SM_RESP, status=Status.RTHROTTLED) + b"\0",
    ],
)
def test_a_length_that_is_not_the_frames_is_fatal(octets: bytes) -> None:
    error = offence(octets)
    assert (error.status, error.is_fatal) == (Status.RINVCMDLEN, True)


def test_a_request_that_ends_before_its_fields_is_fatal() -> None:
    whole = frame(SUBMIT, sm_body())
    statuses = {len(whole) - size: offence(frame(SUBMIT, whole[16:size])).status for size in range(16, len(whole))}
    assert set(statuses.values()) <= {
        Status.RINVCMDLEN, Status.RINVSRCADR, Status.RINVDSTADR, Status.RINVMSGLEN
    }  # fmt: skip
    error = offence(frame(SUBMIT, whole[16:-3], sequence=5))
    assert (error.status, error.sequence, error.is_fatal) == (Status.RINVCMDLEN, 5, True)


@pytest.mark.parametrize("response", [pdu for pdu in pdus.ALL if pdu.is_response()], ids=lambda pdu: pdu.__name__)
def test_a_response_may_have_no_body(response: type[pdus.Pdu]) -> None:
    for status in (0, Status.RTHROTTLED):
        assert codec.decode(frame(response.COMMAND_ID, status=status)) == (response(status=status), 1)


@pytest.mark.parametrize("response", [pdu for pdu in pdus.ALL if pdu.is_response()], ids=lambda pdu: pdu.__name__)
def test_the_body_of_a_refusal_may_be_anything(response: type[pdus.Pdu]) -> None:
    for body in (b"\0", b"\xff" * 300, b"x\0y", b"\1"):
        pdu, _ = codec.decode(frame(response.COMMAND_ID, body, status=Status.RSYSERR))
        assert (type(pdu), pdu.status) == (response, Status.RSYSERR)


@pytest.mark.parametrize(
    ("body", "message_id"),
    [
        (b"6FD54FA2", "6FD54FA2"),
        (b"x" * 64 + b"\0", "x" * 64),
        (b"x" * 65, "x" * 65),
        (b"x" * 200 + b"\0", "x" * 200),
        (b"\0", ""),
        (b"id\0\4\x24", "id"),
    ],
    ids=["no NUL", "64", "65 without NUL", "200", "empty", "junk behind"],
)
def test_an_id_is_taken_as_it_comes(body: bytes, message_id: str) -> None:
    """The part was accepted; losing the answer over a formality would leave it in doubt and maybe send it twice."""
    pdu, _ = codec.decode(frame(CommandId.SUBMIT_SM_RESP, body))
    assert pdu == pdus.SubmitSmResp(message_id=message_id)


def test_an_id_without_end_is_a_yes_without_an_id() -> None:
    """A yes that is dropped would have the part sent again."""
    pdu, _ = codec.decode(frame(CommandId.SUBMIT_SM_RESP, b"x" * 256))
    assert pdu == pdus.SubmitSmResp()


def test_a_cut_query_sm_resp_is_an_offence_without_consequences() -> None:
    error = offence(frame(CommandId.QUERY_SM_RESP, b"id\0\0", sequence=8))
    assert (error.sequence, error.is_fatal) == (8, False)


def test_a_refusal_has_no_body() -> None:
    assert codec.encode(pdus.SubmitSmResp(status=Status.RTHROTTLED), 5) == frame(
        CommandId.SUBMIT_SM_RESP, status=Status.RTHROTTLED, sequence=5
    )
    assert codec.encode(pdus.SubmitSmResp(), 5) == frame(CommandId.SUBMIT_SM_RESP, b"\0", sequence=5)


def test_submit_multi_and_its_response() -> None:
    pdu = pdus.SubmitMulti(
        source_addr="46",
        dest_address=[SmeAddress("46701740605", 1, 1), DistributionList("on call"), SmeAddress("46701740606")],
        short_message=b"hi",
    )
    octets = codec.encode(pdu, 2)
    assert b"\x03\x01\x01\x0146701740605\0\x02on call\0\x01\0\x0046701740606\0" in octets
    assert codec.decode(octets) == (pdu, 2)
    response = pdus.SubmitMultiResp(
        message_id="A", unsuccess_sme=[UnsuccessSme("46701740606", 1, 1, Status.RINVDSTADR)]
    )
    assert codec.decode(codec.encode(response, 2)) == (response, 2)


@pytest.mark.parametrize(
    "pdu",
    [
        pdus.SubmitSm(source_addr="x" * 21),
        pdus.SubmitSm(source_addr="a\0b"),
        pdus.SubmitSm(source_addr="Кафе"),
        pdus.SubmitSm(source_addr=b"bytes"),
        pdus.SubmitSm(source_addr=b""),
        pdus.SubmitSm(source_addr=None),
        pdus.SubmitSm(esm_class=256),
        pdus.SubmitSm(esm_class=-1),
        pdus.SubmitSm(esm_class="too long"),
        pdus.SubmitSm(esm_class=None),
        pdus.SubmitSm(short_message=b"x" * 255),
        pdus.SubmitSm(short_message="text"),
        pdus.SubmitSm(status=-1),
        pdus.SubmitSm(tlvs={0x10000: b""}),
        pdus.SubmitSm(tlvs={0x0424: b"x" * 65_536}),
        pdus.SubmitSm(tlvs=dict.fromkeys(range(101), b"")),
        pdus.SubmitSm(tlvs={0x1400: b"x" * 40_000, 0x1401: b"x" * 40_000}),
        pdus.SubmitMulti(),
        pdus.SubmitMulti(dest_address=["46701740605"]),
        pdus.SubmitMulti(dest_address=[SmeAddress("x" * 21)]),
        pdus.SubmitMulti(dest_address=[SmeAddress("Ж")]),
        pdus.SubmitMulti(dest_address=[SmeAddress("1", 256)]),
        pdus.SubmitMulti(dest_address=[SmeAddress("1")] * 255),
        pdus.SubmitMultiResp(unsuccess_sme=["x"]),
        pdus.SubmitMultiResp(unsuccess_sme=[UnsuccessSme("1")] * 255),
        pdus.SubmitMultiResp(unsuccess_sme=[UnsuccessSme("1", error_status_code=-1)]),
        pdus.Pdu(),
        "no PDU",
    ],
    ids=str,
)
def test_what_does_not_fit_is_our_mistake(pdu: pdus.Pdu) -> None:
    with pytest.raises(LocalProtocolError):
        codec.encode(pdu, 1)


def test_sequence_number_that_does_not_fit() -> None:
    with pytest.raises(LocalProtocolError):
        codec.encode(pdus.EnquireLink(), 1 << 32)


def test_the_generated_code_can_be_read() -> None:
    assert "pdu.source_addr = text[at:stop]" in compiler.decoder_source(pdus.SubmitSm)
    assert "len(validity_period) >= 17" in compiler.encoder_source(pdus.SubmitSm)


def test_ten_thousand_tlvs_are_not_collected() -> None:
    octets = frame(SUBMIT, sm_body(rest=tlv(0x1400, b"") * 10_000), sequence=3)
    error = offence(octets)
    assert (error.status, error.is_fatal) == (Status.RINVOPTPARSTREAM, False)
    rest = b"".join(tlv(0x1400 + number, b"") for number in range(10_000))
    assert offence(frame(SUBMIT, sm_body(rest=rest))).status == Status.RINVOPTPARSTREAM


@pytest.mark.parametrize("tag", codec.TLV_SIZES, ids=lambda tag: Tag(tag).name)
def test_the_size_of_every_tlv_that_the_standard_bounds(tag: int) -> None:
    size_min, size_max = codec.TLV_SIZES[tag]
    for command_id, body in ((SUBMIT, sm_body()), (CommandId.DATA_SM, bytes(10))):
        for size in {size_min, size_max}:
            pdu, _ = codec.decode(frame(command_id, body + tlv(tag, bytes(size))))
            assert pdu.tlvs == {tag: bytes(size)}
        for size in {size_min - 1, size_max + 1} - {-1}:
            assert offence(frame(command_id, body + tlv(tag, bytes(size)))).status == Status.RINVPARLEN


def test_tlvs_that_a_message_on_its_way_out_has_no_use_for_are_ignored() -> None:
    """A size that nobody judges is no reason to refuse: unknown tags, and known ones that belong to answers."""
    for tag in (0x1400, 0x3FFF, Tag.NETWORK_ERROR_CODE, Tag.MESSAGE_STATE, Tag.RECEIPTED_MESSAGE_ID):
        pdu, _ = codec.decode(frame(SUBMIT, sm_body(rest=tlv(tag, b"\0" * 9))))
        assert pdu.tlvs == {tag: b"\0" * 9}
