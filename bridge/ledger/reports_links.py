"""What the ledger has learned of the links."""

from sqlite_utils import Database


def link_spellings(database: Database) -> dict[str, dict[str, int]]:
    """How the receipts of each link spelled the ids of its answers, and how often: {link: {spelling: count}}.

    The words are those of `smsc_ids.Spelling`.
    """
    found: dict[str, dict[str, int]] = {}
    for row in database.query("SELECT link, spelling, count FROM link_spelling ORDER BY link, count DESC, spelling"):
        found.setdefault(row["link"], {})[row["spelling"]] = row["count"]
    return found
