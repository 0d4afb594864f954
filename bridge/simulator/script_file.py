"""How a script is written down: the groups and keys of the YAML file, and what they become.

The file has `rules` (which parts, and what happens to them), `sessions` (what is done to sessions) and `inbound`
(what handsets write). Every key has a default, so a script says only what is out of the ordinary.
"""

import difflib
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from bridge.simulator.behaviour import TABLE, WHOLE_ANSWER, Behaviour, ReceiptDates, ReceiptText
from bridge.simulator.inbound import Burst, LongForm, Order
from bridge.simulator.script import Rule, Script, When
from bridge.simulator.sessions import CALM, Ending, Hangs, Noise, Sessions, Speaks
from bridge.simulator.spelling import IdForm, IdSpelling
from bridge.smpp.constants import EsmClass, MessageState, Status

RULES_MAX = 200
DELAY_MAX_MS = 86_400_000
"""A day: later than any answer or receipt that matters in a trial."""
COPIES_MAX = 1_000
"""Of one answer or receipt; a hundred are asked for in the field."""
STATUS_MAX = 0xFFFF_FFFF
PERCENT = 100.0


def _status(value: Any) -> int:
    """A command_status by its name, with or without ESME_, or by its number."""
    if isinstance(value, str):
        name = value.upper().removeprefix("ESME_")
        if name in Status.__members__:
            return int(Status[name])
        near = difflib.get_close_matches(name, list(Status.__members__), n=1)
        cure = f"did you mean {near[0]}?" if near else "write a name such as RTHROTTLED, or a number"
        raise ValueError(f"{value[:40]!r} is the name of no command_status; {cure}")
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= STATUS_MAX:
        raise ValueError(f"not a command_status; write a name such as RTHROTTLED, or a number from 0 to {STATUS_MAX}")
    return value


def _state(value: Any) -> MessageState:
    """A message_state by its name."""
    names = {state.name.lower(): state for state in MessageState}
    if not isinstance(value, str) or value.lower() not in names:
        raise ValueError(f"not a message state; write one of {', '.join(names)}")
    return names[value.lower()]


def _address(value: str) -> str:
    """An address as an SMPP field can hold it."""
    if not (value.isascii() and value.isprintable()):
        raise ValueError("not an address; write digits, or a name of plain letters")
    return value


StatusByName = Annotated[int, BeforeValidator(_status)]
StateByName = Annotated[MessageState, BeforeValidator(_state)]
Address = Annotated[str, Field(min_length=1, max_length=20), AfterValidator(_address)]


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _delay(description: str, default: int = 0) -> Any:
    return Field(default=default, ge=0, le=DELAY_MAX_MS, description=description)


class WhenGroup(_Group):
    """Which parts a rule is for: all that is said must fit, and nothing said fits every part."""

    recipient: str = Field(default="", max_length=65, description='A pattern for the number, such as "*99" or "4670*".')
    originator: str = Field(default="", max_length=65, description="A pattern for the originator.")
    text: str = Field(default="", max_length=1000, description='A pattern for the text, such as "*pump*".')
    part: int = Field(default=0, ge=0, le=255, description="Which part of a long message; 0 is any.")
    nth: list[int] = Field(
        default_factory=list, max_length=1000, description="Only the first, third ... that fits otherwise: [1, 3]."
    )
    every: int = Field(default=1, ge=1, le=1_000_000, description="Only every so many of those that fit otherwise.")
    tries: int = Field(default=0, ge=0, le=1_000, description="Only so many tries to one number; 0 is every try.")
    share_percent: float | None = Field(
        default=None, ge=0, le=PERCENT, description="A share by chance; the shares of several rules add up."
    )
    after_s: float = Field(default=0, ge=0, description="Not before so many seconds after the first bind.")
    until_s: float | None = Field(default=None, ge=0, description="Not after so many seconds after the first bind.")
    repeat_s: float = Field(default=0, ge=0, description="The clock of both begins anew so often; 0 is never.")

    @property
    def is_share_alone(self) -> bool:
        return self.share_percent is not None and self.model_fields_set == {"share_percent"}

    @field_validator("nth")
    @classmethod
    def _counts_from_one(cls, nth: list[int]) -> list[int]:
        if any(number < 1 for number in nth):
            raise ValueError("counts from 1; [1, 3] is the first and the third")
        return nth

    @model_validator(mode="after")
    def _has_time(self) -> "WhenGroup":
        until_s = min((limit for limit in (self.until_s, self.repeat_s or None) if limit is not None), default=None)
        if until_s is not None and until_s <= self.after_s:
            raise ValueError("no part is ever meant: until_s and repeat_s must be later than after_s")
        return self

    def value(self) -> When:
        return When(**{**_fields(self), "nth": tuple(self.nth)})


class AnswerGroup(_Group):
    """The answer to a part."""

    status: StatusByName = Field(default=0, description="Its command_status: ROK takes the part, RTHROTTLED throttles.")
    delay_ms: int = _delay("Milliseconds until it is given.")
    delay_max_ms: int = _delay("When larger than delay_ms, the delay is drawn between the two.")
    silent: bool = Field(default=False, description="Whether it is never given though the part was taken.")
    copies: int = Field(default=1, ge=1, le=COPIES_MAX, description="How often it is given.")
    nack: bool = Field(default=False, description="Whether it is a generic_nack with the status.")
    body: bool = Field(default=True, description="Whether there is anything behind its header.")
    stray: bool = Field(default=False, description="Whether it has a sequence_number that nobody used.")
    id: IdForm = Field(default=IdForm.HEX, description="The look of the message id.")


class ReceiptGroup(_Group):
    """The receipts for a part that was taken."""

    states: list[StateByName] = Field(
        default_factory=lambda: [MessageState.DELIVERED],
        max_length=20,
        description="One receipt for each state, in this order; an empty list: none.",
    )
    error: str = Field(default="000", pattern=r"^\d{3}$", description="The network's error, three digits in quotes.")
    delay_ms: int | None = Field(
        default=None, ge=0, le=DELAY_MAX_MS, description="Milliseconds from the part to the first receipt."
    )
    gap_ms: int = _delay("Milliseconds from each receipt to that of the next state.", 500)
    copies: int = Field(default=1, ge=1, le=COPIES_MAX, description="How often each is sent.")
    before_answer: bool = Field(default=False, description="Whether the first one comes before the answer.")
    id: IdSpelling = Field(default=IdSpelling.SAME, description="How the message id is spelled.")
    text: ReceiptText = Field(default=ReceiptText.FULL, description="What stands in the text.")
    tlvs: bool = Field(default=True, description="Whether the TLVs with id and state are there.")
    esm_class: int = Field(default=EsmClass.DELIVERY_RECEIPT, ge=0, le=255, description="The esm_class; 4 is right.")
    dates: ReceiptDates = Field(default=ReceiptDates.NOW, description="The dates in the text.")


class DisconnectGroup(_Group):
    """The end of the connection, right after a part was taken."""

    at_octet: int = Field(
        default=0, ge=0, le=WHOLE_ANSWER, description="So many octets of the answer are written before; 1000000 is all."
    )
    by: Literal["reset", "close"] = Field(default="reset", description="A reset (RST), or in good order (FIN).")


class RuleGroup(_Group):
    """Some parts, and what happens to them."""

    about: str = Field(default="", max_length=200, description="What it is for, in words.")
    when: WhenGroup = Field(default_factory=WhenGroup, description="Which parts it is for.")
    answer: AnswerGroup = Field(default_factory=AnswerGroup, description="What their answer is like.")
    receipt: ReceiptGroup = Field(default_factory=ReceiptGroup, description="What their receipts are like.")
    disconnect: DisconnectGroup | None = Field(default=None, description="How the connection ends with them.")

    def value(self) -> Rule:
        answer, receipt, end = self.answer, self.receipt, self.disconnect
        first, *later = receipt.states or (None,)
        does = Behaviour(
            self.about,
            status=answer.status,
            is_nack=answer.nack,
            is_silent=answer.silent,
            answer_delay_ms=answer.delay_ms,
            answer_delay_max_ms=answer.delay_max_ms,
            answer_total=answer.copies,
            id_form=answer.id,
            is_bodyless=not answer.body,
            is_stray=answer.stray,
            state=first,
            later_states=tuple(state for state in later if state is not None),
            receipt_gap_ms=receipt.gap_ms,
            receipt_delay_ms=receipt.delay_ms,
            error=receipt.error,
            id_spelling=receipt.id,
            is_receipt_first=receipt.before_answer,
            receipt_total=receipt.copies,
            receipt_text=receipt.text,
            has_tlvs=receipt.tlvs,
            esm_class=receipt.esm_class,
            dates=receipt.dates,
            drops=end is not None,
            drops_at=end.at_octet if end else 0,
            drops_with_reset=end is None or end.by == "reset",
        )
        return Rule(self.when.value(), does)


class BindGroup(_Group):
    """What becomes of a bind that names the right account."""

    status: StatusByName = Field(default=0, description="Refuse it with this command_status.")
    refused: int = Field(default=0, ge=0, le=1_000_000, description="Refuse only so many, then take them; 0: all.")
    silent: bool = Field(default=False, description="Never answer it.")

    @model_validator(mode="after")
    def _refuses_with_something(self) -> "BindGroup":
        if self.refused and not self.status:
            raise ValueError("says how many binds are refused and not with what; write a status too, such as RBINDFAIL")
        return self


class SessionsGroup(_Group):
    """What is done to sessions, whatever is sent over them."""

    speaks: Speaks = Field(default=Speaks.SMPP, description="What is spoken on the port.")
    bind: BindGroup = Field(default_factory=BindGroup, description="What becomes of binds.")
    hangs: Hangs = Field(default=Hangs.NEVER, description="What is left unanswered from some moment on.")
    hangs_after: int = Field(default=0, ge=0, description="So many parts on that session; 0: as soon as it is bound.")
    stalls_after: int = Field(default=0, ge=0, description="After so many parts the socket is not read; 0: never.")
    stalls_s: float = Field(default=60, gt=0, le=86_400, description="Seconds until it is read again.")
    lasts_s: float = Field(default=0, ge=0, description="A session ends so many seconds after its bind; 0: never.")
    ends_by: Ending = Field(default=Ending.RESET, description="How.")
    write_octets: int = Field(default=0, ge=0, description="Octets written at a time, at most; 0: any number.")
    noise: list[Noise] = Field(default_factory=list, description="What comes in between though nobody asked for it.")
    noise_every: int = Field(default=10, ge=1, description="After every so many parts.")

    def value(self) -> Sessions:
        flat = _fields(self) | {"noise": tuple(self.noise)}
        bind = flat.pop("bind")
        made = Sessions(bind_status=bind.status, binds_refused=bind.refused, is_bind_silent=bind.silent, **flat)
        return CALM if made == CALM else made


class InboundGroup(_Group):
    """Texts that handsets write by themselves."""

    originator: Address = Field(description="The first handset; the others count up.", examples=["46701740605"])
    recipient: Address = Field(description="The number they write to.", examples=["46701740699"])
    text: str = Field(
        min_length=1, max_length=5_000, description="What they write; {n} counts the texts.", examples=["Hello"]
    )
    count: int = Field(default=1, ge=1, le=100_000, description="Texts at a time.")
    after_s: float = Field(default=0, ge=0, le=86_400, description="Seconds from the first bind to the first burst.")
    every_s: float = Field(default=0, ge=0, le=86_400, description="Seconds from a burst to the next; 0: only one.")
    form: LongForm = Field(default=LongForm.UDH8, description="How long texts are carried.")
    order: Order = Field(default=Order.AS_WRITTEN, description="In which order the parts of a long text come.")
    account: str = Field(default="", max_length=64, description="Whose they are; empty: the first that is bound.")

    def value(self) -> Burst:
        return Burst(**_fields(self))


class ScriptFile(_Group):
    """A script as it is written down."""

    about: str = Field(default="", max_length=200, description="What it plays, in one line.")
    seed: int = Field(default=1, ge=0, description="Where chance begins; the same seed, the same chances.")
    last_digits: bool = Field(
        default=True, description="Whether the last digits decide about parts that fit no rule; false: all delivered."
    )
    rules: list[RuleGroup] = Field(
        default_factory=list, max_length=RULES_MAX, description="Tried in this order; the first that fits decides."
    )
    sessions: SessionsGroup = Field(default_factory=SessionsGroup, description="What is done to sessions.")
    inbound: list[InboundGroup] = Field(
        default_factory=list, max_length=RULES_MAX, description="What handsets write by themselves."
    )

    @model_validator(mode="after")
    def _shares_add_up(self) -> "ScriptFile":
        total = sum(rule.when.share_percent or 0 for rule in self.rules if rule.when.is_share_alone)
        if total > PERCENT:
            raise ValueError(f"the shares of its rules add up to {total:g} percent; at most {PERCENT:g} can be shared")
        return self

    def value(self) -> Script:
        """The script, ready to be played; every call gives a new one."""
        return Script(
            table=dict(TABLE) if self.last_digits else {},
            rules=tuple(rule.value() for rule in self.rules),
            seed=self.seed,
            sessions=self.sessions.value(),
            inbound=tuple(burst.value() for burst in self.inbound),
            about=self.about,
        )


def script(values: Mapping[str, Any]) -> Script:
    """The script that a file with these values means. Raises pydantic's ValidationError."""
    return ScriptFile.model_validate(values).value()


def _fields(group: BaseModel) -> dict[str, Any]:
    return {name: getattr(group, name) for name in type(group).model_fields}
