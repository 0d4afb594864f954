"""A link against an SMSC that nobody here wrote: the npm package `smpp`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bridge.messages.message import Coding
from bridge.messages.segment import segment
from bridge.smpp_out.link import Link, LinkState
from tests.peers.node_program import NodeProgram, node_program
from tests.support import asyncio_test, eventually
from tests.wire.link_bench import Bench, bench

LONG = "Grüße aus Åre! {" + "0123456789" * 20 + "}"

pytestmark = pytest.mark.peer("node")


@asynccontextmanager
async def node_smsc() -> AsyncIterator[NodeProgram]:
    async with node_program("smsc.js", "acme", "secret", ready="listening") as smsc:
        yield smsc


async def bound(b: Bench, smsc: NodeProgram, **settings: Any) -> Link:
    port = smsc.of("listening")[0]["port"]
    return await b.bound(**({"port": port, "system_id": "acme", "password": "secret"} | settings))


@asyncio_test
async def test_a_text_its_receipt_and_a_clean_goodbye(tmp_path: Path) -> None:
    async with node_smsc() as smsc, bench(tmp_path) as b:
        link = await bound(b, smsc)
        (message,) = await b.queue("447700900123", texts=("Price: 5€ [net] @ Ålesund",))
        await b.reach([message], delivered=1)
        (submit,) = smsc.of("submit")
        assert submit["text"] == "Price: 5€ [net] @ Ålesund"
        assert (submit["source"], submit["source_ton"], submit["source_npi"]) == ("Shop", 5, 0)
        assert (submit["destination"], submit["dest_ton"], submit["dest_npi"]) == ("447700900123", 1, 1)
        assert (submit["data_coding"], submit["esm_class"], submit["registered_delivery"]) == (0, 0, 1)
        assert (await b.parts(message))[0]["smsc_id"] == submit["id"]
        assert [answer["status"] for answer in smsc.of("receipt_answered")] == [0]
        await link.stop()
        await eventually(lambda: smsc.of("closed"))
        assert len(smsc.of("unbind")) == 1
        assert not smsc.of("error")


@asyncio_test
async def test_a_long_text_goes_in_parts_that_it_can_join(tmp_path: Path) -> None:
    async with node_smsc() as smsc, bench(tmp_path) as b:
        await bound(b, smsc)
        pieces = tuple(segment(LONG, Coding.GSM7))
        (message,) = await b.queue("447700900123", texts=pieces)
        await b.reach([message], delivered=len(pieces))
        submits = smsc.of("submit")
        assert len(submits) == len(pieces) == 2
        assert "".join(submit["text"] for submit in submits) == LONG
        assert {submit["esm_class"] for submit in submits} == {0x40}
        headers = [bytes.fromhex(submit["udh"][0]) for submit in submits]
        assert [(header[:2], header[3], header[4]) for header in headers] == [(b"\0\3", 2, 1), (b"\0\3", 2, 2)]
        assert headers[0][2] == headers[1][2]


@asyncio_test
async def test_ucs2_in_both_directions(tmp_path: Path) -> None:
    async with node_smsc() as smsc, bench(tmp_path) as b:
        await b.ledger.do("number_add", number="447700900001", account="demo", mail="a@example.com", now_ms=1)
        await bound(b, smsc)
        (message,) = await b.queue("447700900123", texts=("Привет, 世界 🙂",), coding=Coding.UCS2)
        await b.reach([message], delivered=1)
        (submit,) = smsc.of("submit")
        assert (submit["text"], submit["data_coding"]) == ("Привет, 世界 🙂", 8)
        smsc.tell(do="inbound", **{"from": "447700900555", "to": "447700900001", "text": "Добрый день 🙂"})
        await eventually(lambda: smsc.of("inbound_answered"))
        assert smsc.of("inbound_answered")[0]["status"] == 0
        notices = await b.ledger.claim_notices(10, 1 << 60)
        (inbound,) = [notice.inbound for notice in notices if notice.kind == "inbound"]
        assert (inbound.text, inbound.originator) == ("Добрый день 🙂", "447700900555")


@asyncio_test
async def test_an_unbind_from_there_is_answered_and_the_link_comes_back(tmp_path: Path) -> None:
    async with node_smsc() as smsc, bench(tmp_path) as b:
        link = await bound(b, smsc, enquire_link_s=1)
        await eventually(lambda: smsc.of("enquire_link"))
        smsc.tell(do="unbind")
        await eventually(lambda: smsc.of("unbound"))
        await eventually(lambda: smsc.of("closed"))
        await eventually(lambda: len(smsc.of("bind")) == 2)
        await eventually(lambda: link.state is LinkState.BOUND)
        assert not smsc.of("error")


@asyncio_test
async def test_a_wrong_password_is_refused_in_its_words(tmp_path: Path) -> None:
    async with node_smsc() as smsc, bench(tmp_path) as b:
        port = smsc.of("listening")[0]["port"]
        link = b.link(port=port, system_id="acme", password="wrong")
        await link.start()
        await eventually(lambda: "ESME_RINVPASWD" in link.status()["trouble"])
        assert [bind["good"] for bind in smsc.of("bind")] == [False]
