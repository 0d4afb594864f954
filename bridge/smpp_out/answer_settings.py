"""What an operator can say about the answers and receipts of a link's carrier, where they are not like everybody's."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from bridge.messages.causes import Cause, code_key
from bridge.messages.receipt import IdFormat
from bridge.smpp.constants import Status
from bridge.smpp_out.outcome import Meaning

ENTRIES_MAX = 500
"""Entries of one table; SMPP leaves the vendors 256 codes."""
ERROR_CODE_MAX = 16
"""Characters of an error code, as many as are kept of a receipt's."""

ACTIONS = {
    "retry": Meaning.BUSY,
    "slow": Meaning.THROTTLED,
    "next_link": Meaning.NEXT_LINK,
    "fail": Meaning.REFUSED,
}
"""What may be written in `statuses`."""


class AnswerSettings(BaseModel):
    """How the answers and receipts of a carrier are to be understood. By default they are found out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    statuses: dict[str, str] = Field(
        default_factory=dict,
        max_length=ENTRIES_MAX,
        description="What an answer's command_status does, where the carrier means something else by it than the "
        "standard or has codes of its own: a code such as `0x45` or `ESME_RSUBMITFAIL`, and one of retry (try again "
        "later), slow (the same, and send slower), next_link (the next link of the route may take it) and fail "
        "(refused for good, refunded).",
    )
    errors: dict[str, Cause] = Field(
        default_factory=dict,
        max_length=ENTRIES_MAX,
        description="What the error codes in receipts mean, where the carrier has a table of its own: a code as it "
        "stands behind `err:`, and one of no_such_number, switched_off, memory_full, contract_ended, route_fault and "
        "unknown. Leading zeros do not matter. All other codes mean what docs/links.md says.",
    )
    id_format: IdFormat = Field(
        default=IdFormat.AUTO,
        description="How receipts spell the ids of the answers: found out (auto), letter for letter (exact), decimal "
        "where the answer was hex (hex_to_decimal), or the other way round (decimal_to_hex). Ids that are short and "
        "come round soon make finding out unsafe.",
    )
    query_after_s: float | None = Field(
        default=None,
        ge=10,
        le=7 * 86_400,
        description="Seconds after which a missing receipt is asked for with query_sm, for carriers that lose receipts "
        "and answer queries; empty: never. It is asked for again each time it has been missing twice as long.",
    )
    queries_per_minute: int = Field(
        default=60, ge=1, le=6000, description="Such questions in a minute, at most; carriers allow few."
    )

    @field_validator("statuses")
    @classmethod
    def _known_statuses(cls, statuses: dict[str, str]) -> dict[str, str]:
        for code, action in statuses.items():
            if not status_code(code):
                raise ValueError(f"{code} is no command_status; write it as 0x45 or ESME_RSUBMITFAIL")
            if action not in ACTIONS:
                raise ValueError(f"{action} is none of {', '.join(ACTIONS)}")
        return statuses

    @field_validator("errors", mode="before")
    @classmethod
    def _known_errors(cls, errors: Any) -> Any:
        for code in errors if isinstance(errors, dict) else ():
            if len(str(code)) > ERROR_CODE_MAX or not code_key(str(code)):
                raise ValueError(f"{code} is no error code; write it as it stands behind err: in a receipt")
        return errors

    def meanings(self) -> dict[int, Meaning]:
        """`statuses` for the decision."""
        return {status_code(code): ACTIONS[action] for code, action in self.statuses.items()}

    def causes(self) -> dict[str, Cause]:
        """`errors` by the normal form of their codes."""
        return {code_key(code): cause for code, cause in self.errors.items()}


def status_code(text: str) -> int:
    """A command_status as people write it: "0x45", "69", "ESME_RSUBMITFAIL", "RSUBMITFAIL"; 0 when it is none."""
    name = text.strip().upper().removeprefix("ESME_")
    if name in Status.__members__:
        return int(Status[name])
    try:
        code = int(name, 16) if name.startswith("0X") else int(name)
    except ValueError:
        return 0
    return code if 0 < code <= 0xFFFFFFFF else 0
