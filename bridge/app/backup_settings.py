"""Settings of the scheduled backups."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class BackupSettings(BaseModel):
    """When copies of the ledger are taken, where they go, and which are kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: Path | None = Field(
        default=None,
        description="Folder of the backups. Default: `backups` in the state folder; a folder on another disk survives "
        "the loss of this one.",
    )
    every_h: int = Field(
        default=1,
        ge=0,
        le=168,
        description="Hours between two backups: at most so much is lost when the ledger is. 0: none by themselves, "
        "only by `smsbridge backup`. Default 1.",
    )
    hourly_kept: int = Field(
        default=24,
        ge=1,
        le=744,
        description="Hours of which the newest backup is kept. Default 24.",
    )
    daily_kept: int = Field(
        default=14,
        ge=0,
        le=366,
        description="Days (UTC) of which the newest backup is kept. Texts that were erased are still in older backups: "
        "keep no more days than you may. Default 14.",
    )
