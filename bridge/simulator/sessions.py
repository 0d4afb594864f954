"""How the simulated SMSC treats whole sessions: the ways of a carrier that is down, hung, flapping, or no carrier."""

from dataclasses import dataclass
from enum import StrEnum

from bridge.smpp import pdus
from bridge.smpp.codec import encode
from bridge.smpp.constants import CommandId, Status

STRAY_SEQUENCE = 0x7EEE_EEEE
"""A sequence_number that no ESME has reached."""


class Speaks(StrEnum):
    """What is spoken on the port."""

    SMPP = "smpp"
    HTTP = "http"
    SSH = "ssh"
    SMTP = "smtp"
    TLS = "tls"
    NOTHING = "nothing"


class Hangs(StrEnum):
    """What a session that hangs leaves unanswered."""

    NEVER = "never"
    ALL = "all"
    SUBMITS = "submits"
    PROBES = "probes"


class Ending(StrEnum):
    """How a connection ends."""

    RESET = "reset"
    CLOSE = "close"
    UNBIND = "unbind"


class Noise(StrEnum):
    """What may come in mid-stream though nobody asked for it."""

    ALERT_NOTIFICATION = "alert_notification"
    OUTBIND = "outbind"
    BIND_RESP = "bind_resp"
    GENERIC_NACK = "generic_nack"
    SUBMIT_RESP = "submit_resp"
    UNKNOWN_REQUEST = "unknown_request"
    UNKNOWN_RESPONSE = "unknown_response"


@dataclass(frozen=True, slots=True)
class Sessions:
    """What is done to sessions; the defaults are those of an SMSC in good health."""

    speaks: Speaks = Speaks.SMPP
    bind_status: int = 0
    """When not 0: binds are refused with it."""
    binds_refused: int = 0
    """Only so many binds are refused, then they are taken; 0: all."""
    is_bind_silent: bool = False
    """A bind is never answered."""
    hangs: Hangs = Hangs.NEVER
    hangs_after: int = 0
    """After so many parts; 0: as soon as it is bound."""
    stalls_after: int = 0
    """After so many parts nothing is read (the window of TCP closes) for `stalls_s`; 0: never."""
    stalls_s: float = 60.0
    lasts_s: float = 0.0
    """A session ends so long after its bind; 0: never."""
    ends_by: Ending = Ending.RESET
    write_octets: int = 0
    """At most so many octets are written at a time; 0: any number."""
    noise: tuple[Noise, ...] = ()
    noise_every: int = 10
    """One of `noise`, in turn, after every so many parts."""


CALM = Sessions()

GREETINGS: dict[Speaks, bytes] = {
    Speaks.HTTP: b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    Speaks.SSH: b"SSH-2.0-OpenSSH_9.2p1\r\n",
    Speaks.SMTP: b"220 mail.example ESMTP\r\n",
    Speaks.TLS: b"\x15\x03\x01\x00\x02\x02\x46",
    Speaks.NOTHING: b"",
}
"""What another protocol says first."""

_UNKNOWN_ID = 0x0000_0F0F
_ADDRESS = "46701740605"

NOISE: dict[Noise, bytes] = {
    Noise.ALERT_NOTIFICATION: encode(
        pdus.AlertNotification(source_addr=_ADDRESS, esme_addr="46701740699"), 0x7000_0001
    ),
    Noise.OUTBIND: encode(pdus.Outbind(system_id="simulator", password="simulate"), 0x7000_0002),  # noqa: S106
    Noise.BIND_RESP: encode(pdus.BindTransceiverResp(system_id="simulator"), STRAY_SEQUENCE),
    Noise.GENERIC_NACK: encode(pdus.GenericNack(status=Status.RINVCMDLEN), STRAY_SEQUENCE),
    Noise.SUBMIT_RESP: encode(pdus.SubmitSmResp(message_id="FFFFFFFF"), STRAY_SEQUENCE),
    Noise.UNKNOWN_REQUEST: b"".join(n.to_bytes(4, "big") for n in (16, _UNKNOWN_ID, 0, 0x7000_0003)),
    Noise.UNKNOWN_RESPONSE: b"".join(
        n.to_bytes(4, "big") for n in (16, CommandId.GENERIC_NACK | _UNKNOWN_ID, 0, STRAY_SEQUENCE)
    ),
}
"""The octets of each; their sequence_numbers are far from any in use."""


def without_probe_answers(octets: bytes) -> bytes:
    """Whole PDUs without those that answer enquire_link."""
    kept, at = [], 0
    while at < len(octets):
        length = int.from_bytes(octets[at : at + 4], "big")
        if octets[at + 4 : at + 8] != CommandId.ENQUIRE_LINK_RESP.to_bytes(4, "big"):
            kept.append(octets[at : at + length])
        at += length
    return b"".join(kept)
