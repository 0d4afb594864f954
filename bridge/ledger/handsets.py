"""Whether two addresses mean the same: carriers write numbers in national form too, whose last digits are the same."""

DIGITS_THAT_AGREE = 7


def tail_of(address: str) -> str:
    """The last digits of an address, the same in every form of it; "" when they are too few to name a handset."""
    digits = address if address.isdigit() else "".join(filter(str.isdigit, address))
    return digits[-DIGITS_THAT_AGREE:] if len(digits) >= DIGITS_THAT_AGREE else ""


def is_same(recipient: str, address: str) -> bool:
    """Whether an address names the handset with these E.164 digits."""
    if recipient == address:
        return bool(address)
    tail = tail_of(address)
    return bool(tail) and recipient[-DIGITS_THAT_AGREE:] == tail
