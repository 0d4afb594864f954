"""Settings of the retention: how long texts and messages are kept."""

from pydantic import BaseModel, ConfigDict, Field

DAYS_MAX = 36_500


class RetentionSettings(BaseModel):
    """What is erased by itself, and when."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text_days: int = Field(
        default=30,
        ge=0,
        le=DAYS_MAX,
        description="Days after a message has ended until its text, the mail it came from and the address that was told"
        " are erased; texts from handsets and of refusals go so long after they came. 0: as soon as everything about"
        " the message has been told. Default 30.",
    )
    message_days: int = Field(
        default=400,
        ge=0,
        le=DAYS_MAX,
        description="Days after a message has ended until the message itself is deleted, with its numbers, times and"
        " states. What it cost stays in the books, which hold no numbers. 0: never. Default 400.",
    )
