"""Settings of the intake: what a submission may be."""

from functools import cached_property
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from bridge.intake import test_numbers as ranges
from bridge.messages.number_kinds import NumberKind


def _range(text: str) -> str:
    ranges.parse_range(text)
    return text


def _refusable(kind: NumberKind) -> NumberKind:
    if kind is NumberKind.INVALID:
        raise ValueError("what is no number is always refused; leave it out")
    return kind


Refusable = Annotated[NumberKind, AfterValidator(_refusable)]


class OriginatorSettings(BaseModel):
    """Whose name messages may bear."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    must_be_registered: bool = Field(
        default=False,
        description="Whether an account may use only originators that were registered for it (`smsbridge originator "
        "add`), and its own default. Off: an account without any registered may use every one. See "
        "docs/originators.md.",
    )


class IntakeSettings(BaseModel):
    """What is accepted, whatever the door."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    parts_max: int = Field(
        default=10,
        ge=1,
        le=255,
        description="Most parts one text may need; a longer text is refused, never cut. Default 10.",
    )
    validity_h: int = Field(
        default=24,
        ge=1,
        le=168,
        description="Hours a normal or bulk message may wait for a link before it expires and is refunded. Default 24.",
    )
    alarm_validity_h: int = Field(
        default=1, ge=1, le=168, description="The same for the alarm lane: a late alarm is worse than none. Default 1."
    )
    downgrade: bool = Field(
        default=False,
        description="Replace typographic quotes, dashes and the like by plain ones when that keeps a text in GSM 03.38,"
        " where a part holds 160 characters instead of 70. Off by default: texts go out as written.",
    )
    test_numbers: list[Annotated[str, AfterValidator(_range)]] = Field(
        default=[ranges.DEFAULT],
        max_length=ranges.RANGES_MAX,
        description="Numbers for trying out: they are taken like any other, cost nothing, reach no handset, and get a "
        f"simulated receipt. Ranges or single numbers. Only {ranges.FICTION} of the default is kept for fiction. "
        "An empty list: none.",
    )
    refused_kinds: list[Refusable] = Field(
        default=[
            NumberKind.PREMIUM,
            NumberKind.SHARED_COST,
            NumberKind.SATELLITE,
            NumberKind.PAGER,
            NumberKind.VOICEMAIL,
            NumberKind.SHORT_CODE,
        ],
        description="Kinds of numbers that are refused, whatever routes and prices say: "
        f"{', '.join(kind for kind in NumberKind if kind is not NumberKind.INVALID)}. The range of a number tells its"
        " kind, see docs/numbers.md. Landlines are taken by default: many of them read texts aloud, and a text that"
        " comes back is better than an alarm that was refused. An empty list: none.",
    )
    trial_messages: int = Field(
        default=10,
        ge=0,
        le=10_000,
        description="Free parts of a trial account (`smsbridge account add NAME --trial`). Default 10.",
    )

    @cached_property
    def refused_kind_set(self) -> frozenset[NumberKind]:
        """`refused_kinds`, for a quick look."""
        return frozenset(self.refused_kinds)

    @cached_property
    def test_ranges(self) -> tuple[ranges.Range, ...]:
        """`test_numbers` as numbers."""
        return tuple(map(ranges.parse_range, self.test_numbers))

    def is_test_number(self, digits: str) -> bool:
        """Whether these digits, as they are routed, are a test number. Nothing is remembered of them."""
        number = int(digits)
        return any(first <= number <= last for first, last in self.test_ranges)

    def test_number(self, raw: str) -> str | None:
        """Digits of a number as somebody wrote it, when it is one of the test numbers."""
        return ranges.find(raw, self.test_ranges)
