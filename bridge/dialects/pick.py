"""Values out of what a carrier wrote: by a path through JSON or named parameters, or by a regular expression."""

import json
import re
from typing import Any
from urllib.parse import parse_qsl

PICKED_MAX = 1000
"""Values of one path; a carrier sends a hundred receipts at a time."""
VALUE_SIZE_MAX = 5000
"""Characters of one value: a text of ten parts has 1,530."""
PARAMETERS_MAX = 200


def document(body: bytes, content_type: str) -> Any:
    """A body as JSON or as the parameters of a form; None when it is neither. Never fails."""
    kind = content_type.partition(";")[0].strip().lower()
    stripped = body.strip()
    if kind.endswith("json") or stripped[:1] in (b"{", b"["):
        try:
            return json.loads(stripped)
        except (ValueError, RecursionError):
            return None
    if kind in ("application/x-www-form-urlencoded", ""):
        return parameters(body)
    return None


def parameters(raw: bytes) -> dict[str, str]:
    """The parameters of a query or a form as UTF-8; of one that comes twice the last. Too many: none."""
    try:
        pairs = parse_qsl(raw.decode("latin-1"), keep_blank_values=True, max_num_fields=PARAMETERS_MAX)
    except ValueError:
        return {}
    return dict(pairs)


def pick(value: Any, path: str) -> list[Any]:
    """What a path leads to: names and list positions between dots, `*` for every item. Nothing there: []."""
    found = [value]
    for step in path.split(".") if path else ():
        found = [each for one in found for each in _step(one, step)][:PICKED_MAX]
    return found


def _step(value: Any, step: str) -> list[Any]:
    if isinstance(value, dict):
        if step == "*":
            return list(value.values())
        return [value[step]] if step in value else []
    if isinstance(value, list):
        if step == "*":
            return value
        return [value[int(step)]] if step.isdecimal() and int(step) < len(value) else []
    return []


def texts(value: Any, path: str) -> list[str]:
    """The same as texts; what is no plain value is left out."""
    return [text for each in pick(value, path) if (text := as_text(each)) is not None]


def text(value: Any, path: str) -> str:
    """The first of them; "" for none."""
    return next(iter(texts(value, path)), "") if path else ""


def as_text(value: Any) -> str | None:
    """A plain value as text; None for null, objects and lists."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        # JSON can spell half a surrogate pair, which nothing further on could store.
        return str(value)[:VALUE_SIZE_MAX].encode("utf-16-be", "surrogatepass").decode("utf-16-be", "replace")
    return None


def matched(pattern: str, content: str) -> list[str]:
    """What the pattern finds, by its first group where it has one."""
    found = re.finditer(pattern, content[: 16 * 1024])
    return [match[1] if match.re.groups else match[0] for match in found if match[0]][:PICKED_MAX]
