"""A request for the parts of one message: what goes into the template of the carrier's mapping. Pure."""

import base64
from urllib.parse import urlencode

from bridge.dialects import notices, template
from bridge.dialects.mapping import LongTexts, Mapping
from bridge.http_out.settings import HttpLinkSettings
from bridge.messages import charset
from bridge.messages.message import ClaimedPart, Coding
from bridge.smpp import udh
from bridge.smpp.translate import user_message_reference

ROOT = "carrier"
"""First part of the path under which receipts and texts come in."""
RECEIPTS, TEXTS = "receipt", "text"
SHORT_CODE_DIGITS_MAX = 8
"""A numeric originator of at most so many digits is a short code, and gets no plus."""


class Unsendable(Exception):
    """The carrier's interface has no way to ask for this part; the text says why."""


class Requests:
    """Makes the requests of one link."""

    def __init__(self, settings: HttpLinkSettings, mapping: Mapping, password: str) -> None:
        self._settings = settings
        self._mapping = mapping
        basic = base64.b64encode(f"{settings.account}:{password}".encode()).decode("ascii")
        self._fixed = {
            **settings.values,
            "url": settings.url or mapping.url,
            "account": settings.account,
            "password": password,
            "basic": basic,
        }

    def of(self, parts: list[ClaimedPart], now_ms: int) -> template.Filled:
        """The request for a part, or for all parts of one message together. Raises Unsendable."""
        first = parts[0]
        header = _header(first, self._mapping)
        octets = b"".join(_octets(part) for part in parts)
        self._check(first, header)
        until_ms = first.network_until_ms
        left_s = max((until_ms - now_ms) // 1000, 1) if until_ms else 0
        values = {
            **self._fixed,
            "recipient": first.recipient,
            "recipient_plus": f"+{first.recipient}",
            "originator": first.originator,
            "originator_plus": _with_plus(first.originator),
            "text": "".join(part.text for part in parts),
            "octets": octets.decode("latin-1"),
            "octets_hex": octets.hex().upper(),
            "udh": header.decode("latin-1"),
            "udh_hex": header.hex().upper(),
            "coding": self._mapping.codings.get(first.coding.value, ""),
            "validity_s": str(left_s) if left_s else "",
            "validity_min": str(max(left_s // 60, 1)) if left_s else "",
            "message_id": first.message_id,
            "part_no": str(first.part_no),
            "part_total": str(first.part_total),
            "reference": reference(first),
            "receipt_url": self._receipt_url(parts),
        }
        return template.fill(self._mapping.request, values)

    def _check(self, part: ClaimedPart, header: bytes) -> None:
        has_octets = part.coding is Coding.BINARY or (part.user_data is not None and part.user_data.body is not None)
        if has_octets and not self._mapping.takes_binary:
            raise Unsendable("this carrier takes no content that is not text")
        if header and not self._mapping.takes_header:
            raise Unsendable("this carrier takes no user data header")

    def _receipt_url(self, parts: list[ClaimedPart]) -> str:
        settings = self._settings
        if not settings.public_url or settings.receipt_token is None or self._mapping.receipt is None:
            return ""
        references = ".".join(str(user_message_reference(part.part_id)) for part in parts)
        query = urlencode({notices.OWN_ID: reference(parts[0]), notices.REFERENCES: references})
        return f"{settings.public_url}/{ROOT}/{settings.name}/{settings.receipt_token}/{RECEIPTS}?{query}"


def missing(link: HttpLinkSettings, mapping: Mapping) -> list[tuple[str, str, str]]:
    """What a link's settings lack for its mapping: which setting, what is wrong, what would be right."""
    names = mapping.request.names()
    found = []
    if "url" in names and not (link.url or mapping.url):
        found.append(("url", "is missing", "write where the carrier's interface is; its mapping does not say it"))
    if names & {"account", "basic"} and not link.account:
        found.append(("account", "is missing", "write the account name or key that the carrier gave us"))
    if names & {"password", "basic"} and link.password is None and link.password_file is None:
        found.append(("password", "is missing", "give password or password_file"))
    for name in sorted(mapping.values.keys() - link.values.keys()):
        found.append(("values", f"{name} is missing", f"write {mapping.values[name]}"))
    for name in sorted(link.values.keys() - mapping.values.keys()):
        known = ", ".join(sorted(mapping.values)) or "none"
        found.append(("values", f"the mapping has no value {name}", f"its values are: {known}"))
    base = link.url or mapping.url
    if base.startswith("http://") and not link.networks:
        found.append(("url", "has no TLS", "write https://, or name the carrier's network in networks"))
    return found


def reference(part: ClaimedPart) -> str:
    """Our name for a part, also when it is tried again."""
    return f"{part.message_id}-{part.part_no}"


def _header(part: ClaimedPart, mapping: Mapping) -> bytes:
    if part.user_data is not None and part.user_data.header:
        return part.user_data.header
    if part.part_total > 1 and mapping.long_texts is LongTexts.UDH:
        return udh.build_concat(part.concat_ref & 0xFF, part.part_total, part.part_no)
    return b""


def _octets(part: ClaimedPart) -> bytes:
    if part.user_data is not None and part.user_data.body is not None:
        return part.user_data.body
    return bytes.fromhex(part.text) if part.coding is Coding.BINARY else charset.encode(part.text, part.coding)


def _with_plus(originator: str) -> str:
    is_number = originator.isascii() and originator.isdigit() and len(originator) > SHORT_CODE_DIGITS_MAX
    return f"+{originator}" if is_number else originator
