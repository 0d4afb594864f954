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


def missing(named: str) -> str:
    """What there is not, when `find` found nothing: a file, if it was written like one, else a script."""
    is_file = Path(named).suffix in (".yaml", ".yml") or "/" in named
    return f"there is no file {named}" if is_file else f"there is no script {named}"


def about(name: str) -> str:
    """What a ready script plays, in one line."""
    found = _ABOUT.search((FOLDER / f"{name}.yaml").read_text("utf-8"))
    return found[1] if found else ""
