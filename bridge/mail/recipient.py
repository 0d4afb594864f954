"""The `number@domain` grammar: what the address of an e-mail says about the recipient of an SMS.

Only the frame is read here. The local part is handed on as the sender wrote it (`+46 70-174 06 05` is
fine), and the intake turns it into E.164 digits or refuses it. An address without a domain means us.
"""

from collections.abc import Collection

from bridge.messages.faults import Fault, FaultCode

ADDRESS_SIZE_MAX = 320
"""Characters of an address: 64 of local part, the @, 255 of domain (RFC 5321, 4.5.3.1)."""


def parse(address: str, domains: Collection[str]) -> str:
    """The number text of `address`, as written, without quotes and surrounding blanks.

    `domains` are ours, in lower case; the first is implied when the address has none. Source routes
    (`@relay:number@domain`) are ignored, as RFC 5321, appendix C, asks.
    Raises Fault FOREIGN_DOMAIN for another domain and BAD_RECIPIENT when there is no number to read.
    """
    if len(address) > ADDRESS_SIZE_MAX:
        raise Fault(FaultCode.BAD_RECIPIENT, "the address is too long")
    mailbox = address.strip()
    if mailbox.startswith("@"):
        mailbox = mailbox.partition(":")[2]
    local, at, domain = mailbox.rpartition("@")
    if not at:
        local, domain = domain, ""
    if domain and domain.strip().rstrip(".").lower() not in domains:
        raise Fault(FaultCode.FOREIGN_DOMAIN, "it turns mail into SMS and relays none")
    number = _unquote(local.strip()).strip()
    if not number or not number.isprintable():
        raise Fault(FaultCode.BAD_RECIPIENT, "write the number before the @, like 46701740605")
    return number


def _unquote(local: str) -> str:
    """A quoted local part without its quotes and backslashes (RFC 5321, 4.1.2); anything else as it is."""
    if len(local) < 2 or not (local.startswith('"') and local.endswith('"')):
        return local
    out: list[str] = []
    is_escaped = False
    for character in local[1:-1]:
        if character == "\\" and not is_escaped:
            is_escaped = True
            continue
        out.append(character)
        is_escaped = False
    return "".join(out)
