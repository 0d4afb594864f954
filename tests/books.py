"""A real ledger without its thread: verbs run one transaction at a time, for tests that need no loop."""

from pathlib import Path
from typing import Any

from sqlite_utils import Database

from bridge.intake.accept import Group
from bridge.ledger import migrate, sqlite
from bridge.ledger.database import Transaction
from bridge.ledger.esme import EsmeClaim, EsmeNotice, EsmeNoticeKind, EsmeNoticeOutcome
from bridge.ledger.outbox import Notice, NoticeClaim
from bridge.ledger.queue import Claim, Prepared
from bridge.ledger.receive import Delivery
from bridge.ledger.reports import REPORTS
from bridge.ledger.settle import Settlement
from bridge.messages.esme import EsmeFacts
from bridge.messages.faults import Fault
from bridge.messages.inbound import InboundPart
from bridge.messages.message import (
    Accepted,
    ClaimedPart,
    Coding,
    Lane,
    MailThread,
    Outcome,
    OutcomeKind,
    PartState,
)
from bridge.messages.receipt import Receipt
from bridge.runtime.ledger_verbs import VERBS

NOW_MS = 1_800_000_000_000
LINK = "upstream"
RECIPIENT = "46701740605"
THREAD = MailThread("sender@example.com", "<original@example.com>", "", "Alarm")


class Books:
    """The ledger in a folder; `now_ms` is the tests' own clock."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "ledger.sqlite"
        self.connection = sqlite.open_writer(self.path)
        migrate.prepare(self.connection)
        self._tx = Transaction(self.connection)
        self._reader = Database(sqlite.open_reader(self.path), execute_plugins=False)
        self.now_ms = NOW_MS

    def close(self) -> None:
        self._reader.conn.close()
        self.connection.close()

    def group(self, verb: str, arguments: list[Any]) -> list[Any]:
        """One transaction with a whole group, as the writer runs it."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            results = list(VERBS[verb](self._tx, arguments))
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")
        return results

    def call(self, verb: str, argument: Any) -> Any:
        """One transaction with one request; a Fault is raised."""
        (result,) = self.group(verb, [argument])
        if isinstance(result, Fault):
            raise result
        return result

    def do(self, verb: str, **values: Any) -> Any:
        return self.call(verb, values)

    def read(self, report: str, **values: Any) -> Any:
        return REPORTS[report](self._reader, **values)

    # --- what tests do most ---

    def account(self, name: str = "demo", credit_mc: int = 100_000, **facts: Any) -> int:
        opened = self.do("account_add", name=name, now_ms=self.now_ms, **facts)
        if credit_mc:
            self.do("account_top_up", name=name, amount_mc=credit_mc, key="opening", now_ms=self.now_ms)
        return int(opened["account_id"])

    def balance_mc(self, name: str = "demo") -> int:
        return int(self.read("account_show", name=name)["balance_mc"])

    def prepared(self, *texts: str, **facts: Any) -> Prepared:
        values: dict[str, Any] = {
            "door": "smtp",
            "originator": "",
            "recipient": RECIPIENT,
            "coding": Coding.GSM7,
            "lane": Lane.NORMAL,
            "price_mc": 1000,
            "links": (LINK,),
            "expires_at_ms": self.now_ms + 3_600_000,
        }
        return Prepared(texts=texts or ("hello",), **(values | facts))

    def accept(self, account_id: int, *messages: Prepared) -> list[Accepted]:
        accepted: list[Accepted] = self.call("accept", Group(account_id, self.now_ms, messages))
        return accepted

    def claim(self, count: int = 100, link: str = LINK) -> list[ClaimedPart]:
        claimed: list[ClaimedPart] = self.call("claim", Claim(link, count, self.now_ms))
        return claimed

    def lane_of(self, part: ClaimedPart) -> Lane:
        (lane,) = self.connection.execute("SELECT lane FROM part WHERE part_id = ?", (part.part_id,)).fetchone()
        return Lane(lane)

    def settle(self, part: ClaimedPart, kind: OutcomeKind, link: str = LINK, **facts: Any) -> None:
        self.call("settle", Settlement(link, [Outcome(part.part_id, kind, self.now_ms, **facts)]))

    def submitted(self, part: ClaimedPart, smsc_id: str) -> None:
        self.settle(part, OutcomeKind.SUBMITTED, smsc_id=smsc_id)

    def receipt(
        self, smsc_id: str, state: PartState | None = PartState.DELIVERED, originator: str = RECIPIENT, link: str = LINK
    ) -> None:
        receipt = Receipt(smsc_id, state, "000", self.now_ms - 60_000, originator)
        self.call("receive", Delivery(link, [receipt], self.now_ms))

    def inbound(self, *parts: InboundPart) -> Any:
        return self.call("receive", Delivery(LINK, list(parts), self.now_ms))

    def notices(self) -> list[Notice]:
        notices: list[Notice] = self.call("claim_notices", NoticeClaim(100, self.now_ms))
        return notices

    # --- ESMEs ---

    def esme_message(self, *texts: str, registered_delivery: int = 1, **facts: Any) -> Prepared:
        """A message as an ESME submits it; `facts` of Prepared, or of EsmeFacts."""
        said = {name: facts.pop(name) for name in tuple(facts) if name in EsmeFacts.__slots__}
        addresses = {"source_addr": "Pump", "source_addr_ton": 5, "destination_addr": "+" + RECIPIENT}
        values = addresses | {"dest_addr_ton": 1, "dest_addr_npi": 1, "registered_delivery": registered_delivery}
        return self.prepared(
            *texts, **({"door": "smpp", "originator": "Pump", "esme": EsmeFacts(**(values | said))} | facts)
        )

    def esme_notices(self, account_id: int, count: int = 100) -> list[EsmeNotice]:
        notices: list[EsmeNotice] = self.call("claim_esme_notices", EsmeClaim(account_id, count, self.now_ms))
        return notices

    def esme_settled(
        self, notice: EsmeNotice, kind: EsmeNoticeKind = EsmeNoticeKind.DONE, retry_at_ms: int = 0, reason: str = ""
    ) -> None:
        outcome = EsmeNoticeOutcome(notice.esme_notice_id, kind, self.now_ms, retry_at_ms, reason)
        self.call("settle_esme_notices", [outcome])

    def rung(self) -> set[str]:
        """The bells since the last look."""
        bells, self._tx.bells = self._tx.bells, set()
        return bells

    def states(self, message_id: str) -> list[str]:
        return [part["state"] for part in self.read("message_show", message_id=message_id)["parts"]]

    def events(self, message_id: str) -> list[str]:
        return [line["event"] for line in self.read("message_show", message_id=message_id)["history"]]

    def audit(self) -> None:
        report = self.read("ledger_audit")
        assert report["is_ok"], [check for check in report["checks"] if not check["is_ok"]]
