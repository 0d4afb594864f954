"""Everything that can change the ledger: the closed list of verbs, by name."""

from collections.abc import Callable, Mapping
from typing import Any

from bridge.intake import accept, claim
from bridge.ledger import (
    account_facts,
    accounts,
    changes,
    closing,
    esme,
    held,
    links,
    moves,
    networks,
    originators,
    outbox,
    person,
    prices,
    questions,
    receive,
    refusals,
    replan,
    retention,
    retries,
    routes,
    runs,
    selftest,
    settle,
    timers,
)
from bridge.ledger.database import Transaction
from bridge.ledger.worker import Verb
from bridge.messages.faults import Fault

_RARE_VERBS = (
    accounts.account_add,
    accounts.account_open,
    account_facts.account_set,
    accounts.account_set_disabled,
    accounts.account_top_up,
    accounts.credential_add,
    moves.account_adjust,
    moves.account_transfer,
    moves.message_refund,
    changes.message_cancel,
    changes.message_replace,
    changes.message_reschedule,
    closing.account_close,
    prices.tariff_set,
    prices.tariff_import,
    routes.route_import,
    networks.network_import,
    accounts.number_add,
    retries.mark_unanswered,
    runs.run_begin,
    runs.run_recovered,
    runs.run_end,
    timers.recover,
    timers.resolve_doubts,
    timers.expire,
    timers.release_scheduled,
    timers.shift,
    timers.tidy,
    questions.claim_questions,
    retention.erase_texts,
    retention.forget_messages,
    person.person_erase,
    person.person_note,
    held.held_release,
    held.held_cancel,
    originators.originator_add,
    originators.originator_remove,
    originators.originator_rules_replace,
    originators.pool_set,
    originators.hours_set,
    originators.hours_remove,
    links.link_told,
    links.link_paced,
    links.links_noted,
    replan.replan,
    selftest.selftest_begin,
    selftest.selftest_look,
)


def _rare(function: Callable[..., Any]) -> Verb:
    """A verb for one argument at a time; a refusal takes back what it had written and leaves the others alone."""

    def verb(tx: Transaction, arguments: list[Any]) -> list[Any]:
        results: list[Any] = []
        for values in arguments:
            try:
                with tx.savepoint():
                    results.append(function(tx, **values))
            except Fault as fault:
                results.append(fault)
        return results

    return verb


VERBS: Mapping[str, Verb] = {
    "accept": accept.accept,
    "accept_each": accept.accept_each,
    "refuse": refusals.refuse,
    "claim": claim.claim,
    "settle": settle.settle,
    "receive": receive.receive,
    "claim_notices": outbox.claim_notices,
    "settle_notices": outbox.settle_notices,
    "claim_esme_notices": esme.claim_esme_notices,
    "settle_esme_notices": esme.settle_esme_notices,
    **{function.__name__: _rare(function) for function in _RARE_VERBS},
}
"""Everything that can change the ledger, by name."""
