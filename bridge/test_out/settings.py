"""What an operator can say about the built-in link for test numbers."""

from pydantic import BaseModel, ConfigDict, Field


class TestLinkSettings(BaseModel):
    """The built-in link `test`, where messages to test numbers end. It has no socket."""

    __test__ = False

    model_config = ConfigDict(frozen=True, extra="forbid")

    receipt_delay_ms: int = Field(
        default=1000,
        ge=0,
        le=600_000,
        description="Milliseconds from a message to a test number until its simulated receipt. Default 1000.",
    )
