"""What the scenes say in SMPP over recorded sockets, and what a stranger must be able to read in it."""

from dataclasses import dataclass, field
from typing import Any

from bridge.smpp import pdus
from tests.peers.recorder import Conversation, Recorder

VIRTUAL = "46737494150"
VERSIONS = {0x33: "3.3", 0x34: "3.4", 0x50: "5.0"}
BINDS: tuple[type[pdus.Bind], ...] = (pdus.BindTransmitter, pdus.BindReceiver, pdus.BindTransceiver)
LONG = "Grüße {aus} Åre: 5€ " * 12
LONG_UCS2 = "Добрый день 🙂 " * 8 + "Добрый день"
"""Both are two parts, and too long for a short_message."""


@dataclass(frozen=True, slots=True)
class Meant:
    """A PDU that must be there: what the dissector shows for its fields, None for those that must be missing."""

    about: str
    command: type[pdus.Pdu]
    shown: dict[str, str | None]


@dataclass(slots=True)
class Show:
    """What was said, and what was meant by it."""

    recorder: Recorder = field(default_factory=Recorder)
    meant: list[Meant] = field(default_factory=list)

    @property
    def conversations(self) -> list[Conversation]:
        return self.recorder.conversations

    def means(self, about: str, command: type[pdus.Pdu], **shown: Any) -> None:
        values = {name: value if value is None else str(value) for name, value in shown.items()}
        self.meant.append(Meant(about, command, values))


def status_of(status: int) -> str:
    """A command_status as the dissector shows it."""
    return f"0x{status:08x}"
