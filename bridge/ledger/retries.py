"""Retries: a repeat of a submission whose sender does not know that it was accepted becomes the same message.

Two ways to know one. A name that the sender gave (`Prepared.retry`) holds for KEY_KEPT_MS, whether the first was
answered or not. Without a name, a repeat is one only when the first answer was lost: the session broke before it, or
the message was accepted in the last moments of a run that crashed. Only those are remembered, so that a message whose
answer arrived costs no extra write; and not for long, for a late repeat is news and not a retry.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from bridge.ledger import bells
from bridge.ledger.database import Transaction
from bridge.ledger.queue import Prepared, Retry, id_key
from bridge.messages.ids import row_of
from bridge.messages.message import Lane

KEY_KEPT_MS = 24 * 3600 * 1000
"""How long the sender's name for a submission is remembered."""
UNANSWERED_KEPT_MS = {Lane.ALARM: 15 * 60_000, Lane.NORMAL: 60 * 60_000, Lane.BULK: 60 * 60_000}
"""How long an unnamed repeat may follow a lost answer: later the same alarm text means that it happened again."""
CRASH_MS = 10_000
"""Acceptances of so short a time before a crash may not have been answered."""
CRASH_MESSAGES_MAX = 200_000
"""Messages looked at for that: more than any machine accepts in CRASH_MS."""
AGAIN_MS = 500
"""A receipt that is owed again waits for so long, behind the answer to the repeat: only that tells its ESME the id."""
FORGET_MAX = 5_000
"""Names that one tidying forgets: some milliseconds of the writer's time; the next round takes the rest."""
DIGEST_SIZE = 16

Known = tuple[int, int, int]
"""What was accepted before: message row, number of parts, price of each."""


@dataclass(slots=True)
class Wanted:
    """One message of a submission, as a retry would say it again."""

    account_id: int
    now_ms: int
    prepared: Prepared


def digest(*facts: str) -> bytes:
    """Facts that differ anywhere have another digest."""
    mark = hashlib.blake2b(digest_size=DIGEST_SIZE)
    for fact in facts:
        octets = fact.encode(errors="replace")
        mark.update(len(octets).to_bytes(4, "big") + octets)
    return mark.digest()


def fingerprint(
    door: str,
    originator: str,
    recipient: str,
    reference: str,
    text: str,
    user_message_reference: int | None = None,
    header: bytes | None = None,
    protocol_id: int | None = None,
) -> bytes:
    """What an unnamed repeat would say again: from an ESME also its number of the message, header and protocol_id."""
    own = [] if user_message_reference is None else [f"reference {user_message_reference}"]
    own += [f"header {header.hex()}"] if header else []
    own += [f"protocol_id {protocol_id}"] if protocol_id else []
    return digest(door, originator, recipient, reference, text, *own)


class Repeats:
    """What the submissions of one batch repeat."""

    def __init__(self, tx: Transaction, wanted: list[Wanted]) -> None:
        self._named: dict[tuple[int, bytes, str, bytes], Known] = {}
        self._contents: dict[tuple[int, bytes], set[bytes]] = {}
        """Account and name -> fingerprints of everything that came under it."""
        self._unanswered: dict[tuple[int, bytes], list[Known]] = {}
        self._notes: dict[tuple[int, str], tuple[int, str]] = {}
        self._heard: list[tuple[int, int, int]] = []
        keys = {(w.account_id, r.key): w.now_ms for w in wanted if (r := w.prepared.retry) is not None}
        if keys:
            self._read_named(tx, keys)
        unnamed = [w for w in wanted if w.prepared.retry is None]
        if unnamed and tx.row("unanswered_any") is not None:
            self._read_unanswered(tx, unnamed)

    def _read_named(self, tx: Transaction, keys: dict[tuple[int, bytes], int]) -> None:
        for row in tx.many("retry_keys_known", [(account, key, now_ms) for (account, key), now_ms in keys.items()]):
            account_id, key, recipient, print_, *known = row
            self._named[account_id, key, recipient, print_] = (known[0], known[1], known[2])
            self._contents.setdefault((account_id, key), set()).add(print_)

    def _read_unanswered(self, tx: Transaction, wanted: list[Wanted]) -> None:
        prints = {(w.account_id, print_of(w.prepared)): w.now_ms for w in wanted}
        for row in tx.many("unanswered_known", [(account, mark, now_ms) for (account, mark), now_ms in prints.items()]):
            account_id, mark, *known = row
            self._unanswered.setdefault((account_id, mark), []).append((known[0], known[1], known[2]))

    def find(self, wanted: Wanted, used: set[int]) -> Known | None:
        """The message that this one repeats and that is not `used` by its own group, or None for a new one."""
        retry = wanted.prepared.retry
        if retry is not None:
            return self._named.get(_place(wanted, retry))
        if not self._unanswered:
            return None
        twins = self._unanswered.get((wanted.account_id, print_of(wanted.prepared)), ())
        return next((known for known in twins if known[0] not in used), None)

    def clashes(self, wanted: Wanted) -> bool:
        """Whether a message has the same name and says something else."""
        retry = wanted.prepared.retry
        if retry is None:
            return False
        contents = self._contents.get((wanted.account_id, retry.key), set())
        return any(mark != retry.fingerprint for mark in contents)

    def merge(self, wanted: Wanted, known: Known) -> None:
        """`wanted` became a message accepted before; its sender hears of it now."""
        if wanted.prepared.retry is not None:
            self._note(known[0], wanted.now_ms, "merged", "a retry under the same name became this message")
            return
        self._unanswered[wanted.account_id, print_of(wanted.prepared)].remove(known)
        self._heard.append((known[0], wanted.now_ms, wanted.now_ms + CRASH_MS))
        detail = "its first answer was lost; the sender's repeat became this message"
        self._note(known[0], wanted.now_ms, "merged", detail)

    def add(self, wanted: Wanted, known: Known) -> None:
        """A new message: the rest of the batch may repeat it. One that shares its name with another text says so."""
        retry = wanted.prepared.retry
        if retry is None:
            return
        if self.clashes(wanted):
            self._note(known[0], wanted.now_ms, "name_reused", "another text came under the same name before")
        self._named[_place(wanted, retry)] = known
        self._contents.setdefault((wanted.account_id, retry.key), set()).add(retry.fingerprint)

    def _note(self, message_id: int, at_ms: int, event: str, detail: str) -> None:
        self._notes.setdefault((message_id, event), (at_ms, detail))

    def write(self, tx: Transaction) -> None:
        """Write down what was merged. A repeat that is answered now is not waited for any more, unless a crash takes
        this answer as well."""
        if self._heard:
            tx.many("unanswered_heard", self._heard)
            # What its ESME was told of a message that it had never heard of meant nothing to it.
            again = [(message_id, now_ms + AGAIN_MS) for message_id, now_ms, _ in self._heard]
            bells.ring_esmes(tx, [row[0] for row in tx.many("esme_notices_again", again)])
        if self._notes:
            rows = [(row, at_ms, event, detail) for (row, event), (at_ms, detail) in self._notes.items()]
            tx.many("history_note_once", rows)


def _place(wanted: Wanted, retry: Retry) -> tuple[int, bytes, str, bytes]:
    return wanted.account_id, retry.key, wanted.prepared.recipient, retry.fingerprint


def print_of(prepared: Prepared) -> bytes:
    """The fingerprint of an unnamed submission."""
    p = prepared
    own = p.esme.user_message_reference if p.esme else None
    header, protocol_id = (p.user_data.header, p.user_data.protocol_id) if p.user_data else (None, None)
    return fingerprint(p.door, p.originator, p.recipient, p.reference, "".join(p.texts), own, header, protocol_id)


def remember(tx: Transaction, named: Iterable[tuple[Wanted, int]]) -> None:
    """Keep the senders' names of messages that were accepted."""
    rows = [
        (w.account_id, w.prepared.retry.key, w.prepared.recipient, w.prepared.retry.fingerprint, message_id)
        + (w.now_ms + KEY_KEPT_MS,)
        for w, message_id in named
        if w.prepared.retry is not None
    ]
    if rows:
        tx.many("retry_keys_insert", rows)


def mark_unanswered(tx: Transaction, *, message_ids: list[str], now_ms: int) -> int:
    """Their senders may never have heard of these messages (public ids); gives how many are marked."""
    key = id_key(tx)
    return _mark(tx, [row for row in (row_of(message_id, key) for message_id in message_ids) if row], now_ms)


def _mark(tx: Transaction, message_rows: list[int], now_ms: int) -> int:
    facts: dict[int, list[str]] = {}
    marked: list[tuple[int, int, bytes, int]] = []
    for row in tx.by_ids("messages_as_submitted", message_rows) if message_rows else []:
        message_id, account_id, door, originator, recipient, reference, lane, text, own, header, protocol_id = row
        texts = facts.setdefault(message_id, [])
        texts.append(text)
        if len(texts) == 1:
            marked.append((message_id, account_id, b"", now_ms + UNANSWERED_KEPT_MS[Lane(lane)]))
        mark = fingerprint(door, originator, recipient, reference, "".join(texts), own, header, protocol_id)
        marked[-1] = (message_id, account_id, mark, marked[-1][3])
    if marked:
        tx.many("unanswered_insert", marked)
    return len(marked)


def mark_after_crash(tx: Transaction, *, crashed_at_ms: int, now_ms: int) -> int:
    """The last answers before a crash may not have arrived: of new messages, and of repeats; gives how many are marked.

    What a command accepted after the crash was answered: see runs.run_begin, which finds the time of the crash.
    """
    values = {"since_ms": crashed_at_ms - CRASH_MS, "until_ms": crashed_at_ms}
    accepted = tx.rows("messages_accepted_between", values | {"count": CRASH_MESSAGES_MAX})
    heard = tx.rows("unanswered_heard_between", values)
    return _mark(tx, sorted({row[0] for row in (*accepted, *heard)}), now_ms)


def forget(tx: Transaction, now_ms: int) -> tuple[int, bool]:
    """Forget names and lost answers whose time is over; gives how many, and whether there may be more names."""
    names = tx.run("retry_keys_forget", {"now_ms": now_ms, "count": FORGET_MAX})
    return names + tx.run("unanswered_forget", {"now_ms": now_ms}), names == FORGET_MAX
