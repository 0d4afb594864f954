"""How a number would be reached, step by step as the intake goes; and what is reached at all, how well."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median

import phonenumbers

from bridge.app.answers.routes import (
    COVERAGE_MAX,
    CoverageLine,
    Explanation,
    MeasuredLink,
    PlannedLink,
    RouteLine,
)
from bridge.app.operations.desk import Desk
from bridge.intake import prepare
from bridge.intake.authenticate import Identity
from bridge.intake.content import Content, content_of
from bridge.intake.prepare import Tables
from bridge.messages import address, charset
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.message import TEST_LINK, Coding, Lane, Submission
from bridge.messages.numbers import Number
from bridge.routing import route_list
from bridge.routing.networks import Network, calling_code
from bridge.routing.plan import Plan, draw_of, plan
from bridge.routing.routes import Question, Route
from bridge.runtime.loop import now_ms

DAY_MS = 24 * 3600 * 1000
SAMPLE_TEXT = "."
"""What a text is when nobody says: the route and price of any short one in GSM 03.38."""
NOBODY = Identity(0, "", "", 0, Lane.NORMAL, "", "", frozenset({"send"}))
_DELIVERED, _FAILED = "delivered", ("undeliverable", "expired", "deleted", "rejected", "unknown")


class ExplainOperations(Desk):
    """See `commands.RouteCommands`."""

    async def explain(self, *, number: str, text: str = "", account: str = "", originator: str = "") -> Explanation:
        """What would become of a message to a number. Nothing is sent, charged or kept."""
        identity = await self.identity(account) if account else NOBODY
        tables, settings, at_ms = self._door.tables, self._settings.intake, now_ms()
        told = _blank(identity)
        submission = Submission("cli", number, text or SAMPLE_TEXT, originator=originator)
        try:
            read = prepare.read_recipient(identity, number, settings)
            _tell_number(told, read, tables)
            # Nobody in particular may use what anybody is given.
            asked, default = (originator, identity.originator) if account else ("", originator)
            told["originator"] = tables.originators.of_message(identity.account_id, asked, default)
            content = content_of(submission.text, None, settings)
            _tell_content(told, content)
            way, price_mc = prepare.way_of(
                identity, submission, told["originator"], read, content, tables, settings, at_ms
            )
        except Fault as fault:
            told["refused"].append(fault.sentence)
            return told
        told["price_mc"] = price_mc
        told["is_test_number"] = way.links == (TEST_LINK,)
        told["route"] = route_line(way.route) if way.route is not None and way.route.route_id else None
        told["links"] = planned_links(way)
        if way.links:
            try:
                chosen = tables.originators.for_route(told["originator"], read.routed, read.country, way.links[0])
                told["originator_note"] = chosen.note
            except Fault as fault:
                told["refused"].append(fault.sentence)
        if not way.links:
            told["refused"].append(Fault(FaultCode.NO_ROUTE, way.missing).sentence)
        elif price_mc is None:
            told["refused"].append(Fault(FaultCode.NO_ROUTE, "it has no price").sentence)
        return told

    async def coverage(self, *, country: str = "", account_class: str = "") -> list[CoverageLine]:
        """What is reached, by country and network: price, links, and how well the links did in the last day."""
        at_ms = now_ms()
        rows = await self._ledger.read("parts_measured", from_ms=at_ms - DAY_MS)
        priced = {row["prefix"] for row in await self._ledger.read("tariff_list")}
        return await asyncio.to_thread(
            lambda: coverage_of(self._door.tables, priced, rows, country.upper(), account_class, at_ms)
        )


def _blank(identity: Identity) -> Explanation:
    return {
        "recipient": "",
        "kind": "",
        "country": "",
        "network": "",
        "mcc_mnc": "",
        "network_prefix": "",
        "read_as": "",
        "account": identity.account_name,
        "account_class": identity.account_class,
        "originator": "",
        "originator_note": "",
        "coding": "",
        "message_kind": "",
        "parts": 0,
        "forced_ucs2": "",
        "price_mc": None,
        "route": None,
        "is_test_number": False,
        "links": [],
        "refused": [],
    }


def _tell_number(told: Explanation, number: Number, tables: Tables) -> None:
    network = tables.networks.find(number.routed)
    told["recipient"], told["kind"], told["read_as"] = number.digits, number.kind.value, number.rule
    told["country"] = (network.country if network is not None else "") or number.country
    if network is not None:
        told["network"], told["mcc_mnc"], told["network_prefix"] = network.label, network.mcc_mnc, network.prefix


def _tell_content(told: Explanation, content: Content) -> None:
    told["coding"], told["message_kind"] = content.coding.value, prepare.kind_of(content)
    told["parts"] = len(content.texts)
    if content.coding is Coding.UCS2:
        told["forced_ucs2"] = charset.forced_ucs2("".join(content.texts))


def route_line(route: Route) -> RouteLine:
    """A route as commands show it."""
    cells = route_list.row_of(route)
    return {
        "route_id": route.route_id,
        "destination": str(route.destination),
        "account_class": route.account_class,
        "originator": route.originator,
        "hours": cells["hours"],
        "coding": route.coding,
        "kind": route.kind,
        "links": cells["links"],
        "note": route.note,
    }


def planned_links(way: Plan) -> list[PlannedLink]:
    """Every link of the route, those that are tried first, and why others are not."""
    why = dict(way.passed_over)
    if way.trouble and way.links:
        why[way.links[0]] = way.trouble
    places = way.route.places if way.route is not None else ()
    lines: list[PlannedLink] = [
        {
            "link": choice.link,
            "place": number,
            "share": choice.share,
            "cost_mc": choice.cost_mc,
            "order": way.links.index(choice.link) + 1 if choice.link in way.links else 0,
            "why": why.get(choice.link, ""),
        }
        for number, place in enumerate(places, 1)
        for choice in place
    ]
    return sorted(lines, key=lambda line: line["order"] or len(lines) + 1)


@dataclass(slots=True)
class _Seen:
    """What became of the parts for one destination that a link took."""

    parts: int = 0
    delivered: int = 0
    failed: int = 0
    took_ms: list[int] = field(default_factory=list)

    def add(self, state: str, took_ms: int | None) -> None:
        self.parts += 1
        self.delivered += state == _DELIVERED
        self.failed += state in _FAILED
        if took_ms is not None:
            self.took_ms.append(took_ms)


@dataclass(slots=True)
class _Goal:
    """One country, or one network of it, and the ranges that are known of it."""

    country: str
    mcc_mnc: str = ""
    name: str = ""
    prefixes: list[str] = field(default_factory=list)
    networks: list[Network] = field(default_factory=list)
    seen: dict[str, _Seen] = field(default_factory=dict)


def coverage_of(
    tables: Tables,
    priced: Iterable[str],
    rows: Iterable[tuple[str, str, str, int | None]],
    country: str,
    account_class: str,
    at_ms: int,
) -> list[CoverageLine]:
    """The lines for all that routes, networks, prices or the traffic of the last day know of.

    `priced`: the prefixes that have a price; `rows`: as `parts_measured` gives them; `country` empty: all of them.
    """
    goals: dict[tuple[str, str], _Goal] = {}
    for network in tables.networks:
        of = network.country or country_of_prefix(network.prefix)
        goal = goals.setdefault((of, network.mcc_mnc), _Goal(of, network.mcc_mnc, network.label))
        goal.prefixes.append(network.prefix)
        goal.networks.append(network)
    to_prefixes = {route.destination.value for route in tables.routes.rows if route.destination.kind == "prefix"}
    for prefix in {*priced, *to_prefixes}:
        of = country_of_prefix(prefix)
        goals.setdefault((of, ""), _Goal(of, prefixes=[calling_code(of) if of else ""]))
    for route in tables.routes.rows:
        if route.destination.kind == "country":
            of = route.destination.value
            goals.setdefault((of, ""), _Goal(of, prefixes=[calling_code(of)]))
    for link, recipient, state, took_ms in rows:
        found = tables.networks.find(recipient)
        of = (found.country if found is not None else "") or address.country_of(recipient)
        goal = goals.setdefault(
            (of, found.mcc_mnc if found else ""), _Goal(of, prefixes=[calling_code(of)] if of else [])
        )
        goal.seen.setdefault(link, _Seen()).add(state, took_ms)
    wanted = [goals[name] for name in sorted(goals) if not country or name[0] == country]
    return [_line(goal, tables, account_class, at_ms) for goal in wanted[:COVERAGE_MAX]]


def country_of_prefix(prefix: str) -> str:
    """The country of leading digits: of those that share a calling code, the one it is named after; else empty."""
    for size in range(1, 4):
        regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(prefix[:size])) if prefix[:size] else None
        if regions:
            return regions[0] if regions[0].isalpha() else ""
    return ""


def _line(goal: _Goal, tables: Tables, account_class: str, at_ms: int) -> CoverageLine:
    prices = [
        price for prefix in goal.prefixes if (price := tables.tariff.price_mc(account_class, prefix, at_ms)) is not None
    ]
    network = goal.networks[0] if goal.networks else None
    sample = goal.prefixes[0] if goal.prefixes else ""
    question = Question(sample, at_ms, account_class, country=goal.country, network=network)
    way = plan(question, tables.routes, tables.links, tables.health, draw_of(0, sample))
    measured: list[MeasuredLink] = [
        {
            "link": link,
            "parts": seen.parts,
            "delivered": seen.delivered,
            "failed": seen.failed,
            "median_ms": int(median(seen.took_ms)) if seen.took_ms else None,
        }
        for link, seen in sorted(goal.seen.items())
    ]
    took_ms = [took for seen in goal.seen.values() for took in seen.took_ms]
    return {
        "country": goal.country,
        "mcc_mnc": goal.mcc_mnc,
        "network": goal.name,
        "prefixes": len(goal.networks),
        "price_mc": max(prices, default=None),
        "price_from_mc": min(prices, default=None),
        "links": list(way.links),
        "trouble": way.trouble or "; ".join(f"link {link}: {why}" for link, why in way.passed_over),
        "parts": sum(seen.parts for seen in goal.seen.values()),
        "delivered": sum(seen.delivered for seen in goal.seen.values()),
        "failed": sum(seen.failed for seen in goal.seen.values()),
        "median_ms": int(median(took_ms)) if took_ms else None,
        "measured": measured,
    }
