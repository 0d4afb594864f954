"""How many may be bound, how fast they may submit, and who is next."""

import pytest

from bridge.intake.authenticate import Identity, SmppRules
from bridge.messages.faults import Fault
from bridge.messages.message import Lane
from bridge.runtime.identity import Peer
from bridge.smpp.matrix import Role
from bridge.smpp.session import Session
from bridge.smpp_in.connection import EsmeConnection
from bridge.smpp_in.sessions import EVICTION_MS, EsmeAccount, Places, version_name


def identity(**rules: float) -> Identity:
    return Identity(1, "demo", "", 7, Lane.NORMAL, "", "", frozenset({"send"}), SmppRules(**rules))  # type: ignore[arg-type]


def connection(ip: str = "192.0.2.1") -> EsmeConnection:
    session = Session(Role.SMSC, window_max=10, now_ms=0)
    return EsmeConnection(session, None, Peer(ip), requests_max=10, window_max=10)  # type: ignore[arg-type]


def test_as_many_sessions_as_the_account_may_have_and_a_place_is_free_at_once() -> None:
    account = EsmeAccount(identity(binds_max=2))
    first, second, third = connection(), connection(), connection()
    account.join(first, identity(binds_max=2))
    account.join(second, identity(binds_max=2))
    with pytest.raises(Fault):
        account.join(third, identity(binds_max=2))
    assert third.account is None
    account.leave(first)
    account.leave(first)
    account.join(third, identity(binds_max=2))
    assert account.sessions == [second, third]


def test_parts_per_second() -> None:
    account = EsmeAccount(identity(parts_per_second=10))
    assert [account.may_submit(1, 0) for _ in range(11)] == [True] * 10 + [False]
    assert not account.may_submit(1, 99)
    assert account.may_submit(1, 100)
    assert not account.may_submit(1, 100)
    assert account.may_submit(10, 1_200)
    assert not account.may_submit(1, 1_200)


def test_a_message_longer_than_a_burst_is_paid_for_afterwards() -> None:
    account = EsmeAccount(identity(parts_per_second=2))
    assert account.may_submit(10, 0)
    assert not account.may_submit(1, 3_999)
    assert not account.may_submit(1, 4_400)
    assert account.may_submit(1, 4_500)
    assert not account.may_submit(1, 4_500)


def test_no_limit_is_no_limit() -> None:
    account = EsmeAccount(identity())
    assert all(account.may_submit(1000, 0) for _ in range(1000))


def test_another_limit_counts_from_then_on() -> None:
    account = EsmeAccount(identity(parts_per_second=1))
    assert [account.may_submit(1, 0) for _ in range(2)] == [True, False]
    account.renew(identity(parts_per_second=1))
    assert not account.may_submit(1, 0), "the same limit, and what is used up stays used up"
    account.renew(identity(parts_per_second=5))
    assert [account.may_submit(1, 0) for _ in range(6)] == [True] * 5 + [False]


def test_places_per_address_and_in_all() -> None:
    places = Places(3, per_address_max=2)
    one, two, three = connection(), connection(), connection()
    assert places.take(one, 0)
    assert places.take(two, 0)
    assert not places.take(three, 0)
    other, late = connection("192.0.2.2"), connection("192.0.2.3")
    assert places.take(other, 0)
    assert not places.take(late, EVICTION_MS - 1), "nobody has waited long enough to lose its place"
    assert places.take(late, EVICTION_MS)
    assert places.open == {two, other, late}, "the one that waited longest without a bind has gone"
    places.leave(two)
    places.leave(two)
    assert places.take(one, EVICTION_MS)


def test_who_is_bound_keeps_its_place() -> None:
    places = Places(1, per_address_max=50)
    bound, late = connection(), connection()
    assert places.take(bound, 0)
    places.bound(bound)
    assert not places.take(late, 10 * EVICTION_MS)


@pytest.mark.parametrize(("version", "name"), [(0x33, "3.3"), (0x34, "3.4"), (0x50, "5.0")])
def test_versions_in_words(version: int, name: str) -> None:
    assert version_name(version) == name
