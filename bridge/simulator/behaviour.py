"""What can happen to one submitted part: values, and the table of last digits. docs/simulator.md has it too."""

from dataclasses import dataclass, field
from enum import StrEnum

from bridge.simulator.spelling import IdForm, IdSpelling
from bridge.smpp.constants import EsmClass, MessageState, Status

SUFFIX_SIZE = 4
"""Digits at the end of a recipient that choose its behaviour."""
WHOLE_ANSWER = 1_000_000
"""More octets than any answer has: the connection ends behind it."""


class ReceiptText(StrEnum):
    """What stands in the text of a receipt."""

    FULL = "full"
    NONE = "none"
    GARBAGE = "garbage"


class ReceiptDates(StrEnum):
    """What a receipt says of when."""

    NOW = "now"
    EPOCH = "epoch"
    FUTURE = "future"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What happens to one submitted part: to its answer, to its receipts, to the connection."""

    about: str = "delivered after `receipt_delay_ms`"
    tries: int = 0
    """Only so many tries to one recipient are treated like this, then one as usual; 0: every try."""

    status: int = 0
    """command_status of the answer; anything but 0 ends the story."""
    is_nack: bool = False
    """The answer is a generic_nack, with `status`; the part counts as refused."""
    is_silent: bool = False
    """Taken (and delivered, if `state` says so), but never answered."""
    answer_delay_ms: int = 0
    answer_delay_max_ms: int = 0
    """When larger than `answer_delay_ms`: the delay is drawn between the two, so that answers overtake each other."""
    answer_total: int = 1
    message_id: str | None = None
    """The id to answer with; None: the next of the SMSC's own, in `id_form`."""
    id_form: IdForm = IdForm.HEX
    is_bodyless: bool = False
    """The answer ends behind its header: not even an empty id."""
    is_stray: bool = False
    """The answer has a sequence_number that nobody used."""

    state: MessageState | None = MessageState.DELIVERED
    """State in the receipt; None: no receipt."""
    later_states: tuple[MessageState, ...] = ()
    """States of further receipts, `receipt_gap_ms` after each other."""
    receipt_gap_ms: int = 500
    receipt_delay_ms: int | None = None
    """None: as the settings say."""
    error: str = "000"
    """Network error in the receipt, three digits."""
    id_spelling: IdSpelling = IdSpelling.SAME
    is_receipt_first: bool = False
    """The receipt is sent before the answer."""
    receipt_total: int = 1
    """How often each receipt is sent."""
    receipt_text: ReceiptText = ReceiptText.FULL
    has_tlvs: bool = True
    esm_class: int = EsmClass.DELIVERY_RECEIPT
    """Of the final receipts; an intermediate one has 0x20 instead of 0x04."""
    dates: ReceiptDates = ReceiptDates.NOW

    drops: bool = False
    """The connection ends after the part was taken."""
    drops_at: int = 0
    """So many octets of the answer are written before; WHOLE_ANSWER: all."""
    drops_with_reset: bool = True
    """By a reset (RST); otherwise it is closed in good order (FIN)."""

    is_plain_answer: bool = field(init=False, default=True, repr=False, compare=False)
    """Whether the answer goes out at once and as it is."""

    def __post_init__(self) -> None:
        is_plain = not (
            self.is_nack
            or self.is_silent
            or self.answer_delay_ms
            or self.answer_delay_max_ms
            or self.answer_total != 1
            or self.is_bodyless
            or self.is_stray
            or self.drops
        )
        object.__setattr__(self, "is_plain_answer", is_plain)

    @property
    def ending(self) -> tuple[MessageState, int]:
        """The state that the part ends in, and so many `receipt_gap_ms` after its first receipt."""
        for gaps, state in enumerate((self.state, *self.later_states)):
            if state is not None and state is not MessageState.ENROUTE:
                return state, gaps
        return (MessageState.ENROUTE if self.state or self.is_silent else MessageState.DELIVERED), 0


_ENROUTE, _DELIVERED = MessageState.ENROUTE, MessageState.DELIVERED
_UNDELIVERABLE = MessageState.UNDELIVERABLE

TABLE: dict[str, Behaviour] = {
    "1001": Behaviour("taken, then undeliverable", state=_UNDELIVERABLE, error="001"),
    "1002": Behaviour("taken, then expired", state=MessageState.EXPIRED, error="002"),
    "1003": Behaviour("refused at once: invalid recipient", status=Status.RINVDSTADR),
    "1004": Behaviour("throttled twice, then delivered", status=Status.RTHROTTLED, tries=2),
    "1005": Behaviour("taken, never answered, no receipt", is_silent=True, state=None),
    "1006": Behaviour("the receipt comes before the answer", is_receipt_first=True),
    "1007": Behaviour(
        "the connection is dropped after the part was taken; the next try is as usual", drops=True, tries=1
    ),
    "1008": Behaviour("the receipt spells the id in decimal, the answer in hex", id_spelling=IdSpelling.DECIMAL),
    "1009": Behaviour("the receipt comes twice", receipt_total=2),
    "1011": Behaviour("taken, then rejected", state=MessageState.REJECTED),
    "1012": Behaviour("taken, then deleted", state=MessageState.DELETED),
    "1013": Behaviour("taken, then unknown", state=MessageState.UNKNOWN),
    "1014": Behaviour("a receipt says en route, the next one delivered", state=_ENROUTE, later_states=(_DELIVERED,)),
    "1015": Behaviour("a receipt says delivered, a later one en route", later_states=(_ENROUTE,)),
    "1016": Behaviour("taken and delivered, but there is never a receipt", state=None),
    "1017": Behaviour("answered after 5 seconds, delivered", answer_delay_ms=5_000),
    "1018": Behaviour("answered after 90 seconds, long after its receipt", answer_delay_ms=90_000),
    "1019": Behaviour("answered twice, delivered", answer_total=2),
    "1020": Behaviour("answered with generic_nack: system error", status=Status.RSYSERR, is_nack=True),
    "1021": Behaviour("message queue full twice, then delivered", status=Status.RMSGQFUL, tries=2),
    "1022": Behaviour("system error twice, then delivered", status=Status.RSYSERR, tries=2),
    "1023": Behaviour("refused with a code that no standard names: 0x00000401", status=0x401),
    "1024": Behaviour("answered without an id; the receipt has none either", id_form=IdForm.EMPTY),
    "1025": Behaviour("the answer ends behind its header; there is no receipt", is_bodyless=True, state=None),
    "1026": Behaviour("the connection is dropped in the middle of the answer", drops=True, drops_at=20, tries=1),
    "1027": Behaviour("the connection is dropped behind the answer", drops=True, drops_at=WHOLE_ANSWER),
    "1028": Behaviour("the receipt spells the id in lower case", id_spelling=IdSpelling.LOWER),
    "1029": Behaviour(
        "the receipt leaves out the zeros that the id begins with",
        id_form=IdForm.ZEROS,
        id_spelling=IdSpelling.STRIPPED,
    ),
    "1030": Behaviour(
        "an id of 64 bits in hex; the receipt spells it in decimal",
        id_form=IdForm.HEX64,
        id_spelling=IdSpelling.DECIMAL,
    ),
    "1031": Behaviour(
        "an id with dashes; the receipt leaves them out", id_form=IdForm.UUID, id_spelling=IdSpelling.UNDASHED
    ),
    "1032": Behaviour("the receipt has its TLVs and no text", receipt_text=ReceiptText.NONE),
    "1033": Behaviour("the receipt has its text and no TLVs", has_tlvs=False),
    "1034": Behaviour("the receipt names no id", id_spelling=IdSpelling.NONE),
    "1035": Behaviour("the receipt is for a message nobody submitted", id_spelling=IdSpelling.STRANGER),
    "1036": Behaviour("the receipt is garbage", receipt_text=ReceiptText.GARBAGE, has_tlvs=False),
    "1037": Behaviour("the receipt is marked as a text from a handset", esm_class=EsmClass.DEFAULT),
    "1038": Behaviour("the receipt is dated 1970", dates=ReceiptDates.EPOCH),
    "1039": Behaviour("the receipt is dated ten years from now", dates=ReceiptDates.FUTURE),
    "1040": Behaviour("as 1007, but the part that was taken has no receipt either", drops=True, state=None, tries=1),
    "1041": Behaviour("undeliverable, error 001: the number does not exist", state=_UNDELIVERABLE, error="001"),
    "1042": Behaviour("undeliverable, error 027: switched off or out of range", state=_UNDELIVERABLE, error="027"),
    "1043": Behaviour("undeliverable, error 032: memory full", state=_UNDELIVERABLE, error="032"),
    "1044": Behaviour("undeliverable, error 013: calls are barred", state=_UNDELIVERABLE, error="013"),
    "1045": Behaviour("undeliverable, error 034: fault in the network", state=_UNDELIVERABLE, error="034"),
}
"""Behaviour by the last four digits of the recipient."""

DELIVERED = Behaviour()
HUNG = Behaviour("taken by an SMSC that hangs: never answered, never delivered", is_silent=True, state=None)
