"""What an operator can say about the self-test of a link."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from bridge.messages.address import parse_originator
from bridge.messages.faults import Fault


def _originator(raw: str) -> str:
    try:
        return parse_originator(raw) if raw else ""
    except Fault as fault:
        raise ValueError(f"cannot be an originator: {fault.detail}") from None


class SelfTestSettings(BaseModel):
    """A heartbeat through a link: a message to a number that is ours, so that its time to receipt is measured."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipient: str = Field(
        examples=["46701740605"],
        pattern=r"^[1-9][0-9]{4,14}$",
        description="Who gets the heartbeats: the carrier's test number or the operator's own phone, digits with the "
        "country's code. Each of them is a message that the carrier charges for.",
    )
    every_s: float = Field(
        default=300,
        ge=10,
        le=86_400,
        description="Seconds from one heartbeat to the next. Default 300.",
    )
    limit_s: float = Field(
        default=60,
        ge=1,
        le=3600,
        description="Seconds that its receipt may take; after that the link counts as silent and is passed over, until "
        "a later heartbeat is answered. Default 60.",
    )
    text: str = Field(
        default="self-test of {link} at {time}",
        min_length=1,
        max_length=80,
        pattern=r"^[A-Za-z0-9 .,:;!?()+/{}-]+$",
        description="What it says, in plain letters; {link} and {time} are replaced by the link's name and the time, "
        "UTC.",
    )
    originator: Annotated[str, AfterValidator(_originator)] = Field(
        default="", max_length=20, description="Who it is from; empty: the carrier decides, as for other messages."
    )

    def words(self, link: str, time: str) -> str:
        """The text of one heartbeat; one part of GSM 03.38."""
        return self.text.replace("{link}", link).replace("{time}", time)
