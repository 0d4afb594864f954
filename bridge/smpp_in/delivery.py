"""One thing owed to an account's ESMEs on its way: the deliver_sm it is made of, and what its answers mean."""

import random
from dataclasses import dataclass, field

from bridge.intake.authenticate import SmppRules
from bridge.ledger.esme import EsmeMessageView, EsmeNotice, EsmeNoticeKind
from bridge.ledger.outbox import InboundView
from bridge.routing.retry import retry_delay_ms
from bridge.smpp.constants import Status
from bridge.smpp.deliver import ENROUTE, OwedInbound, OwedReceipt, deliver_sm_of_receipt, deliver_sms_of_inbound
from bridge.smpp.pdus import DeliverSm, GenericNack, Pdu
from bridge.smpp_in import replies
from bridge.smpp_in.connection import EsmeConnection

SILENT, LOST = -1, -2
"""In place of an answer: none came in time, or the connection went before."""
LOST_FREE_MAX = 2
"""Tries that a lost connection costs nothing: the next session gets the same at once. Then it waits like others, for
it may be this very receipt that its ESME stumbles over."""


@dataclass(slots=True, eq=False)
class Delivery:
    """One claimed notice: one deliver_sm, or several for a long inbound text. Not frozen: made in the hot path."""

    notice: EsmeNotice
    connection: EsmeConnection | None = None
    """Where its first deliver_sm went, and so all of them."""
    waiting: list[DeliverSm] = field(default_factory=list)
    """Those that have not been written yet."""
    unanswered: int = 0
    status: int = 0
    """The first answer that was no yes; SILENT or LOST: none."""
    is_settled: bool = False

    @property
    def has_ended(self) -> bool:
        """Whether nothing more is sent or answered."""
        return not self.unanswered and (not self.waiting or self.status != 0)


def status_of(response: Pdu) -> int:
    """The command_status of an answer; a generic_nack is never a yes."""
    return response.status or (Status.RUNKNOWNERR if isinstance(response, GenericNack) else Status.ROK)


def verdict(status: int) -> tuple[EsmeNoticeKind, str]:
    """What follows from the answers, and one plain phrase for people."""
    if status == Status.ROK:
        return EsmeNoticeKind.DONE, ""
    if status == LOST:
        return EsmeNoticeKind.RETRY, "the ESME was gone before it answered"
    if status == SILENT:
        return EsmeNoticeKind.RETRY, "the ESME did not answer it"
    if status in replies.COME_AGAIN:
        return EsmeNoticeKind.RETRY, f"the ESME said {Status.name_of(status)}"
    return EsmeNoticeKind.GIVEN_UP, f"the ESME refused it: {Status.name_of(status)}"


def wait_ms(delivery: Delivery) -> int:
    """How long it waits after a try that came to nothing."""
    attempt = max(1, delivery.notice.attempt)
    if delivery.status == LOST:
        attempt -= LOST_FREE_MAX
    return retry_delay_ms(attempt, random.random()) if attempt > 0 else 0  # noqa: S311 - spreads waits, hides nothing


def pdus_of(notice: EsmeNotice, rules: SmppRules, version: int) -> list[DeliverSm]:
    """What is sent to a session that speaks this version. Raises ValueError or KeyError for what nobody knows."""
    if notice.message is not None:
        owed = _receipt(notice, notice.message)
        return [deliver_sm_of_receipt(owed, peer_version=version, id_form=rules.id_form, alphabet=rules.alphabet_0)]
    if notice.inbound is None:
        raise ValueError("a notice of nothing")
    return deliver_sms_of_inbound(
        _inbound(notice.inbound), long_form=rules.long_inbound, peer_version=version, alphabet=rules.alphabet_0
    )


def _receipt(notice: EsmeNotice, view: EsmeMessageView) -> OwedReceipt:
    is_final = notice.event != ENROUTE
    # Refused by the carrier itself: there is no network's code, so its own status says why.
    error = view.error or (str(view.command_status) if view.command_status else "")
    return OwedReceipt(
        message_id=view.message_id,
        event=notice.event,
        submitted_at_ms=view.accepted_at_ms,
        done_at_ms=(view.network_at_ms or view.final_at_ms) if is_final else notice.created_at_ms,
        esme=view.facts,
        part_total=view.parts_total,
        parts_delivered=view.parts_delivered,
        error=error if is_final else "",
        text_start=view.text_start,
    )


def _inbound(view: InboundView) -> OwedInbound:
    return OwedInbound(view.originator, view.number, view.text, reference=int(view.inbound_id, 16) & 0xFF)
