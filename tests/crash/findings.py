"""What is wrong with a ledger that a catastrophe left: it is opened as the appliance does, and the journal held to it.

A finding is one line. Its first word says of what kind it is:

    unreadable   the appliance would not start
    unsound      SQLite says that the file is broken
    lost         something that was answered is not there
    half         a group is there in part
    refused      a group that was stored came again and heard no
    unpaid       what messages cost was not charged, or charged twice
    unmarked     a part was sent again and does not say so
    forgotten    something that nobody will ever care for again
    audit        a law of the ledger's own audit does not hold
"""

from collections.abc import Iterator
from pathlib import Path

from bridge.messages.faults import Fault
from tests.books import Books
from tests.crash.workload import HOLD_MS, MINUTE_MS, Ask, Fact


def examine(folder: Path, facts: list[Fact], groups: dict[str, int]) -> list[str]:
    """Open the ledger in a folder as the appliance would, recover it, and give everything that is wrong with it.

    `facts` are what had been answered; `groups` are all that were ever handed in, with their sizes.
    """
    try:
        books = Books(folder)
    except Exception as error:  # Whatever it is: the appliance would not start.
        return [f"unreadable: {error!r}"]
    try:
        found = [*_soundness(books), *_losses(books, facts), *_halves(books, groups), *_laws(books), *_audit(books)]
        books.now_ms += 24 * 60 * MINUTE_MS
        books.do("recover", now_ms=books.now_ms, hold_ms=HOLD_MS)
        return [*found, *_forgotten(books), *_audit(books, " after recovery")]
    except Exception as error:
        return [f"unreadable: {error!r}"]
    finally:
        books.close()


def come_again(folder: Path, asks: list[Ask]) -> list[str]:
    """The peer never heard what became of its groups and hands them in again; gives what is wrong after that."""
    books = Books(folder)
    try:
        wrong = []
        for one in (ask for ask in asks if ask.name):
            was_there = _count(books, one.name) > 0
            (result,) = books.group(one.verb, [one.argument])
            if was_there and isinstance(result, Fault):
                wrong.append(f"refused: {one.name} was stored, came again and heard {result}")
            if (count := _count(books, one.name)) not in (0, len(one.argument.messages)):
                wrong.append(f"half: {one.name} came again and has {count} of {len(one.argument.messages)} messages")
        return [*wrong, *_audit(books, " after the peer came again")]
    finally:
        books.close()


def _count(books: Books, name: str) -> int:
    """Messages of a group."""
    (count,) = books.connection.execute("SELECT count(*) FROM message WHERE reference = ?", (name,)).fetchone()
    return int(count)


def _soundness(books: Books) -> Iterator[str]:
    for (line,) in books.connection.execute("PRAGMA integrity_check").fetchall():
        if line != "ok":
            yield f"unsound: {line}"


def _losses(books: Books, facts: list[Fact]) -> Iterator[str]:
    for fact in facts:
        row = books.connection.execute(fact.sql, fact.values).fetchone()
        if row is None or not row[0]:
            yield f"lost: {fact.text}"


def _halves(books: Books, groups: dict[str, int]) -> Iterator[str]:
    rows = books.connection.execute("SELECT reference, count(*) FROM message GROUP BY reference").fetchall()
    for name, count in rows:
        if count != groups[name]:
            yield f"half: {name} has {count} of {groups[name]} messages"


def _laws(books: Books) -> Iterator[str]:
    """What this workload makes true besides the audit: everybody writes by mail and wants to hear of everything."""
    owed = """SELECT message_id FROM message JOIN part USING (message_id) GROUP BY message_id
        HAVING min(final_at_ms IS NOT NULL) AND message_id NOT IN (SELECT message_id FROM notice
            WHERE message_id IS NOT NULL)"""
    for (message_id,) in books.connection.execute(owed).fetchall():
        yield f"forgotten: message {message_id} ended and nobody is told"
    resent = """SELECT part_id, count(*), is_possible_duplicate FROM history JOIN part USING (message_id, part_no)
        WHERE event = 'resend' GROUP BY part_id HAVING count(*) > 1 OR NOT is_possible_duplicate"""
    for part_id, count, is_marked in books.connection.execute(resent).fetchall():
        yield f"unmarked: part {part_id} was sent again {count} times, marked {is_marked}"
    paid = """SELECT coalesce((SELECT sum(price_mc * part_total) FROM message), 0)
        + coalesce((SELECT sum(amount_mc) FROM posting WHERE kind = 'charge'), 0)"""
    (difference_mc,) = books.connection.execute(paid).fetchone()
    if difference_mc:
        yield f"unpaid: messages cost {difference_mc} more than was charged"


def _forgotten(books: Books) -> Iterator[str]:
    """After a recovery nothing may be on its way with nobody who carries it."""
    for table in ("part", "notice"):
        (count,) = books.connection.execute(f"SELECT count(*) FROM {table} WHERE state = 'claimed'").fetchone()
        if count:
            yield f"forgotten: {count} of {table} stay claimed after recovery"


def _audit(books: Books, when: str = "") -> Iterator[str]:
    for check in books.read("ledger_audit")["checks"]:
        if not check["is_ok"]:
            yield f"audit{when}: {check['name']}: {check['detail']}"
