"""What a carrier's answer means, by its mapping; and by its status code alone where no rule fits."""

from dataclasses import dataclass, field

from bridge.dialects import pick
from bridge.dialects.mapping import Action, AnswerRule, Extract, Mapping

REASON_SIZE_MAX = 120
ID_SIZE_MAX = 128
"""Characters of a carrier's id; UUIDs have 36."""

_BY_STATUS = {
    401: Action.LOGIN,
    402: Action.LOGIN,
    403: Action.LOGIN,
    408: Action.RETRY,
    425: Action.RETRY,
    429: Action.SLOW,
    503: Action.RETRY,
}
"""What everybody means by these (RFC 9110, RFC 6585). 408 and 503 say that it was not taken; what other troubles of a
server (500, 502, 504) came before or after it was taken, they do not say."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer said."""

    action: Action | None
    """None: nothing that anybody knows; it was not taken."""
    ids: list[str] = field(default_factory=list)
    """The carrier's names, as many as it gave, when it took it."""
    reason: str = ""
    """For people: what the carrier wrote, and its status code."""


def judge(mapping: Mapping, status: int, content_type: str, body: bytes) -> Verdict:
    """What an answer with that status and body means. Never fails."""
    said = body.decode("utf-8", "replace")
    document = pick.document(body, content_type)
    rule = next((rule for rule in mapping.answers if _fits(rule, status, document, said)), None)
    action = rule.then if rule is not None else _usual(status)
    if action is Action.SUBMITTED:
        ids = [one.strip()[:ID_SIZE_MAX] for one in _extract(mapping.id, document, said) if one.strip()]
        return Verdict(action, ids)
    why = " ".join(next(iter(_extract(mapping.reason, document, said)), "").split())[:REASON_SIZE_MAX]
    readable = "".join(character for character in why if character.isprintable())
    return Verdict(action, [], f"{readable} (HTTP {status})" if readable else f"HTTP {status}")


def _fits(rule: AnswerRule, status: int, document: object, said: str) -> bool:
    if rule.status and status not in rule.status and status // 100 not in rule.status:
        return False
    if rule.path or rule.values:
        found = pick.texts(document, rule.path) if isinstance(document, dict | list) else []
        if not found or (rule.values and any(each not in rule.values for each in found)):
            return False
    return not rule.matches or bool(pick.matched(rule.matches, said))


def _usual(status: int) -> Action | None:
    if status // 100 == 2:
        return Action.DOUBT  # It says yes in a way that nobody knows.
    return _BY_STATUS.get(status, Action.DOUBT if status >= 500 else None)


def _extract(rule: Extract, document: object, said: str) -> list[str]:
    if rule.path:
        return pick.texts(document, rule.path) if isinstance(document, dict | list) else []
    return pick.matched(rule.matches, said) if rule.matches else []
