"""Which links are not to be used, and in whose words."""

from bridge.routing.health import Health, Sickness, Trouble
from bridge.routing.link_states import AllOf, LinkStates, Told
from bridge.routing.plan import plan
from bridge.routing.routes import Question, RouteTable

AT_MS = 1_795_498_300_000


def test_a_stopped_link_says_by_whom_since_when_and_why() -> None:
    told = Told("a", "stopped", "kim", "wrong prices", AT_MS)
    assert told.trouble == "is stopped by kim since 2026-11-24 05:31:40Z: wrong prices"
    assert Told("a", "draining", since_ms=AT_MS).trouble == "is being drained since 2026-11-24 05:31:40Z"
    assert Told("a").trouble == ""


def test_a_pace_ends_by_itself() -> None:
    told = Told("a", parts_per_second=5.0, pace_actor="kim", pace_since_ms=AT_MS, pace_until_ms=AT_MS + 60_000)
    assert told.pace(AT_MS + 59_999) == 5.0
    assert told.pace_words(AT_MS) == (
        "was slowed to 5 parts/s by kim since 2026-11-24 05:31:40Z until 2026-11-24 05:32:40Z"
    )
    assert told.pace(AT_MS + 60_000) is None
    assert told.pace_words(AT_MS + 60_000) == ""


def test_the_planner_passes_over_what_any_view_says() -> None:
    routes = RouteTable.by_prefix([("", ["a", "b", "c"])])
    sick = Health({("b", ""): Sickness(Trouble.SILENT, AT_MS, 0.0, 20)})
    view = AllOf((LinkStates({"a": "it is stopped by kim"}), sick))
    found = plan(Question("46701740605", AT_MS), routes, health=view)
    assert found.links == ("c", "a", "b")
    assert [link for link, _ in found.passed_over] == ["a", "b"]
    assert found.note == "link a passed over: it is stopped by kim"
    assert AllOf.these([]).trouble("a", "", AT_MS) == ""
