"""What is answered from the journal: query_sm, cancel_sm, replace_sm, receipts asked for, and bad submissions."""

import pytest

from bridge.simulator.behaviour import DELIVERED, TABLE, Behaviour
from bridge.simulator.journal import Journal, Submitted
from bridge.simulator.operations import cancel, offence, query, replace, submit_of_data, submit_of_multi, wants_receipt
from bridge.smpp.constants import EsmClass, MessageState, Status, Tag
from bridge.smpp.fields import SmeAddress
from bridge.smpp.pdus import CancelSm, DataSm, QuerySm, ReplaceSm, SubmitMulti, SubmitSm

WALL_MS = 1_764_000_000_000
ID = "0000000A"


def entry(message_id: str = ID, does: Behaviour = DELIVERED, *, leaves_at_ms: int = 0, **fields: object) -> Submitted:
    pdu = SubmitSm(**({"source_addr": "Shop", "destination_addr": "46701740605"} | fields))  # type: ignore[arg-type]
    return Submitted(0, pdu, 0, message_id, does, WALL_MS, leaves_at_ms, leaves_at_ms + 1_000)


def journal(*entries: Submitted) -> Journal:
    made = Journal(100)
    for each in entries:
        made.append(each)
    return made


def test_query_tells_the_state_of_that_moment() -> None:
    book = journal(entry(leaves_at_ms=500))
    asked = QuerySm(message_id=ID, source_addr="Shop")
    states = [query(book, asked, at_ms, WALL_MS).message_state for at_ms in (0, 499, 500, 1_499, 1_500)]
    scheduled, enroute, delivered = MessageState.SCHEDULED, MessageState.ENROUTE, MessageState.DELIVERED
    assert states == [scheduled, scheduled, enroute, enroute, delivered]
    assert query(book, asked, 1_000, WALL_MS).final_date == ""
    done = query(book, asked, 61_500, WALL_MS)
    assert (done.final_date, done.message_id, done.error_code) == ("251124155900000+", ID, 0)


def test_query_tells_the_networks_error_and_what_was_cancelled() -> None:
    failed, gone = entry("A", TABLE["1042"]), entry("B")
    gone.is_cancelled = True
    book = journal(failed, gone)
    answer = query(book, QuerySm(message_id="A", source_addr="Shop"), 1_000, WALL_MS)
    assert (answer.message_state, answer.error_code) == (MessageState.UNDELIVERABLE, 27)
    answer = query(book, QuerySm(message_id="B", source_addr="Shop"), 0, WALL_MS)
    assert (answer.message_state, answer.error_code) == (MessageState.DELETED, 0)


def test_id_and_source_address_must_both_be_right() -> None:
    book = journal(entry())
    assert query(book, QuerySm(message_id="B", source_addr="Shop"), 0, 0).status == Status.RINVMSGID
    assert query(book, QuerySm(message_id=ID, source_addr="Other"), 0, 0).status == Status.RQUERYFAIL
    assert cancel(book, CancelSm(message_id="B", source_addr="Shop"), 0) == (Status.RINVMSGID, [])
    assert cancel(book, CancelSm(message_id=ID, source_addr="Other"), 0) == (Status.RCANCELFAIL, [])
    assert replace(book, ReplaceSm(message_id="B", source_addr="Shop"), 0) == (Status.RINVMSGID, [])
    assert replace(book, ReplaceSm(message_id=ID, source_addr="Other"), 0) == (Status.RREPLACEFAIL, [])


def test_what_is_final_can_neither_be_cancelled_nor_replaced() -> None:
    one = entry()
    book = journal(one)
    to_cancel, to_replace = CancelSm(message_id=ID, source_addr="Shop"), ReplaceSm(message_id=ID, source_addr="Shop")
    assert cancel(book, to_cancel, 999) == (Status.ROK, [one])
    assert replace(book, to_replace, 999) == (Status.ROK, [one])
    assert cancel(book, to_cancel, 1_000) == (Status.RCANCELFAIL, [])
    assert replace(book, to_replace, 1_000) == (Status.RREPLACEFAIL, [])


def test_all_between_two_addresses_are_cancelled_when_no_id_is_given() -> None:
    one, two = entry("A", service_type="CMT"), entry("B")
    other, refused = entry("C", destination_addr="46701740606"), entry("")
    refused.status = Status.RINVDSTADR
    book = journal(one, two, other, refused)
    addresses = {"source_addr": "Shop", "destination_addr": "46701740605"}
    assert cancel(book, CancelSm(**addresses), 0)[1] == [one, two]
    assert cancel(book, CancelSm(**addresses, service_type="CMT"), 0)[1] == [one]


def test_replace_refuses_times_that_are_none() -> None:
    book = journal(entry())
    wrong = {"message_id": ID, "source_addr": "Shop"}
    assert replace(book, ReplaceSm(**wrong, schedule_delivery_time="soon"), 0)[0] == Status.RINVSCHED
    assert replace(book, ReplaceSm(**wrong, validity_period="later"), 0)[0] == Status.RINVEXPIRY


@pytest.mark.parametrize(
    ("registered_delivery", "states"),
    [
        (0x00, ""),
        (0x01, "DELIVERED UNDELIVERABLE ENROUTE"),
        (0x02, "UNDELIVERABLE ENROUTE"),
        (0x03, "DELIVERED ENROUTE"),
        (0x10, "ENROUTE"),
    ],
)
def test_receipts_asked_for(registered_delivery: int, states: str) -> None:
    all_states = (MessageState.DELIVERED, MessageState.UNDELIVERABLE, MessageState.ENROUTE)
    assert [one.name for one in all_states if wants_receipt(registered_delivery, one)] == states.split()


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, Status.ROK),
        ({"destination_addr": ""}, Status.RINVDSTADR),
        ({"esm_class": EsmClass.UDHI, "short_message": b"\x7fabc"}, Status.RINVESMCLASS),
        ({"esm_class": EsmClass.UDHI, "tlvs": {Tag.MESSAGE_PAYLOAD: b"\x05\x00\x03\x01\x02\x01Hi"}}, Status.ROK),
        ({"validity_period": "tomorrow"}, Status.RINVEXPIRY),
        ({"schedule_delivery_time": "tomorrow"}, Status.RINVSCHED),
        ({"validity_period": "000001000000000R", "schedule_delivery_time": "261124053140000+"}, Status.ROK),
    ],
)
def test_what_no_smsc_takes(fields: dict[str, object], status: int) -> None:
    assert offence(SubmitSm(**({"destination_addr": "46701740605"} | fields))) == status  # type: ignore[arg-type]


def test_data_sm_and_submit_multi_in_the_shape_of_submit_sm() -> None:
    payload = {int(Tag.MESSAGE_PAYLOAD): b"hello"}
    data = DataSm("CMT", 5, 0, "Shop", 1, 1, "46701740605", 0, 1, 8, tlvs=payload)
    assert submit_of_data(data) == SubmitSm(
        "CMT", 5, 0, "Shop", 1, 1, "46701740605", registered_delivery=1, data_coding=8, tlvs=payload
    )
    multi = SubmitMulti(
        "CMT", 5, 0, "Shop", [SmeAddress("1"), SmeAddress("2")], priority_flag=2, data_coding=3, short_message=b"hi"
    )
    assert submit_of_multi(multi, "2", 1, 1) == SubmitSm(
        "CMT", 5, 0, "Shop", 1, 1, "2", priority_flag=2, data_coding=3, short_message=b"hi"
    )


def test_the_journal_forgets_the_oldest_and_its_id() -> None:
    book = Journal(2)
    first, second, third = entry("A"), entry("B"), entry("B")
    for each in (first, second, third):
        book.append(each)
    assert (list(book), len(book), book[0], book[-1]) == ([second, third], 2, second, third)
    assert book.of("A") == []
    assert book.of("B") == [second, third]
    book.append(entry(""))
    assert book.of("B") == [third]
    assert book.of("") == []
