"""A carrier's HTTP interface as data: how a part is asked for, how the answer is understood, what receipts look like.

A mapping is a YAML file. Texts in `request` may hold names in braces, as `{recipient}`; NAMES says which there are.
A parameter, a field or a member that holds a name without a value is left out as a whole, so that one mapping serves
links with receipts and without. Answers are tried rule by rule; what no rule fits is read by the status code alone
(see answers.py).
"""

import re
from enum import StrEnum
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from bridge.messages.causes import Cause, code_key

NAMES = {
    "url": "the link's `url`, or the mapping's own",
    "account": "the link's `account`",
    "password": "the link's `password`",
    "basic": "account and password in Base64, as in HTTP Basic",
    "recipient": "the digits of the number",
    "recipient_plus": "the same with a plus in front",
    "originator": "a name, a short code or the digits of a number; nothing: the carrier chooses",
    "originator_plus": "the same with a plus in front of an international number",
    "text": "the characters",
    "octets": "the content as octets in its own alphabet; only in `query` and `form_body`",
    "octets_hex": "the same in hexadecimal digits",
    "udh": "the user data header with its length octet; only in `query` and `form_body`",
    "udh_hex": "the same in hexadecimal digits",
    "coding": "the alphabet, by the table `codings`",
    "validity_s": "seconds for which it is worth sending",
    "validity_min": "the same in minutes, at least 1",
    "message_id": "our id of the message",
    "part_no": "which part of the message it is",
    "part_total": "how many parts the message has",
    "reference": "our name for the part, as 1A2B3C4D-1",
    "receipt_url": "where receipts about it are to be sent",
}
"""What may stand in braces, beside the mapping's own `values`."""
OCTET_NAMES = frozenset({"octets", "udh"})
KEPT_EMPTY = frozenset({"text", "octets", "octets_hex"})
"""Names that leave nothing out: a text may be empty."""

PATTERN_SIZE_MAX = 200
TABLE_MAX = 200
NAME = re.compile(r"\{([a-z][a-z0-9_]*)\}")


class LongTexts(StrEnum):
    """How a message of several parts reaches the carrier."""

    WHOLE = "whole"
    """As one request with the whole text: the carrier cuts it. All parts have the carrier's one id."""
    UDH = "udh"
    """Part by part, each with the header that numbers it."""
    SEPARATE = "separate"
    """Part by part, as texts that have nothing to do with each other."""


class Action(StrEnum):
    """What an answer says about what was asked for."""

    SUBMITTED = "submitted"
    RETRY = "retry"
    """Not taken; later it may be."""
    SLOW = "slow"
    """Not taken: we ask too often."""
    NEXT_LINK = "next_link"
    """Not taken; another link may take it."""
    FAIL = "fail"
    """Not taken, ever."""
    LOGIN = "login"
    """Not taken: the carrier does not accept who we say we are, or does not serve us."""
    DOUBT = "doubt"
    """Taken or not: it does not say."""


class Mapped(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RequestMapping(Mapped):
    """What is asked for."""

    method: Literal["GET", "POST"] = Field(default="POST", description="GET or POST.")
    url: str = Field(min_length=1, description="Where, with names in braces.")
    headers: dict[str, str] = Field(default_factory=dict, max_length=50, description="Header fields.")
    query: dict[str, str] = Field(default_factory=dict, max_length=100, description="Parameters behind the URL.")
    form_body: dict[str, str] = Field(default_factory=dict, max_length=100, description="The body as a form.")
    json_body: dict[str, Any] = Field(default_factory=dict, max_length=100, description="The body as JSON.")

    @model_validator(mode="after")
    def _one_body(self) -> Self:
        if self.form_body and self.json_body:
            raise ValueError("give form_body or json_body, not both")
        if self.method == "GET" and (self.form_body or self.json_body):
            raise ValueError("a GET has no body")
        return self

    def names(self) -> set[str]:
        """Every name in braces."""
        texts = [self.url, *self.headers.values(), *self.query.values(), *self.form_body.values()]
        return {name for text in [*texts, *_texts(self.json_body)] for name in NAME.findall(text)}


class Extract(Mapped):
    """One value out of an answer: by a path through its JSON, or by a regular expression over its text."""

    path: str = Field(default="", max_length=PATTERN_SIZE_MAX, description="As `messages.*.id`.")
    matches: str = Field(
        default="", max_length=PATTERN_SIZE_MAX, description="A regular expression; its group is the value."
    )

    @field_validator("matches")
    @classmethod
    def _is_pattern(cls, pattern: str) -> str:
        return _pattern(pattern)


class IdRule(Extract):
    """Where the carrier's name for the part is."""

    own: bool = Field(default=False, description="The carrier gives none: our `{reference}` is the name.")


class AnswerRule(Mapped):
    """One way to answer. What it names must all hold."""

    status: list[int] = Field(default_factory=list, max_length=50, description="Status codes; 4 stands for 400 to 499.")
    path: str = Field(default="", max_length=PATTERN_SIZE_MAX, description="A path through the JSON of the answer.")
    values: list[str] = Field(
        default_factory=list, max_length=TABLE_MAX, description="What must be there, every value one of these."
    )
    matches: str = Field(default="", max_length=PATTERN_SIZE_MAX, description="A regular expression over the text.")
    then: Action = Field(description="What it means.")

    @field_validator("matches")
    @classmethod
    def _is_pattern(cls, pattern: str) -> str:
        return _pattern(pattern)

    @field_validator("values", mode="before")
    @classmethod
    def _as_texts(cls, values: Any) -> Any:
        return [str(value) if isinstance(value, int) else value for value in values] if values else values


class Reply(Mapped):
    """What the carrier wants to hear."""

    status: int = Field(default=200, ge=200, le=299, description="Status code.")
    body: str = Field(default="", max_length=1000, description="The body.")
    content_type: str = Field(default="text/plain; charset=utf-8", max_length=100, description="Its type.")


ReceiptWord = Literal["delivered", "undeliverable", "expired", "deleted", "rejected", "unknown", "trying", "nothing"]
"""What a carrier's word for a state means: a final state, "it is still tried", or nothing that we want to know."""


class ReceiptMapping(Mapped):
    """What a receipt looks like. Its values are found by name in the query and the form, or by path in the JSON."""

    items: str = Field(default="", max_length=PATTERN_SIZE_MAX, description="Where the list of receipts is; or one.")
    id: str = Field(min_length=1, max_length=PATTERN_SIZE_MAX, description="The carrier's name for the part.")
    state: str = Field(min_length=1, max_length=PATTERN_SIZE_MAX, description="Its word for the state.")
    states: dict[str, ReceiptWord] = Field(
        max_length=TABLE_MAX, description="What its words, or with a * their beginnings, mean."
    )
    error: str = Field(default="", max_length=PATTERN_SIZE_MAX, description="The error code.")
    error_matches: str = Field(
        default="", max_length=PATTERN_SIZE_MAX, description="A regular expression; its group is the code."
    )
    errors: dict[str, Cause] = Field(
        default_factory=dict, max_length=TABLE_MAX, description="What its error codes mean, as in the link's `errors`."
    )
    time: str = Field(default="", max_length=PATTERN_SIZE_MAX, description="When it happened.")
    time_form: Literal["iso", "unix_s", "yymmddhhmm"] = Field(default="iso", description="How that is written.")
    recipient: str = Field(default="", max_length=PATTERN_SIZE_MAX, description="The handset's number.")
    originator: str = Field(default="", max_length=PATTERN_SIZE_MAX, description="The part's originator.")
    reply: Reply = Field(default_factory=Reply, description="What we answer.")

    @field_validator("error_matches")
    @classmethod
    def _is_pattern(cls, pattern: str) -> str:
        return _pattern(pattern)

    @field_validator("states", mode="before")
    @classmethod
    def _folded(cls, states: Any) -> Any:
        return {str(word).casefold(): state for word, state in states.items()} if isinstance(states, dict) else states

    @field_validator("errors", mode="before")
    @classmethod
    def _keys(cls, errors: Any) -> Any:
        return {code_key(str(code)): cause for code, cause in errors.items()} if isinstance(errors, dict) else errors


class InboundMapping(Mapped):
    """What a text from a handset looks like."""

    items: str = Field(default="", max_length=PATTERN_SIZE_MAX, description="Where the list of texts is; or one.")
    originator: str = Field(min_length=1, max_length=PATTERN_SIZE_MAX, description="The handset's number.")
    recipient: str = Field(min_length=1, max_length=PATTERN_SIZE_MAX, description="Our number.")
    text: str = Field(min_length=1, max_length=PATTERN_SIZE_MAX, description="The characters.")
    reply: Reply = Field(default_factory=Reply, description="What we answer.")


class Mapping(Mapped):
    """The whole file."""

    about: str = Field(default="", max_length=500, description="Whose interface this is, in one line.")
    cites: list[str] = Field(default_factory=list, max_length=10, description="The public pages it was written from.")
    url: str = Field(default="", max_length=500, description="What `{url}` is where the link gives none.")
    values: dict[str, str] = Field(
        default_factory=dict, max_length=20, description="Names of its own that the link fills, and what they are."
    )
    request: RequestMapping = Field(description="What is asked for.")
    codings: dict[Literal["gsm7", "ucs2", "binary"], str] = Field(
        default_factory=dict, description="What `{coding}` is for each alphabet."
    )
    takes_binary: bool = Field(default=False, description="Content that is no text can be asked for.")
    long_texts: LongTexts = Field(default=LongTexts.WHOLE, description="How a text of several parts is asked for.")
    answers: list[AnswerRule] = Field(min_length=1, max_length=100, description="How answers are understood.")
    id: IdRule = Field(description="Where the carrier's name for the part is.")
    reason: Extract = Field(default_factory=Extract, description="Where an answer says why, for people.")
    receipt: ReceiptMapping | None = Field(default=None, description="What receipts look like; none: there are none.")
    inbound: InboundMapping | None = Field(default=None, description="What texts from handsets look like.")

    @model_validator(mode="after")
    def _known_names(self) -> Self:
        unknown = sorted(self.request.names() - NAMES.keys() - self.values.keys())
        if unknown:
            raise ValueError(f"request has unknown names in braces: {', '.join(unknown)}")
        octets = {n for part in _texts([self.request.json_body, self.request.headers]) for n in NAME.findall(part)}
        if wrong := sorted((octets | set(NAME.findall(self.request.url))) & OCTET_NAMES):
            raise ValueError(f"octets can stand only in query and form_body: {', '.join(wrong)}")
        if self.long_texts is LongTexts.UDH and not self.request.names() & {"udh", "udh_hex"}:
            raise ValueError("long_texts: udh needs {udh} or {udh_hex} in the request")
        return self

    @property
    def takes_header(self) -> bool:
        """Whether a user data header can be asked for."""
        return bool(self.request.names() & {"udh", "udh_hex"})


def _texts(value: Any) -> list[str]:
    """Every text in a structure of JSON."""
    if isinstance(value, dict):
        return [text for one in value.values() for text in _texts(one)]
    if isinstance(value, list):
        return [text for one in value for text in _texts(one)]
    return [value] if isinstance(value, str) else []


def _pattern(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as wrong:
        raise ValueError(f"is no regular expression: {wrong}") from None
    return pattern
