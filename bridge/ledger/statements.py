"""Named SQL statements, read once from sql/statements.sql.

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
    text = (files("bridge.ledger") / "sql" / "statements.sql").read_text(encoding="utf-8")
    pieces = _NAME.split(text)
    found: dict[str, str] = {}
    for name, body in zip(pieces[1::2], pieces[2::2], strict=True):
        if name in found:
            raise ValueError(f"statement {name} is there twice")
        found[name] = " ".join(line.strip() for line in body.splitlines() if not line.lstrip().startswith("--")).strip()
    return found
