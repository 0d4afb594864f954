"""Kinds of phone numbers, and what people are told that they are."""

from enum import StrEnum


class NumberKind(StrEnum):
    """What answers at a number, as far as its range tells."""

    MOBILE = "mobile"
    FIXED = "fixed"
    FIXED_OR_MOBILE = "fixed_or_mobile"
    """The ranges of the country do not tell, as in North America."""
    TOLL_FREE = "toll_free"
    PREMIUM = "premium"
    SHARED_COST = "shared_cost"
    SATELLITE = "satellite"
    PAGER = "pager"
    VOICEMAIL = "voicemail"
    PERSONAL = "personal"
    """Follows its owner from telephone to telephone, often at the caller's cost."""
    COMPANY = "company"
    """One number for all places of a company."""
    INTERNET = "internet"
    SHORT_CODE = "short_code"
    UNKNOWN = "unknown"
    """Possible, but in a range that the tables do not know: newer than they are, or kept for fiction."""
    INVALID = "invalid"
    """No number at all."""


WORDS: dict[NumberKind, str] = {
    NumberKind.MOBILE: "a mobile number",
    NumberKind.FIXED: "a landline",
    NumberKind.FIXED_OR_MOBILE: "a landline or a mobile number",
    NumberKind.TOLL_FREE: "a number that is free to call",
    NumberKind.PREMIUM: "a premium-rate number",
    NumberKind.SHARED_COST: "a number at shared cost",
    NumberKind.SATELLITE: "a satellite or other international number",
    NumberKind.PAGER: "a pager",
    NumberKind.VOICEMAIL: "a voice mailbox",
    NumberKind.PERSONAL: "a personal number that follows its owner",
    NumberKind.COMPANY: "a number of a whole company",
    NumberKind.INTERNET: "a number of internet telephony",
    NumberKind.SHORT_CODE: "a short code",
    NumberKind.UNKNOWN: "a number in a range that nobody is known to have",
    NumberKind.INVALID: "no number",
}
"""What people are told that a number is."""
