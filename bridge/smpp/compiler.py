"""Turns the FIELDS table of a PDU into the two functions that write and read it.

The functions are Python source made from the table and compiled once at import, as `dataclasses` does: a loop over
the table at run time costs about three times as much, and this is the hottest code of the appliance. To see what
was made for a PDU, print `encoder_source(SubmitSm)` or `decoder_source(SubmitSm)`.

Both directions go through latin-1 text, where one character is one octet: writing formats all strings and octets
with a single template, reading decodes the frame once and cuts the strings out of it.
"""

import struct
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Any

from bridge.smpp import fields
from bridge.smpp.fields import CString, Field, Listing, Octet, ShortMessage
from bridge.smpp.pdus import Pdu

HEADER = struct.Struct(">IIII")
"""command_length, command_id, command_status, sequence_number (SMPP 3.4, 3.2)."""

Encoder = Callable[[Any, int], bytes]
Decoder = Callable[[bytes, int], Pdu]


def make_encoder(pdu: type[Pdu]) -> Encoder:
    """`encoder(pdu, sequence_number) -> frame`. Raises LocalProtocolError, or TypeError, ValueError, OverflowError,
    AttributeError or struct.error for values that are not of the right type or range."""
    encoder: Encoder = _compile("encode", encoder_source(pdu), pdu)
    return encoder


def make_decoder(pdu: type[Pdu]) -> Decoder:
    """`decoder(frame, status) -> pdu`. RemoteProtocolError, or IndexError for a frame that ends before a field."""
    decoder: Decoder = _compile("decode", decoder_source(pdu), pdu)
    return decoder


def _compile(name: str, source: str, pdu: type[Pdu]) -> Any:
    namespace: dict[str, Any] = {
        **{key: value for key, value in vars(fields).items() if callable(value)},
        "Class": pdu,
        "new": object.__new__,
        "header": HEADER.pack,
        **{_constant(field): field for field in pdu.FIELDS},
    }
    exec(compile(source, f"<{name} {pdu.__name__}>", "exec"), namespace)  # noqa: S102 - from our own tables only
    return namespace[name]


def _constant(field: Field) -> str:
    return field.name.upper()


def _function(signature: str, lines: Iterator[str]) -> str:
    return "\n".join((f"def {signature}:", *(f"    {line}" for line in lines), ""))


def encoder_source(pdu: type[Pdu]) -> str:
    """The source of the function that writes `pdu`."""
    return _function("encode(pdu, sequence_number)", _encoder_lines(pdu))


def _encoder_lines(pdu: type[Pdu]) -> Iterator[str]:
    command_id = f"0x{pdu.COMMAND_ID:08X}"
    if pdu.is_response() and pdu.FIELDS:
        is_empty = " or ".join(f"pdu.{field.name}" for field in pdu.FIELDS)
        yield f"if pdu.status and not (pdu.tlvs or {is_empty}):"
        yield f"    return header(16, {command_id}, pdu.status, sequence_number)"
    for field in pdu.FIELDS:
        yield from _checks(field)
    pieces = [_piece(kind, list(group)) for kind, group in groupby(pdu.FIELDS, key=_is_text)]
    yield f"body = {' + '.join(pieces) or repr(b'')}"
    yield "if pdu.tlvs:"
    yield "    body += write_tlvs(pdu.tlvs)"
    yield f"return header(16 + len(body), {command_id}, pdu.status, sequence_number) + body"


def _is_text(field: Field) -> bool:
    return not isinstance(field, Listing)


def _checks(field: Field) -> Iterator[str]:
    name = field.name
    match field:
        case CString():
            yield f"{name} = pdu.{name}"
            yield f"if '\\0' in {name} or len({name}) >= {field.size_max}:"
            yield f"    raise unwritable_string({name}, {_constant(field)})"
        case ShortMessage():
            yield f"{name} = pdu.{name}"
            yield f"if len({name}) > {fields.SHORT_MESSAGE_SIZE_MAX}:"
            yield f"    raise unwritable_message({name})"


def _piece(is_text: bool, group: list[Field]) -> str:
    """An expression for the octets of neighbouring fields: one template, then what is octets already."""
    if not is_text:
        return " + ".join(f"{_constant(field)}.write(pdu.{field.name})" for field in group)
    template, values, tail = "", "", ""
    for field in group:
        match field:
            case CString():
                template += "%s\\0"
                values += f"{field.name}, "
            case Octet():
                template += "%c"
                values += f"pdu.{field.name}, "
            case ShortMessage():
                template += "%c"
                values += f"len({field.name}), "
                tail = f" + {field.name}"
    return f"('{template}' % ({values})).encode('latin-1')" + tail


def decoder_source(pdu: type[Pdu]) -> str:
    """The source of the function that reads `pdu`."""
    return _function("decode(frame, status)", _decoder_lines(pdu))


def _decoder_lines(pdu: type[Pdu]) -> Iterator[str]:
    is_response = pdu.is_response()
    yield "end = len(frame)"
    if is_response:
        yield f"if end == {HEADER.size}:"
        yield "    return Class(status=status)"
    # Storing into an empty object costs less than half of calling its __init__ with as many arguments.
    yield "pdu = new(Class)"
    yield "pdu.status = status"
    if any(isinstance(field, CString) for field in pdu.FIELDS):
        yield "text = frame.decode('latin-1')"
        yield "find = text.find"
    yield f"at = {HEADER.size}"
    for kind, group in groupby(pdu.FIELDS, key=type):
        if kind is Octet:
            yield from _read_octets([field.name for field in group])
        else:
            for field in group:
                yield from _read_field(field, is_response)
    read = "read_tlvs_leniently" if is_response else "read_tlvs"
    yield f"pdu.tlvs = {read}(frame, at) if at < end else {{}}"
    yield "return pdu"


def _read_octets(names: list[str]) -> Iterator[str]:
    for offset, name in enumerate(names):
        yield f"pdu.{name} = frame[at + {offset}]" if offset else f"pdu.{name} = frame[at]"
    yield f"at += {len(names)}"


def _read_field(field: Field, is_response: bool) -> Iterator[str]:
    name, constant = field.name, _constant(field)
    match field:
        case CString():
            size_max = fields.LENIENT_STRING_SIZE_MAX + 1 if is_response else field.size_max
            yield "if frame[at]:"
            yield f"    stop = find('\\0', at, at + {size_max})"
            yield "    if stop < 0:"
            if is_response:
                yield f"        stop = end_of_unterminated(frame, at, {constant})"
            else:
                yield f"        raise bad_string(frame, at, {constant})"
            yield f"    pdu.{name} = text[at:stop]"
            yield "    at = stop + 1"
            yield "else:"
            yield f"    pdu.{name} = ''"
            yield "    at += 1"
        case ShortMessage():
            yield "length = frame[at]"
            yield "at += 1"
            yield "stop = at + length"
            yield f"if length > {fields.SHORT_MESSAGE_SIZE_MAX} or stop > end:"
            yield "    raise bad_message_length(length, end - at)"
            yield f"pdu.{name} = frame[at:stop]"
            yield "at = stop"
        case Listing():
            yield f"pdu.{name}, at = {constant}.read(frame, at)"
