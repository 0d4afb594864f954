"""Receipts that we build, read the way other programs read them.

Kannel scans with C's sscanf and, where that fails, looks for blanks behind three labels; Jasmin searches with one
expression for each field; cloudhopper walks from label to label; smpplib takes the PDU apart. Restated here from what
these programs accept, and applied to every receipt that Hypothesis can think of.
"""

import ctypes
import re

from hypothesis import given
from hypothesis import strategies as st

from bridge.smpp import codec, deliver, receipt_text
from bridge.smpp.constants import MessageState
from bridge.smpp.deliver import OwedReceipt
from bridge.smpp.message_ids import message_id_of
from tests.contract.test_smpplib import read
from tests.properties.test_smpp_submission import receipts

libc = ctypes.CDLL(None)

WORD, DIGITS = "[^ ]", "[0-9]"
KANNEL = (
    f"id:%64{WORD} sub:%d dlvrd:%d submit date:%14{DIGITS} done date:%14{DIGITS} stat:%15{WORD} err:%3{WORD}".encode()
)
OLD_KANNEL = b"id:%64[^s] sub:%d dlvrd:%d submit date:%14[0-9] done date:%14[0-9] stat:%15[^t^e] err:%3[^t]"
"""As its relatives have it: an id ends before the s of sub, a state before an e, an error before the t of text."""
JASMIN = {
    "id": r"id:([\dA-Za-z-_]+)",
    "sub": r"sub:(\d{1,3})",
    "dlvrd": r"dlvrd:(\d{1,3})",
    "sdate": r"submit date:(\d+)",
    "ddate": r"done date:(\d+)",
    "stat": r"stat:(\w{7})",
    "err": r"err:(\w{1,3})",
    "text": r"[tT]ext:(.*)",
}
FIELDS = ["id", "sub", "dlvrd", "submit date", "done date", "stat", "err", "text"]


def scan(pattern: bytes, octets: bytes) -> list[str]:
    """What sscanf finds: id, sub, dlvrd, submit date, done date, stat, err; blanks around them stripped, as there."""
    words = [ctypes.create_string_buffer(size) for size in (65, 15, 15, 16, 4)]
    counts = [ctypes.c_int(), ctypes.c_int()]
    places = [words[0], *map(ctypes.byref, counts), *words[1:]]
    found = libc.sscanf(octets, pattern, *places)
    assert found == 7, octets
    message_id, *rest = [word.value.decode("ascii").strip() for word in words]
    return [message_id, *(str(count.value) for count in counts), *rest]


def expected(owed: OwedReceipt) -> dict[str, str]:
    """What a receipt should say, put together without the code that builds it."""
    state = deliver.STATE_OF_EVENT[owed.event]
    return {
        "id": message_id_of(owed.message_id, is_receipt=True),
        "sub": str(owed.part_total),
        "dlvrd": str(owed.parts_delivered),
        "stat": receipt_text.STATS[state],
    }


@given(receipts)
def test_kannel_reads_them_by_sscanf(owed: OwedReceipt) -> None:
    octets = deliver.deliver_sm_of_receipt(owed).short_message
    for pattern in (KANNEL, OLD_KANNEL):
        message_id, sub, dlvrd, submitted, done, stat, err = scan(pattern, octets)
        assert {"id": message_id, "sub": sub, "dlvrd": dlvrd, "stat": stat} == expected(owed)
        assert (len(submitted), len(done)) == (10, 10)
        assert re.fullmatch(r"\d{3}", err)


@given(receipts)
def test_kannel_reads_them_by_the_blanks_too(owed: OwedReceipt) -> None:
    text = deliver.deliver_sm_of_receipt(owed).short_message.decode("latin-1")
    for label, value in (("id:", expected(owed)["id"]), ("stat:", expected(owed)["stat"])):
        start = text.index(label) + len(label)
        assert text[start : text.index(" ", start)] == value
    start = text.index("err:") + 4
    assert text.index(" ", start) == start + 3


@given(receipts)
def test_jasmin_reads_them(owed: OwedReceipt) -> None:
    pdu = deliver.deliver_sm_of_receipt(owed)
    text = pdu.short_message.decode("utf-8", "ignore")
    found = {name: match.group(1) for name, pattern in JASMIN.items() if (match := re.search(pattern, text))}
    assert set(found) == set(JASMIN)
    assert {name: found[name].lstrip("0") or "0" for name in ("sub", "dlvrd")} == {
        name: expected(owed)[name] for name in ("sub", "dlvrd")
    }
    assert (found["id"], found["stat"]) == (expected(owed)["id"], expected(owed)["stat"])


@given(receipts)
def test_a_walk_from_label_to_label_finds_every_field_in_its_place(owed: OwedReceipt) -> None:
    """cloudhopper wants dates of 10, 12 or 14 digits and an error of at most 3 characters."""
    text = deliver.deliver_sm_of_receipt(owed).short_message.decode("latin-1").lower()
    places = [text.index(f"{label}:") for label in FIELDS]
    assert places == sorted(places)
    values = [text[start:stop].partition(":")[2].strip() for start, stop in zip(places, places[1:], strict=False)]
    assert [len(value) for value in values[3:5]] == [10, 10]
    assert len(values[6]) == 3


@given(receipts, st.sampled_from([0x33, 0x34]))
def test_smpplib_reads_them(owed: OwedReceipt, version: int) -> None:
    pdu = deliver.deliver_sm_of_receipt(owed, peer_version=version)
    theirs = read(codec.encode(pdu, 7))
    assert (theirs.command, theirs.short_message, theirs.esm_class) == (
        "deliver_sm",
        pdu.short_message,
        0x20 if owed.event == "enroute" else 0x04,
    )
    assert theirs.source_addr == pdu.source_addr.encode("latin-1")
    if version < 0x34:
        assert (theirs.receipted_message_id, theirs.message_state) == (None, None)
        return
    state = deliver.STATE_OF_EVENT[owed.event]
    assert theirs.receipted_message_id.rstrip(b"\0").decode() == owed.message_id
    assert MessageState(theirs.message_state) is state
    if owed.esme.user_message_reference is not None:
        assert theirs.user_message_reference == owed.esme.user_message_reference
