"""A link that is limited to a pace, with a backlog: who leaves first, and who is held back."""

from pathlib import Path

from bridge.messages.message import Lane
from bridge.runtime.loop import now_ms
from tests.support import asyncio_test, eventually
from tests.wire.link_bench import LINK, Bench, bench

BACKLOG = 2_000
PACE = 50


async def with_backlog(smsc: Bench) -> None:
    """A link under way, with newsletters for more than half a minute."""
    for start in range(0, BACKLOG, 500):
        recipients = [f"4670{number:05d}0000" for number in range(start, start + 500)]
        await smsc.queue(*recipients, lane=Lane.BULK)
    await smsc.bound(parts_per_second=PACE)
    await eventually(lambda: len(smsc.smsc.journal) >= 10)


def places(smsc: Bench) -> list[str]:
    """To whom the SMSC was sent parts, in order."""
    return [entry.pdu.destination_addr for entry in smsc.smsc.journal]


@asyncio_test
async def test_alarms_and_the_messages_of_others_leave_before_a_backlog(tmp_path: Path) -> None:
    async with bench(tmp_path) as smsc:
        await with_backlog(smsc)
        other = (await smsc.ledger.do("account_add", name="other", now_ms=now_ms()))["account_id"]
        await smsc.ledger.do("account_top_up", name="other", amount_mc=10_000, key="opening", now_ms=now_ms())
        demo, before = smsc.account_id, len(smsc.smsc.journal)
        await smsc.queue("46701740601", lane=Lane.ALARM)
        smsc.account_id = other
        await smsc.queue("46701740602", lane=Lane.ALARM)
        await smsc.queue("46701740603")
        smsc.account_id = demo
        await eventually(lambda: {"46701740601", "46701740602", "46701740603"} <= set(places(smsc)))
        urgent = [places(smsc).index(recipient) - before for recipient in ("46701740601", "46701740602", "46701740603")]
        # What was claimed when they came, a tenth of a second's worth, is in front of them, and at most one bulk place.
        assert max(urgent) <= 3 * PACE // 10, urgent
        # The backlog goes on meanwhile.
        begun = len(smsc.smsc.journal)
        await eventually(lambda: len(smsc.smsc.journal) > begun + 10)


@asyncio_test
async def test_an_originator_leaves_as_fast_as_its_link_allows_and_the_others_pass_it(tmp_path: Path) -> None:
    async with bench(tmp_path) as smsc:
        await smsc.queue(*[f"4670174060{number}" for number in range(5)], originator="Shop")
        await smsc.queue("46701740611", originator="Ward")
        await smsc.bound(originator_parts_per_second=2)
        await eventually(lambda: len(places(smsc)) >= 2)
        assert places(smsc)[:2] == ["46701740600", "46701740611"]
        (held, *_) = smsc.ledger.paced(LINK)
        assert (held.kind, held.name, held.parts_per_second) == ("originator", "Shop", 2)
        # They go one by one without anybody ringing.
        await eventually(lambda: len(places(smsc)) == 6)
        assert places(smsc) == ["46701740600", "46701740611", *[f"4670174060{number}" for number in range(1, 5)]]
        assert smsc.ledger.paced(LINK) == ()
