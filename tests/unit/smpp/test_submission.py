"""What ESMEs write, and what it asks for."""

import pytest

from bridge.messages.esme import EsmeFacts
from bridge.messages.message import Lane, Replacement, Submission
from bridge.messages.user_data import UserData
from bridge.smpp import pdus, submission
from bridge.smpp.constants import Status, Tag
from bridge.smpp.fields import DistributionList, SmeAddress, UnsuccessSme
from bridge.smpp.submission import DefaultRules, Reading, Refused, ReplacementReading
from tests.unit.smpp.test_times import NOON_MS

HANDSET = "46701740605"
HOUR_MS = 3_600_000


def submit(message: bytes = b"Hello", **values: object) -> pdus.SubmitSm:
    fields: dict[str, object] = {"source_addr": "Pumps", "destination_addr": HANDSET, **values}
    return pdus.SubmitSm(short_message=message, **fields)  # type: ignore[arg-type]


def read(pdu: pdus.SubmitSm | pdus.DataSm, rules: DefaultRules | None = None, version: int = 0x34) -> Reading:
    return submission.read(pdu, rules or DefaultRules(), now_ms=NOON_MS, peer_version=version)


def refusal(pdu: pdus.SubmitSm | pdus.DataSm, version: int = 0x34) -> Status:
    with pytest.raises(Refused) as caught:
        read(pdu, version=version)
    assert caught.value.reason
    return Status(caught.value.status)


def test_a_plain_submit_sm() -> None:
    pdu = submit(
        b"5 \x1b\x65",
        service_type="CMT",
        source_addr_ton=5,
        dest_addr_ton=1,
        dest_addr_npi=1,
        registered_delivery=0x11,
        tlvs={Tag.USER_MESSAGE_REFERENCE: b"\x12\x34"},
    )
    assert read(pdu) == Reading(
        Submission(
            door="smpp",
            recipient=HANDSET,
            text="5 €",
            originator="Pumps",
            reference="CMT",
            esme=EsmeFacts("CMT", "Pumps", 5, 0, HANDSET, 1, 1, 0x11, 0x1234),
        )
    )


@pytest.mark.parametrize(
    ("written", "understood"),
    [
        ("0046701740605", "+46701740605"),
        ("+46701740605", "+46701740605"),
        (" 46701740605 ", "46701740605"),
        ("0701740605", "0701740605"),
        ("Pumps", "Pumps"),
        ("71234", "71234"),
        ("", ""),
    ],
)
def test_addresses_go_by_their_looks_whatever_ton_and_npi_say(written: str, understood: str) -> None:
    """How a recipient is read is the intake's word: it gets it as it was written."""
    for ton, npi in ((0, 0), (1, 1), (2, 1), (5, 0), (6, 18)):
        pdu = submit(
            source_addr=written, source_addr_ton=ton, source_addr_npi=npi, dest_addr_ton=ton, dest_addr_npi=npi
        )
        pdu.destination_addr = written
        found = read(pdu).submission
        assert (found.originator, found.recipient) == (understood, written)
        assert found.esme == EsmeFacts("", written, ton, npi, written, ton, npi)


@pytest.mark.parametrize(
    ("field", "value", "status"),
    [
        ("source_addr_ton", 7, Status.RINVSRCTON),
        ("source_addr_npi", 19, Status.RINVSRCNPI),
        ("dest_addr_ton", 255, Status.RINVDSTTON),
        ("dest_addr_npi", 200, Status.RINVDSTNPI),
        ("priority_flag", 4, Status.RINVPRTFLG),
        ("replace_if_present_flag", 2, Status.RINVREPFLAG),
        ("sm_default_msg_id", 1, Status.RINVDFTMSGID),
        ("esm_class", 0x04, Status.RINVESMCLASS),
        ("esm_class", 0x08, Status.RINVESMCLASS),
        ("esm_class", 0x20, Status.RINVESMCLASS),
        ("schedule_delivery_time", "tomorrow", Status.RINVSCHED),
        ("validity_period", "0", Status.RINVEXPIRY),
    ],
)
def test_values_that_mean_nothing(field: str, value: object, status: Status) -> None:
    assert refusal(submit(**{field: value})) == status


def test_modes_and_reply_path_change_nothing() -> None:
    for esm_class in (0, 1, 2, 3, 0x80, 0x83):
        assert read(submit(esm_class=esm_class)) == read(submit())


# Which text, which octets


@pytest.mark.parametrize(
    ("octets", "data_coding", "text"),
    [
        (b"\x00 @", 0, "@ ¡"),
        (b"@ {", 1, "@ {"),
        (b"caf\xe9", 3, "café"),
        ("日本".encode("shift_jis"), 5, "日本"),
        ("Привет".encode("iso8859_5"), 6, "Привет"),
        ("שלום".encode("iso8859_8"), 7, "שלום"),
        ("żółw 😀".encode("utf-16-be"), 8, "żółw 😀"),
        ("日本".encode("shift_jis"), 9, "日本"),
        ("日本".encode("iso2022_jp"), 10, "日本"),
        ("日本".encode("euc_jp"), 13, "日本"),
        ("한국".encode("euc_kr"), 14, "한국"),
    ],
)
def test_text_by_data_coding_in_both_places(octets: bytes, data_coding: int, text: str) -> None:
    for pdu in (submit(octets), submit(b"", tlvs={Tag.MESSAGE_PAYLOAD: octets})):
        pdu.data_coding = data_coding
        found = read(pdu)
        assert (found.submission.text, found.submission.user_data) == (text, None)
        assert (found.is_damaged, found.is_little_endian) == (False, False)
    data = pdus.DataSm(data_coding=data_coding, tlvs={Tag.MESSAGE_PAYLOAD: octets})
    assert read(data).submission.text == text


@pytest.mark.parametrize(("alphabet", "text"), [("gsm", "\ufffd à"), ("latin1", "ü \x7f"), ("cp1252", "ü \x7f")])
def test_the_accounts_alphabet_of_0(alphabet: str, text: str) -> None:
    """A client sent 0xFC under data_coding 0 and meant a Latin-1 letter."""
    found = read(submit(b"\xfc \x7f"), DefaultRules(alphabet_0=alphabet))
    assert (found.submission.text, found.is_damaged) == (text, "\ufffd" in text)


def test_the_accounts_alphabet_of_1() -> None:
    """npm's smpp calls GSM 03.38 data_coding 1."""
    assert read(submit(b"\x00 \x1b\x65", data_coding=1), DefaultRules(alphabet_1="gsm")).submission.text == "@ €"


@pytest.mark.parametrize("data_coding", [11, 12, 15, 0x1C, 0x20, 0x3F, 0x40, 0x80, 0xBF, 0xF8, 0xFF])
def test_reserved_and_compressed_data_codings(data_coding: int) -> None:
    assert refusal(submit(data_coding=data_coding)) == Status.RSUBMITFAIL
    assert refusal(submit(data_coding=data_coding), version=0x33) == Status.RSUBMITFAIL
    assert refusal(submit(data_coding=data_coding), version=0x50) == Status.RINVDCS


def test_odd_ucs2_is_no_text() -> None:
    assert refusal(submit(b"\0a\0", data_coding=8)) == Status.RINVMSGLEN
    assert refusal(submit(b"\0a\0", data_coding=0x18)) == Status.RINVMSGLEN
    assert refusal(submit(b"\5\0\3\7\2\1\0", data_coding=8, esm_class=0x40)) == Status.RINVMSGLEN


def test_a_lone_surrogate_is_replaced_and_told() -> None:
    found = read(submit(b"\xd8\x3d\0a", data_coding=8))
    assert (found.submission.text, found.is_damaged) == ("\ufffda", True)


def test_little_endian_ucs2_is_put_right_and_told() -> None:
    found = read(submit("Hello there".encode("utf-16-le"), data_coding=8))
    assert (found.submission.text, found.is_little_endian) == ("Hello there", True)


def test_two_texts() -> None:
    assert refusal(submit(b"hi", tlvs={Tag.MESSAGE_PAYLOAD: b"long"})) == Status.RINVMSGLEN


@pytest.mark.parametrize(
    ("data_coding", "octets", "kept"),
    [(0x10, b"flash", 0x10), (0xF0, b"flash", 0x10), (0xF2, b"flash", 0x12), (0x18, b"\0f\0l\0a\0s\0h", 0x18)],
)
def test_a_class_stays(data_coding: int, octets: bytes, kept: int) -> None:
    found = read(submit(octets, data_coding=data_coding)).submission
    assert (found.text, found.user_data) == ("flash", UserData(data_coding=kept))


@pytest.mark.parametrize("data_coding", [2, 4, 0x14, 0x17, 0xF4, 0xC8, 0xE0])
def test_binary_is_untouched(data_coding: int) -> None:
    octets = bytes(range(140))
    found = read(submit(octets, data_coding=data_coding)).submission
    assert (found.text, found.user_data) == (octets.hex().upper(), UserData(b"", octets, data_coding))


def test_binary_behind_a_header_is_untouched() -> None:
    header = bytes.fromhex("0B0504158A0000000304 0201".replace(" ", ""))
    found = read(submit(header + b"\xde\xad\0", esm_class=0x40, data_coding=0xF5)).submission
    assert (found.text, found.user_data) == ("DEAD00", UserData(header, b"\xde\xad\0", 0xF5))


def test_text_for_an_application_goes_as_its_octets() -> None:
    header = b"\x06\x05\x04\x23\xf4\0\0"
    found = read(submit(header + b"BEGIN:VCARD", esm_class=0x40)).submission
    assert (found.text, found.user_data) == (b"BEGIN:VCARD".hex().upper(), UserData(header, b"BEGIN:VCARD", 0))


def test_ports_as_tlvs_become_a_header() -> None:
    tlvs = {Tag.DESTINATION_PORT: b"\x23\xf4", Tag.SOURCE_PORT: b"\0\x07"}
    found = read(submit(b"\1\2", data_coding=4, tlvs=tlvs)).submission
    assert found.user_data == UserData(b"\x06\x05\x04\x23\xf4\0\x07", b"\1\2", 4)
    del tlvs[Tag.SOURCE_PORT]
    tlvs |= {Tag.SAR_MSG_REF_NUM: b"\1\2", Tag.SAR_TOTAL_SEGMENTS: b"\2", Tag.SAR_SEGMENT_SEQNUM: b"\1"}
    found = read(submit(b"\1\2", data_coding=4, tlvs=tlvs)).submission
    assert found.user_data == UserData(b"\x0b\x00\x03\2\2\1\x05\x04\x23\xf4\0\0", b"\1\2", 4)


# Segments

SEGMENTS = {
    "8 bit": (submit(b"\x05\x00\x03\x07\x02\x01one", esm_class=0x40), b"\x05\x00\x03\x07\x02\x01"),
    "16 bit": (submit(b"\x06\x08\x04\x01\x07\x02\x01one", esm_class=0x43), b"\x06\x08\x04\x01\x07\x02\x01"),
    "SAR": (
        submit(
            b"one", tlvs={Tag.SAR_MSG_REF_NUM: b"\1\7", Tag.SAR_TOTAL_SEGMENTS: b"\2", Tag.SAR_SEGMENT_SEQNUM: b"\1"}
        ),
        b"\x05\x00\x03\x07\x02\x01",
    ),
    "in the payload": (
        submit(b"", esm_class=0x40, tlvs={Tag.MESSAGE_PAYLOAD: b"\x05\x00\x03\x07\x02\x01one"}),
        b"\x05\x00\x03\x07\x02\x01",
    ),
    "header and SAR": (
        submit(
            b"\x05\x00\x03\x07\x02\x01one",
            esm_class=0x40,
            tlvs={Tag.SAR_MSG_REF_NUM: b"\1\7", Tag.SAR_TOTAL_SEGMENTS: b"\3", Tag.SAR_SEGMENT_SEQNUM: b"\3"},
        ),
        b"\x05\x00\x03\x07\x02\x01",
    ),
}


@pytest.mark.parametrize(("pdu", "header"), SEGMENTS.values(), ids=SEGMENTS)
def test_a_segment_is_a_message_of_its_own(pdu: pdus.SubmitSm, header: bytes) -> None:
    found = read(pdu).submission
    assert (found.text, found.user_data) == ("one", UserData(header, b"one", 0))


@pytest.mark.parametrize(
    "pdu",
    [
        submit(b"\x05\x00\x03\x07\x01\x01one", esm_class=0x40),
        submit(b"\x00one", esm_class=0x40),
        submit(
            b"one", tlvs={Tag.SAR_MSG_REF_NUM: b"\0\0", Tag.SAR_TOTAL_SEGMENTS: b"\1", Tag.SAR_SEGMENT_SEQNUM: b"\1"}
        ),
    ],
    ids=["one of one", "an empty header", "SAR one of one"],
)
def test_the_only_segment_is_a_whole_text(pdu: pdus.SubmitSm) -> None:
    found = read(pdu).submission
    assert (found.text, found.user_data) == ("one", None)


def test_the_octets_of_a_segment_are_named_for_what_they_are() -> None:
    """Behind it a carrier's data_coding 0 means GSM 03.38, whatever the account means by it."""
    header = b"\x05\x00\x03\x07\x02\x01"

    def user_data(octets: bytes, data_coding: int, **rules: str) -> UserData | None:
        pdu = submit(header + octets, esm_class=0x40, data_coding=data_coding)
        return read(pdu, DefaultRules(**rules)).submission.user_data

    assert user_data(b"\xe7", 0, alphabet_0="latin1") == UserData(header, b"\xe7", 3)
    assert user_data(b"\x00", 1, alphabet_1="gsm") == UserData(header, b"\x00", 0)
    assert user_data(b"\xe7", 0x10, alphabet_0="latin1") == UserData(header, None, 0x10)
    assert user_data(b"\x00", 0xF0) == UserData(header, b"\x00", 0x10)
    swapped, right = "abc".encode("utf-16-le"), "abc".encode("utf-16-be")
    assert user_data(swapped, 8) == UserData(header, right, 8)


def test_an_escape_pair_cut_in_two_keeps_its_octets() -> None:
    """smpplib cuts encoded octets, so a part may end in an escape."""
    pdu = submit(b"\x05\x00\x03\x07\x02\x01one \x1b", esm_class=0x40)
    found = read(pdu)
    assert (found.submission.text, found.is_damaged) == ("one \ufffd", False)
    assert found.submission.user_data == UserData(b"\x05\x00\x03\x07\x02\x01", b"one \x1b", 0)


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"\x05",
        b"\x05\x00\x03\x07\x02",
        b"\x05\x00\x09\x07\x02\x01",
        b"\x01\x00",
        b"\x05\x00\x03\x07\x00\x00",
        b"\x05\x00\x03\x07\x02\x00",
        b"\x05\x00\x03\x07\x02\x03",
        b"\x06\x00\x04\x00\x07\x02\x01",
        b"\x05\x08\x03\x07\x02\x01",
        b"\x0b\x00\x03\x07\x02\x01\x08\x04\x00\x07\x02\x01",
        b"\xff" + bytes(100),
    ],
)  # fmt: skip
def test_a_header_that_lies(header: bytes) -> None:
    assert refusal(submit(header, esm_class=0x40)) == Status.RINVESMCLASS


def test_255_parts_pass() -> None:
    header = b"\x05\x00\x03\xff\xff\xff"
    assert read(submit(header + b"x", esm_class=0x40)).submission.user_data == UserData(header, b"x", 0)


@pytest.mark.parametrize(
    ("tlvs", "status"),
    [
        ({Tag.SAR_MSG_REF_NUM: b"\0\1"}, Status.RMISSINGOPTPARAM),
        ({Tag.SAR_TOTAL_SEGMENTS: b"\2", Tag.SAR_SEGMENT_SEQNUM: b"\1"}, Status.RMISSINGOPTPARAM),
        ({0x020C: b"\0\1", 0x020E: b"\2", 0x020F: b"\3"}, Status.RINVOPTPARAMVAL),
        ({0x020C: b"\0\1", 0x020E: b"\2", 0x020F: b"\0"}, Status.RINVOPTPARAMVAL),
        ({0x020C: b"\0\1", 0x020E: b"\0", 0x020F: b"\0"}, Status.RINVOPTPARAMVAL),
        ({Tag.USSD_SERVICE_OP: b"\2"}, Status.ROPTPARNOTALLWD),
    ],
)
def test_tlvs_that_contradict_themselves(tlvs: dict[int, bytes], status: Status) -> None:
    assert refusal(submit(tlvs=tlvs)) == status


def test_a_header_too_long_to_take_the_tlvs_in() -> None:
    octets = b"\xfd" + b"\x70\xfb" + bytes(251)
    pdu = submit(b"", esm_class=0x40, tlvs={Tag.MESSAGE_PAYLOAD: octets, Tag.DESTINATION_PORT: b"\0\1"})
    assert refusal(pdu) == Status.RINVMSGLEN


def test_tlvs_that_nobody_needs_change_nothing() -> None:
    tlvs = {Tag.PRIVACY_INDICATOR: b"\1", Tag.MORE_MESSAGES_TO_SEND: b"\1", 0x1401: b"vendor", Tag.SET_DPF: b"\1"}
    assert read(submit(tlvs=tlvs)) == read(submit())


# When, how urgent, and what is told


@pytest.mark.parametrize(
    ("schedule", "due_at_ms"),
    [
        ("261124130000000+", NOON_MS + HOUR_MS),
        ("261124150000008+", NOON_MS + HOUR_MS),
        ("000000010000000R", NOON_MS + HOUR_MS),
        ("261124115900000+", 0),
        ("261123120000000+", 0),
        ("000000000000000R", 0),
        ("", 0),
    ],
)
def test_schedules(schedule: str, due_at_ms: int) -> None:
    assert read(submit(schedule_delivery_time=schedule)).submission.due_at_ms == due_at_ms


@pytest.mark.parametrize(
    "schedule", ["261123115900000+", "361124120000000+", "100000000000000R", "26112412000000+", "261324120000000+", "R"]
)
def test_schedules_that_cannot_be(schedule: str) -> None:
    """A day too late, ten years ahead in both forms, and no times at all."""
    assert refusal(submit(schedule_delivery_time=schedule)) == Status.RINVSCHED


@pytest.mark.parametrize(
    ("validity", "expires_at_ms"),
    [
        ("261124130000000+", NOON_MS + HOUR_MS),
        ("000000000100000R", NOON_MS + 60_000),
        ("361124120000000+", NOON_MS + 3653 * 86_400_000),
        ("", 0),
    ],
)
def test_validities(validity: str, expires_at_ms: int) -> None:
    assert read(submit(validity_period=validity)).submission.expires_at_ms == expires_at_ms


@pytest.mark.parametrize(
    ("validity", "schedule"),
    [
        ("261124115959900+", ""),
        ("261124120000000+", ""),
        ("000000000000000R", ""),
        ("2611241200000", ""),
        ("0000000001000000R", ""),
        ("261124130000000+", "261124130000000+"),
    ],
)
def test_validities_that_cannot_be(validity: str, schedule: str) -> None:
    """Past, none, 13 and 17 characters, and over before the message is due."""
    assert refusal(submit(validity_period=validity, schedule_delivery_time=schedule)) == Status.RINVEXPIRY


def test_priority_3_is_the_alarm_lane() -> None:
    lanes = [read(submit(priority_flag=priority)).submission.lane for priority in range(4)]
    assert lanes == [None, None, None, Lane.ALARM]


def test_replacing() -> None:
    assert read(submit(replace_if_present_flag=1)).submission.is_replacing
    assert not read(submit()).submission.is_replacing
    multi = pdus.SubmitMulti(dest_address=[SmeAddress(HANDSET)], replace_if_present_flag=1, short_message=b"Hello")
    (one,) = submission.read_multi(multi, DefaultRules(), now_ms=NOON_MS).readings
    assert one.submission.is_replacing


def test_of_a_text_in_segments_the_first_one_replaces() -> None:
    """Else each would take back the one before it."""
    for number, is_replacing in ((1, True), (2, False), (3, False)):
        header = bytes((5, 0, 3, 7, 3, number))
        assert read(submit(header + b"one", esm_class=0x40, replace_if_present_flag=1)).submission.is_replacing is (
            is_replacing
        )
        with_ports = b"\x0b\x05\x04\x23\xf4\0\0\x00\x03" + header[3:]
        found = read(submit(with_ports + b"one", esm_class=0x40, data_coding=4, replace_if_present_flag=1)).submission
        assert found.is_replacing is is_replacing
    ports = b"\x06\x05\x04\x23\xf4\0\0"
    assert read(submit(ports + b"one", esm_class=0x40, replace_if_present_flag=1)).submission.is_replacing


@pytest.mark.parametrize("protocol_id", [0x40, 0x41, 0x47, 0x7F, 0xFF])
def test_the_protocol_id_is_kept(protocol_id: int) -> None:
    assert read(submit(protocol_id=protocol_id)).submission.user_data == UserData(protocol_id=protocol_id)
    flash = read(submit(protocol_id=protocol_id, data_coding=0x10)).submission.user_data
    assert flash == UserData(data_coding=0x10, protocol_id=protocol_id)
    octets = read(submit(b"\1", protocol_id=protocol_id, data_coding=4)).submission.user_data
    assert octets == UserData(b"", b"\1", 4, protocol_id)


def test_the_data_coding_is_kept_for_a_replacement() -> None:
    facts = read(submit(b"\xe4", data_coding=3)).submission.esme
    assert facts is not None
    assert facts.data_coding == 3


@pytest.mark.parametrize(
    ("rule", "asked", "counts"),
    [
        ("honour", 0x00, 0x00),
        ("honour", 0x01, 0x01),
        ("honour", 0x02, 0x02),
        ("honour", 0x13, 0x13),
        ("honour", 0x0D, 0x01),
        ("honour", 0xFF, 0x13),
        ("always", 0x00, 0x01),
        ("always", 0x02, 0x01),
        ("always", 0x10, 0x11),
        ("never", 0x11, 0x00),
    ],
)
def test_receipts_by_the_accounts_rule(rule: str, asked: int, counts: int) -> None:
    facts = read(submit(registered_delivery=asked), DefaultRules(receipts=rule)).submission.esme
    assert facts is not None
    assert facts.registered_delivery == counts


# The other requests


def test_data_sm() -> None:
    pdu = pdus.DataSm(
        source_addr="Pumps",
        destination_addr=HANDSET,
        registered_delivery=1,
        tlvs={Tag.MESSAGE_PAYLOAD: b"Hello", Tag.QOS_TIME_TO_LIVE: b"\0\0\x0e\x10"},
    )
    assert read(pdu).submission == Submission(
        door="smpp",
        recipient=HANDSET,
        text="Hello",
        originator="Pumps",
        expires_at_ms=NOON_MS + HOUR_MS,
        esme=EsmeFacts("", "Pumps", 0, 0, HANDSET, 0, 0, 1),
    )


def test_submit_multi() -> None:
    pdu = pdus.SubmitMulti(
        source_addr="Pumps",
        dest_address=[
            SmeAddress(HANDSET, 1, 1),
            DistributionList("on call"),
            SmeAddress("0046701740606", 2, 1),
            SmeAddress("1", 9, 1),
            SmeAddress("2", 1, 99),
        ],
        service_type="CMT",
        short_message=b"Hello",
    )
    found = submission.read_multi(pdu, DefaultRules(), now_ms=NOON_MS)
    assert [one.submission for one in found.readings] == [
        Submission(
            "smpp", HANDSET, "Hello", "Pumps", reference="CMT", esme=EsmeFacts("CMT", "Pumps", 0, 0, HANDSET, 1, 1)
        ),
        Submission(
            "smpp",
            "0046701740606",
            "Hello",
            "Pumps",
            reference="CMT",
            esme=EsmeFacts("CMT", "Pumps", 0, 0, "0046701740606", 2, 1),
        ),
    ]
    assert found.failed == [
        UnsuccessSme("on call", error_status_code=Status.RINVDLNAME),
        UnsuccessSme("1", 9, 1, Status.RINVDSTTON),
        UnsuccessSme("2", 1, 99, Status.RINVDSTNPI),
    ]


def test_a_submit_multi_whose_content_is_bad() -> None:
    pdu = pdus.SubmitMulti(dest_address=[SmeAddress(HANDSET)], data_coding=8, short_message=b"x")
    with pytest.raises(Refused, match="UCS-2"):
        submission.read_multi(pdu, DefaultRules(), now_ms=NOON_MS)


def test_replace_sm() -> None:
    pdu = pdus.ReplaceSm(
        message_id="6FD54FA2",
        schedule_delivery_time="000000010000000R",
        validity_period="000001000000000R",
        registered_delivery=1,
        short_message=b"\0h\0i",
    )
    rules = DefaultRules(receipts="never")
    found = submission.read_replacement(pdu, rules, now_ms=NOON_MS, message_id="7", data_coding=8)
    assert found == ReplacementReading(
        Replacement(
            "7", text="hi", due_at_ms=NOON_MS + HOUR_MS, expires_at_ms=NOON_MS + 24 * HOUR_MS, registered_delivery=0
        )
    )
    flash = submission.read_replacement(pdus.ReplaceSm(short_message=b"hi"), rules, now_ms=NOON_MS, data_coding=0xF0)
    assert flash.replacement.user_data == UserData(data_coding=0x10)
    swapped = submission.read_replacement(
        pdus.ReplaceSm(short_message="hello".encode("utf-16-le")), rules, now_ms=NOON_MS, data_coding=8
    )
    assert (swapped.replacement.text, swapped.is_little_endian) == ("hello", True)


def test_what_a_replace_sm_leaves_out_stays() -> None:
    found = submission.read_replacement(pdus.ReplaceSm(), DefaultRules(), now_ms=NOON_MS).replacement
    assert (found.text, found.due_at_ms, found.expires_at_ms) == (None, 0, 0)
    empty = submission.read_replacement(
        pdus.ReplaceSm(tlvs={Tag.MESSAGE_PAYLOAD: b""}), DefaultRules(), now_ms=NOON_MS
    ).replacement
    assert empty.text == "", "which will be refused: there is no message without a text"


@pytest.mark.parametrize("schedule", ["000000000000000R", "261124115900000+"])
def test_a_replace_sm_for_at_once_is_not_one_that_leaves_the_time_out(schedule: str) -> None:
    pdu = pdus.ReplaceSm(schedule_delivery_time=schedule)
    assert submission.read_replacement(pdu, DefaultRules(), now_ms=NOON_MS).replacement.due_at_ms == NOON_MS


@pytest.mark.parametrize(
    ("pdu", "status"),
    [
        (pdus.ReplaceSm(sm_default_msg_id=1), Status.RINVDFTMSGID),
        (pdus.ReplaceSm(validity_period="x"), Status.RINVEXPIRY),
        (pdus.ReplaceSm(schedule_delivery_time="x"), Status.RINVSCHED),
    ],
)
def test_a_replace_sm_that_makes_no_sense(pdu: pdus.ReplaceSm, status: Status) -> None:
    with pytest.raises(Refused) as caught:
        submission.read_replacement(pdu, DefaultRules(), now_ms=NOON_MS)
    assert caught.value.status == status


@pytest.mark.parametrize(("octets", "is_odd"), [(b"plain\r\n\ttext", False), (b"5\x1be", True), (b"at \x00", True)])
def test_gsm_octets_that_were_called_ascii_are_told(octets: bytes, is_odd: bool) -> None:
    assert read(submit(octets, data_coding=1)).is_damaged is is_odd
