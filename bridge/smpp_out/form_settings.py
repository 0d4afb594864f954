"""What an operator can say about the form of the submit_sm on one link: carriers differ in what they take."""

from pydantic import BaseModel, ConfigDict, Field

from bridge.smpp.alphabets import Alphabet
from bridge.smpp.constants import DataCoding, RegisteredDelivery
from bridge.smpp.translate import AddressRule, LongForm, SubmitOptions, Validity

DIGITS = r"^[0-9]{0,20}$"
RULES_MAX = 50
"""Rules for one kind of address: a carrier that needs more wants a number plan, not a gateway."""


class AddressRuleSettings(BaseModel):
    """One rule for numbers; the first whose `strip` a number begins with is applied, and no other."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    strip: str = Field(
        pattern=DIGITS, description="Digits a number begins with, which are taken off; empty text: any number."
    )
    prepend: str = Field(pattern=DIGITS, description="Digits that are put in front instead; empty text: none.")


class FormSettings(BaseModel):
    """How parts look on the wire. Every default is what most carriers take."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    long_form: LongForm = Field(
        default=LongForm.UDH8,
        description="How a part of a longer text says which one it is: a header with an 8-bit or a 16-bit reference "
        "(udh8, udh16), TLVs of which the carrier makes the header (sar), or a header in message_payload (payload). "
        "With udh16 and sar a part of a text holds one character less.",
    )
    alphabet: Alphabet = Field(
        default=Alphabet.GSM,
        description="What data_coding 0 means to the carrier: GSM 03.38, ASCII, Latin-1 or Windows-1252. A letter that "
        "it lacks makes the part go out as UCS-2 where that fits, else the nearest letter is sent.",
    )
    data_coding_gsm7: int = Field(
        default=DataCoding.DEFAULT,
        ge=0,
        le=255,
        description="data_coding of text in `alphabet`, for carriers that want another value than 0, such as 1 or 3.",
    )
    data_coding_ucs2: int = Field(
        default=DataCoding.UCS2, ge=0, le=255, description="data_coding of UCS-2, for carriers that want 0x18 (24)."
    )
    data_coding_binary: int | None = Field(
        default=None,
        ge=0,
        le=255,
        description="data_coding of binary content without a class, as 4 or 0xF5 (245); empty: as its sender gave it.",
    )
    source_ton: int | None = Field(
        default=None,
        ge=0,
        le=7,
        description="Type of number of the originator; empty: told by its shape (SMPP 3.4, 5.2.5).",
    )
    source_npi: int | None = Field(
        default=None,
        ge=0,
        le=18,
        description="Numbering plan of the originator; empty: told by its shape (SMPP 3.4, 5.2.6).",
    )
    source_rules: list[AddressRuleSettings] = Field(
        default_factory=list,
        max_length=RULES_MAX,
        description="Other digits at the head of numeric originators, for carriers that want national numbers, 00 or "
        "a prefix of their own. The first rule that fits counts.",
    )
    dest_ton: int = Field(default=1, ge=0, le=7, description="Type of number of the recipient; 1 is international.")
    dest_npi: int = Field(default=1, ge=0, le=18, description="Numbering plan of the recipient; 1 is E.164.")
    dest_rules: list[AddressRuleSettings] = Field(
        default_factory=list, max_length=RULES_MAX, description="The same for recipients."
    )
    service_type: str = Field(
        default="",
        max_length=5,
        description="service_type of every part, for carriers that bill or route by it; empty: the carrier's default.",
    )
    validity: Validity = Field(
        default=Validity.ABSOLUTE,
        description="How a part says for how long the network may try, where its sender or account wants a bound (see "
        "docs/time.md): as a moment in UTC (absolute), as a span (relative, for carriers whose clock is wrong or "
        "local), or not at all (none, for carriers that refuse it).",
    )
    wants_intermediate: bool = Field(
        default=False,
        description="Ask for a notification while the network still tries, too (registered_delivery bit 4). "
        "Final receipts are always asked for. Off, because some carriers refuse the bit.",
    )
    sends_reference: bool = Field(
        default=False,
        description="Send a reference of ours with each part (TLV user_message_reference), for carriers that repeat "
        "it in receipts: then a receipt settles a part in doubt for certain. Off, because some carriers refuse TLVs.",
    )

    def submit_options(self) -> SubmitOptions:
        """The same for the translation."""
        intermediate = RegisteredDelivery.INTERMEDIATE if self.wants_intermediate else RegisteredDelivery.NONE
        return SubmitOptions(
            source_ton=self.source_ton,
            source_npi=self.source_npi,
            dest_ton=self.dest_ton,
            dest_npi=self.dest_npi,
            service_type=self.service_type,
            validity=self.validity,
            registered_delivery=RegisteredDelivery.FINAL | intermediate,
            long_form=self.long_form,
            alphabet=self.alphabet,
            data_coding_gsm7=self.data_coding_gsm7,
            data_coding_ucs2=self.data_coding_ucs2,
            data_coding_binary=self.data_coding_binary,
            source_rules=_rules(self.source_rules),
            dest_rules=_rules(self.dest_rules),
            has_user_message_reference=self.sends_reference,
        )


def _rules(settings: list[AddressRuleSettings]) -> tuple[AddressRule, ...]:
    return tuple(AddressRule(rule.strip, rule.prepend) for rule in settings)
