"""The HTTP door as a service. Its listeners are the web's, which also lets the last answers out when it stops."""

from bridge.http_in.device import SendResource
from bridge.runtime.door import Door
from bridge.runtime.identity import Gatekeeper
from bridge.runtime.web import WebListeners
from bridge.runtime.web_settings import HttpSettings


class HttpDoor:
    """/send hangs in the web's tree as soon as this is made, and to the end.

    Between the start of the listeners and that of this service, or while they drain, there must be no answer that
    /send does not exist: a device would take it for final.
    """

    name = "http_in"

    def __init__(self, web: WebListeners, settings: HttpSettings, gatekeeper: Gatekeeper, door: Door) -> None:
        web.mount(b"send", SendResource(door, gatekeeper, settings.plain_auth_networks))

    async def start(self) -> None:
        """Nothing is left to do."""

    async def stop(self) -> None:
        """Nothing is left to do."""
