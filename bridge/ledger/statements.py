"""Named SQL statements, read once from sql/statements/*.sql; each file is one room's.

A statement starts at a line `-- name: <name>`; comment lines below it say why. `{rows}` in a statement stands for
the rows of a multi-row VALUES and is filled in by `Transaction.many`.
"""

import re
from functools import cache
from importlib.resources import files

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


@cache
def statements() -> dict[str, str]:
    """Every named statement: name -> SQL without its comments."""
    found: dict[str, str] = {}
    for entry in (files("bridge.ledger") / "sql" / "statements").iterdir():
        pieces = _NAME.split(entry.read_text(encoding="utf-8"))
        for name, body in zip(pieces[1::2], pieces[2::2], strict=True):
            if name in found:
                raise ValueError(f"statement {name} is there twice")
            lines = (line.strip() for line in body.splitlines() if not line.lstrip().startswith("--"))
            found[name] = " ".join(lines).strip()
    return found
