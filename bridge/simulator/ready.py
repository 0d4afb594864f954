"""The scripts that come with the simulator, by name."""

import re
from pathlib import Path

FOLDER = Path(__file__).parent / "scripts"
_ABOUT = re.compile(r"^about: (.+)$", re.MULTILINE)


def names() -> list[str]:
    """The names of the ready scripts."""
    return sorted(file.stem for file in FOLDER.glob("*.yaml"))


def path_of(name: str) -> Path | None:
    """The file of a ready script; None when there is none of that name."""
    return FOLDER / f"{name}.yaml" if name in names() else None


def find(named: Path) -> Path | None:
    """The file of a script that somebody named: by its path, or a ready one; None when there is neither."""
    return named if named.is_file() else path_of(named.name)


def about(name: str) -> str:
    """What a ready script plays, in one line."""
    found = _ABOUT.search((FOLDER / f"{name}.yaml").read_text("utf-8"))
    return found[1] if found else ""
