"""Settings of the log."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class LogSettings(BaseModel):
    """How the appliance writes its log to standard output."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["text", "json"] = Field(
        default="text",
        description='"text": aligned lines for people. "json": one object a line, for a journal. Default text.',
    )
    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least severe event that is written. Default info."
    )
