"""Settings of the disk that the ledger is on."""

from pydantic import BaseModel, ConfigDict, Field


class DiskSettings(BaseModel):
    """How much room must be left on the disk of the state folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    free_min_mib: int = Field(
        default=256,
        ge=0,
        description='With less free space than this, in MiB, every door answers "try again later"; what was accepted '
        "goes on. Default 256.",
    )
    free_min_percent: float = Field(
        default=5.0,
        ge=0,
        le=50,
        description="The same as a share of the disk; the larger of the two counts. Lower it where 5 % of the disk is "
        "more than can ever be needed. Default 5.",
    )
    sending_min_mib: int = Field(
        default=64,
        ge=0,
        description="With less free space than this, in MiB, nothing is sent any more, because the carrier's answer "
        "could not be written down. Default 64.",
    )
    ballast_mib: int = Field(
        default=32,
        ge=0,
        le=1024,
        description="Size in MiB of a file that only holds space. It is given back when the disk is full, so that what "
        "is on its way can be written down, and made again when there is room. 0: none. Default 32.",
    )
