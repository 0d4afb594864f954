"""What the ledger tells: every read-only report by its name, on a connection of its own.

Each report is a function `(database, **values)`; names and keys are what the command line and the API show. Times are
ms UTC. They are written in the rooms of what they tell of, with the means of reading.py.
"""

from collections.abc import Callable
from typing import Any

from bridge.ledger.actions import action_list
from bridge.ledger.audit import ledger_audit
from bridge.ledger.held import held_count, held_list
from bridge.ledger.links import link_load, link_states, links_waited_for
from bridge.ledger.networks import network_list, parts_measured
from bridge.ledger.originators import destination_hours_list, originator_list, originator_rule_list, pool_list
from bridge.ledger.outlook import credit_outlook
from bridge.ledger.reports_accounts import (
    account_list,
    account_show,
    credentials_of,
    network_credentials,
    number_list,
    tariff_list,
)
from bridge.ledger.reports_credit import account_statement_list, account_statement_show
from bridge.ledger.reports_esme import esme_query
from bridge.ledger.reports_links import link_spellings
from bridge.ledger.reports_messages import inbound_list, message_list, message_show, parts_submitted, queue, unfinished
from bridge.ledger.reports_missing import refusal_missing, refusal_waiting, refusals_of_range
from bridge.ledger.reports_person import person_ids, person_rows, person_sender, person_show
from bridge.ledger.reports_refusals import refusal_list, refusals_kept
from bridge.ledger.retention import texts_due
from bridge.ledger.routes import route_list
from bridge.ledger.selftest import selftest_list, selftest_summary

REPORTS: dict[str, Callable[..., Any]] = {
    report.__name__: report
    for report in (
        credentials_of,
        network_credentials,
        tariff_list,
        route_list,
        network_list,
        originator_list,
        originator_rule_list,
        pool_list,
        destination_hours_list,
        parts_measured,
        account_list,
        account_show,
        number_list,
        message_list,
        message_show,
        queue,
        inbound_list,
        refusal_list,
        refusals_kept,
        refusal_missing,
        refusal_waiting,
        refusals_of_range,
        parts_submitted,
        link_spellings,
        credit_outlook,
        esme_query,
        unfinished,
        ledger_audit,
        account_statement_show,
        account_statement_list,
        held_count,
        held_list,
        texts_due,
        person_show,
        person_ids,
        person_rows,
        person_sender,
        action_list,
        link_states,
        link_load,
        links_waited_for,
        selftest_list,
        selftest_summary,
    )
}
"""Every report by name."""
