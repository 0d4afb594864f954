"""How a content is sent: as text in parts of ours, as one part with the sender's header, or as the octets that came."""

from dataclasses import dataclass, replace

from bridge.intake.settings import IntakeSettings
from bridge.messages import charset, segment
from bridge.messages.data_coding import class_form, class_of, is_septets
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.message import Coding
from bridge.messages.segment import HEADER_SIZE, OCTETS_MAX, part_max
from bridge.messages.user_data import UserData

TEXT_MAX = 255 * 153
"""Characters that any number of parts could hold; a longer text is refused before it is looked at."""


@dataclass(slots=True)
class Content:
    """What the parts of a message say. Not frozen: made in the hot path, never changed."""

    coding: Coding
    texts: tuple[str, ...]
    """Of each part; of binary content its octets in upper-case hex."""
    user_data: UserData | None
    """What of each part goes out as it came; None: all of it is made of the texts."""


def content_of(
    text: str, user_data: UserData | None, settings: IntakeSettings, header_size: int = HEADER_SIZE
) -> Content:
    """Settle alphabet and parts. `header_size`: octets of the header that will number the parts of a long text.

    With `user_data.body` and a `text` that is its hex, the content is binary and stays as it is. With a body and
    another text, that is what the body says: it is sent as text where one part can carry it beside the header, else as
    the octets that came. A class in `user_data.data_coding` stays, in the alphabet that is chosen here.

    Raises Fault EMPTY_TEXT, TOO_MANY_PARTS, or MESSAGE_TOO_LARGE for what must be one part and does not fit.
    """
    if user_data is None:
        return Content(*_parts(text, settings, header_size), None)
    header, body = user_data.header, user_data.body
    if not header and body is None:
        coding, texts = _parts(text, settings, header_size)
        return Content(coding, texts, _recoded(user_data, coding))
    if body is not None and text == body.hex().upper():
        return _octets(Coding.BINARY, text, user_data, body)
    clean = _clean(text, settings)
    if not header and not clean.strip():
        raise Fault(FaultCode.EMPTY_TEXT)
    coding = charset.choose(clean)
    is_whole = body is None or charset.REPLACEMENT not in clean
    if is_whole and charset.unit_count(clean, coding) <= part_max(coding, len(header)):
        return Content(coding, (clean,), _recoded(user_data, coding))
    if body is None:
        raise Fault(FaultCode.MESSAGE_TOO_LARGE, f"{len(clean)} characters do not fit one part beside its header")
    return _octets(Coding.GSM7 if is_septets(user_data.data_coding or 0) else Coding.UCS2, clean, user_data, body)


def storable(text: str) -> str:
    """Text without stray halves of surrogate pairs, which SQLite and UTF-8 do not take."""
    return text.encode(errors="replace").decode()


def _octets(coding: Coding, text: str, user_data: UserData, body: bytes) -> Content:
    """Octets that go out as they came; a septet has one of its own on the wire, and is packed by the carrier."""
    header_size = len(user_data.header)
    is_packed = is_septets(user_data.data_coding or 0)
    room = part_max(Coding.GSM7, header_size) if is_packed else OCTETS_MAX - header_size
    if len(body) > room:
        raise Fault(FaultCode.MESSAGE_TOO_LARGE, f"{len(body)} octets, one part has room for {max(room, 0)} of them")
    if not body and not header_size:
        raise Fault(FaultCode.EMPTY_TEXT)
    return Content(coding, (text,), user_data)


def _recoded(user_data: UserData, coding: Coding) -> UserData | None:
    """What is left of the sender's user data when its text is coded by us: its header, class and protocol_id."""
    message_class = None if user_data.data_coding is None else class_of(user_data.data_coding)
    if message_class is None:
        left = replace(user_data, body=None, data_coding=None)
        return left if left != UserData() else None
    return replace(user_data, body=None, data_coding=class_form(coding, message_class))


def _clean(text: str, settings: IntakeSettings) -> str:
    text = charset.normalise_text(text)
    return charset.downgrade(text) if settings.downgrade else text


def _parts(text: str, settings: IntakeSettings, header_size: int) -> tuple[Coding, tuple[str, ...]]:
    if len(text) > TEXT_MAX:
        raise Fault(FaultCode.TOO_MANY_PARTS, f"{len(text)} characters, at most {settings.parts_max} parts are allowed")
    text = _clean(text, settings)
    if not text.strip():
        raise Fault(FaultCode.EMPTY_TEXT)
    coding = charset.choose(text)
    size, room = charset.unit_count(text, coding), part_max(coding, header_size)
    count = 1 if size <= segment.SINGLE_MAX[coding] else -(-size // room)
    if count <= settings.parts_max:  # Else it is not cut up: that takes several times as long as the rest.
        texts = tuple(segment.segment(text, coding, header_size))
        count = len(texts)
    if count > settings.parts_max:
        because = ""
        if coding is Coding.UCS2:
            because = f" (the character {charset.forced_ucs2(text)!r} leaves only {room} characters to a part)"
        raise Fault(FaultCode.TOO_MANY_PARTS, f"{count} parts, at most {settings.parts_max} are allowed{because}")
    return coding, texts
