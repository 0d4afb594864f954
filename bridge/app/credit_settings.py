"""Settings of credit: what becomes of it when an account is closed."""

from pydantic import BaseModel, ConfigDict, Field


class CreditSettings(BaseModel):
    """The rules of credit that are one for all accounts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    closing_refund_days: int = Field(
        default=10,
        ge=0,
        le=3650,
        description="Days before an account is closed in which credit must have been bought to be paid back, as far as "
        "it is unused; older credit is forfeited, and it is the older that is used first. 0: nothing is paid back. "
        "Default 10. See docs/credit.md.",
    )
