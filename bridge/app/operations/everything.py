"""What the commands do, whether they come over the control socket or from the command line's own process.

Every method takes and gives plain values (shapes in `answers`) and raises Fault. Times are ms UTC, money is
thousandths of a credit. One file for each subject; this gathers them.
"""

from bridge.app.operations.accounts import AccountOperations
from bridge.app.operations.appliance import ApplianceOperations
from bridge.app.operations.backup import BackupOperations
from bridge.app.operations.credit import CreditOperations
from bridge.app.operations.explain import ExplainOperations
from bridge.app.operations.messages import MessageOperations
from bridge.app.operations.person import PersonOperations
from bridge.app.operations.refusals import RefusalOperations
from bridge.app.operations.routes import RouteOperations
from bridge.app.operations.senders import SenderOperations
from bridge.app.operations.smpp import SmppOperations
from bridge.app.operations.tariff import TariffOperations


class Operations(
    MessageOperations,
    AccountOperations,
    CreditOperations,
    RefusalOperations,
    TariffOperations,
    RouteOperations,
    ExplainOperations,
    SenderOperations,
    BackupOperations,
    PersonOperations,
    SmppOperations,
    ApplianceOperations,
):
    """The commands on one open ledger: everything that `commands.Commands` names."""
