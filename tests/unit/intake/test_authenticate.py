"""Credentials: what opens, from where, for what, and how alike refusals are."""

import pytest
from argon2 import PasswordHasher

from bridge.intake import authenticate
from bridge.intake.authenticate import CredentialKind
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.message import Lane

ACCOUNT = {
    "account_id": 7,
    "name": "Demo",
    "account_class": "",
    "lane": 1,
    "originator": "",
    "home_country": "",
    "is_disabled": 0,
    "smpp_binds_max": 4,
    "smpp_parts_per_second": 12.5,
    "smpp_receipts": "always",
    "smpp_alphabet_0": "latin1",
    "smpp_alphabet_1": "gsm",
    "smpp_id_form": "decimal",
    "smpp_long_inbound": "parts",
    "hours": "mo-fr 08:00-20:00",
    "hours_for_alarms": 1,
    "validity_ms": 3_600_000,
    "queue_age_ms": 0,
    "worthless_after_ms": 0,
    "time_zone": "Europe/Stockholm",
}


def credential(**facts: object) -> dict[str, object]:
    return {
        "credential_id": 3,
        "kind": "pin",
        "verifier": "",
        "scopes": "send",
        "networks": "",
        "lane": None,
        "expires_at_ms": None,
    } | facts


def test_a_secret_opens_its_own_credential_only() -> None:
    verifier = authenticate.hash_secret(CredentialKind.PIN, "RIGHT-PIN2")
    facts = {"credentials": [credential(verifier=verifier)]}
    pin = (CredentialKind.PIN,)
    assert authenticate.find(facts, "RIGHT-PIN2", pin, 0) is not None
    assert authenticate.find(facts, "right-pin2", pin, 0) is None
    assert authenticate.find(facts, "RIGHT-PIN2", (CredentialKind.SMPP_PASSWORD,), 0) is None
    assert authenticate.find(facts, "x" * 10_000, pin, 0) is None


def test_slow_hashes_for_pins_fast_ones_for_long_keys() -> None:
    assert authenticate.hash_secret(CredentialKind.PIN, "x").startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    key = authenticate.hash_secret(CredentialKind.API_KEY, "k")
    assert key.startswith("sha256:")
    assert authenticate.verify(key, "k")
    assert not authenticate.verify(key, "K")


def test_a_broken_verifier_opens_to_nobody() -> None:
    assert not authenticate.verify("nonsense", "nonsense")
    assert not authenticate.verify("", "")


def test_an_unknown_account_costs_as_much_as_a_wrong_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both run exactly one password hash, which is what takes the time that a peer could measure."""
    verifier = authenticate.hash_secret(CredentialKind.PIN, "RIGHT-PIN2")
    hashes: list[str] = []
    verify = PasswordHasher.verify

    def counted(self: PasswordHasher, hash: str, password: str) -> bool:
        hashes.append(hash)
        return bool(verify(self, hash, password))

    monkeypatch.setattr(PasswordHasher, "verify", counted)
    assert authenticate.find({"credentials": []}, "wrong", (CredentialKind.PIN,), 0) is None
    assert (
        authenticate.find({"credentials": [credential(verifier=verifier)]}, "wrong", (CredentialKind.PIN,), 0) is None
    )
    assert len(hashes) == 2


def test_an_expired_credential_opens_nothing() -> None:
    verifier = authenticate.hash_secret(CredentialKind.API_KEY, "k")
    facts = {"credentials": [credential(kind="api_key", verifier=verifier, expires_at_ms=1000)]}
    assert authenticate.find(facts, "k", (CredentialKind.API_KEY,), 999) is not None
    assert authenticate.find(facts, "k", (CredentialKind.API_KEY,), 1000) is None


def test_a_credential_holds_only_in_its_networks() -> None:
    bound = credential(networks="192.0.2.0/24 2001:db8::/32")
    for ip in ("192.0.2.9", "::ffff:192.0.2.9", "2001:db8::1"):
        assert authenticate.identify(ACCOUNT, bound, "send", ip).account_id == 7
    for ip in ("192.0.3.9", "2001:db9::1", "nonsense"):
        with pytest.raises(Fault) as refused:
            authenticate.identify(ACCOUNT, bound, "send", ip)
        assert refused.value.code is FaultCode.NOT_ALLOWED_HERE
        assert "Demo" not in refused.value.sentence


def test_scopes_and_disabled_accounts() -> None:
    with pytest.raises(Fault, match="may not report"):
        authenticate.identify(ACCOUNT, credential(), "report", "192.0.2.1")
    with pytest.raises(Fault, match="account_disabled"):
        authenticate.identify(ACCOUNT | {"is_disabled": 1}, credential(), "send", "192.0.2.1")


def test_an_identity_knows_what_holds_for_its_esmes() -> None:
    rules = authenticate.SmppRules(4, 12.5, "always", "latin1", "gsm", "decimal", "parts")
    assert authenticate.identify(ACCOUNT, credential(), "send", "192.0.2.1").smpp == rules


def test_an_identity_knows_when_its_messages_may_be_sent() -> None:
    rules = authenticate.TimeRules("mo-fr 08:00-20:00", True, 3_600_000, 0, 0, "Europe/Stockholm")
    assert authenticate.identify(ACCOUNT, credential(), "send", "192.0.2.1").times == rules
    plain = ACCOUNT | {"hours": "", "hours_for_alarms": 0, "validity_ms": 0, "time_zone": "UTC"}
    found = authenticate.identify(plain, credential(), "send", "192.0.2.1").times
    assert found is authenticate.NO_TIME_RULES, "most accounts take the short way"


def test_the_credentials_lane_goes_before_the_accounts() -> None:
    assert authenticate.identify(ACCOUNT, credential(), "send", "192.0.2.1").lane is Lane.NORMAL
    assert authenticate.identify(ACCOUNT, credential(lane=0), "send", "192.0.2.1").lane is Lane.ALARM


def test_the_narrowest_network_wins() -> None:
    wide = ACCOUNT | credential(networks="10.0.0.0/8", credential_lane=None) | {"lane": 1}
    narrow = wide | {"account_id": 8, "networks": "10.1.0.0/16"}
    found = authenticate.by_network([wide, narrow], "send", "10.1.2.3", 0)
    assert found is not None
    assert found.account_id == 8
    assert authenticate.by_network([wide, narrow], "send", "192.0.2.1", 0) is None


def test_generated_pins_are_strong_and_differ() -> None:
    pins = {authenticate.generate_pin() for _ in range(100)}
    assert len(pins) == 100
    assert {len(pin) for pin in pins} == {10}
    assert not set("".join(pins)) & set("IO01 ")


@pytest.mark.parametrize("pin", ["123", "1234 ", "12 34", "x" * 129, "12\n34"])
def test_an_imported_pin_must_be_usable(pin: str) -> None:
    with pytest.raises(Fault, match="imported PIN has"):
        authenticate.check_imported_pin(pin, ["192.0.2.0/24"])


def test_an_imported_pin_needs_networks() -> None:
    authenticate.check_imported_pin("1234", ["192.0.2.0/24"])
    with pytest.raises(Fault, match="needs the networks"):
        authenticate.check_imported_pin("1234", [])


def test_networks_are_checked() -> None:
    assert authenticate.parse_networks(["192.0.2.7", " 10.0.0.0/8"]) == ["192.0.2.7/32", "10.0.0.0/8"]
    with pytest.raises(Fault, match="not a network"):
        authenticate.parse_networks(["10.0.0.1/8"])
