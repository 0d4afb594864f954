"""Settings of the intake: what a submission may be."""

from pydantic import BaseModel, ConfigDict, Field


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
