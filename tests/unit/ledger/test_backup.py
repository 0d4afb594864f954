"""Backups are whole whatever happens meanwhile, and what comes back from one is held until somebody lets it go."""

import os
import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.ledger import backup, backup_folder, given_out, migrate, restore, sqlite, upgrade
from bridge.ledger.backup import BackupFailed, NotSound
from bridge.ledger.given_out import NUMBERS_SKIPPED
from bridge.ledger.held import BATCH_MAX
from bridge.mail.wording import sentence
from bridge.messages.message import OutcomeKind, PartState
from tests.books import LINK, NOW_MS, Books

BACKUPS = 100 if os.environ.get("SMSBRIDGE_LONG") == "1" else 20
HOUR_MS, DAY_MS = backup_folder.HOUR_MS, backup_folder.DAY_MS


def copy_of(books: Books, name: str = "copy.sqlite") -> Path:
    return backup.make(books.path, books.path.parent / name, now_ms=books.now_ms).path


def restored(books: Books, file: Path, folder: Path) -> Books:
    """The books that come back when a backup is restored into a folder of its own."""
    folder.mkdir()
    restore.restore(file, folder / "ledger.sqlite", actor="tester", now_ms=books.now_ms)
    return Books(folder)


@pytest.fixture
def comeback(books: Books, tmp_path: Path) -> Iterator[Books]:
    """A ledger after its restore; each message had another state, and the failed one's report was owed."""
    account = books.account()
    for reference in ("claimed", "doubtful", "submitted", "failed", "queued"):
        books.accept(account, books.prepared("one", "two", reference=reference))
    parts = books.claim(8)
    for index, part in enumerate(parts[4:8]):
        books.submitted(part, f"smsc{index}")
    for part in parts[2:4]:
        books.settle(part, OutcomeKind.IN_DOUBT, retry_at_ms=books.now_ms + 1000)
    for smsc_id in ("smsc2", "smsc3"):
        books.receipt(smsc_id, PartState.UNDELIVERABLE)
    file = copy_of(books)
    back = restored(books, file, tmp_path / "back")
    yield back
    back.audit()
    back.close()


@pytest.fixture(autouse=True)
def mailed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Accounts of these tests have an address, so that failures are owed to it."""
    plain = Books.account

    def account(self: Books, name: str = "demo", credit_mc: int = 100_000, **facts: str) -> int:
        return plain(self, name, credit_mc, **({"email": f"{name}@example.org"} | facts))

    monkeypatch.setattr(Books, "account", account)


def states_of(books: Books) -> dict[str, list[str]]:
    rows = books.connection.execute(
        "SELECT reference, group_concat(state, ' ') FROM (SELECT reference, state FROM message JOIN part"
        " USING (message_id) ORDER BY message_id, part_no) GROUP BY reference"
    )
    return {reference: states.split() for reference, states in rows}


# --- making one ---


def test_a_backup_is_one_sound_plain_file_with_its_digest(books: Books) -> None:
    books.accept(books.account(), books.prepared())
    made = backup.make(books.path, books.path.parent / "new" / "copy.sqlite", now_ms=books.now_ms)
    assert sorted(path.name for path in made.path.parent.iterdir()) == ["copy.sqlite", "copy.sqlite.sha256"]
    assert made.path.stat().st_mode & 0o777 == 0o640
    assert made.size == made.path.stat().st_size
    facts = restore.look_at(made.path)
    assert (facts.schema, facts.taken_at_ms, facts.messages, facts.waiting) == (migrate.newest(), NOW_MS, 1, 1)
    checked = subprocess.run(
        ["sha256sum", "--check", "--strict", "copy.sqlite.sha256"],
        cwd=made.path.parent,
        check=False,
        capture_output=True,
    )
    assert checked.returncode == 0, checked.stderr


def test_backups_taken_while_the_ledger_is_written_to_are_all_restorable(books: Books, tmp_path: Path) -> None:
    account = books.account(credit_mc=1 << 40)
    accepted, end = [0], threading.Event()

    def work() -> None:
        while not end.is_set():
            books.accept(account, *(books.prepared("one", "two") for _ in range(20)))
            accepted[0] += 20
            for part in books.claim(30):
                books.submitted(part, f"smsc{part.part_id}")

    writer = threading.Thread(target=work)
    writer.start()
    try:
        for number in range(BACKUPS):
            before = accepted[0]
            file = copy_of(books, f"copy{number}.sqlite")
            after = accepted[0]
            back = restored(books, file, tmp_path / f"back{number}")
            (count,) = back.connection.execute("SELECT count(*) FROM message").fetchone()
            # The writer may be a batch ahead of its own counting.
            assert before <= count <= after + 20
            back.audit()
            back.close()
            shutil.rmtree(tmp_path / f"back{number}")
            file.unlink()
    finally:
        end.set()
        writer.join()
    assert accepted[0] > BACKUPS, "the ledger was being written to"


def test_a_backup_never_replaces_a_file(books: Books) -> None:
    for name, why in (("ledger.sqlite", "exists already"), ("ledger.sqlite-wal", "exists"), ("new-shm", "no name")):
        with pytest.raises(BackupFailed, match=why):
            backup.make(books.path, books.path.parent / name, now_ms=books.now_ms)


def test_without_room_there_is_no_backup_and_nothing_is_left(books: Books) -> None:
    folder = books.path.parent / "backups"
    with pytest.raises(BackupFailed, match="make room"):
        backup.make(books.path, folder / "copy.sqlite", now_ms=books.now_ms, spare_bytes=1 << 60)
    assert list(folder.iterdir()) == []


def test_a_ledger_whose_books_are_wrong_makes_no_backup(books: Books) -> None:
    books.account()
    books.connection.execute("UPDATE balance SET amount_mc = amount_mc + 1")
    with pytest.raises(BackupFailed, match="its books are wrong"):
        copy_of(books)
    assert not list(books.path.parent.glob("copy*"))
    books.connection.execute("UPDATE balance SET amount_mc = amount_mc - 1")


def test_damage_is_told_in_one_readable_line(books: Books) -> None:
    account = books.account(credit_mc=1 << 40)
    books.accept(account, *(books.prepared("some text") for _ in range(200)))
    file = copy_of(books)
    backup.digest_file(file).unlink()
    sound = file.read_bytes()
    # The count of lost octets in the head of a leaf (its octet 7) is wrong: nothing but a check of the page notices.
    leaf = next(at for at in range(4096, len(sound), 4096) if sound[at] == 13)
    file.write_bytes(sound[: leaf + 7] + b"\x32" + sound[leaf + 8 :])
    with pytest.raises(NotSound) as found:
        backup.check_sound(file)
    page_no = leaf // 4096 + 1
    assert str(found.value) == f"it is damaged (Fragmentation of 0 bytes reported as 50 on page {page_no})"


# --- where one may go ---


@pytest.mark.parametrize(
    ("chosen", "why"),
    [
        ("usb/ledger.sqlite", "there is no folder .*/usb; make it, or mount the disk"),
        ("usb/backups", "there is no folder .*/usb; make it, or mount the disk"),
        ("usb", "usb is no folder and does not end in .sqlite; make that folder, mount the disk"),
        ("file/ledger.sqlite", "there is no folder .*/file"),
        ("file", "file is no folder"),
    ],
)
def test_a_place_that_is_not_there_is_refused_and_not_made(tmp_path: Path, chosen: str, why: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BackupFailed, match=why):
        backup_folder.chosen_path(tmp_path / chosen, NOW_MS)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_new_file_and_a_folder_that_is_there_are_taken(tmp_path: Path) -> None:
    assert backup_folder.chosen_path(tmp_path / "a.sqlite", NOW_MS) == tmp_path / "a.sqlite"
    assert backup_folder.chosen_path(tmp_path, NOW_MS) == backup_folder.new_path(tmp_path, NOW_MS)


# --- which are kept ---


@given(
    times=st.lists(st.integers(0, 60 * DAY_MS), max_size=80),
    hourly=st.integers(1, 30),
    daily=st.integers(0, 20),
)
def test_the_newest_of_each_hour_and_day_is_kept(times: list[int], hourly: int, daily: int) -> None:
    stay = backup_folder.kept(times, hourly=hourly, daily=daily)
    assert stay <= set(times)
    assert len(stay) <= hourly + daily
    if times:
        assert max(times) in stay
    for span_ms, count in ((HOUR_MS, hourly), (DAY_MS, daily)):
        spans = sorted({at_ms // span_ms for at_ms in times}, reverse=True)[:count]
        for span in spans:
            assert max(at_ms for at_ms in times if at_ms // span_ms == span) in stay
    # Rotating after every backup keeps what rotating once at the end keeps.
    step: set[int] = set()
    for at_ms in sorted(times):
        step = backup_folder.kept(step | {at_ms}, hourly=hourly, daily=daily)
    assert step == stay


def test_rotation_deletes_only_our_own_backups(tmp_path: Path) -> None:
    now_ms = NOW_MS
    usual = [backup_folder.new_path(tmp_path, now_ms - hour * HOUR_MS) for hour in range(5)]
    upgrades = [backup_folder.upgrade_path(tmp_path, 1, now_ms - age * DAY_MS) for age in (1, 2, 40, 50)]
    others = [tmp_path / name for name in ("ledger.sqlite", "notes.txt", "ledger-99999999T999999.999Z.sqlite")]
    for path in (*usual, *upgrades, *others):
        path.touch()
        backup.digest_file(path).touch()
    gone = backup_folder.rotate(tmp_path, hourly=2, daily=0, now_ms=now_ms)
    assert sorted(gone) == sorted([*usual[2:], *upgrades[2:]])
    left = {path for path in (*usual, *upgrades, *others) if path.exists()}
    assert left == {*usual[:2], *upgrades[:2], *others}
    assert {path for path in (*usual, *upgrades, *others) if backup.digest_file(path).exists()} == left


def test_what_a_killed_backup_left_is_cleared_and_nothing_else(tmp_path: Path) -> None:
    whole = backup_folder.new_path(tmp_path, NOW_MS)
    rubbish = [
        tmp_path / (backup_folder.new_path(tmp_path, NOW_MS + 1).name + suffix)
        for suffix in (".partial", ".partial-journal", ".sha256", ".sha256.partial")
    ]
    for path in (whole, backup.digest_file(whole), tmp_path / "mine.partial", *rubbish):
        path.touch()
    assert sorted(backup_folder.clear_leftovers(tmp_path)) == sorted(rubbish)
    assert sorted(tmp_path.iterdir()) == sorted([whole, backup.digest_file(whole), tmp_path / "mine.partial"])


# --- what is refused ---


def test_a_flipped_bit_is_refused(books: Books) -> None:
    books.accept(books.account(), books.prepared("one"))
    file = copy_of(books)
    sound = file.read_bytes()
    for offset in range(0, len(sound), len(sound) // 50):
        damaged = bytearray(sound)
        damaged[offset] ^= 1 << (offset % 8)
        file.write_bytes(damaged)
        with pytest.raises(NotSound, match="SHA-256 differs"):
            restore.look_at(file)
    file.write_bytes(sound)
    restore.look_at(file)


def test_a_damaged_page_is_refused_without_a_digest_too(books: Books) -> None:
    books.accept(books.account(), books.prepared("one"))
    file = copy_of(books)
    backup.digest_file(file).unlink()
    sound = file.read_bytes()
    for page in range(1, len(sound) // 4096):
        file.write_bytes(sound[: page * 4096] + b"\xa5" * 4096 + sound[(page + 1) * 4096 :])
        with pytest.raises(NotSound):
            restore.look_at(file)


@pytest.mark.parametrize("suffix", ["-wal", "-shm", "-journal"])
def test_a_file_with_a_log_beside_it_is_refused(books: Books, suffix: str) -> None:
    file = copy_of(books)
    file.with_name(file.name + suffix).touch()
    with pytest.raises(NotSound, match="may be torn"):
        restore.restore(file, books.path.parent / "x" / "ledger.sqlite", actor="tester", now_ms=books.now_ms)


def test_what_is_no_ledger_of_ours_is_refused_and_nothing_is_changed(books: Books, tmp_path: Path) -> None:
    folder = tmp_path / "back"
    folder.mkdir()
    ledger = folder / "ledger.sqlite"
    ledger.write_bytes(b"the present one")
    newer, foreign, empty, text = (tmp_path / name for name in ("newer", "foreign", "empty", "text"))
    shutil.copy(copy_of(books), newer)
    with sqlite3.connect(newer) as connection:
        connection.execute(f"PRAGMA user_version = {migrate.newest() + 1}")
    connection.close()
    with sqlite3.connect(foreign) as connection:
        connection.execute("CREATE TABLE songs (title TEXT)")
    connection.close()
    empty.touch()
    text.write_text("no database " * 1000)
    absent = tmp_path / "nosuch.sqlite"
    for file, why in ((absent, "no such file"), (tmp_path, "not a file")):
        with pytest.raises(NotSound, match=why):
            restore.restore(file, ledger, actor="tester", now_ms=books.now_ms)
    for file, why in ((newer, "newer program"), (foreign, "not a ledger"), (empty, "empty"), (text, "damaged")):
        with pytest.raises(NotSound, match=why):
            restore.restore(file, ledger, actor="tester", now_ms=books.now_ms)
    assert [path.name for path in folder.iterdir()] == ["ledger.sqlite"]
    assert ledger.read_bytes() == b"the present one"


# --- what comes back ---


def test_everything_unfinished_comes_back_held_and_says_why(comeback: Books) -> None:
    assert states_of(comeback) == {
        "claimed": ["held", "held"],
        "doubtful": ["held", "held"],
        "submitted": ["submitted", "submitted"],
        "failed": ["undeliverable", "undeliverable"],
        "queued": ["held", "held"],
    }
    (held,) = comeback.read("held_list")["parts"]
    assert (held["account"], held["link"], held["lane"], held["count"]) == ("demo", LINK, "normal", 6)
    assert held["waiting_for"] == "restored from the backup of 2027-01-15 08:00:00Z: it may have been sent since"
    assert [(n["kind"], n["count"]) for n in comeback.read("held_list")["notices"]] == [("report", 1)]
    was = comeback.connection.execute("SELECT detail FROM history WHERE event = 'held' ORDER BY history_id").fetchall()
    assert [row[0].partition(";")[0] for row in was] == ["was claimed"] * 2 + ["was in doubt"] * 2 + ["was queued"] * 2
    ((actor, detail),) = comeback.connection.execute("SELECT actor, detail FROM action").fetchall()
    assert (actor, detail) == ("tester", "backup of 2027-01-15 08:00:00Z; held 6 parts, 1 notices")


def test_nothing_that_is_held_goes_by_itself(comeback: Books) -> None:
    before = comeback.read("held_list")
    for later_ms in (0, 3_600_000, 90 * DAY_MS):
        comeback.now_ms = NOW_MS + later_ms
        assert not any(comeback.do("recover", now_ms=comeback.now_ms, hold_ms=0).values())
        assert comeback.do("resolve_doubts", now_ms=comeback.now_ms, never_resend=[]) == {"resent": [], "unknown": []}
        assert comeback.do("expire", now_ms=comeback.now_ms) == {"expired": []}
        assert comeback.do("shift", by_ms=1000, now_ms=comeback.now_ms) == {"parts": 0, "notices": 0}
        assert comeback.claim() == []
        assert comeback.notices() == []
    assert comeback.read("held_list") == before


def test_new_messages_after_a_restore_are_sent_as_usual_under_new_numbers(books: Books, comeback: Books) -> None:
    highest = [
        books.connection.execute(f"SELECT max({name}_id) FROM {name}").fetchone()[0] for name in ("message", "part")
    ]
    (account,) = comeback.connection.execute("SELECT account_id FROM account").fetchone()
    (sent,) = comeback.accept(account, comeback.prepared("new"))
    (part,) = comeback.claim()
    assert (part.message_id, part.text, part.is_possible_duplicate) == (sent.message_id, "new", False)
    numbers = comeback.connection.execute("SELECT message_id, part_id FROM part WHERE text = 'new'").fetchone()
    jumps = {new - old - 1 for new, old in zip(numbers, highest, strict=True)}
    assert len(jumps) == 1
    assert NUMBERS_SKIPPED <= jumps.pop() < 2 * NUMBERS_SKIPPED


def accepted_after_a_restore(file: Path, folder: Path, account: int) -> tuple[str, int, int]:
    """Restore in place, then accept one message: its public id, its part's number and its account's low_count."""
    restore.restore(file, folder / "ledger.sqlite", actor="tester", now_ms=NOW_MS)
    back = Books(folder)
    (sent,) = back.accept(account, back.prepared("new"))
    part_id, low_count = back.connection.execute(
        "SELECT part_id, low_count FROM part JOIN account USING (account_id) WHERE text = 'new'"
    ).fetchone()
    back.close()
    return sent.message_id, part_id, low_count


@pytest.mark.parametrize("lost", ["nothing", "the ledger", "its sequences"])
def test_the_same_backup_restored_again_gives_out_other_numbers(books: Books, tmp_path: Path, lost: str) -> None:
    account = books.account()
    file = copy_of(books)
    folder = tmp_path / "back"
    folder.mkdir()
    found = set()
    for number in range(3):
        found.add(accepted_after_a_restore(file, folder, account))
        ledger = folder / "ledger.sqlite"
        if lost == "the ledger":
            ledger.rename(folder / f"lost{number}")
        if lost == "its sequences":
            ledger.write_bytes(b"\xa5" * ledger.stat().st_size)
    for column in zip(*found, strict=True):
        assert len(set(column)) == 3
    if lost == "nothing":
        parts = sorted(part_id for _, part_id, _ in found)
        assert [part_id // NUMBERS_SKIPPED for part_id in parts] == [1, 2, 3], "no more than is needed"


def test_numbers_that_only_the_log_of_a_crashed_ledger_knows_are_skipped(books: Books, tmp_path: Path) -> None:
    account = books.account()
    file = copy_of(books)
    books.connection.execute("UPDATE sequence SET value = 5000000")
    folder = tmp_path / "back"
    folder.mkdir()
    for suffix in ("", "-wal"):
        shutil.copy(books.path.with_name(books.path.name + suffix), folder)
    assert (folder / "ledger.sqlite-wal").stat().st_size
    _, part_id, _ = accepted_after_a_restore(file, folder, account)
    assert part_id == 5_000_000 + NUMBERS_SKIPPED + 1


def test_a_number_that_only_damage_explains_is_not_believed(books: Books) -> None:
    books.connection.execute("UPDATE sequence SET value = ?", (given_out.NUMBER_MAX + 1,))
    assert given_out.read(books.path) is None
    books.connection.execute("UPDATE sequence SET value = 0")


def test_what_a_first_ledger_gave_out_is_known(tmp_path: Path) -> None:
    old = sqlite3.connect(tmp_path / "old.sqlite", isolation_level=None)
    migrate.apply(old, migrate.steps()[1], 1)
    old.execute("UPDATE sequence SET value = 7")
    old.close()
    assert given_out.read(tmp_path / "old.sqlite") == given_out.GivenOut({"message": 7, "part": 7}, 0)


def test_what_is_released_is_sent_marked(comeback: Books) -> None:
    released = comeback.do("held_release", actor="tester", now_ms=comeback.now_ms)
    assert (released["parts"], released["notices"], released["links"], released["is_more"]) == (6, 1, [LINK], False)
    parts = comeback.claim()
    assert len(parts) == 6
    assert all(part.is_possible_duplicate for part in parts)
    assert "released" in comeback.events(parts[0].message_id)
    assert len(comeback.notices()) == 1
    assert comeback.read("held_list") == {"parts": [], "notices": []}
    assert comeback.connection.execute("SELECT action FROM action").fetchall() == [("restore",), ("release",)]


def test_what_is_released_too_late_expires_and_stays_charged(comeback: Books) -> None:
    balance_mc = comeback.balance_mc()
    comeback.now_ms += 2 * 3_600_000
    comeback.do("held_release", actor="tester", now_ms=comeback.now_ms)
    assert comeback.claim() == []
    assert len(comeback.do("expire", now_ms=comeback.now_ms)["expired"]) == 6
    assert comeback.balance_mc() == balance_mc
    told = [sentence(notice.message)[0] for notice in comeback.notices() if notice.message]
    assert sum("may have been sent once" in one for one in told) == 3
    assert len(told) == 4, "each of the three messages is told, and what was owed before"


@pytest.mark.parametrize("is_refunded", [True, False])
def test_what_is_cancelled_ends_and_is_refunded_only_when_asked_for(comeback: Books, is_refunded: bool) -> None:
    balance_mc = comeback.balance_mc()
    done = comeback.do("held_cancel", is_refunded=is_refunded, actor="tester", now_ms=comeback.now_ms)
    assert (done["parts"], done["notices"], len(done["messages"])) == (6, 1, 3)
    assert done["refunded_mc"] == (6000 if is_refunded else 0)
    assert comeback.balance_mc() == balance_mc + done["refunded_mc"]
    assert comeback.claim() == []
    assert comeback.states(done["messages"][0]) == ["cancelled", "cancelled"]
    told = [sentence(notice.message) for notice in comeback.notices() if notice.message]
    assert len(told) == 3
    for what, advice in told:
        assert "It may have been sent before that; it is not sent again." in what, "also when the price came back"
        assert "before you send it again" in advice
    again = comeback.do("held_cancel", is_refunded=True, actor="tester", now_ms=comeback.now_ms)
    assert (again["parts"], again["refunded_mc"]) == (0, 0)


def test_a_part_that_was_sent_twice_before_the_backup_can_be_refunded_after_it(books: Books, tmp_path: Path) -> None:
    books.accept(books.account(), books.prepared())
    (part,) = books.claim()
    books.settle(part, OutcomeKind.IN_DOUBT, retry_at_ms=books.now_ms)
    books.do("resolve_doubts", now_ms=books.now_ms, never_resend=[])
    back = restored(books, copy_of(books), tmp_path / "back")
    done = back.do("held_cancel", is_refunded=True, actor="tester", now_ms=back.now_ms)
    assert (done["parts"], done["refunded_mc"]) == (1, 1000)
    back.audit()
    back.close()


def test_release_and_cancel_take_only_what_was_asked_for(books: Books, tmp_path: Path) -> None:
    for name in ("left", "right"):
        account = books.account(name)
        for hour in range(3):
            books.now_ms = NOW_MS + hour * HOUR_MS
            books.accept(account, books.prepared(expires_at_ms=NOW_MS + DAY_MS))
    back = restored(books, copy_of(books), tmp_path / "back")
    wanted = {"account": "left", "from_ms": NOW_MS + HOUR_MS, "to_ms": NOW_MS + 2 * HOUR_MS}
    assert back.do("held_release", **wanted, actor="tester", now_ms=books.now_ms)["parts"] == 1
    assert back.do("held_release", **wanted, actor="tester", now_ms=books.now_ms)["parts"] == 0
    cancelled = back.do("held_cancel", to_ms=NOW_MS + HOUR_MS, is_refunded=True, actor="tester", now_ms=books.now_ms)
    assert cancelled["parts"] == 2
    left = {(line["account"], line["count"]) for line in back.read("held_list")["parts"]}
    assert left == {("left", 1), ("right", 2)}
    back.audit()
    back.close()


def test_one_call_moves_a_bounded_number_and_says_that_there_is_more(books: Books, tmp_path: Path) -> None:
    account = books.account(credit_mc=1 << 40)
    texts = ("part",) * 200
    for _ in range(BATCH_MAX // 200 + 1):
        books.accept(account, books.prepared(*texts))
    back = restored(books, copy_of(books), tmp_path / "back")
    counts = []
    while not counts or counts[-1] == BATCH_MAX:
        step = back.do("held_release", actor="tester", now_ms=books.now_ms)
        counts.append(step["parts"])
        assert step["is_more"] == (step["parts"] == BATCH_MAX)
    assert counts == [BATCH_MAX, 200]
    back.close()


@pytest.mark.parametrize("wrong", ["waiting_for = ''", "is_possible_duplicate = 1"])
def test_the_audit_sees_a_held_part_that_does_not_say_what_it_is(books: Books, tmp_path: Path, wrong: str) -> None:
    books.accept(books.account(), books.prepared())
    back = restored(books, copy_of(books), tmp_path / "back")
    back.audit()
    back.connection.execute(f"UPDATE part SET {wrong}")
    assert not back.read("ledger_audit")["is_ok"]
    back.close()


def test_the_ledger_that_is_replaced_is_kept_with_its_log(books: Books, tmp_path: Path) -> None:
    account = books.account()
    file = copy_of(books)
    books.accept(account, books.prepared("accepted since"))
    folder = tmp_path / "state"
    folder.mkdir()
    for suffix in ("", "-wal", "-shm"):
        shutil.copy(books.path.with_name(books.path.name + suffix), folder)
    done = restore.restore(file, folder / "ledger.sqlite", actor="tester", now_ms=books.now_ms)
    assert done.aside is not None
    kept = sqlite.open_writer(done.aside)
    assert kept.execute("SELECT text FROM part").fetchall() == [("accepted since",)]
    kept.close()
    back = Books(folder)
    assert back.connection.execute("SELECT count(*) FROM part").fetchone() == (0,)
    back.audit()
    back.close()


# --- upgrades ---


def first_ledger(path: Path) -> sqlite3.Connection:
    """A ledger of schema 1 with one charged message that waits."""
    connection = sqlite.open_writer(path)
    migrate.apply(connection, migrate.steps()[1], 1)
    for sql in (
        "INSERT INTO account (name, name_folded, created_at_ms) VALUES ('demo', 'demo', 1)",
        "INSERT INTO balance (account_id, book, amount_mc) VALUES (1, 'credit', 9000)",
        "INSERT INTO posting (account_id, book, kind, cause, amount_mc, created_at_ms)"
        " VALUES (1, 'credit', 'top_up', 'top_up:a', 10000, 1), (1, 'credit', 'charge', 'message:1', -1000, 2)",
        "INSERT INTO message VALUES (1, 1, 'smtp', '', '46701740605', 'gsm7', 1, 1000, 'upstream', 2, '')",
        "INSERT INTO part (part_id, message_id, account_id, part_no, text, state, link, lane, next_action_at_ms,"
        " expires_at_ms) VALUES (1, 1, 1, 1, 'hello', 'queued', 'upstream', 1, 2, 1900000000000)",
        "UPDATE sequence SET value = 1",
    ):
        connection.execute(sql)
    return connection


def test_an_upgrade_begins_with_a_verified_backup(tmp_path: Path) -> None:
    path, folder = tmp_path / "ledger.sqlite", tmp_path / "backups"
    connection = first_ledger(path)
    kept = upgrade.prepare(connection, path, folder, NOW_MS)
    assert migrate.version_of(connection) == migrate.newest()
    connection.close()
    assert kept == folder / "before-upgrade-v1-20270115T080000.000Z.sqlite"
    facts = restore.look_at(kept)
    assert (facts.schema, facts.messages, facts.waiting) == (1, 1, 1)
    again = sqlite.open_writer(path)
    assert upgrade.prepare(again, path, folder, NOW_MS + 1) is None, "a ledger that is up to date needs none"
    again.close()


def test_without_a_backup_there_is_no_upgrade(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    connection = first_ledger(path)
    (tmp_path / "backups").touch()
    with pytest.raises(migrate.WrongLedger, match=r"from schema 1 to \d+, and not without a backup: .*start again"):
        upgrade.prepare(connection, path, tmp_path / "backups", NOW_MS)
    assert migrate.version_of(connection) == 1
    connection.close()


def test_a_backup_from_before_an_upgrade_can_be_restored(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite"
    first_ledger(path).close()
    kept = backup.make(path, tmp_path / "copy.sqlite", now_ms=NOW_MS).path
    folder = tmp_path / "state"
    folder.mkdir()
    restore.restore(kept, folder / "ledger.sqlite", actor="tester", now_ms=NOW_MS)
    back = Books(folder)
    assert [(line["account"], line["count"]) for line in back.read("held_list")["parts"]] == [("demo", 1)]
    back.audit()
    back.close()
