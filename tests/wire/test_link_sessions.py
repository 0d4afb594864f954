"""Links with several sessions, and with one for each way."""

import asyncio
from collections import Counter
from pathlib import Path

from bridge.smpp import pdus
from bridge.smpp.constants import Status
from bridge.smpp_out.link import LinkState
from tests.support import asyncio_test, eventually
from tests.wire.link_bench import LINK, bench, quick_backoff
from tests.wire.raw_smsc import Asked, accepting, raw_smsc


def numbers(count: int) -> list[str]:
    return [f"4670174{n:04d}" for n in range(count)]


@asyncio_test
async def test_a_pair_sends_on_one_session_and_takes_receipts_on_the_other(tmp_path: Path) -> None:
    async with raw_smsc(on_request=accepting) as smsc, bench(tmp_path) as b:
        link = await b.bound(port=smsc.port, bind="pair")
        await eventually(lambda: link.status()["sessions_bound"] == 2)
        assert [type(bind) for bind in smsc.binds] == [pdus.BindTransmitter, pdus.BindReceiver]
        (message,) = await b.queue("46701740605")
        (asked,) = await smsc.submitted(1)
        assert isinstance(asked.session.bind, pdus.BindTransmitter)
        smsc.deliver(smsc.receipt(asked.pdu, "0605"))
        await b.reach([message], delivered=1)
        assert smsc.answers[0][1] == Status.ROK
        await link.stop()


@asyncio_test
async def test_a_pair_that_lost_its_receiver_still_sends_and_says_what_is_missing(tmp_path: Path) -> None:
    async with raw_smsc(on_request=accepting) as smsc, bench(tmp_path) as b:
        link = await b.bound(port=smsc.port, bind="pair")
        await eventually(lambda: link.status()["sessions_bound"] == 2)
        smsc.bind_status = lambda bind: Status.RBINDFAIL if isinstance(bind, pdus.BindReceiver) else 0
        smsc.receiving.drop()
        await eventually(lambda: "(receiver) is not bound" in link.status()["sessions_reason"])
        messages = await b.queue(*numbers(3))
        await b.reach(messages, submitted=3)
        assert link.state is LinkState.BOUND
        smsc.bind_status = lambda bind: 0
        await eventually(lambda: link.status()["sessions_bound"] == 2)
        assert link.status()["sessions_reason"] == ""
        await link.stop()


@asyncio_test
async def test_without_its_transmitter_a_pair_is_not_bound(tmp_path: Path) -> None:
    async with raw_smsc(on_request=accepting) as smsc, bench(tmp_path) as b:
        link = await b.bound(port=smsc.port, bind="pair")
        await eventually(lambda: link.status()["sessions_bound"] == 2)
        smsc.bind_status = lambda bind: Status.RBINDFAIL if isinstance(bind, pdus.BindTransmitter) else 0
        next(s for s in smsc.sessions if isinstance(s.bind, pdus.BindTransmitter)).drop()
        await eventually(lambda: "ESME_RBINDFAIL" in link.waiting_reason())
        messages = await b.queue("46701740605")
        assert link.state is not LinkState.BOUND
        assert await b.states(messages) == {"queued": 1}, "nothing is claimed that cannot be sent"
        await link.stop()


@asyncio_test
async def test_parts_are_spread_over_all_sessions_within_the_window_of_each(tmp_path: Path) -> None:
    async with raw_smsc() as smsc, bench(tmp_path) as b:
        link = await b.bound(port=smsc.port, binds=3, window=5)
        await eventually(lambda: link.status()["sessions_bound"] == 3)
        messages = await b.queue(*numbers(40))
        taken = await smsc.submitted(15)
        await eventually(lambda: "its window is full" in link.waiting_reason())
        assert len(taken) == 15, "more than the windows are wide"
        assert Counter(Counter(asked.session for asked in taken).values()) == {5: 3}
        smsc.on_request = accepting
        for asked in taken:
            accepting(asked)
        await b.reach(messages, submitted=40)
        assert {session.unanswered_max for session in smsc.sessions} == {5}
        assert len(smsc.submits) == 40
        await link.stop()


@asyncio_test
async def test_a_lost_session_leaves_only_its_own_parts_in_doubt(tmp_path: Path) -> None:
    async with raw_smsc() as smsc, bench(tmp_path) as b:
        link = await b.bound(port=smsc.port, binds=2, window=4, in_doubt_hold_s=600)
        await eventually(lambda: link.status()["sessions_bound"] == 2)
        messages = await b.queue(*numbers(8))
        taken = await smsc.submitted(8)
        lost = taken[0].session
        lost.drop()
        await b.until(messages, lambda states: states["in_doubt"] == 4)
        for asked in taken:
            if asked.session is not lost:
                accepting(asked)
        await b.reach(messages, in_doubt=4, submitted=4)
        await eventually(lambda: link.status()["sessions_bound"] == 2)
        assert len(smsc.submits) == 8, "what is in doubt is not sent again by the link"
        await link.stop()


@asyncio_test
async def test_while_one_of_two_sessions_is_away_the_other_sends(tmp_path: Path) -> None:
    async with raw_smsc(on_request=accepting) as smsc, bench(tmp_path) as b:
        link = await b.bound(port=smsc.port, binds=2, window=3)
        await eventually(lambda: link.status()["sessions_bound"] == 2)
        smsc.bind_status = lambda bind: Status.RALYBND
        smsc.sessions[0].drop()
        await eventually(lambda: link.status()["sessions_bound"] == 1)
        messages = await b.queue(*numbers(9))
        await b.reach(messages, submitted=9)
        assert link.state is LinkState.BOUND
        await link.stop()


@asyncio_test
async def test_wrong_credentials_are_tried_once_however_many_sessions_there_are(tmp_path: Path) -> None:
    async with raw_smsc(bind_status=lambda bind: Status.RINVPASWD) as smsc, bench(tmp_path) as b:
        link = b.link(port=smsc.port, binds=5)
        await link.start()
        await eventually(lambda: link.state is LinkState.LOST)
        await asyncio.sleep(0.4)  # Many steps of the quick ladder, had it been used.
        assert len(smsc.binds) == 1
        assert link.status()["next_try_at_ms"] - link.status()["since_ms"] > 290_000
        await link.stop()


@asyncio_test
async def test_a_retry_tries_now_what_waits_after_wrong_credentials(tmp_path: Path) -> None:
    async with raw_smsc(bind_status=lambda bind: Status.RINVPASWD) as smsc, bench(tmp_path) as b:
        link = b.link(port=smsc.port, binds=3)
        await link.start()
        await eventually(lambda: link.state is LinkState.LOST)
        assert link.retry()
        assert link.is_trying
        await eventually(lambda: not link.is_trying)
        assert (len(smsc.binds), link.state) == (2, LinkState.LOST), "one try for the whole link, whatever comes of it"
        assert link.status()["next_try_at_ms"] - link.status()["since_ms"] > 290_000
        smsc.bind_status = lambda bind: 0
        assert link.retry()
        await eventually(lambda: link.status()["sessions_bound"] == 3)
        assert not link.is_trying
        assert not link.retry(), "nothing waits"
        assert len(smsc.binds) == 2 + 3
        await link.stop()


@asyncio_test
async def test_a_password_that_is_changed_meanwhile_is_tried_once_after_all_sessions_are_lost(tmp_path: Path) -> None:
    async with raw_smsc(on_request=accepting) as smsc, bench(tmp_path) as b:
        link = await b.bound(port=smsc.port, binds=4)
        await eventually(lambda: link.status()["sessions_bound"] == 4)
        smsc.bind_status = lambda bind: Status.RINVPASWD
        for session in list(smsc.sessions):
            session.drop()
        await eventually(lambda: "ESME_RINVPASWD" in link.waiting_reason())
        await asyncio.sleep(0.4)
        assert len(smsc.binds) == 4 + 1
        await link.stop()


@asyncio_test
async def test_a_stop_says_goodbye_on_every_session(tmp_path: Path) -> None:
    async with raw_smsc(on_request=accepting) as smsc, bench(tmp_path) as b:
        link = await b.bound(port=smsc.port, bind="pair", binds=2)
        await eventually(lambda: link.status()["sessions_bound"] == 4)
        sessions = list(smsc.sessions)
        await link.stop()
        await eventually(lambda: not smsc.sessions)
        assert not any(session.session.state.is_bound for session in sessions), "an unbind was answered on each"
        assert link.state is LinkState.STOPPED


@asyncio_test
async def test_a_session_that_says_it_is_not_bound_leaves_the_others_alone(tmp_path: Path) -> None:
    refused: list[Asked] = []

    def once(asked: Asked) -> None:
        if not refused:
            refused.append(asked)
            asked.answer(pdus.SubmitSmResp(status=Status.RINVBNDSTS))
        else:
            accepting(asked)

    async with raw_smsc(on_request=once) as smsc, bench(tmp_path) as b:
        link = await b.bound(port=smsc.port, binds=2, window=4)
        await eventually(lambda: link.status()["sessions_bound"] == 2)
        messages = await b.queue(*numbers(12))
        await b.until(messages, lambda states: states["submitted"] == 11)
        assert await b.states(messages) == {"submitted": 11, "queued": 1}
        await eventually(lambda: len(smsc.binds) == 3)
        await eventually(lambda: link.status()["sessions_bound"] == 2)
        assert link.status()["in_doubt"] == 0
        await link.stop()


@asyncio_test
async def test_a_carrier_that_allows_one_session_fewer_keeps_the_rest(tmp_path: Path) -> None:
    async with raw_smsc(on_request=accepting) as smsc, bench(tmp_path) as b:
        smsc.bind_status = lambda bind: Status.RBINDFAIL if len(smsc.binds) > 2 else 0
        link = b.link(port=smsc.port, binds=3, backoff=quick_backoff(longest_s=0.05))
        await link.start()
        await eventually(lambda: len(smsc.binds) >= 5)
        assert link.status()["sessions_bound"] == 2
        assert "3 (transceiver) is not bound" in link.status()["sessions_reason"]
        (row,) = [link.status()]
        assert (row["link"], row["state"], row["window"]) == (LINK, "bound", 30)
        messages = await b.queue(*numbers(5))
        await b.reach(messages, submitted=5)
        await link.stop()
