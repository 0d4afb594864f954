"""What a PDU is made of. A PDU is a table of these fields; `compiler.py` turns the table into code.

Each kind of field checks its own bounds in both directions. Reading, it never looks beyond its own limit, so an
unterminated string cannot swallow its neighbour; the error carries the command_status that names the field.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass

from bridge.smpp.constants import Status
from bridge.smpp.errors import LocalProtocolError, RemoteProtocolError

SHORT_MESSAGE_SIZE_MAX = 254
"""Octets of short_message (SMPP 3.4, 4.4.1); longer texts go into message_payload."""

ADDRESS_SIZE_MAX = 21
"""An address with its NUL (SMPP 3.4, 5.2.8)."""

DESTINATIONS_MAX = 254
"""Entries of dest_address in submit_multi (SMPP 3.4, 4.5.1); also what fits unsuccess_sme's count octet."""

TLVS_MAX = 100
"""TLVs in one PDU; the standard knows 44, so more is nonsense or an attack on our memory."""

TLV_SIZE_MAX = 0xFFFF

LENIENT_STRING_SIZE_MAX = 255
"""Octets a string in a response may have, whatever the standard says of its field."""

_TLV_HEADER = struct.Struct(">HH")
_read_tlv_header = _TLV_HEADER.unpack_from


@dataclass(frozen=True, slots=True)
class Octet:
    """An unsigned integer of one octet."""

    name: str


@dataclass(frozen=True, slots=True)
class CString:
    """A C-octet string: latin-1 text and a NUL; `size_max` counts the NUL.

    `status` is what a peer is told who sends it too long or without its NUL.
    """

    name: str
    size_max: int
    status: int = Status.RSYSERR


@dataclass(frozen=True, slots=True)
class ShortMessage:
    """sm_length and short_message: 0..254 octets of anything."""

    name: str = "short_message"


@dataclass(frozen=True, slots=True)
class Listing:
    """A count octet and so many entries: the lists of submit_multi and its response.

    `read(frame, at)` gives the entries and where they end; `write(entries)` gives count and entries as octets.
    """

    name: str
    read: Callable[[bytes, int], tuple[list[object], int]]
    write: Callable[[list[object]], bytes]


Field = Octet | CString | ShortMessage | Listing


@dataclass(slots=True)
class SmeAddress:
    """One address of dest_address (dest_flag 1)."""

    destination_addr: str
    dest_addr_ton: int = 0
    dest_addr_npi: int = 0


@dataclass(slots=True)
class DistributionList:
    """One named list of dest_address (dest_flag 2)."""

    dl_name: str


@dataclass(slots=True)
class UnsuccessSme:
    """One address that submit_multi could not serve, and the command_status that says why."""

    destination_addr: str
    dest_addr_ton: int = 0
    dest_addr_npi: int = 0
    error_status_code: int = 0


def bad_string(frame: bytes, at: int, field: CString) -> RemoteProtocolError:
    """The error for a string that has no NUL within its bound."""
    is_long = len(frame) - at >= field.size_max
    fate = f"is longer than {field.size_max - 1} octets" if is_long else "does not end"
    return RemoteProtocolError(f"{field.name} {fate}", status=field.status)


def unwritable_string(value: str, field: CString) -> LocalProtocolError:
    """The error for a string that its field cannot hold."""
    fate = "contains a NUL" if "\0" in value else f"is longer than {field.size_max - 1} octets"
    return LocalProtocolError(f"{field.name} {fate}")


def write_string(value: str, field: CString) -> bytes:
    """A string with its NUL; LocalProtocolError when it is too long, not latin-1 or contains NUL."""
    if len(value) >= field.size_max or "\0" in value:
        raise unwritable_string(value, field)
    try:
        return value.encode("latin-1") + b"\0"
    except UnicodeEncodeError as error:
        raise LocalProtocolError(f"{field.name} is not latin-1: {error.reason}") from error


def read_string(frame: bytes, at: int, field: CString) -> tuple[str, int]:
    """The string at `at` and where the next field begins."""
    stop = frame.find(0, at, at + field.size_max)
    if stop < 0:
        raise bad_string(frame, at, field)
    return frame[at:stop].decode("latin-1"), stop + 1


def _octets(frame: bytes, at: int, size: int) -> bytes:
    if at + size > len(frame):
        raise IndexError(at)
    return frame[at : at + size]


_DESTINATION = CString("destination_addr", ADDRESS_SIZE_MAX, Status.RINVDSTADR)
_DL_NAME = CString("dl_name", 21, Status.RINVDLNAME)
_FLAG_ADDRESS, _FLAG_LIST = 1, 2


def read_destinations(frame: bytes, at: int) -> tuple[list[object], int]:
    """number_of_dests and dest_address (SMPP 3.4, 4.5.1.1): 1..254 SmeAddress or DistributionList."""
    count = frame[at]
    if not 1 <= count <= DESTINATIONS_MAX:
        raise RemoteProtocolError(f"number_of_dests is {count}", status=Status.RINVNUMDESTS)
    at += 1
    entries: list[object] = []
    for _ in range(count):
        flag = frame[at]
        if flag == _FLAG_ADDRESS:
            ton, npi = _octets(frame, at + 1, 2)
            address, at = read_string(frame, at + 3, _DESTINATION)
            entries.append(SmeAddress(address, ton, npi))
        elif flag == _FLAG_LIST:
            name, at = read_string(frame, at + 1, _DL_NAME)
            entries.append(DistributionList(name))
        else:
            raise RemoteProtocolError(f"dest_flag is {flag}", status=Status.RINVDESTFLAG)
    return entries, at


def write_destinations(entries: list[object]) -> bytes:
    """The reverse of `read_destinations`; LocalProtocolError for 0 or more than 254 entries."""
    if not 1 <= len(entries) <= DESTINATIONS_MAX:
        raise LocalProtocolError(f"{len(entries)} destinations; 1..{DESTINATIONS_MAX} are possible")
    pieces = [bytes((len(entries),))]
    for entry in entries:
        if isinstance(entry, SmeAddress):
            pieces.append(bytes((_FLAG_ADDRESS, entry.dest_addr_ton, entry.dest_addr_npi)))
            pieces.append(write_string(entry.destination_addr, _DESTINATION))
        elif isinstance(entry, DistributionList):
            pieces.append(bytes((_FLAG_LIST,)) + write_string(entry.dl_name, _DL_NAME))
        else:
            raise LocalProtocolError(f"not a destination: {type(entry).__name__}")
    return b"".join(pieces)


def read_failures(frame: bytes, at: int) -> tuple[list[object], int]:
    """no_unsuccess and unsuccess_sme (SMPP 3.4, 4.5.2.1): 0..255 UnsuccessSme."""
    count = frame[at]
    at += 1
    entries: list[object] = []
    for _ in range(count):
        ton, npi = _octets(frame, at, 2)
        address, at = read_string(frame, at + 2, _DESTINATION)
        entries.append(UnsuccessSme(address, ton, npi, int.from_bytes(_octets(frame, at, 4), "big")))
        at += 4
    return entries, at


def write_failures(entries: list[object]) -> bytes:
    """The reverse of `read_failures`; LocalProtocolError for more than 254 entries."""
    if len(entries) > DESTINATIONS_MAX:
        raise LocalProtocolError(f"{len(entries)} failures; at most {DESTINATIONS_MAX} are possible")
    pieces = [bytes((len(entries),))]
    for entry in entries:
        if not isinstance(entry, UnsuccessSme):
            raise LocalProtocolError(f"not an unsuccess_sme: {type(entry).__name__}")
        pieces.append(bytes((entry.dest_addr_ton, entry.dest_addr_npi)))
        pieces.append(write_string(entry.destination_addr, _DESTINATION))
        pieces.append(entry.error_status_code.to_bytes(4, "big"))
    return b"".join(pieces)


def end_of_unterminated(frame: bytes, at: int, field: CString) -> int:
    """Where a response's string without NUL ends: at the end of the frame, if that is within reason.

    Nobody can be told about a bad response, and dropping one would leave an accepted part in doubt.
    """
    if len(frame) - at > LENIENT_STRING_SIZE_MAX:
        raise bad_string(frame, at, field)
    return len(frame)


def read_tlvs_leniently(frame: bytes, at: int) -> dict[int, bytes]:
    """The TLVs of a response; a broken tail is dropped, for nobody can be told about it."""
    try:
        return read_tlvs(frame, at)
    except RemoteProtocolError:
        return {}


def read_tlvs(frame: bytes, at: int) -> dict[int, bytes]:
    """The TLVs from `at` to the end, unknown ones too; of several with one tag the first counts.

    Raises RemoteProtocolError RINVOPTPARSTREAM for half a TLV, a length past the end, or more than 100.
    """
    end = len(frame)
    tlvs: dict[int, bytes] = {}
    for _ in range(TLVS_MAX):
        if at == end:
            return tlvs
        if at + _TLV_HEADER.size > end:
            raise RemoteProtocolError("half a TLV at the end", status=Status.RINVOPTPARSTREAM)
        tag, size = _read_tlv_header(frame, at)
        start = at + _TLV_HEADER.size
        at = start + size
        if at > end:
            raise RemoteProtocolError(f"TLV 0x{tag:04X} is longer than its PDU", status=Status.RINVOPTPARSTREAM)
        if tag not in tlvs:
            tlvs[tag] = frame[start:at]
    if at < end:
        raise RemoteProtocolError(f"more than {TLVS_MAX} TLVs", status=Status.RINVOPTPARSTREAM)
    return tlvs


def bad_message_length(length: int, room: int) -> RemoteProtocolError:
    """The error for an sm_length that is above 254 or runs past the end of the PDU."""
    return RemoteProtocolError(f"sm_length is {length}, and {room} octets follow", status=Status.RINVMSGLEN)


def unwritable_message(value: bytes) -> LocalProtocolError:
    return LocalProtocolError(f"short_message has {len(value)} octets; at most {SHORT_MESSAGE_SIZE_MAX} are possible")


def write_tlvs(tlvs: dict[int, bytes]) -> bytes:
    """The TLVs in the order of the dict; LocalProtocolError when there are too many or one is too long."""
    if len(tlvs) > TLVS_MAX:
        raise LocalProtocolError(f"{len(tlvs)} TLVs; at most {TLVS_MAX} are possible")
    pieces: list[bytes] = []
    for tag, value in tlvs.items():
        if not 0 <= tag <= 0xFFFF or len(value) > TLV_SIZE_MAX:
            raise LocalProtocolError(f"TLV {tag} of {len(value)} octets cannot be written")
        pieces += (_TLV_HEADER.pack(tag, len(value)), value)
    return b"".join(pieces)
