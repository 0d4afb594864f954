"""The corpus of PDUs in pdus.txt: hex put together by hand from the standard and from what peers send."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bridge.smpp import codec, pdus
from bridge.smpp.constants import CommandId, Status
from bridge.smpp.errors import RemoteProtocolError
from bridge.smpp.fields import DistributionList, SmeAddress, UnsuccessSme

CORPUS = Path(__file__).parent / "pdus.txt"


@dataclass(frozen=True)
class Entry:
    sentence: str
    octets: bytes
    meaning: str

    def __str__(self) -> str:
        return self.sentence[:40]


def entries() -> list[Entry]:
    found = []
    for block in CORPUS.read_text(encoding="utf-8").strip().split("\n\n"):
        lines = [line for line in block.splitlines() if not line.startswith("#")]
        if lines:
            sentence, *hex_lines, meaning = lines
            found.append(Entry(sentence, bytes.fromhex("".join(hex_lines)), meaning.removeprefix("  = ")))
    return found


def value_of(name: str, value: Any) -> Any:
    """A value as the PDU holds it, from its JSON."""
    match name:
        case "short_message":
            return bytes.fromhex(value)
        case "tlvs":
            return {int(tag, 16): bytes.fromhex(octets) for tag, octets in value.items()}
        case "dest_address":
            return [SmeAddress(*one) if len(one) == 3 else DistributionList(*one) for one in value]
        case "unsuccess_sme":
            return [UnsuccessSme(*one) for one in value]
    return value


@pytest.mark.parametrize("entry", [entry for entry in entries() if "offence" not in entry.meaning], ids=str)
def test_good_pdus_read_and_write(entry: Entry) -> None:
    is_read_only = entry.meaning.startswith("read only: ")
    name, sequence, values = entry.meaning.removeprefix("read only: ").split(" ", 2)
    kind = pdus.BY_COMMAND_ID[CommandId[name.upper()]]
    expected = kind(**{key: value_of(key, value) for key, value in json.loads(values).items()})
    assert codec.decode(entry.octets) == (expected, int(sequence))
    written = codec.encode(expected, int(sequence))
    assert (written == entry.octets) is not is_read_only


@pytest.mark.parametrize("entry", [entry for entry in entries() if "offence" in entry.meaning], ids=str)
def test_bad_pdus_are_offences(entry: Entry) -> None:
    *fatal, _, status = entry.meaning.split()
    with pytest.raises(RemoteProtocolError) as caught:
        codec.decode(entry.octets)
    assert (caught.value.status, caught.value.is_fatal) == (Status[status], bool(fatal))
    assert caught.value.sequence == int.from_bytes(entry.octets[12:16], "big")


def test_the_corpus_has_every_pdu() -> None:
    seen = {int.from_bytes(entry.octets[4:8], "big") for entry in entries() if "offence" not in entry.meaning}
    missing = {pdu.__name__ for pdu in pdus.ALL if pdu.COMMAND_ID not in seen}
    assert missing == {"BindTransmitterResp", "BindReceiverResp", "DataSmResp"}, "these three are like their siblings"
