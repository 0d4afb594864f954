"""docs/smpp-conformance.md lists everything that SMPP 3.4 has, and what it says of it is so."""

import re
from pathlib import Path

import pytest

from bridge.messages.message import SCHEDULE_DAYS_MAX
from bridge.smpp import codec, deliver, pdus, submission
from bridge.smpp.alphabets import Kind, scheme_of
from bridge.smpp.constants import CommandId, Status, Tag
from bridge.smpp.fields import CString
from bridge.smpp.submission import DefaultRules, Refused
from bridge.smpp.translate import LongForm
from tests.docs.test_promises import NAMED, ROOT, names_in
from tests.unit.smpp.test_submission import read, submit
from tests.unit.smpp.test_times import NOON_MS

PAGE = (Path(__file__).parents[2] / "docs" / "smpp-conformance.md").read_text(encoding="utf-8")
FATES = ("supported", "passed through", "ignored", "refused", "not sent", "read")


def table(title: str) -> dict[str, list[str]]:
    """The rows under a heading by their first cell, without its backticks."""
    section = PAGE.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]
    return {row[0].strip("`"): row[1:] for row in rows[2:]}


def test_every_pdu_is_listed() -> None:
    listed = table("PDUs")
    assert set(listed) - {"anything else"} == {command_id.name.lower() for command_id in CommandId}


def test_every_field_is_listed_with_the_status_of_its_bound() -> None:
    listed = table("Fields")
    fields = {field.name: field for pdu in pdus.ALL for field in pdu.FIELDS}
    assert set(listed) == set(fields)
    for name, field in fields.items():
        if isinstance(field, CString) and field.status not in (Status.RQUERYFAIL, Status.RSYSERR):
            told = Status(field.status).name
            assert told in listed[name][0] or name in ("esme_addr",), name


def test_every_tlv_is_listed() -> None:
    assert set(table("TLVs")) == {tag.name.lower() for tag in Tag}
    assert set(table("Header")) == {"command_length", "command_id", "command_status", "sequence_number"}


@pytest.mark.parametrize("title", ["PDUs", "Fields", "TLVs"])
def test_every_row_says_what_is_done_and_names_a_test(title: str) -> None:
    for name, cells in table(title).items():
        *fates, tests = cells
        assert NAMED.search(tests), name
        assert any(word in fates[0] for word in FATES), name
        assert all(fates), name


def test_every_named_test_exists() -> None:
    named = NAMED.findall(PAGE)
    assert len(named) > 100
    assert [f"{path}::{name}" for path, name in named if name not in names_in(ROOT / path)] == []


def test_every_status_it_names_exists() -> None:
    named = set(re.findall(r"\bR[A-Z_]{4,}\b", PAGE)) - {"REJECTD"}
    assert named <= set(Status.__members__)
    assert len(named) > 15


def value_of(tag: Tag) -> bytes:
    return b"\1" * codec.TLV_SIZES.get(tag, (4, 4))[1]


@pytest.mark.parametrize("tag", Tag, ids=lambda tag: tag.name)
def test_ignored_tlvs_change_nothing(tag: Tag) -> None:
    """The first column of the table, tried: ignored TLVs change nothing, others do or are refused."""
    fate = table("TLVs")[tag.name.lower()][0]
    pdu = submit(b"" if tag == Tag.MESSAGE_PAYLOAD else b"Hello", tlvs={tag: value_of(tag)})
    pdu, _ = codec.decode(codec.encode(pdu, 1))  # type: ignore[assignment]
    if fate == "ignored" or "elsewhere ignored" in fate or "beside" in fate:
        assert read(pdu) == read(submit(b"Hello"))
        return
    try:
        changed = read(pdu) != read(submit(b"Hello"))
    except Refused:
        changed = True
    assert changed
    assert not fate.startswith("ignored")


def test_the_table_of_data_codings() -> None:
    rows = table("data_coding")
    told: dict[int, str] = {}
    for name, (fate,) in rows.items():
        for piece in name.split(", "):
            ends = [int(number, 0) for number in re.findall(r"0x[0-9A-F]+|\d+", piece)]
            if ends:
                told |= dict.fromkeys(range(ends[0], ends[-1] + 1), fate)
    for data_coding in range(256):
        scheme = scheme_of(data_coding)
        fate = told.get(data_coding, rows["the rest"][0])
        if scheme is None:
            assert "refused" in fate
        else:
            assert fate.startswith("text") is (scheme.kind is not Kind.BINARY), data_coding
            assert ("class" in fate) is (scheme.message_class is not None), data_coding


def test_the_forms_of_long_messages() -> None:
    assert list(table("Long messages")) == [form.value for form in LongForm]


def test_the_receipt_it_shows_is_what_we_send() -> None:
    shown = re.search(r"```\n(id:.*)\n```", PAGE)
    assert shown is not None
    owed = deliver.OwedReceipt(
        "6FD54FA2", "delivered", NOON_MS, NOON_MS + 60_000, parts_delivered=1, text_start="Pump 3 in station Nord"
    )
    assert shown.group(1).encode() == deliver.deliver_sm_of_receipt(owed).short_message


def test_the_stats_it_names() -> None:
    for event, state in deliver.STATE_OF_EVENT.items():
        if event in ("scheduled", "held", "queued", "submitted", "in_doubt"):
            continue
        stat = deliver.receipt_text.STATS[state]
        assert re.search(rf"\b{stat} {int(state)}\b", PAGE), event


def test_the_bounds_it_names() -> None:
    assert f"up to {SCHEDULE_DAYS_MAX} days ahead" in PAGE
    assert f"above {submission.TON_MAX} refused: RINVSRCTON" in PAGE
    assert f"above {submission.NPI_MAX} refused: RINVSRCNPI" in PAGE
    assert f"16 to {codec.FRAME_SIZE_MAX:,}" in PAGE
    with pytest.raises(Refused):
        read(submit(source_addr_npi=submission.NPI_MAX + 1), DefaultRules())
