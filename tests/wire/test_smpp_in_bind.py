"""Binding to the SMPP door: who may, how it is refused, and how long a place is held."""

import asyncio
import ssl
import threading
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from bridge.intake.authenticate import CredentialKind
from bridge.messages.faults import Fault, FaultCode
from bridge.runtime import renewal
from bridge.runtime.identity import CHECKS_AT_ONCE
from bridge.runtime.loop import now_ms
from bridge.smpp import pdus
from bridge.smpp.codec import encode
from bridge.smpp.constants import Status, Tag
from bridge.smpp_in import bind as binding
from bridge.smpp_in import service
from tests.packaging.certificate import make_certificate
from tests.support import asyncio_test, eventually
from tests.wire.smpp_door import PIN, Door, bind, open_door, submit

KINDS = (pdus.BindTransmitter, pdus.BindReceiver, pdus.BindTransceiver)


async def set_facts(door: Door, **facts: Any) -> None:
    """As `smsbridge account set` does it."""
    await door.house.ledger.do("account_set", name="demo", facts=facts)
    door.house.gatekeeper.forget()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("version", "told"), [(0x00, None), (0x33, None), (0x34, 0x34), (0x50, 0x50), (0x51, 0x50)])
@asyncio_test
async def test_the_binds_and_versions(tmp_path: Path, kind: type[pdus.Bind], version: int, told: int | None) -> None:
    """A 3.3 peer gets no TLV at all; later ones hear which version both speak."""
    async with open_door(tmp_path) as door:
        esme = await door.connect()
        response = await esme.ask(bind(kind, interface_version=version))
        assert (response.status, response.system_id) == (0, "smsbridge")
        assert response.tlvs == ({} if told is None else {Tag.SC_INTERFACE_VERSION: bytes((told,))})
        (session,) = door.smpp.sessions()
        assert (session["account"], session["address"]) == ("demo", "127.0.0.1")
        assert session["bind_type"] == kind.__name__.removeprefix("Bind").lower()
        assert session["version"] == {None: "3.3", 0x34: "3.4", 0x50: "5.0"}[told]


@pytest.mark.parametrize(
    "wrong", [{"password": "wrong"}, {"system_id": "nobody"}, {"system_id": "Demo"}, {"password": ""}]
)
@asyncio_test
async def test_wrong_credentials_are_told_alike_and_after_the_same_time(tmp_path: Path, wrong: dict[str, str]) -> None:
    async with open_door(tmp_path) as door:
        esme = await door.connect()
        loop = asyncio.get_running_loop()
        started_s = loop.time()
        response = await esme.ask(bind(**wrong))
        assert response.status == Status.RINVPASWD
        assert loop.time() - started_s >= binding.REFUSAL_S
        await esme.closed()
        assert door.smpp.sessions() == []


@asyncio_test
async def test_a_disabled_account_may_come_back_later(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        await door.house.ledger.do("account_set_disabled", name="demo", is_disabled=True)
        esme = await door.connect()
        assert (await esme.ask(bind())).status == Status.RBINDFAIL
        await esme.closed()
        await door.house.ledger.do("account_set_disabled", name="demo", is_disabled=False)
        door.house.gatekeeper.forget()
        await door.bound()


async def give_password(door: Door, password: str, networks: list[str]) -> None:
    verifier = await door.house.gatekeeper.hash_secret(CredentialKind.SMPP_PASSWORD, password)
    await door.house.ledger.do(
        "credential_add", name="demo", kind="smpp_password", verifier=verifier, networks=networks, now_ms=now_ms()
    )
    door.house.gatekeeper.forget()


@pytest.mark.parametrize(("networks", "status"), [([], 0), (["127.0.0.0/8"], 0), (["192.0.2.0/24"], Status.RBINDFAIL)])
@asyncio_test
async def test_a_password_opens_from_its_own_networks(tmp_path: Path, networks: list[str], status: int) -> None:
    async with open_door(tmp_path) as door:
        await give_password(door, "s3cret99", networks)
        esme = await door.connect()
        assert (await esme.ask(bind(password="s3cret99"))).status == status  # noqa: S106 - of a test


@pytest.mark.parametrize(("networks", "status"), [([], Status.RBINDFAIL), (["127.0.0.0/8"], 0)])
@asyncio_test
async def test_from_afar_a_password_alone_is_not_enough(tmp_path: Path, networks: list[str], status: int) -> None:
    """The door believes that loopback is far away."""
    async with open_door(tmp_path, password_networks=["192.0.2.0/24"]) as door:
        await give_password(door, "s3cret99", networks)
        esme = await door.connect()
        with capture_logs() as lines:
            assert (await esme.ask(bind(password="s3cret99"))).status == status  # noqa: S106 - of a test
        refused = [line for line in lines if line["event"] == "bind refused"]
        assert bool(refused) == bool(status)
        assert all("smpp.password_networks" in line["why"] for line in refused)
        assert "s3cret99" not in str(lines)


@pytest.mark.parametrize("kind", ["api_key", "mail_secret", "console_password"])
@asyncio_test
async def test_other_credentials_open_no_bind(tmp_path: Path, kind: str) -> None:
    async with open_door(tmp_path) as door:
        verifier = await door.house.gatekeeper.hash_secret(CredentialKind(kind), "another1")
        await door.house.ledger.do("credential_add", name="demo", kind=kind, verifier=verifier, now_ms=now_ms())
        esme = await door.connect()
        assert (await esme.ask(bind(password="another1"))).status == Status.RINVPASWD  # noqa: S106 - of a test


@asyncio_test
async def test_one_session_too_many_may_come_back_and_a_place_is_free_at_once(tmp_path: Path) -> None:
    """Bind, send, unbind for every message: the counter must not run behind."""
    async with open_door(tmp_path) as door:
        await set_facts(door, smpp_binds_max=2)
        first, second = await door.bound(), await door.bound(pdus.BindReceiver)
        third = await door.connect()
        assert (await third.ask(bind())).status == Status.RBINDFAIL
        for _ in range(5):
            assert (await first.ask(pdus.Unbind())).status == 0
            first = await door.bound()
        await first.closed() if first.is_closed else first.reset()
        await eventually(lambda: len(door.smpp.sessions()) == 1)
        await door.bound()
        assert not second.is_closed


@asyncio_test
async def test_a_second_bind_on_a_session(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        esme = await door.bound()
        assert (await esme.ask(bind())).status == Status.RALYBND
        assert (await esme.ask(submit())).status == 0


@asyncio_test
async def test_what_may_not_be_asked_in_this_state(tmp_path: Path) -> None:
    """enquire_link is answered before a bind; a submission needs one, and not that of a receiver."""
    async with open_door(tmp_path) as door:
        esme = await door.connect()
        assert (await esme.ask(pdus.EnquireLink())).status == 0
        assert (await esme.ask(submit())).status == Status.RINVBNDSTS
        assert (await esme.ask(bind(pdus.BindReceiver))).status == 0
        for request in (submit(), pdus.QuerySm(message_id="12345678"), pdus.SubmitMulti(dest_address=[])):
            if not isinstance(request, pdus.SubmitMulti):
                assert (await esme.ask(request)).status == Status.RINVBNDSTS
        assert (await esme.ask(pdus.EnquireLink())).status == 0
        assert await door.house.messages() == []


@asyncio_test
async def test_who_does_not_bind_or_sends_half_a_pdu_loses_its_place(tmp_path: Path) -> None:
    async with open_door(tmp_path, bind_timeout_s=0.3, pdu_timeout_s=0.3) as door:
        silent, slow = await door.connect(), await door.bound()
        slow.writer.write(encode(submit(), 9)[:7])
        await silent.closed()
        await slow.closed()
        assert door.smpp.sessions() == []
        assert await door.house.messages() == []


@asyncio_test
async def test_who_says_nothing_is_asked_and_then_given_up(tmp_path: Path) -> None:
    async with open_door(tmp_path, enquire_link_s=1) as door:
        esme = await door.bound()
        await eventually(lambda: any(isinstance(pdu, pdus.EnquireLink) for pdu, _ in esme.got))
        assert not esme.is_closed, "it has ten seconds to answer"


@asyncio_test
async def test_places_of_one_address(tmp_path: Path) -> None:
    async with open_door(tmp_path, connections_per_address_max=2, bind_timeout_s=600) as door:
        await door.bound()
        await door.connect()
        third = await door.connect()
        await third.closed()
        elsewhere = await door.connect(local_addr=("127.0.0.2", 0))
        assert (await elsewhere.ask(bind())).status == 0


@asyncio_test
async def test_idle_connections_make_room_for_an_esme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.smpp_in.sessions.EVICTION_MS", 0)
    async with open_door(tmp_path, connections_max=3, bind_timeout_s=600) as door:
        bound = await door.bound()
        idle = [await door.connect() for _ in range(2)]
        late = await door.connect()
        assert (await late.ask(bind())).status == 0
        await idle[0].closed()
        assert not bound.is_closed


@asyncio_test
async def test_an_account_that_is_disabled_while_it_is_bound_is_unbound(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        await door.house.add_account("other", pin=PIN)
        sending, receiving = await door.bound(pdus.BindTransmitter), await door.bound(pdus.BindReceiver)
        other = await door.bound(system_id="other")
        await door.house.ledger.do("account_set_disabled", name="demo", is_disabled=True)
        door.house.gatekeeper.forget()
        for esme in (sending, receiving):
            await esme.closed()
            assert any(isinstance(pdu, pdus.Unbind) for pdu, _ in esme.got)
        assert (await other.ask(submit())).status == 0
        assert [session["account"] for session in door.smpp.sessions()] == ["other"]


@asyncio_test
async def test_a_change_that_cannot_be_read_just_now_is_read_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its sessions stayed bound, and went on submitting, until the account was changed once more."""
    monkeypatch.setattr(service, "RETRY_S", 0.05)
    async with open_door(tmp_path) as door:
        esme = await door.bound()
        await door.house.ledger.do("account_set_disabled", name="demo", is_disabled=True)
        read, refusals = door.house.ledger.read, [Fault(FaultCode.TRY_LATER)] * 2

        async def read_later(report: str, **values: Any) -> Any:
            if refusals:
                raise refusals.pop()
            return await read(report, **values)

        monkeypatch.setattr(door.house.ledger, "read", read_later)
        door.house.gatekeeper.forget()
        await esme.closed()
        assert refusals == []
        assert door.smpp.sessions() == []


@asyncio_test
async def test_an_account_that_is_disabled_while_its_bind_is_judged_is_unbound(tmp_path: Path) -> None:
    """Its facts were read before, its password is found right after."""
    async with open_door(tmp_path) as door:
        is_free = threading.Event()
        for _ in range(CHECKS_AT_ONCE):
            door.house.gatekeeper._pool.submit(is_free.wait)
        esme = await door.connect()
        (sequence,) = esme.send(bind())
        await eventually(lambda: door.house.gatekeeper._checks == 1)
        await door.house.ledger.do("account_set_disabled", name="demo", is_disabled=True)
        door.house.gatekeeper.forget()
        is_free.set()
        await esme.answer(sequence)
        await esme.closed()
        assert door.smpp.sessions() == []


@asyncio_test
async def test_a_password_that_is_replaced_ends_the_sessions_it_opened(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        await give_password(door, "s3cret99", [])
        by_password, by_pin = await door.bound(password="s3cret99"), await door.bound()  # noqa: S106 - of a test
        verifier = await door.house.gatekeeper.hash_secret(CredentialKind.SMPP_PASSWORD, "another1")
        await door.house.ledger.do(
            "credential_add", name="demo", kind="smpp_password", verifier=verifier, is_only_one=True, now_ms=now_ms()
        )
        door.house.gatekeeper.forget()
        await by_password.closed()
        assert (await by_pin.ask(submit())).status == 0


@asyncio_test
async def test_rules_that_change_count_for_those_who_are_bound(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        esme = await door.bound()
        first = await esme.ask(submit())
        await set_facts(door, smpp_id_form="decimal")
        await eventually(lambda: door.smpp._looking is None)
        second = await esme.ask(submit())
        assert len(first.message_id) == 8
        assert second.message_id.isdigit()
        assert len(second.message_id) == 10


# TLS


def client_context(authority: Path, own: tuple[Path, Path] | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authority)
    if own is not None:
        context.load_cert_chain(*own)
    return context


def tls_settings(folder: Path, **listen: Any) -> tuple[dict[str, Any], tuple[Path, Path]]:
    folder.mkdir(exist_ok=True)
    certificate, key = make_certificate(folder)
    settings: dict[str, Any] = {
        "listen": [{"port": 0, "tls": True, **listen}],
        "certificate": certificate,
        "private_key": key,
        "client_ca_file": certificate,
    }
    return settings, (certificate, key)


@asyncio_test
async def test_smpp_over_tls(tmp_path: Path) -> None:
    settings, (certificate, _) = tls_settings(tmp_path / "tls")
    async with open_door(tmp_path, **settings) as door:
        esme = await door.connect(ssl=client_context(certificate), server_hostname="localhost")
        assert (await esme.ask(bind())).status == 0
        responses = await esme.ask_all(*[submit(f"number {n}") for n in range(50)])
        assert {response.status for response in responses} == {0}
        assert door.smpp.sessions()[0]["tls"]


@asyncio_test
async def test_a_listener_for_those_with_a_certificate(tmp_path: Path) -> None:
    """Who shows one may come from anywhere; who shows none does not get to speak."""
    settings, own = tls_settings(tmp_path / "tls", client_certificates=True)
    async with open_door(tmp_path, password_networks=["192.0.2.0/24"], **settings) as door:
        esme = await door.connect(ssl=client_context(own[0], own), server_hostname="localhost")
        assert (await esme.ask(bind())).status == 0
        stranger = await door.connect(ssl=client_context(own[0]), server_hostname="localhost")
        await stranger.closed()
        assert len(door.smpp.sessions()) == 1


@asyncio_test
async def test_a_renewed_certificate_is_shown_without_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renewal, "LOOK_EVERY_S", 0)
    settings, (certificate, _) = tls_settings(tmp_path / "tls")
    async with open_door(tmp_path, **settings) as door:
        old = await door.connect(ssl=client_context(certificate), server_hostname="localhost")
        assert (await old.ask(bind())).status == 0
        make_certificate(tmp_path / "tls")
        new = await door.connect(ssl=client_context(certificate), server_hostname="localhost")
        assert (await new.ask(bind())).status == 0
        certificate.write_text("half a file")
        again = await door.connect(ssl=client_context_of(new), server_hostname="localhost")
        assert (await again.ask(bind())).status == 0
        assert (await old.ask(submit())).status == 0


def client_context_of(esme: Any) -> ssl.SSLContext:
    context: ssl.SSLContext = esme.writer.get_extra_info("ssl_object").context
    return context


@asyncio_test
async def test_the_log_says_why_a_bind_was_refused_and_what_to_do(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        await door.house.ledger.do("account_set_disabled", name="demo", is_disabled=True)
        door.house.gatekeeper.forget()
        with capture_logs() as lines:
            esme = await door.connect()
            assert (await esme.ask(bind())).status == Status.RBINDFAIL
        (refused,) = [line for line in lines if line["event"] == "bind refused"]
        assert refused["why"] == "This account is disabled (demo); `smsbridge account enable` lets it bind again"
