"""Receipts and inbound texts towards ESMEs, octet for octet, and the answer to query_sm."""

import pytest

from bridge.messages import message
from bridge.messages.esme import EsmeFacts
from bridge.smpp import codec, deliver, pdus, translate
from bridge.smpp.constants import MessageState, Tag
from bridge.smpp.deliver import OwedInbound, OwedReceipt, deliver_sm_of_receipt, deliver_sms_of_inbound, query_sm_resp
from tests.unit.smpp.test_times import NOON_MS

HANDSET = "46701740605"
FACTS = EsmeFacts("CMT", "Pumps", 5, 0, "0046701740605", 1, 1, 1, 0x1234)


def owed(event: str = "delivered", **values: object) -> OwedReceipt:
    fields: dict[str, object] = {
        "message_id": "6FD54FA2",
        "submitted_at_ms": NOON_MS,
        "done_at_ms": NOON_MS + 60_000,
        "esme": FACTS,
        "parts_delivered": 1 if event == "delivered" else 0,
        "text_start": "Pump 3 in station Nord",
        **values,
    }
    return OwedReceipt(event=event, **fields)  # type: ignore[arg-type]


def test_a_receipt_exactly() -> None:
    assert deliver_sm_of_receipt(owed()) == pdus.DeliverSm(
        service_type="CMT",
        source_addr_ton=1,
        source_addr_npi=1,
        source_addr="0046701740605",
        dest_addr_ton=5,
        dest_addr_npi=0,
        destination_addr="Pumps",
        esm_class=0x04,
        short_message=(
            b"id:6FD54FA2 sub:001 dlvrd:001 submit date:2611241200 done date:2611241201"
            b" stat:DELIVRD err:000 text:Pump 3 in station No"
        ),
        tlvs={0x001E: b"6FD54FA2\0", 0x0427: b"\2", 0x0204: b"\x12\x34"},
    )


def test_a_failure_exactly() -> None:
    pdu = deliver_sm_of_receipt(owed("undeliverable", error="27", text_start="", esme=EsmeFacts()))
    assert pdu.short_message == (
        b"id:6FD54FA2 sub:001 dlvrd:000 submit date:2611241200 done date:2611241201 stat:UNDELIV err:027 text:"
    )
    assert pdu.tlvs == {0x001E: b"6FD54FA2\0", 0x0427: b"\5", 0x0423: b"\3\0\x1b"}
    assert (pdu.source_addr, pdu.destination_addr, pdu.service_type) == ("", "", "")


def test_no_tlvs_to_smpp_33() -> None:
    old = deliver_sm_of_receipt(owed("undeliverable", error="27"), peer_version=0x33)
    new = deliver_sm_of_receipt(owed("undeliverable", error="27"), peer_version=0x50)
    assert (old.tlvs, old.short_message) == ({}, new.short_message)
    assert new.tlvs


@pytest.mark.parametrize(
    ("form", "message_id"), [("hex", b"0A1B2C3D"), ("decimal", b"0169552957"), ("hex_decimal", b"0169552957")]
)
def test_one_spelling_in_text_and_tlv(form: str, message_id: bytes) -> None:
    pdu = deliver_sm_of_receipt(owed(message_id="0A1B2C3D"), id_form=form)
    assert pdu.short_message.startswith(b"id:" + message_id + b" sub:")
    assert pdu.tlvs[Tag.RECEIPTED_MESSAGE_ID] == message_id + b"\0"


STATS = {
    "delivered": (2, b"DELIVRD"),
    "partly_delivered": (5, b"UNDELIV"),
    "undeliverable": (5, b"UNDELIV"),
    "expired": (3, b"EXPIRED"),
    "deleted": (4, b"DELETED"),
    "cancelled": (4, b"DELETED"),
    "rejected": (8, b"REJECTD"),
    "unknown": (7, b"UNKNOWN"),
    "enroute": (1, b"ENROUTE"),
}


@pytest.mark.parametrize("event", STATS)
def test_states(event: str) -> None:
    state, stat = STATS[event]
    pdu = deliver_sm_of_receipt(owed(event))
    assert pdu.tlvs[Tag.MESSAGE_STATE] == bytes((state,))
    assert b" stat:" + stat + b" err:" in pdu.short_message
    assert pdu.esm_class == (0x20 if event == "enroute" else 0x04)


def test_every_state_of_a_message_has_its_word() -> None:
    assert set(deliver.STATE_OF_EVENT) == {state.value for state in message.MessageState} | {deliver.ENROUTE}
    final = {state.value for state in message.MessageState if state.is_final}
    assert final | {"enroute"} == set(STATS)


def test_parts_are_counted() -> None:
    pdu = deliver_sm_of_receipt(owed("partly_delivered", part_total=3, parts_delivered=2))
    assert b" sub:003 dlvrd:002 " in pdu.short_message


@pytest.mark.parametrize(
    ("error", "digits", "tlv"),
    [
        ("", b"000", None),
        ("000", b"000", None),
        ("0", b"000", None),
        ("1", b"001", b"\3\0\1"),
        ("0027", b"027", b"\3\0\x1b"),
        ("1024", b"999", b"\3\4\0"),
        ("00B", b"011", b"\3\0\x0b"),
        ("70000", b"999", None),
        ("timeout", b"999", None),
        ("-5", b"999", None),
    ],
)
def test_errors_have_three_digits(error: str, digits: bytes, tlv: bytes | None) -> None:
    pdu = deliver_sm_of_receipt(owed("undeliverable", error=error))
    assert b" err:" + digits + b" text:" in pdu.short_message
    assert pdu.tlvs.get(Tag.NETWORK_ERROR_CODE) == tlv


def test_unknown_times_are_zeros() -> None:
    pdu = deliver_sm_of_receipt(owed("unknown", submitted_at_ms=None, done_at_ms=None))
    assert b" submit date:0000000000 done date:0000000000 " in pdu.short_message


@pytest.mark.parametrize(
    ("text", "alphabet", "octets"),
    [
        ("Grüße an @lice", "gsm", b"Gr\x7e\x1ee an ?lice"),
        ("Grüße an @lice", "latin1", b"Gr\xfc\xdfe an @lice"),
        ("5 €, \u017c\u00f3\u0142w", "ascii", b"5 E, zolw"),
        ("two\r\nlines\n", "gsm", b"two lines"),
        ("€" * 30, "gsm", b"\x1b\x65" * 20),
        ("日本", "gsm", b"??"),
    ],
)
def test_the_text_it_repeats(text: str, alphabet: str, octets: bytes) -> None:
    pdu = deliver_sm_of_receipt(owed(text_start=text), alphabet=alphabet)
    assert pdu.short_message.partition(b" text:")[2] == octets


def test_long_addresses_of_a_data_sm_are_cut_rather_than_lost() -> None:
    facts = EsmeFacts(source_addr="S" * 64, destination_addr="+46 (0)70-174 06 05 ext")
    pdu = deliver_sm_of_receipt(owed(esme=facts))
    assert (pdu.source_addr, pdu.destination_addr) == ("+46 (0)70-174 06 05 ", "S" * 20)
    assert codec.decode(codec.encode(pdu, 1)) == (pdu, 1)


def test_an_unknown_event_is_our_bug() -> None:
    with pytest.raises(KeyError):
        deliver_sm_of_receipt(owed("no such state"))


# Inbound


def inbound(text: str, **values: object) -> list[pdus.DeliverSm]:
    made = deliver_sms_of_inbound(OwedInbound(HANDSET, "71234", text, reference=0x12A), **values)  # type: ignore[arg-type]
    for pdu in made:
        assert codec.decode(codec.encode(pdu, 1)) == (pdu, 1)
    return made


def test_a_short_inbound_text() -> None:
    assert inbound("5 €") == [
        pdus.DeliverSm(
            source_addr_ton=1,
            source_addr_npi=1,
            source_addr=HANDSET,
            dest_addr_ton=3,
            destination_addr="71234",
            short_message=b"5 \x1b\x65",
        )
    ]


@pytest.mark.parametrize(
    ("text", "alphabet", "data_coding", "octets"),
    [
        ("żółw", "gsm", 8, "żółw".encode("utf-16-be")),
        ("ça", "latin1", 0, b"\xe7a"),
        ("5 €", "cp1252", 0, b"5 \x80"),
        ("5 €", "latin1", 8, "5 €".encode("utf-16-be")),
        ("é", "ascii", 8, b"\0\xe9"),
        ("", "gsm", 0, b""),
    ],
)
def test_inbound_in_the_accounts_alphabet_or_in_ucs2(text: str, alphabet: str, data_coding: int, octets: bytes) -> None:
    (pdu,) = inbound(text, alphabet=alphabet)
    assert (pdu.data_coding, pdu.short_message) == (data_coding, octets)


@pytest.mark.parametrize(
    ("text", "is_payload"), [("a" * 254, False), ("a" * 255, True), ("ж" * 127, False), ("ж" * 128, True)]
)
def test_beyond_254_octets_a_text_is_payload(text: str, is_payload: bool) -> None:
    (pdu,) = inbound(text)
    octets = text.encode("ascii" if text.isascii() else "utf-16-be")
    assert (pdu.short_message, pdu.tlvs) == ((b"", {Tag.MESSAGE_PAYLOAD: octets}) if is_payload else (octets, {}))
    assert pdu.esm_class == 0


@pytest.mark.parametrize(("long_form", "version"), [("parts", 0x34), ("payload", 0x33), ("parts", 0x33)])
@pytest.mark.parametrize(
    ("text", "count"), [("a" * 160, 1), ("a" * 161, 2), ("ж" * 70, 1), ("ж" * 71, 2), ("a" * 1000, 7)]
)
def test_parts_as_a_phone_would_send_them(long_form: str, version: int, text: str, count: int) -> None:
    made = inbound(text, long_form=long_form, peer_version=version)
    assert len(made) == count
    assert not any(pdu.tlvs for pdu in made)
    pieces = [translate.content_of(pdu) for pdu in made]
    assert "".join(piece for piece, _ in pieces) == text
    if count > 1:
        assert [(concat.reference, concat.total, concat.number) for _, concat in pieces if concat] == [
            (0x2A, count, number) for number in range(1, count + 1)
        ]


def test_the_largest_inbound_text_is_one_payload() -> None:
    text = "ж" * (67 * 255)
    (pdu,) = inbound(text)
    assert translate.content_of(pdu) == (text, None)


def test_parts_in_the_accounts_alphabet() -> None:
    made = inbound("ç" * 100, long_form="parts", alphabet="latin1")
    assert [pdu.data_coding for pdu in made] == [0, 0]
    assert b"".join(pdu.short_message[6:] for pdu in made) == b"\xe7" * 100


# query_sm


@pytest.mark.parametrize(
    ("event", "version", "state", "final_date"),
    [
        ("queued", 0x34, MessageState.ENROUTE, ""),
        ("scheduled", 0x34, MessageState.ENROUTE, ""),
        ("scheduled", 0x50, MessageState.SCHEDULED, ""),
        ("delivered", 0x34, MessageState.DELIVERED, "261124120000000+"),
        ("partly_delivered", 0x34, MessageState.UNDELIVERABLE, "261124120000000+"),
        ("cancelled", 0x34, MessageState.DELETED, "261124120000000+"),
    ],
)
def test_the_answer_to_query_sm(event: str, version: int, state: MessageState, final_date: str) -> None:
    assert query_sm_resp("6fd54fa2", event, final_at_ms=NOON_MS, peer_version=version) == pdus.QuerySmResp(
        message_id="6fd54fa2", final_date=final_date, message_state=state
    )


@pytest.mark.parametrize(("error", "code"), [("", 0), ("27", 27), ("0FF", 255), ("256", 0), ("x", 0)])
def test_the_error_code_of_query_sm_is_one_octet(error: str, code: int) -> None:
    response = query_sm_resp("1", "undeliverable", final_at_ms=None, error=error)
    assert (response.error_code, response.final_date) == (code, "")
