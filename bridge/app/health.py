"""Looks after the health of links: judges each pair of link and network, has the intake pass over the sick ones, and
moves what waits on them to the next link of its message."""

import time
from collections.abc import Callable

from bridge.intake.prepare import Tables
from bridge.messages.address import country_of, is_country
from bridge.routing.health import Health, Sickness, is_probing, judge
from bridge.routing.networks import NetworkTable, calling_code
from bridge.runtime import logs
from bridge.runtime.ledger_client import LedgerClient
from bridge.runtime.loop import now_ms
from bridge.runtime.service import Periodic

LOOK_S = 5.0
"""Between two looks: within so long after enough parts went wrong the next ones go elsewhere."""
REPLAN_S_MAX = 1.0
"""What one look spends on moving what waits; the next one goes on."""
DIGITS = 11
"""Leading digits are filled up to so many, to find the country of a range."""

log = logs.get("health")


class HealthService:
    """The health of all links. `place` hands a new judgement to whoever plans."""

    def __init__(
        self,
        ledger: LedgerClient,
        tables: Callable[[], Tables],
        place: Callable[[Health], None],
    ) -> None:
        self._ledger = ledger
        self._tables = tables
        self._place = place
        self.health = Health()

    def services(self) -> list[Periodic]:
        return [Periodic("health", LOOK_S, self.look)]

    async def look(self) -> None:
        """Judge anew, tell what changed, and move what waits on sick pairs."""
        at_ms = now_ms()
        networks = self._tables().networks
        before = self.health
        self.health = judge(before, self._ledger.watch.tallies(lambda head: network_of(head, networks), at_ms), at_ms)
        _tell(before, self.health)
        if self.health.sick or before.sick:
            self._place(self.health)
        end_s = time.monotonic() + REPLAN_S_MAX
        for (link, network), sickness in self.health.sick.items():
            if not is_probing(sickness, at_ms):
                await self._replan(link, network, sickness, end_s)

    async def _replan(self, link: str, network: str, sickness: Sickness, end_s: float) -> None:
        """Move what waits on a sick pair, alarm lane first, in bounded steps."""
        at_ms = now_ms()
        tables = self._tables()
        usable = [name for name in tables.links or () if not tables.health.trouble(name, network, at_ms)]
        prefixes = prefixes_of(network, tables.networks)
        after: list[int] | None = None
        while time.monotonic() < end_s:
            found = await self._ledger.do(
                "replan",
                link=link,
                why=f"link {link} passed over: {sickness.sentence()}",
                usable=usable,
                prefixes=prefixes,
                after=after,
                now_ms=now_ms(),
            )
            if found["parts"]:
                log.warning(
                    "moved", link=link, network=network, messages=found["messages"], to=" ".join(found["links"])
                )
            after = found["next"]
            if after is None:
                return


def _tell(before: Health, after: Health) -> None:
    for (link, network), sickness in after.sick.items():
        if (link, network) not in before.sick:
            advice = "new messages go by the next link of their route; `smsbridge coverage` shows how it stands"
            log.warning("sick", link=link, network=network, why=sickness.sentence(), advice=advice)
    for link, network in before.sick.keys() - after.sick.keys():
        log.info("well again", link=link, network=network)


def network_of(head: str, networks: NetworkTable) -> str:
    """The network of leading digits as the planner names it: its code, else the country's letters."""
    found = networks.find(head)
    return found.mcc_mnc if found is not None else country_of(head.ljust(DIGITS, "0"))


def prefixes_of(network: str, networks: NetworkTable) -> dict[str, bool]:
    """Leading digits of the recipients of a network: true for its own, false for those of others among them."""
    prefixes = {one.prefix: one.mcc_mnc == network for one in networks}
    if not is_country(network):
        return prefixes
    return {calling_code(network): True} | prefixes
