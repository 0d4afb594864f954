"""Accounts: names match exactly, look-alikes are refused, credentials replace or add up."""

import pytest

from bridge.messages.faults import Fault
from tests.books import Books


def test_case_counts_and_look_alikes_are_refused(books: Books) -> None:
    books.account("TAlan.12345")
    with pytest.raises(Fault, match="differs from talan.12345 only by case"):
        books.account("talan.12345")
    with pytest.raises(Fault, match="did you mean TAlan.12345"):
        books.do("account_set_disabled", name="talan.12345", is_disabled=True)
    assert books.read("credentials_of", name="talan.12345") == {
        "account": None,
        "near": "TAlan.12345",
        "credentials": [],
    }


@pytest.mark.parametrize("name", ["", "a b", ".a", "ä", "a" * 64, "a\n"])
def test_a_name_is_plain(books: Books, name: str) -> None:
    with pytest.raises(Fault, match="an account name is"):
        books.account(name)


def test_a_new_pin_replaces_the_old_one(books: Books) -> None:
    books.account()
    for verifier in ("old", "new"):
        books.do("credential_add", name="demo", kind="pin", verifier=verifier, is_only_one=True, now_ms=books.now_ms)
    (credential,) = books.read("credentials_of", name="demo")["credentials"]
    assert credential["verifier"] == "new"


def test_reports_never_show_a_verifier(books: Books) -> None:
    books.account()
    books.do("credential_add", name="demo", kind="pin", verifier="argon2-secret", now_ms=books.now_ms)
    assert "argon2-secret" not in repr(books.read("account_show", name="demo"))


def test_an_account_is_opened_with_its_pin_and_credit_or_not_at_all(books: Books) -> None:
    values = {"verifier": "v", "networks": [], "actor": "test", "now_ms": books.now_ms}
    with pytest.raises(Fault, match="mail events"):
        books.do("account_open", account={"name": "half", "mail_events": "some"}, credit_mc=5, **values)
    with pytest.raises(Fault, match="more than 0"):
        books.do("account_open", account={"name": "half"}, credit_mc=-5, **values)
    assert books.read("account_list") == []
    books.do("account_open", account={"name": "whole"}, credit_mc=5, **values)
    assert books.balance_mc("whole") == 5


def test_a_price_applies_to_its_prefix(books: Books) -> None:
    books.do("tariff_set", prefix="46", price_mc=250)
    books.do("tariff_set", prefix="46", price_mc=300)
    rows = {(row["account_class"], row["prefix"]): row["price_mc"] for row in books.read("tariff_list")}
    assert rows == {("", ""): 1000, ("", "46"): 300}
    with pytest.raises(Fault, match="a prefix is"):
        books.do("tariff_set", prefix="+46", price_mc=1)


def test_a_network_belongs_to_one_account(books: Books) -> None:
    books.account("one")
    books.account("two")
    bind = {"kind": "network", "verifier": "", "now_ms": books.now_ms}
    books.do("credential_add", name="one", networks=["192.0.2.0/24"], **bind)
    with pytest.raises(Fault, match="192.0.2.0/24 is bound to account one"):
        books.do("credential_add", name="two", networks=["192.0.2.0/24"], **bind)
    books.do("credential_add", name="two", networks=["192.0.2.128/25"], **bind)
