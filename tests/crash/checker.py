"""The invariants that hold after any crash; the journals of those outside are the truth, the ledger the accused.

Each function takes the evidence of a whole run, after the drain, and yields a sentence for every broken promise, with
the mark of the errand and the recipient whose trace explains it. `check` runs them all.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bridge.messages import charset, segment
from bridge.messages.message import FINAL_STATES, MessageState, PartState, fold
from tests.crash.evidence import Evidence, Row, Rows, Try, sha256

PRICE_MC = 1000
"""What the runs charge for a part: the price of a fresh ledger."""
TAKEN_STATES = frozenset({"submitted", "delivered", "undeliverable", "deleted"})
"""States that only a part the carrier took can be in."""
PUBLISHED = frozenset(state.value for state in PartState)
FINAL = frozenset(state.value for state in FINAL_STATES)
SUBMISSIONS_MAX = 2
"""Of one part that a carrier may deliver: the one in doubt, and its one resend."""


@dataclass(frozen=True, slots=True)
class Broken:
    """One promise that does not hold."""

    what: str
    mark: str = ""
    """First characters of the text: the errand."""
    recipient: str = ""


Found = Iterator[Broken]


def i1_acknowledged_exists_once(evidence: Evidence) -> Found:
    """I1: every acknowledged request exists exactly once, a repeat after a lost answer included.

    Also: what was refused does not exist, what was asked once exists at most once, a mail's recipients are all there
    or none is, every id that was given names the message, and nothing exists that nobody asked for.
    """
    for wish in evidence.wishes.values():
        promised, answer, copies = wish.promised(), wish.answer, wish.facts["copies"]
        counts = {to: len(evidence.messages.get((wish.mark, to), ())) for to in wish.facts["recipients"]}
        for to, count in counts.items():
            if to in promised and count != copies:
                yield Broken(f"acknowledged and there {count} times", wish.mark, to)
            elif answer is not None and to in answer["no"] and count:
                yield Broken(f"refused and there {count} times", wish.mark, to)
            elif count > copies:
                yield Broken(f"asked for by one client and there {count} times", wish.mark, to)
        if wish.facts["door"] == "smtp" and len(set(counts.values())) > 1:
            yield Broken(f"a mail is there for some of its recipients: {counts}", wish.mark)
        for to, names in promised.items():
            there = {evidence.names[message["message_id"]] for message in evidence.messages.get((wish.mark, to), ())}
            if names - there:
                yield Broken(f"answered with {sorted(names)}, which is {sorted(there)}", wish.mark, to)
    asked = {(wish.mark, to) for wish in evidence.wishes.values() for to in wish.facts["recipients"]}
    for mark, to in evidence.messages.keys() - asked:
        yield Broken("nobody asked for this message", mark, to)


def i2_acknowledged_is_sent_or_explained(evidence: Evidence) -> Found:
    """I2: every message is, after the drain, taken by the carrier, or has ended for a reason that it tells."""
    for message, part in evidence.each_part():
        where = (message["text"][:8], message["recipient"])
        is_taken = any(one.is_taken for one in evidence.tries_of(message, part))
        state = part["state"]
        if state in TAKEN_STATES and not is_taken:
            yield Broken(f"part {part['part_no']} is {state} and the carrier never took it", *where)
        elif state not in TAKEN_STATES | FINAL:
            yield Broken(f"part {part['part_no']} is still {state}", *where)
        elif state not in TAKEN_STATES and not is_taken and not part["waiting_for"]:
            yield Broken(f"part {part['part_no']} is {state} and says no reason", *where)
        elif state == "rejected" and is_taken and part["submitted_at_ms"] is None and not part["is_possible_duplicate"]:
            yield Broken(f"part {part['part_no']} is rejected and the carrier took it", *where)


def i3_sent_twice_only_in_doubt(evidence: Evidence) -> Found:
    """I3: the carrier sees a part as often as the policy allows; a second time only after a doubt that is on record."""
    for to, text in evidence.tries.keys() - evidence.shared.keys():
        yield Broken(f"the carrier was given a text that no part has: {text[:40]!r}", text[:8], to)
    for (to, text), owners in evidence.shared.items():
        tries = evidence.tries.get((to, text), [])
        events: Counter[str] = Counter()
        for message, part in owners:
            events.update(line["event"] for line in evidence.history[message["message_id"], part["part_no"]])
        for what in _written_too_often(tries, [part for _, part in owners], events, never=evidence.never_resend):
            yield Broken(f"part {owners[0][1]['part_no']} {what}", owners[0][0]["text"][:8], to)


def _written_too_often(tries: list[Try], parts: list[Row], events: Counter[str], *, never: bool) -> Iterator[str]:
    """What is wrong with the submissions of one part (or of as many as have the same text)."""
    taken, claims = sum(one.is_taken for one in tries), sum(part["attempt"] for part in parts)
    flagged = sum(part["is_possible_duplicate"] for part in parts)
    if len(tries) > claims:
        yield f"was written {len(tries)} times and claimed {claims} times"
    if taken > (1 if never else SUBMISSIONS_MAX) * len(parts):
        yield f"was taken {taken} times"
    if taken > len(parts) + min(events["in_doubt"], events["resend"], flagged):
        yield f"was taken {taken} times without a doubt and a mark on record: {dict(events)}, {flagged} marked"
    if flagged > min(events["in_doubt"], events["resend"]):
        yield f"is called a possible duplicate without a reason on record: {dict(events)}"
    if len(tries) > len(parts) + events["in_doubt"] + events["deferred"] + events["failover"]:
        yield f"was written {len(tries)} times for no reason on record: {dict(events)}"


def i4_ledger_identity(evidence: Evidence) -> Found:
    """I4: for each account and in total, what was paid in is what is left and what the messages cost.

    Counted from outside: the credit that was given, the messages that the ledger has, their parts and the price.
    """
    posted: Counter[tuple[int, str]] = Counter()
    for posting in evidence.rows["posting"]:
        posted[posting["account_id"], posting["book"]] += posting["amount_mc"]
    balances = {(row["account_id"], row["book"]): row["amount_mc"] for row in evidence.rows["balance"]}
    for place in posted.keys() | balances.keys():
        if posted[place] != balances.get(place, 0):
            yield Broken(f"account {place}: postings add up to {posted[place]}, the balance is {balances.get(place)}")
    given = Counter({entry["name"]: entry["credit_mc"] for entry in evidence.accounts})
    booked = {row["cause"] for row in evidence.rows["posting"] if row["kind"] == "top_up"}
    for top_up in evidence.top_ups:
        is_booked = f"top_up:{top_up['key']}" in booked
        given[top_up["name"]] += top_up["amount_mc"] if is_booked else 0
        if top_up["key"] in evidence.topped_up and not is_booked:
            yield Broken(f"top-up {top_up['key']} was acknowledged and is not booked")
    refunded = Counter[int]()
    for posting in evidence.rows["posting"]:
        refunded[posting["account_id"]] += posting["amount_mc"] if posting["kind"] == "refund" else 0
    spent = Counter[int]()
    for message in evidence.rows["message"]:
        spent[message["account_id"]] += PRICE_MC * message["part_total"]
    total = 0
    for account_id, account in evidence.accounts_by_row.items():
        wanted = given[account["name"]] - spent[account_id] + refunded[account_id]
        balance = balances.get((account_id, "credit"), 0)
        total += balance - wanted
        if balance != wanted:
            yield Broken(f"account {account['name']} has {balance}, by what happened it should have {wanted}")
        if balance < 0:
            yield Broken(f"account {account['name']} overspent: {balance}")
    if total:
        yield Broken(f"in total {total} thousandths appeared or vanished")


def i5_charged_once(evidence: Evidence) -> Found:
    """I5: one charge for each message, of all its parts as counted from the text; one refund at most for each part,
    and just for those that the carrier never took."""
    charges: dict[str, list[Row]] = defaultdict(list)
    refunds: dict[str, list[Row]] = defaultdict(list)
    for posting in evidence.rows["posting"]:
        if posting["kind"] in ("charge", "refund"):
            (charges if posting["kind"] == "charge" else refunds)[posting["cause"]].append(posting)
    for message in evidence.rows["message"]:
        where = (message["text"][:8], message["recipient"])
        found = charges.pop(f"message:{message['message_id']}", [])
        count = len(segment.segment(message["text"], charset.choose(message["text"])))
        if [(row["account_id"], row["amount_mc"]) for row in found] != [(message["account_id"], -PRICE_MC * count)]:
            yield Broken(f"charged {[row['amount_mc'] for row in found]} for {count} parts", *where)
    for message, part in evidence.each_part():
        where = (message["text"][:8], message["recipient"])
        found = refunds.pop(f"part:{part['part_id']}", [])
        tries = evidence.tries_of(message, part)
        is_taken = any(one.is_taken for one in tries)
        is_owed = part["state"] in ("rejected", "expired", "cancelled") and part["submitted_at_ms"] is None
        is_owed = is_owed and not part["is_possible_duplicate"]
        if len(found) > 1 or any(row["amount_mc"] != message["price_mc"] for row in found):
            yield Broken(f"part {part['part_no']} refunded {[row['amount_mc'] for row in found]}", *where)
        if found and is_taken:
            yield Broken(f"part {part['part_no']} was taken by the carrier and refunded", *where)
        if is_owed and not found:
            yield Broken(f"part {part['part_no']} is {part['state']}, never accepted, and not refunded", *where)
    for cause in (*charges, *refunds):
        yield Broken(f"money moved for {cause}, which does not exist")


def i6_what_came_back_is_stored_and_told(evidence: Evidence) -> Found:
    """I6: every deliver_sm answered ROK is stored: a receipt is applied or parked, a text from a handset is there and
    mailed. Each event has one report, and every copy of it the same Message-ID."""
    yield from _receipts(evidence)
    yield from _inbound(evidence)
    yield from _reports(evidence)


def _receipts(evidence: Evidence) -> Found:
    named = {part["smsc_id"]: (message, part) for message, part in evidence.each_part() if part["smsc_id"]}
    parked = {row["smsc_id"] for row in evidence.rows["parked_receipt"]}
    for entries in evidence.parcels.values():
        first = entries[0]
        is_stored = any(entry["what"] == "delivered" and not entry["status"] for entry in entries)
        if first.get("kind") != "receipt" or not is_stored:
            continue
        message, part = named.get(first["id"], (None, None))
        if message is None or part is None:
            if first["id"] not in parked:
                yield Broken(f"the receipt for {first['id']} was acknowledged and is nowhere")
        elif part["state"] != first["state"].lower():
            where = (message["text"][:8], message["recipient"])
            yield Broken(f"a receipt said {first['state']}, part {part['part_no']} is {part['state']}", *where)


def _inbound(evidence: Evidence) -> Found:
    stored = Counter(row["text"] for row in evidence.rows["inbound"])
    notices = {row["inbound_id"]: row for row in evidence.rows["notice"] if row["kind"] == "inbound"}
    mails: dict[str, set[str]] = defaultdict(set)
    for mail in evidence.mails:
        if mail["kind"] == "inbound":
            mails[mail["about"]].add(mail["message_id"])
    texts: dict[str, list[list[Row]]] = defaultdict(list)
    for entries in evidence.parcels.values():
        if entries[0].get("kind") == "inbound":
            texts[entries[0]["text"]].append(entries)
    for text, pieces in texts.items():
        sent = max(sum(entry["what"] == "deliver" for entry in entries) for entries in pieces)
        is_stored = all(any(e["what"] == "delivered" and not e["status"] for e in entries) for entries in pieces)
        # The carrier's repeat of a whole text cannot be told from the handset's.
        most = sent if len(pieces) == 1 else 1
        if is_stored and not 1 <= stored[text] <= most:
            yield Broken(f"inbound {text[:8]} was sent {sent} times, acknowledged, and is there {stored[text]} times")
        elif stored[text] > most:
            yield Broken(f"inbound {text[:8]} was sent {sent} times and is there {stored[text]} times")
    for text in stored.keys() - texts.keys():
        yield Broken(f"no handset wrote {text[:20]!r}")
    for row in evidence.rows["inbound"]:
        name = evidence.inbound_names[row["inbound_id"]]
        notice = notices.get(row["inbound_id"])
        if notice is None or notice["state"] != "done" or len(mails[name]) != 1:
            state = notice["state"] if notice else "not owed"
            yield Broken(f"inbound {name} ({row['text'][:8]}): its mail is {state}, Message-IDs {sorted(mails[name])}")


def _reports(evidence: Evidence) -> Found:
    owed: dict[int, list[Row]] = defaultdict(list)
    for row in evidence.rows["notice"]:
        if row["kind"] == "report":
            owed[row["message_id"]].append(row)
    mails: dict[str, set[str]] = defaultdict(set)
    for mail in evidence.mails:
        if mail["kind"] == "report":
            mails[mail["about"]].add(mail["message_id"])
    threads = {row["message_id"]: row["reply_to"] for row in evidence.rows["mail_thread"]}
    for message in evidence.rows["message"]:
        where = (message["text"][:8], message["recipient"])
        parts = evidence.parts[message["message_id"]]
        state = state_of(parts)
        account = evidence.accounts_by_row[message["account_id"]]
        wants = account["mail_events"] == "all" or (state is not None and state.is_failure)
        events = [row["event"] for row in owed[message["message_id"]]]
        if (
            state is not None
            and state.is_final
            and message["message_id"] in threads
            and wants
            and state.value not in events
        ):
            yield Broken(f"it is {state} and no report of that is owed: {events}", *where)
        if len(events) != len(set(events)):
            yield Broken(f"one event is reported twice: {events}", *where)
        told = mails[evidence.names[message["message_id"]]]
        done = [row for row in owed[message["message_id"]] if row["state"] == "done"]
        if len(done) != len(events) or len(told) != len(events):
            yield Broken(f"reports {events}, {len(done)} of them done, and mails {sorted(told)}", *where)


def i7_submitted_has_its_name(evidence: Evidence) -> Found:
    """I7: a submitted part has an id that the carrier gave to it, or the carrier gave it none.

    Where a receipt settled a doubt, the id is that of a try of this very part whose answer never came.
    """
    for message, part in evidence.each_part():
        where = (message["text"][:8], message["recipient"])
        if part["submitted_at_ms"] is None:
            if part["state"] in TAKEN_STATES:
                yield Broken(f"part {part['part_no']} is {part['state']} and was never submitted", *where)
            continue
        tries = evidence.tries_of(message, part)
        given = {one.answer["id"] for one in tries if one.answer is not None and not one.answer["status"]}
        if any(line["event"] == "settled_by_receipt" for line in evidence.history[part["message_id"], part["part_no"]]):
            given |= {one.facts["id"] for one in tries if one.is_taken}
        if (part["smsc_id"] or "") not in given:
            yield Broken(f"part {part['part_no']} has the id {part['smsc_id']!r}, which nobody gave it", *where)


def i8_file_is_sound(evidence: Evidence) -> Found:
    """I8: the file is intact, no foreign key dangles, and every part is in a published state with all it needs."""
    if evidence.rows.integrity != ["ok"]:
        yield Broken(f"integrity_check: {evidence.rows.integrity[:3]}")
    if evidence.rows.dangling:
        yield Broken(f"{evidence.rows.dangling} foreign keys dangle")
    for message in evidence.rows["message"]:
        parts = evidence.parts[message["message_id"]]
        where = (message["text"][:8], message["recipient"])
        if [part["part_no"] for part in parts] != list(range(1, message["part_total"] + 1)):
            yield Broken(f"it has {len(parts)} of {message['part_total']} parts", *where)
        for part in parts:
            if part["state"] not in PUBLISHED:
                yield Broken(f"part {part['part_no']} is {part['state']!r}, which no table names", *where)
            elif (part["state"] in FINAL) != (part["final_at_ms"] is not None):
                yield Broken(f"part {part['part_no']} is {part['state']} and final at {part['final_at_ms']}", *where)


def i9_text_arrives_as_sent(evidence: Evidence) -> Found:
    """I9: the text that the carrier can join from the parts is the text that was submitted."""
    wishes = {wish.mark: wish for wish in evidence.wishes.values()}
    for message in evidence.rows["message"]:
        mark, to = message["text"][:8], message["recipient"]
        wish = wishes.get(mark)
        if wish is None:
            continue
        if sha256(message["text"]) != sha256(wish.facts["text"]):
            yield Broken("the ledger has another text than the client sent", mark, to)
        pieces: dict[tuple[int, int], str] = {}
        for part in evidence.parts[message["message_id"]]:
            for one in evidence.tries_of(message, part):
                pieces[one.facts["place"][0], one.facts["place"][1]] = one.facts["text"]
        total = message["part_total"]
        if pieces and any(place[1] != total for place in pieces):
            yield Broken(f"parts were sent as {sorted(pieces)} of {total}", mark, to)
        elif len(pieces) == total and sha256("".join(pieces[place] for place in sorted(pieces))) != sha256(
            wish.facts["text"]
        ):
            yield Broken("the carrier joins another text than the client sent", mark, to)


def unfinished(rows: Rows) -> Counter[str]:
    """Parts that are not finished, by state."""
    return Counter(part["state"] for part in rows["part"] if part["state"] not in FINAL)


def state_of(parts: list[Row]) -> MessageState | None:
    """What the parts of a message add up to; None when one of them is in no state at all."""
    if any(part["state"] not in PUBLISHED for part in parts):
        return None
    return fold(PartState(part["state"]) for part in parts)


def i10_nothing_is_hidden(evidence: Evidence) -> Found:
    """I10: what waits, is in doubt, is held or unknown, and the receipts that nobody claimed, are what the appliance
    says when it is asked, and no more than the carrier caused."""
    if evidence.said is None:
        yield Broken("the appliance was not asked")
        return
    said: Counter[str] = Counter(evidence.said["parts"])
    there = unfinished(evidence.rows)
    if said != there:
        yield Broken(f"the appliance says {dict(said)}, there are {dict(there)}")
    unknown = Counter(
        evidence.names[row] for row, parts in evidence.parts.items() if state_of(parts) is MessageState.UNKNOWN
    )
    if Counter(evidence.said["unknown"]) != unknown:
        yield Broken(f"the appliance lists {len(evidence.said['unknown'])} unknown messages, there are {len(unknown)}")
    for told_then, there_then in evidence.said["at_a_kill"]:
        if told_then != there_then:
            yield Broken(f"asked after a kill the command line says {told_then}, there are {there_then}")
    caused = Counter(entries[0]["id"] for entries in evidence.parcels.values() if entries[0].get("kind") == "receipt")
    for row in evidence.rows["parked_receipt"]:
        if not caused[row["smsc_id"]]:
            yield Broken(f"a receipt for {row['smsc_id']} is parked that the carrier never sent")


STATS = {
    "delivered": "DELIVRD", "partly_delivered": "UNDELIV", "undeliverable": "UNDELIV", "expired": "EXPIRED",
    "deleted": "DELETED", "cancelled": "DELETED", "rejected": "REJECTD", "unknown": "UNKNOWN",
}  # fmt: skip
"""State of a message -> what its receipt says (SMPP 3.4, appendix B)."""


def i11_esmes_hear_what_they_asked_for(evidence: Evidence) -> Found:
    """I11: an ESME gets a receipt at least once for each end that it asked for, and none for anything else.

    Each is owed once, and is done only when the ESME has it; it says the id that the ESME was told, the state, and
    the user_message_reference of the submission.
    """
    heard: dict[str, set[str]] = defaultdict(set)
    for receipt in evidence.receipts:
        heard[receipt["id"]].add(receipt["stat"])
    owed: dict[int, list[Row]] = defaultdict(list)
    for row in evidence.rows["esme_notice"]:
        owed[row["message_id"]].append(row)
    wanted = {row["message_id"]: row for row in evidence.rows["esme_message"]}
    for message in (row for row in evidence.rows["message"] if row["door"] == "smpp"):
        where = (message["text"][:8], message["recipient"])
        notices = owed.pop(message["message_id"], [])
        events = [row["event"] for row in notices]
        state = state_of(evidence.parts[message["message_id"]])
        if len(events) != len(set(events)):
            yield Broken(f"one event is owed twice: {events}", *where)
        asked = wanted.get(message["message_id"])
        if asked is None:
            yield Broken("what its ESME said of it is lost", *where)
            continue
        if state is not None and state.is_final and _asks(asked["registered_delivery"], state) != (state in events):
            yield Broken(f"it is {state}, asked for {asked['registered_delivery']}, and owed is {events}", *where)
        if any(not _asks(asked["registered_delivery"], MessageState(event)) for event in events):
            yield Broken(f"asked for {asked['registered_delivery']}, and owed is {events}", *where)
        if any(row["state"] != "done" for row in notices):
            yield Broken(f"receipts are {[(row['event'], row['state']) for row in notices]}", *where)
        told = heard.pop(evidence.names[message["message_id"]], set())
        if told != {STATS[event] for event in events}:
            yield Broken(f"owed are receipts for {events}, and its ESME heard {sorted(told)}", *where)
    for message_id in owed:
        yield Broken(f"a receipt is owed for message {message_id}, which no ESME submitted")
    for name in heard:
        yield Broken(f"a receipt for {name or 'nothing'} came, which no ESME was told of")
    yield from _said_in_receipts(evidence)


def _asks(registered_delivery: int, state: MessageState) -> bool:
    """Whether a receipt is asked for: 1 any end, 2 failures, 3 success."""
    return registered_delivery == 1 or registered_delivery == (2 if state.is_failure else 3)


def _said_in_receipts(evidence: Evidence) -> Found:
    owners = {evidence.names[row["message_id"]]: row for row in evidence.rows["message"]}
    wishes = {wish.mark: wish for wish in evidence.wishes.values()}
    for receipt in evidence.receipts:
        message = owners.get(receipt["id"])
        wish = wishes.get(message["text"][:8]) if message is not None else None
        if message is None or wish is None:
            continue
        reference = wish.number & 0xFFFF if wish.facts["key"] else None
        account = evidence.accounts_by_row[message["account_id"]]["name"]
        right = (receipt["id"], reference, message["recipient"], account)
        if (receipt["by_tlv"], receipt["reference"], receipt["to"], receipt["account"]) != right:
            yield Broken(f"its receipt should be of {right}: {receipt}", wish.mark, message["recipient"])


INVARIANTS: tuple[Callable[[Evidence], Found], ...] = (
    i1_acknowledged_exists_once,
    i2_acknowledged_is_sent_or_explained,
    i3_sent_twice_only_in_doubt,
    i4_ledger_identity,
    i5_charged_once,
    i6_what_came_back_is_stored_and_told,
    i7_submitted_has_its_name,
    i8_file_is_sound,
    i9_text_arrives_as_sent,
    i10_nothing_is_hidden,
    i11_esmes_hear_what_they_asked_for,
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one invariant found."""

    invariant: str
    broken: list[Broken]


def check(evidence: Evidence) -> list[Verdict]:
    """Every invariant that is broken, with all it found."""
    verdicts = [Verdict(invariant.__name__, list(invariant(evidence))) for invariant in INVARIANTS]
    return [verdict for verdict in verdicts if verdict.broken]


def told(verdicts: list[Verdict], evidence: Evidence, shown_max: int = 3) -> str:
    """The verdicts as text: the first few of each invariant, each with the trace of its message."""
    lines = []
    for verdict in verdicts:
        lines.append(f"BROKEN {verdict.invariant}: {len(verdict.broken)} times")
        for broken in verdict.broken[:shown_max]:
            lines.append(f"  {broken.what}")
            if broken.mark:
                lines.append(evidence.trace(broken.mark, broken.recipient))
    return "\n".join(lines)
