"""Operations on credit: what an account may spend, and every way it moves."""

from typing import Any, cast

from bridge.app.answers.credit import Closing, Refund, TopUp, Transfer
from bridge.app.operations.desk import Desk, own_actor
from bridge.ledger.reports_credit import EVER_MS
from bridge.runtime.loop import now_ms


class CreditOperations(Desk):
    """See `commands.CreditCommands`."""

    async def account_top_up(self, *, name: str, amount_mc: int, key: str, reason: str = "", actor: str = "") -> TopUp:
        """Add credit, once for each key."""
        return await self._moved("account_top_up", name, amount_mc, key, reason, actor)

    async def account_adjust(self, *, name: str, amount_mc: int, key: str, reason: str, actor: str = "") -> TopUp:
        """Correct credit by a signed amount, once for each key."""
        return await self._moved("account_adjust", name, amount_mc, key, reason, actor)

    async def _moved(self, verb: str, name: str, amount_mc: int, key: str, reason: str, actor: str) -> TopUp:
        done = await self._ledger.do(
            verb,
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

    async def account_transfer(
        self, *, giver: str, taker: str, amount_mc: int, key: str, reason: str = "", actor: str = ""
    ) -> Transfer:
        """Move credit from one account to another, once for each key."""
        done = await self._ledger.do(
            "account_transfer",
            giver=giver,
            taker=taker,
            amount_mc=amount_mc,
            key=key,
            reason=reason,
            actor=actor or own_actor(),
            now_ms=now_ms(),
        )
        return {
            "giver": giver,
            "taker": taker,
            "amount_mc": amount_mc,
            "giver_balance_mc": done["giver_balance_mc"],
            "taker_balance_mc": done["taker_balance_mc"],
            "key": key,
            "is_new": done["is_new"],
        }

    async def account_close(
        self, *, name: str, key: str, is_dry_run: bool = False, reason: str = "", actor: str = ""
    ) -> Closing:
        """Pay back and forfeit what is left, and let the account in no more; once for each key."""
        refund_days = self._settings.credit.closing_refund_days
        done: dict[str, Any] = await self._ledger.do(
            "account_close",
            name=name,
            key=key,
            refund_days=refund_days,
            is_dry_run=is_dry_run,
            reason=reason,
            actor=actor or own_actor(),
            now_ms=now_ms(),
        )
        if not is_dry_run:
            self._gatekeeper.forget()
        return cast(Closing, done | {"refund_days": refund_days})

    async def message_refund(
        self, *, message_id: str, part_no: int | None = None, reason: str, actor: str = ""
    ) -> Refund:
        """Give back what a message cost where it was not delivered; each part once at most."""
        done: dict[str, Any] = await self._ledger.do(
            "message_refund",
            message_id=message_id,
            part_no=part_no,
            reason=reason,
            actor=actor or own_actor(),
            now_ms=now_ms(),
        )
        return cast(Refund, done | {"message_id": message_id.upper()})

    async def account_statement_show(
        self, *, name: str, from_ms: int = 0, to_ms: int = EVER_MS, book: str = "credit"
    ) -> dict[str, Any]:
        """What a statement adds up to."""
        head: dict[str, Any] | None = await self._ledger.read(
            "account_statement_show", name=name, from_ms=from_ms, to_ms=to_ms, book=book
        )
        if head is None:
            await self.known(name)
        return head or {}

    async def account_statement_list(
        self,
        *,
        name: str,
        from_ms: int = 0,
        to_ms: int = EVER_MS,
        book: str = "credit",
        count: int,
        last: int,
        after: int,
        balance_mc: int,
    ) -> dict[str, Any]:
        """One page of a statement's postings."""
        page: dict[str, Any] = await self._ledger.read(
            "account_statement_list",
            name=name,
            from_ms=from_ms,
            to_ms=to_ms,
            book=book,
            count=count,
            last=last,
            after=after,
            balance_mc=balance_mc,
        )
        return page
