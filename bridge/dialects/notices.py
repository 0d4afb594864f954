"""What a carrier tells by itself: receipts and texts from handsets, read by its mapping."""

import re
from collections.abc import Mapping as Causes
from datetime import UTC, datetime
from typing import Any

from bridge.dialects import pick
from bridge.dialects.mapping import InboundMapping, ReceiptMapping
from bridge.messages.causes import Cause
from bridge.messages.inbound import InboundPart
from bridge.messages.message import PartState
from bridge.messages.receipt import IdFormat, Receipt

REFERENCES = "r"
"""The parameter of a receipt's URL with our references of the parts it is about, between dots."""
OWN_ID = "i"
"""The parameter with our own name for the part, for carriers that have none."""
REFERENCES_MAX = 255
ERROR_SIZE_MAX = 16
_REFERENCES = re.compile(r"[0-9]{1,5}(?:\.[0-9]{1,5}){0,254}")


class Unreadable(Exception):
    """It is not what the mapping says; the text says what is missing."""


def receipts(
    mapping: ReceiptMapping, query: bytes, content_type: str, body: bytes, errors: Causes[str, Cause]
) -> list[Receipt]:
    """The receipts of one request, none for a state that we do not want to know. Raises Unreadable.

    One that is about a text of several parts is given once for each of them. `errors` are the link's own.
    """
    asked = pick.parameters(query)
    causes = {**mapping.errors, **errors}
    found: list[Receipt] = []
    for item in _items(mapping.items, asked, content_type, body):
        receipt = _receipt(mapping, item, causes)
        if receipt is not None:
            found += _for_each(receipt, asked.get(REFERENCES, ""))
    return found


def inbound(mapping: InboundMapping, query: bytes, content_type: str, body: bytes) -> list[InboundPart]:
    """The texts of one request. Raises Unreadable."""
    found = []
    for item in _items(mapping.items, pick.parameters(query), content_type, body):
        originator, recipient = digits(pick.text(item, mapping.originator)), digits(pick.text(item, mapping.recipient))
        if not originator or not recipient:
            raise Unreadable(f"{mapping.recipient if originator else mapping.originator} is missing")
        found.append(InboundPart(originator, recipient, pick.text(item, mapping.text)))
    return found


def _items(path: str, asked: dict[str, str], content_type: str, body: bytes) -> list[Any]:
    """The single things that a request tells, each with the parameters of the query."""
    document = pick.document(body, content_type) if body.strip() else {}
    if document is None:
        raise Unreadable("the body is neither JSON nor a form")
    found = pick.pick(document, path)
    items = found[0] if len(found) == 1 and isinstance(found[0], list) else found
    return [{**asked, **item} for item in items if isinstance(item, dict)]


def _receipt(mapping: ReceiptMapping, item: Any, causes: Causes[str, Cause]) -> Receipt | None:
    smsc_id, word = pick.text(item, mapping.id).strip(), pick.text(item, mapping.state).strip()
    if not smsc_id or not word:
        raise Unreadable(f"{mapping.state if smsc_id else mapping.id} is missing")
    # A word of its own, whatever it means, is not the end.
    meant = _meant(mapping.states, word.casefold())
    if meant == "nothing":
        return None
    error = pick.text(item, mapping.error)
    if mapping.error_matches:
        error = next(iter(pick.matched(mapping.error_matches, error)), "")
    receipt = Receipt(
        smsc_id=smsc_id,
        state=None if meant in ("trying", "other") else PartState(meant),
        error=error.strip()[:ERROR_SIZE_MAX],
        network_at_ms=_time_ms(pick.text(item, mapping.time).strip(), mapping.time_form),
        originator=digits(pick.text(item, mapping.recipient)),
        recipient=digits(pick.text(item, mapping.originator)),
        is_trying=meant == "trying",
        id_format=IdFormat.EXACT,
    )
    receipt.explain(causes)
    return receipt


def _meant(states: Causes[str, str], word: str) -> str:
    """What a word means: as it stands, else by the longest beginning that the table has."""
    if word in states:
        return states[word]
    beginnings = [known for known in states if known.endswith("*") and word.startswith(known[:-1])]
    return states[max(beginnings, key=len)] if beginnings else "other"


def _for_each(receipt: Receipt, references: str) -> list[Receipt]:
    """The receipt once for each part, with our reference of it; once, without, where the URL says nothing."""
    if not _REFERENCES.fullmatch(references):
        return [receipt]
    return [
        Receipt(
            smsc_id=receipt.smsc_id,
            state=receipt.state,
            error=receipt.error,
            network_at_ms=receipt.network_at_ms,
            originator=receipt.originator,
            recipient=receipt.recipient,
            reference=int(reference) & 0xFFFF,
            is_trying=receipt.is_trying,
            cause=receipt.cause,
            id_format=receipt.id_format,
        )
        for reference in references.split(".")
    ]


def digits(address: str) -> str:
    """A number without the plus, 00 and blanks around it; a name as it is."""
    address = address.strip()
    if address.startswith("00") and address.isdigit():
        return address[2:]
    return address.removeprefix("+")


def _time_ms(text: str, form: str) -> int | None:
    """A moment as ms UTC; None for what cannot be read: then it happened when we heard of it."""
    try:
        if form == "unix_s":
            return round(float(text) * 1000) if text else None
        if form == "yymmddhhmm":
            moment = datetime.strptime(text[:10], "%y%m%d%H%M").replace(tzinfo=UTC)
        else:
            moment = datetime.fromisoformat(text)
        return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None
