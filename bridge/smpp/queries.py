"""query_sm on links: what became of a part whose receipt has not come (SMPP 3.4, 4.8)."""

from bridge.messages.receipt import IdFormat, Receipt
from bridge.smpp import times
from bridge.smpp.constants import MessageState
from bridge.smpp.pdus import QuerySm, QuerySmResp
from bridge.smpp.receipt_text import PART_STATES
from bridge.smpp.translate import SubmitOptions, source_of


def query_sm(smsc_id: str, originator: str, options: SubmitOptions) -> QuerySm:
    """The question after a part: the SMSC knows it by the name that it gave, and by the originator as it was sent."""
    ton, npi, source_addr = source_of(originator, options)
    return QuerySm(message_id=smsc_id, source_addr_ton=ton, source_addr_npi=npi, source_addr=source_addr)


def from_query_sm_resp(pdu: QuerySmResp, smsc_id: str, recipient: str, now_ms: int) -> Receipt:
    """The answer as the receipt that it replaces. Its name is ours: some SMSCs leave it out of the answer."""
    try:
        state = MessageState(pdu.message_state)
    except ValueError:
        state = MessageState.ENROUTE
    try:
        final_at_ms = times.parse(pdu.final_date, now_ms)
    except ValueError:
        final_at_ms = None
    return Receipt(
        smsc_id=smsc_id,
        state=PART_STATES[state],
        error=f"{pdu.error_code:03d}",
        network_at_ms=final_at_ms,
        originator=recipient,
        is_trying=state is MessageState.ENROUTE,
        id_format=IdFormat.EXACT,
    )
