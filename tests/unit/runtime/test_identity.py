"""The gatekeeper: who is let in, what is remembered, and what nobody gets to see."""

import asyncio
from pathlib import Path

import pytest

from bridge.intake.authenticate import CredentialKind
from bridge.messages.faults import Fault, FaultCode
from bridge.runtime.identity import CHECKS_WAITING_MAX, Peer
from bridge.runtime.loop import now_ms
from tests.house import open_house
from tests.support import asyncio_test, eventually

PIN = (CredentialKind.PIN,)
HERE = Peer("127.0.0.1")


@asyncio_test
async def test_a_crowd_with_the_same_secret_is_let_in_by_one_check(tmp_path: Path) -> None:
    """Twice as many at once as checks may wait: none is turned away."""
    async with open_house(tmp_path) as house:
        await house.add_account(pin="SECRETPIN2")
        crowd = [house.identity("demo", "SECRETPIN2") for _ in range(CHECKS_WAITING_MAX * 2)]
        identities = await asyncio.gather(*crowd)
        assert {identity.account_name for identity in identities} == {"demo"}


@asyncio_test
async def test_a_crowd_of_guesses_is_told_to_slow_down(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await house.add_account(pin="SECRETPIN2")
        guesses = [house.identity("demo", f"GUESS{n}") for n in range(CHECKS_WAITING_MAX * 2)]
        answers = await asyncio.gather(*guesses, return_exceptions=True)
        codes = {answer.code for answer in answers if isinstance(answer, Fault)}
        assert codes == {FaultCode.BAD_CREDENTIALS, FaultCode.TOO_FAST}


@asyncio_test
async def test_a_changed_pin_is_not_remembered(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await house.add_account(pin="SECRETPIN2")
        await house.identity("demo", "SECRETPIN2")
        verifier = await house.gatekeeper.hash_secret(CredentialKind.PIN, "OTHERPIN22")
        await house.ledger.do("credential_add", name="demo", kind="pin", verifier=verifier, is_only_one=True, now_ms=1)
        house.gatekeeper.forget()
        with pytest.raises(Fault, match="bad_credentials"):
            await house.identity("demo", "SECRETPIN2")
        assert (await house.identity("demo", "OTHERPIN22")).account_name == "demo"


@asyncio_test
async def test_names_match_exactly_and_only_the_log_tells_why_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with open_house(tmp_path) as house:
        await house.add_account("TAlan.12345", pin="SECRETPIN2")
        refusals = []
        for name, secret in (("talan.12345", "SECRETPIN2"), ("nobody", "SECRETPIN2"), ("TAlan.12345", "wrong")):
            with pytest.raises(Fault) as refused:
                await house.identity(name, secret)
            refusals.append((refused.value.code, refused.value.detail))
        assert len(set(refusals)) == 1
        log = ""

        def told() -> bool:
            nonlocal log
            log += capsys.readouterr().out
            return "the secret is right" in log

        await eventually(told)
        assert "SECRETPIN2" not in log


@asyncio_test
async def test_what_is_no_text_is_a_wrong_secret(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await house.add_account(pin="SECRETPIN2")
        for name, secret in (("demo", "\ud800"), ("de\0mo", "SECRETPIN2"), ("\udcff", "x"), ("", "")):
            with pytest.raises(Fault, match="bad_credentials"):
                await house.identity(name, secret)


@asyncio_test
async def test_a_network_is_an_account_only_where_it_is_bound(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        assert await house.gatekeeper.by_network(HERE) is None
        await house.add_account(networks=["127.0.0.0/8"])
        identity = await house.gatekeeper.by_network(HERE)
        assert identity is not None
        assert identity.account_name == "demo"
        assert await house.gatekeeper.by_network(Peer("192.0.2.1")) is None


@asyncio_test
async def test_a_credential_that_ends_is_not_remembered_longer(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await house.add_account()
        verifier = await house.gatekeeper.hash_secret(CredentialKind.API_KEY, "k" * 32)
        ends_at_ms = now_ms() + 400
        await house.ledger.do(
            "credential_add", name="demo", kind="api_key", verifier=verifier, expires_at_ms=ends_at_ms, now_ms=1
        )

        async def knock() -> str:
            kinds = (CredentialKind.API_KEY,)
            identity = await house.gatekeeper.by_secret("demo", "k" * 32, kinds=kinds, scope="send", peer=HERE)
            return identity.account_name

        assert await knock() == "demo"
        await eventually(lambda: now_ms() > ends_at_ms)
        with pytest.raises(Fault, match="bad_credentials"):
            await knock()
