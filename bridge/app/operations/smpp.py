"""Operations on the ESMEs that are bound to this appliance."""

from typing import cast

from bridge.app.answers.smpp import EsmeLine
from bridge.app.operations.desk import Desk


class SmppOperations(Desk):
    """See `commands.SmppCommands`."""

    async def smpp_list(self) -> list[EsmeLine]:
        """Every bound session, the accounts in the order of their names; nobody is bound to a ledger alone."""
        lines = self._smpp.sessions() if self._smpp is not None else []
        return cast(list[EsmeLine], sorted(lines, key=lambda line: (line["account"], line["bound_at_ms"])))
