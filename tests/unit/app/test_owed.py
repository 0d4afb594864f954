"""What people are told of what an ESME is owed, and of what follows a doubt."""

from dataclasses import replace
from typing import Any

import pytest

from bridge.app.operations import owed
from bridge.ledger.esme import KEPT_MS
from bridge.messages.message import Lane, Paced
from tests.unit.app.desk import AT_MS

SILENT = "the ESME did not answer it"


def session(account: str = "acme", bind_type: str = "transceiver") -> dict[str, Any]:
    return {"account": account, "bind_type": bind_type}


def line(**facts: Any) -> dict[str, Any]:
    return {"state": "owed", "reason": SILENT, "next_action_at_ms": AT_MS + 5000, **facts}


@pytest.mark.parametrize(
    ("sessions", "facts", "told", "next_at_ms"),
    [
        (None, {}, "the appliance is not running", None),
        ([], {}, "acme is not bound", None),
        ([session("other")], {"state": "claimed"}, "acme is not bound", None),
        ([session(bind_type="transmitter")], {}, "acme is bound as a transmitter only, which gets nothing", None),
        ([session()], {}, "acme is bound, but the ESME did not answer it", AT_MS + 5000),
        ([session(bind_type="receiver")], {"next_action_at_ms": AT_MS}, "its turn", None),
        ([session()], {"state": "claimed", "reason": ""}, "acme is bound; sent, not answered yet", None),
        ([session()], {"state": "claimed"}, f"acme is bound; {SILENT}, so it was sent again", None),
    ],
)
def test_why_an_esme_has_not_got_it(
    sessions: list[dict[str, Any]] | None, facts: dict[str, Any], told: str, next_at_ms: int | None
) -> None:
    found = owed.to_esme(line(**facts), "acme", AT_MS - 1000, sessions, AT_MS)
    assert (found["reason"], found["next_action_at_ms"]) == (told, next_at_ms)
    assert found["kept_until_ms"] == AT_MS - 1000 + KEPT_MS


def test_what_is_over_keeps_its_own_reason() -> None:
    over = line(state="given_up", reason="no ESME of the account came for it")
    assert owed.to_esme(over, "acme", AT_MS, [session()], AT_MS)["reason"] == over["reason"]


UNKNOWN = " ends as unknown and stays charged; then `smsbridge message refund` can give its price back"


@pytest.mark.parametrize(
    ("facts", "is_resending", "told"),
    [
        ({}, True, "it is sent once more, marked as a possible duplicate, if its link can take it by 06:31:40Z, for"),
        ({}, False, f"it{UNKNOWN}, for `in_doubt` of its link is never_resend"),
        ({"is_possible_duplicate": True}, True, f"it was sent twice, so it{UNKNOWN}"),
        ({"next_action_at_ms": AT_MS + 3_600_001}, True, f"it is too old to be sent again, so it{UNKNOWN}"),
    ],
)
def test_what_follows_a_doubt(facts: dict[str, Any], *, is_resending: bool, told: str) -> None:
    doubt = {"is_possible_duplicate": False, "next_action_at_ms": AT_MS + 60_000, **facts}
    fresh_until_ms = owed.fresh_until_ms("normal", AT_MS)
    assert owed.after_doubt(doubt, is_resending=is_resending, fresh_until_ms=fresh_until_ms).startswith(told)


SHOP = Paced("account", "shop", Lane.BULK, 5.0, AT_MS + 200)
NAME = Paced("originator", "Shop", Lane.BULK, 1.0, AT_MS + 700)


def queued() -> dict[str, Any]:
    return {"state": "queued", "link": "carrier", "lane": "bulk", "waiting_for": "", "next_action_at_ms": AT_MS}


@pytest.mark.parametrize(
    ("held", "sender", "reason", "told", "next_at_ms"),
    [
        ([], None, "", "its turn", AT_MS),
        ([], None, "link carrier sends 50 parts/s at most", "link carrier sends 50 parts/s at most", AT_MS),
        ([SHOP], None, "", "paced: account shop to 5 parts/s on all links together", AT_MS + 200),
        ([NAME], None, "", "paced: originator Shop to 1 parts/s on link carrier", AT_MS + 700),
        ([SHOP], None, "slow", "slow; paced: account shop to 5 parts/s on all links together", AT_MS + 200),
        ([SHOP], {"account": "ward", "originator": "Ward"}, "", "its turn", AT_MS),
        (
            [SHOP, NAME],
            {"account": "ward", "originator": "Shop"},
            "",
            "paced: originator Shop to 1 parts/s on link carrier",
            AT_MS + 700,
        ),
        ([replace(SHOP, lane=Lane.ALARM)], None, "", "its turn", AT_MS),
        ([replace(SHOP, until_ms=AT_MS - owed.PACED_OLD_MS)], None, "", "its turn", AT_MS),
        (
            [replace(SHOP, name=name) for name in "abcde"],
            None,
            "",
            "paced: account a to 5 parts/s on all links together, account b to 5 parts/s on all links together,"
            " account c to 5 parts/s on all links together and 2 more",
            AT_MS + 200,
        ),
    ],
)
def test_who_is_held_back_and_until_when(
    held: list[Paced], sender: dict[str, str] | None, reason: str, told: str, next_at_ms: int
) -> None:
    found = owed.paced(queued(), reason, held, AT_MS, sender)
    assert (found["waiting_for"], found["next_action_at_ms"]) == (told, next_at_ms)
