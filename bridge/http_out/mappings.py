"""The mappings that come with us, by name, and where one that somebody named is."""

from importlib import resources
from pathlib import Path

FOLDER = Path(str(resources.files("bridge.dialects"))) / "carriers"


def names() -> list[str]:
    """The names of the mappings that come with us."""
    return sorted(file.stem for file in FOLDER.glob("*.yaml"))


def find(named: Path) -> Path | None:
    """The file of a mapping that somebody named: by its path, or one of ours; None when there is neither."""
    if named.is_file():
        return named
    return FOLDER / f"{named.name}.yaml" if named.name in names() else None
