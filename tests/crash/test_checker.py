"""The checker has teeth: in the evidence of a good run one fact is falsified, and the right invariant finds it."""

import asyncio
import copy
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.crash import checker, journal
from tests.crash.errands import errands
from tests.crash.evidence import Evidence, Row, read_rows
from tests.crash.journal import Entry
from tests.crash.kill_harness import run

SEED = 11


class Facts:
    """What an Evidence is made of, to be falsified; with the few looks at it that the lies need."""

    def __init__(self, folder: Path, said: Entry) -> None:
        self.clients = journal.read(folder / "clients.journal")
        self.carrier = journal.read(folder / "carrier.journal")
        self.mails = journal.read(folder / "mails.journal")
        self.rows = read_rows(folder / "state" / "ledger.sqlite")
        self.said: Entry | None = said

    def evidence(self) -> Evidence:
        return Evidence(self.clients, self.carrier, self.mails, self.rows, said=self.said)

    def entry(self, entries: list[Entry], what: str, **facts: object) -> Entry:
        return next(e for e in entries if e["what"] == what and all(e.get(k) == v for k, v in facts.items()))

    def row(self, table: str, **facts: object) -> Row:
        return next(row for row in self.rows[table] if all(row[k] == v for k, v in facts.items()))

    def acknowledged(self) -> tuple[Entry, Row]:
        """An acknowledged request for one recipient, and its message."""
        evidence = self.evidence()
        for wish in evidence.wishes.values():
            if wish.promised() and len(wish.facts["recipients"]) == 1 and wish.facts["copies"] == 1:
                return wish.facts, evidence.messages[wish.mark, wish.facts["recipients"][0]][0]
        raise AssertionError("no such request")

    def forget_message(self, message: Row) -> None:
        """Every row of a message, as if its transaction had never been."""
        number = message["message_id"]
        parts = {f"part:{part['part_id']}" for part in self.rows["part"] if part["message_id"] == number}
        for table in ("message", "part", "history", "notice", "mail_thread"):
            self.rows.tables[table] = [row for row in self.rows[table] if row["message_id"] != number]
        gone = [row for row in self.rows["posting"] if row["cause"] in parts | {f"message:{number}"}]
        for posting in gone:
            self.rows["posting"].remove(posting)
            self.row("balance", account_id=posting["account_id"], book="credit")["amount_mc"] -= posting["amount_mc"]


def _lost(facts: Facts) -> None:
    facts.forget_message(facts.acknowledged()[1])


def _twice(facts: Facts) -> None:
    _, message = facts.acknowledged()
    number = 1_000_000
    facts.rows["message"].append(message | {"message_id": number})
    for part in [part for part in facts.rows["part"] if part["message_id"] == message["message_id"]]:
        facts.rows["part"].append(part | {"message_id": number, "part_id": number + part["part_no"]})


def _half_a_mail(facts: Facts) -> None:
    evidence = facts.evidence()
    wish = next(
        wish for wish in evidence.wishes.values()
        if wish.facts["door"] == "smtp" and len(wish.facts["recipients"]) > 1 and wish.promised()
    )  # fmt: skip
    facts.forget_message(evidence.messages[wish.mark, wish.facts["recipients"][-1]][0])


def _never_sent(facts: Facts) -> None:
    to = facts.row("message", message_id=facts.row("part", state="delivered")["message_id"])["recipient"]
    facts.carrier = [entry for entry in facts.carrier if entry.get("to") != to]
    kept = {entry["n"] for entry in facts.carrier if entry["what"] == "submit"}
    facts.carrier = [entry for entry in facts.carrier if entry["what"] != "answer" or entry["n"] in kept]


def _still_queued(facts: Facts) -> None:
    facts.row("part", state="delivered")["state"] = "queued"


def _no_reason(facts: Facts) -> None:
    facts.row("part", state="rejected")["waiting_for"] = ""


def _sent_again(facts: Facts) -> None:
    part = facts.row("part", state="delivered", is_possible_duplicate=0)
    submit = facts.entry(facts.carrier, "submit", text=part["text"])
    facts.carrier.append(submit | {"n": 10_000_000, "id": "FFFFFFFF"})
    part["attempt"] += 1


def _mark_removed(facts: Facts) -> None:
    evidence = facts.evidence()
    for message, part in evidence.each_part():
        if sum(one.is_taken for one in evidence.tries_of(message, part)) == 2:
            part["is_possible_duplicate"] = 0
            return
    raise AssertionError("no part was taken twice")


def _money_appears(facts: Facts) -> None:
    facts.rows["balance"][0]["amount_mc"] += 1


def _money_appears_twice(facts: Facts) -> None:
    """Posting and balance agree with each other, and not with the world."""
    posting = facts.row("posting", kind="top_up")
    posting["amount_mc"] += 5
    facts.row("balance", account_id=posting["account_id"], book="credit")["amount_mc"] += 5


def _top_up_lost(facts: Facts) -> None:
    key = facts.entry(facts.clients, "topped_up")["key"]
    posting = facts.row("posting", cause=f"top_up:{key}")
    facts.rows["posting"].remove(posting)
    facts.row("balance", account_id=posting["account_id"], book="credit")["amount_mc"] -= posting["amount_mc"]


def _charged_twice(facts: Facts) -> None:
    posting = facts.row("posting", kind="charge")
    facts.rows["posting"].append(posting | {"posting_id": 10_000_000})
    facts.row("balance", account_id=posting["account_id"], book="credit")["amount_mc"] += posting["amount_mc"]


def _refund_of_what_was_taken(facts: Facts) -> None:
    part = facts.row("part", state="delivered")
    charge = facts.row("posting", kind="charge", cause=f"message:{part['message_id']}")
    refund = {"kind": "refund", "cause": f"part:{part['part_id']}", "amount_mc": 1000, "posting_id": 10_000_000}
    facts.rows["posting"].append(charge | refund)
    facts.row("balance", account_id=charge["account_id"], book="credit")["amount_mc"] += 1000


def _receipt_lost(facts: Facts) -> None:
    part = facts.row("part", state="delivered")
    part |= {"state": "submitted", "final_at_ms": None}


def _parked_lost(facts: Facts) -> None:
    facts.rows["parked_receipt"].clear()


def _inbound_lost(facts: Facts) -> None:
    facts.rows["inbound"].pop(0)


def _inbound_untold(facts: Facts) -> None:
    facts.mails.remove(facts.entry(facts.mails, "mail", kind="inbound"))


def _report_with_two_names(facts: Facts) -> None:
    facts.mails.append(facts.entry(facts.mails, "mail", kind="report") | {"message_id": "<another@sms.test>"})


def _report_not_owed(facts: Facts) -> None:
    facts.rows["notice"].remove(facts.row("notice", kind="report"))


def _wrong_id(facts: Facts) -> None:
    facts.row("part", state="submitted")["smsc_id"] = "0BADC0DE"


def _id_forgotten(facts: Facts) -> None:
    evidence = facts.evidence()
    named = next(part for _, part in evidence.each_part() if part["state"] == "submitted" and part["smsc_id"])
    named["smsc_id"] = None


def _unpublished_state(facts: Facts) -> None:
    facts.row("part", state="submitted")["state"] = "lingering"


def _broken_file(facts: Facts) -> None:
    facts.rows.integrity = ["row 3 missing from index part_due"]


def _dangling(facts: Facts) -> None:
    facts.rows.dangling = 1


def _other_text(facts: Facts) -> None:
    errand, _ = facts.acknowledged()
    errand["text"] += " "


def _parts_swapped(facts: Facts) -> None:
    evidence = facts.evidence()
    for message in facts.rows["message"]:
        tries = [evidence.tries_of(message, part) for part in evidence.parts[message["message_id"]]]
        if len(tries) == 2 and all(tries):
            for place, one in ((2, tries[0]), (1, tries[1])):
                for submission in one:
                    submission.facts["place"] = [place, 2]
            return
    raise AssertionError("no message of two parts was sent")


def _not_told(facts: Facts) -> None:
    assert facts.said is not None
    facts.said["parts"]["submitted"] -= 1


def _unknown_not_told(facts: Facts) -> None:
    assert facts.said is not None
    facts.said["unknown"].append("00000000")


def _kill_not_told(facts: Facts) -> None:
    assert facts.said is not None
    facts.said["at_a_kill"][0][0]["in_doubt"] += 1


def _heard(facts: Facts) -> tuple[Entry, Row]:
    """A receipt that an ESME got, and the row that says it is owed."""
    evidence = facts.evidence()
    names = {name: row for row, name in evidence.names.items()}
    receipt = facts.entry(facts.clients, "receipt")
    return receipt, facts.row("esme_notice", message_id=names[receipt["id"]])


def _receipt_unheard(facts: Facts) -> None:
    receipt, _ = _heard(facts)
    facts.clients = [entry for entry in facts.clients if entry.get("id") != receipt["id"] or entry["what"] != "receipt"]


def _esmes_receipt_not_owed(facts: Facts) -> None:
    facts.rows["esme_notice"].remove(_heard(facts)[1])


def _receipt_unasked(facts: Facts) -> None:
    facts.row("esme_message", message_id=_heard(facts)[1]["message_id"])["registered_delivery"] = 0


def _receipt_not_done(facts: Facts) -> None:
    _heard(facts)[1]["state"] = "given_up"


def _receipt_owed_twice(facts: Facts) -> None:
    facts.rows["esme_notice"].append(_heard(facts)[1] | {"esme_notice_id": 1_000_000})


def _receipt_of_another_state(facts: Facts) -> None:
    _heard(facts)[0]["stat"] = "DELETED"


def _receipt_of_another_submission(facts: Facts) -> None:
    _heard(facts)[0]["reference"] = 0x1_0000


def _receipt_of_nothing(facts: Facts) -> None:
    facts.clients.append(_heard(facts)[0] | {"id": "00000000"})


LIES: dict[Callable[[Facts], None], str] = {
    _lost: "i1", _twice: "i1", _half_a_mail: "i1",
    _never_sent: "i2", _still_queued: "i2", _no_reason: "i2",
    _sent_again: "i3", _mark_removed: "i3",
    _money_appears: "i4", _money_appears_twice: "i4", _top_up_lost: "i4",
    _charged_twice: "i5", _refund_of_what_was_taken: "i5",
    _receipt_lost: "i6", _parked_lost: "i6", _inbound_lost: "i6", _inbound_untold: "i6",
    _report_with_two_names: "i6", _report_not_owed: "i6",
    _wrong_id: "i7", _id_forgotten: "i7",
    _unpublished_state: "i8", _broken_file: "i8", _dangling: "i8",
    _other_text: "i9", _parts_swapped: "i9",
    _not_told: "i10", _unknown_not_told: "i10", _kill_not_told: "i10",
    _receipt_unheard: "i11", _esmes_receipt_not_owed: "i11", _receipt_unasked: "i11", _receipt_not_done: "i11",
    _receipt_owed_twice: "i11", _receipt_of_another_state: "i11", _receipt_of_another_submission: "i11",
    _receipt_of_nothing: "i11",
}  # fmt: skip
"""One false fact each -> the invariant that must find it."""


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Facts:
    """The evidence of a run with kills in which everything holds."""
    folder = tmp_path_factory.mktemp("good")
    said: list[Entry] = []
    report = asyncio.run(run(folder, seed=SEED, kills=2, on_said=said.append))
    assert report.is_ok, str(report)
    return Facts(folder, said[0])


def test_every_invariant_is_lied_about() -> None:
    assert {invariant.__name__.split("_")[0] for invariant in checker.INVARIANTS} == set(LIES.values())


def test_the_truth_is_believed(good: Facts) -> None:
    assert not checker.check(good.evidence())


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.__name__.strip("_"))
def test_a_lie_is_found(good: Facts, lie: Callable[[Facts], None]) -> None:
    facts = copy.deepcopy(good)
    lie(facts)
    evidence = facts.evidence()
    verdicts = checker.check(evidence)
    assert LIES[lie] in {verdict.invariant.split("_")[0] for verdict in verdicts}
    assert "BROKEN" in checker.told(verdicts, evidence)


def test_errands_are_the_same_for_the_same_seed() -> None:
    stream, again, other = errands(1), errands(1), errands(2)
    first = [next(stream) for _ in range(50)]
    assert first == [next(again) for _ in range(50)]
    assert first != [next(other) for _ in range(50)]
    recipients = [recipient for errand in first for recipient in errand.recipients]
    assert len(set(recipients)) == len(recipients)
