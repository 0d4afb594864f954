"""What is known after a run: the journals of everybody outside, and the rows of the ledger, ready to be compared."""

import hashlib
import shutil
import sqlite3
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bridge.messages.ids import public_id
from tests.crash.journal import Entry

Row = dict[str, Any]

TABLES = (
    "setting_of_ledger", "account", "balance", "posting", "message", "part", "history", "notice", "inbound",
    "inbound_part", "parked_receipt", "mail_thread", "esme_message", "esme_notice",
)  # fmt: skip


@dataclass(slots=True)
class Rows:
    """A ledger read once, table by table, and what SQLite thinks of the file."""

    tables: dict[str, list[Row]]
    integrity: list[str]
    dangling: int
    """Foreign keys that lead nowhere."""

    def __getitem__(self, table: str) -> list[Row]:
        return self.tables[table]


def read_rows(path: Path) -> Rows:
    """Read a ledger that no process has open (a copy, or one whose appliance has stopped)."""
    connection = sqlite3.connect(path)
    try:
        connection.row_factory = sqlite3.Row
        # rowids differ from nothing: every table's own order is the order of writing.
        tables = {table: [dict(row) for row in connection.execute(f"SELECT * FROM {table}")] for table in TABLES}
        integrity = [row[0] for row in connection.execute("PRAGMA integrity_check")]
        dangling = len(connection.execute("PRAGMA foreign_key_check").fetchall())
        return Rows(tables, integrity, dangling)
    finally:
        connection.close()


def read_copy(ledger: Path, folder: Path) -> Rows:
    """Read a ledger as a killed process left it, without doing its recovery in its place: a copy is read."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    copy = folder / ledger.name
    for suffix in ("", "-wal"):
        source = ledger.with_name(ledger.name + suffix)
        if source.exists():
            shutil.copyfile(source, copy.with_name(copy.name + suffix))
    return read_rows(copy)


@dataclass(slots=True)
class Wish:
    """An errand and all that was heard of it."""

    facts: Entry
    intents: list[Entry] = field(default_factory=list)
    heard: list[Entry] = field(default_factory=list)
    lost: list[Entry] = field(default_factory=list)

    @property
    def number(self) -> int:
        return int(self.facts["number"])

    @property
    def mark(self) -> str:
        return str(self.facts["text"][:8])

    @property
    def answer(self) -> Entry | None:
        """The last answer that settled anything."""
        return next((heard for heard in reversed(self.heard) if heard["yes"] or heard["no"]), None)

    def promised(self) -> dict[str, set[str]]:
        """Recipients that any answer said yes to, with the ids it gave."""
        found: dict[str, set[str]] = defaultdict(set)
        for heard in self.heard:
            for recipient, name in heard["yes"].items():
                found[recipient] |= {name} - {""}
        return dict(found)


@dataclass(slots=True)
class Try:
    """One submit_sm as the carrier saw it."""

    facts: Entry
    answer: Entry | None = None

    @property
    def is_taken(self) -> bool:
        """The carrier will (try to) deliver it, whatever it said."""
        return not self.facts["status"]


class Evidence:
    """Everything of one run, indexed. `clients`, `carrier`, `mails` are journals; `rows` is the ledger at the end."""

    def __init__(
        self,
        clients: list[Entry],
        carrier: list[Entry],
        mails: list[Entry],
        rows: Rows,
        *,
        never_resend: bool = False,
        said: Entry | None = None,
    ) -> None:
        self.clients, self.carrier, self.mails, self.rows = clients, carrier, mails, rows
        self.never_resend = never_resend
        self.said = said
        """What the appliance itself says is unfinished, asked after the drain."""
        self.wishes: dict[int, Wish] = {}
        self._read_clients()
        self._read_carrier()
        self._read_ledger()

    def _read_clients(self) -> None:
        lists = {"intent": "intents", "heard": "heard", "lost": "lost"}
        for entry in self.clients:
            if entry["what"] == "errand":
                self.wishes[entry["number"]] = Wish(entry)
            elif entry["what"] in lists:
                getattr(self.wishes[entry["errand"]], lists[entry["what"]]).append(entry)
        self.accounts = [entry for entry in self.clients if entry["what"] == "account"]
        self.top_ups = [entry for entry in self.clients if entry["what"] == "top_up"]
        self.receipts = [entry for entry in self.clients if entry["what"] == "receipt"]
        """Every deliver_sm that an ESME got."""
        self.topped_up = {entry["key"] for entry in self.clients if entry["what"] == "topped_up"}

    def _read_carrier(self) -> None:
        self.tries: dict[tuple[str, str], list[Try]] = defaultdict(list)
        """Recipient and text of a part -> its submissions."""
        numbered: dict[int, Try] = {}
        self.parcels: dict[int, list[Entry]] = defaultdict(list)
        """deliver_sm by number: each sending, and the answers."""
        for entry in self.carrier:
            if entry["what"] == "submit":
                numbered[entry["n"]] = Try(entry)
                self.tries[entry["to"], entry["text"]].append(numbered[entry["n"]])
            elif entry["what"] == "answer":
                numbered[entry["n"]].answer = entry
            elif entry["what"] in ("deliver", "delivered"):
                self.parcels[entry["d"]].append(entry)

    def _read_ledger(self) -> None:
        rows = self.rows
        key = next(int(row["value"]) for row in rows["setting_of_ledger"] if row["name"] == "id_key")
        self.accounts_by_row = {row["account_id"]: row for row in rows["account"]}
        self.parts: dict[int, list[Row]] = defaultdict(list)
        for part in sorted(rows["part"], key=lambda row: row["part_no"]):
            self.parts[part["message_id"]].append(part)
        self.history: dict[tuple[int, int], list[Row]] = defaultdict(list)
        for line in rows["history"]:
            self.history[line["message_id"], line["part_no"]].append(line)
        self.messages: dict[tuple[str, str], list[Row]] = defaultdict(list)
        """Mark of an errand and recipient -> messages."""
        self.names: dict[int, str] = {}
        """Message row -> public id."""
        for message in rows["message"]:
            text = "".join(part["text"] for part in self.parts[message["message_id"]])
            message["text"] = text
            self.names[message["message_id"]] = public_id(message["message_id"], key)
            self.messages[text[:8], message["recipient"]].append(message)
        self.shared: dict[tuple[str, str], list[tuple[Row, Row]]] = defaultdict(list)
        """Recipient and text of a part -> the messages and parts that say so: one, unless somebody asked twice."""
        for message, part in self.each_part():
            self.shared[message["recipient"], part["text"]].append((message, part))
        self.inbound_names = {row["inbound_id"]: public_id(row["inbound_id"], key) for row in rows["inbound"]}

    # --- views ---

    def tries_of(self, message: Row, part: Row) -> list[Try]:
        return self.tries.get((message["recipient"], part["text"]), [])

    def each_part(self) -> list[tuple[Row, Row]]:
        return [(message, part) for message in self.rows["message"] for part in self.parts[message["message_id"]]]

    def trace(self, mark: str = "", recipient: str = "") -> str:
        """All that anybody wrote down about one errand (and recipient), in order of time."""
        lines: list[tuple[float, str]] = []
        wish = next((wish for wish in self.wishes.values() if wish.mark == mark), None)
        if wish is not None:
            for entry in (wish.facts, *wish.intents, *wish.heard, *wish.lost):
                lines.append((entry["at"], f"client   {_short(entry)}"))
        names = set()
        for (a_mark, to), messages in self.messages.items():
            if a_mark != mark or recipient not in ("", to):
                continue
            for message in messages:
                names.add(self.names[message["message_id"]])
                lines += self._trace_of_message(message)
        for entry in self.receipts:
            if entry["id"] in names:
                lines.append((entry["at"], f"ESME     {_short(entry)}"))
        for entry in self.mails:
            if entry["about"] in names:
                lines.append((entry["at"], f"mail     {_short({k: v for k, v in entry.items() if k != 'body'})}"))
        if lines:
            first, last = min(lines)[0], max(lines)[0]
            for entry in self.clients:
                if entry["what"] in ("kill", "start") and first - 1 <= entry["at"] <= last + 1:
                    lines.append((entry["at"], f"harness  {_short(entry)}"))
        return "\n".join(f"    {at:.4f} {line}" for at, line in sorted(dict.fromkeys(lines)))

    def _trace_of_message(self, message: Row) -> list[tuple[float, str]]:
        at = message["accepted_at_ms"] / 1000
        lines = [(at, f"ledger   message {_short(message)}")]
        ids = set()
        for part in self.parts[message["message_id"]]:
            lines.append(((part["claimed_at_ms"] or message["accepted_at_ms"]) / 1000, f"ledger   part {_short(part)}"))
            for one in self.tries_of(message, part):
                ids.add(one.facts["id"])
                lines.append((one.facts["at"], f"carrier  {_short(one.facts)}"))
                if one.answer:
                    lines.append((one.answer["at"], f"carrier  {_short(one.answer)}"))
        for entries in self.parcels.values():
            if entries[0].get("id") in ids - {""}:
                lines += [(entry["at"], f"carrier  {_short(entry)}") for entry in entries]
        for (message_id, _), history in self.history.items():
            if message_id == message["message_id"]:
                lines += [(line["at_ms"] / 1000, f"history  {_short(line)}") for line in history]
        for notice in self.rows["esme_notice"]:
            if notice["message_id"] == message["message_id"]:
                lines.append((notice["created_at_ms"] / 1000, f"ledger   receipt owed {_short(notice)}"))
        parts = {f"part:{part['part_id']}" for part in self.parts[message["message_id"]]}
        for posting in self.rows["posting"]:
            if posting["cause"] in parts | {f"message:{message['message_id']}"}:
                lines.append((posting["created_at_ms"] / 1000, f"posting  {_short(posting)}"))
        return lines


def _short(entry: Entry) -> str:
    facts = {name: value for name, value in entry.items() if name != "at" and value not in ("", None, [], {})}
    return " ".join(f"{name}={value}" for name, value in facts.items())


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
