"""Links of every kind out of their settings, and the endpoint where carriers that speak HTTP bring what comes back."""

from bridge.app.config_file import mapping_of
from bridge.app.settings import AnyLinkSettings
from bridge.http_out.link import HttpLink
from bridge.http_out.receiver import CarrierResource, HttpReceiver
from bridge.http_out.request import ROOT
from bridge.http_out.settings import HttpLinkSettings
from bridge.runtime.web import WebListeners
from bridge.smpp_out.link import Link, LinkLedger
from bridge.smpp_out.service import AnyLink, Links


def make_link(settings: AnyLinkSettings, ledger: LinkLedger) -> AnyLink:
    """A link as its settings say. Raises ConfigErrors, OSError or ValueError for files that cannot be used."""
    if not isinstance(settings, HttpLinkSettings):
        return Link(settings, ledger)
    return HttpLink(settings, mapping_of(settings), ledger)


class CarrierDoor:
    """Hangs the endpoint of all HTTP links into the listeners; a service in name only, as they do the listening."""

    name = "carriers"

    def __init__(self, web: WebListeners, links: Links) -> None:
        self._web = web
        self._links = links

    async def start(self) -> None:
        self._web.mount(ROOT.encode("ascii"), CarrierResource(self._receiver))

    async def stop(self) -> None:
        """What comes in goes on being answered until the listeners have drained."""

    def _receiver(self, name: str) -> HttpReceiver | None:
        link = self._links.links.get(name)
        return link.receiver if isinstance(link, HttpLink) else None
