"""Operations on credit: what an account may spend, and every way it moves."""

from bridge.app import answers
from bridge.app.operations_desk import Desk, own_actor
from bridge.runtime.loop import now_ms


class CreditOperations(Desk):
    """See `commands.CreditCommands`."""

    async def account_top_up(
        self, *, name: str, amount_mc: int, key: str, reason: str = "", actor: str = ""
    ) -> answers.TopUp:
        """Add credit, once for each key."""
        done = await self._ledger.do(
            "account_top_up",
            name=name,
            amount_mc=amount_mc,
            key=key,
            reason=reason,
            actor=actor or own_actor(),
            now_ms=now_ms(),
        )
        return {
            "name": name,
            "amount_mc": amount_mc,
            "balance_mc": done["balance_mc"],
            "key": key,
            "is_new": done["is_new"],
        }
