"""A long text packed into one line of the control socket, which is at most `control_frames.FRAME_SIZE_MAX` long."""

import base64
import zlib

from bridge.messages.faults import Fault, FaultCode


def pack(text: str) -> str:
    """The text, compressed, as ASCII letters."""
    return base64.b64encode(zlib.compress(text.encode())).decode()


def unpack(packed: str, size_max: int) -> str:
    """The text of `pack`. Raises Fault BAD_REQUEST for anything else, and for more than `size_max` octets."""
    try:
        decompressor = zlib.decompressobj()
        octets = decompressor.decompress(base64.b64decode(packed, validate=True), size_max)
        if not decompressor.eof:
            raise Fault(FaultCode.BAD_REQUEST, f"cut short, or more than {size_max} octets")
        return octets.decode()
    except (ValueError, zlib.error):
        raise Fault(FaultCode.BAD_REQUEST, "not a packed text") from None
