"""submit_multi, query_sm, cancel_sm and replace_sm: each request by itself, for they are few.

query, cancel and replace want the message_id and the source address of the message; cancel_sm without an id takes back
what waits between two addresses. Whatever the reason, they fail with their own code, unless a retry can help.
"""

import asyncio
from typing import Any

from bridge.intake.authenticate import Identity
from bridge.ledger.worker import LedgerFailed
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.message import Coding
from bridge.runtime import logs
from bridge.runtime.door import Door
from bridge.runtime.ledger_client import LedgerClient
from bridge.runtime.loop import monotonic_ms, now_ms, spawn
from bridge.smpp import pdus
from bridge.smpp import submission as reading
from bridge.smpp.constants import DataCoding, Status
from bridge.smpp.deliver import query_sm_resp
from bridge.smpp.fields import UnsuccessSme
from bridge.smpp.message_ids import message_id_of, public_ids_of
from bridge.smpp_in import replies
from bridge.smpp_in.connection import EsmeConnection
from bridge.smpp_in.sessions import EsmeAccount
from bridge.smpp_in.submit import advise, parts_of, refuse, submit_each, too_fast

ACTOR = "its ESME"
"""Who did it, in a message's history."""

_DATA_CODINGS = {
    Coding.GSM7.value: DataCoding.DEFAULT,
    Coding.UCS2.value: DataCoding.UCS2,
    Coding.BINARY.value: DataCoding.BINARY,
}

log = logs.get("smpp")


class OtherRequests:
    """Answers what is neither a bind nor a plain submission."""

    def __init__(self, door: Door, ledger: LedgerClient) -> None:
        self._door = door
        self._ledger = ledger
        self._multis: dict[asyncio.Task[None], EsmeConnection] = {}
        """Each submit_multi that is not answered yet."""
        self.is_stopping = False

    def lost(self, connection: EsmeConnection) -> None:
        """The ESME will not hear the answers: its account's next submissions may repeat what it has submitted."""
        for task, one in self._multis.items():
            if one is connection:
                self._door.not_before(connection.account_id, task)

    def add(self, connection: EsmeConnection, sequence: int, pdu: pdus.Pdu) -> None:
        """Take a request that has a response; outbind and the like are nothing that an SMSC is asked."""
        if pdu.COMMAND_ID not in pdus.RESPONSE_TO:
            return
        account = connection.account
        if account is None or self.is_stopping:
            refuse(connection, sequence, pdu, Status.RSYSERR, "the appliance stops, or the session does")
            return
        task = spawn(self._answer(connection, account, sequence, pdu), pdu.COMMAND_ID.name.lower())
        if isinstance(pdu, pdus.SubmitMulti):
            self._multis[task] = connection
            task.add_done_callback(self._multis.pop)

    async def _answer(self, connection: EsmeConnection, account: EsmeAccount, sequence: int, pdu: pdus.Pdu) -> None:
        identity = account.identities[connection.credential_id]
        try:
            if isinstance(pdu, pdus.SubmitMulti):
                await self._submit_multi(connection, account, identity, sequence, pdu)
                return
            if isinstance(pdu, pdus.QuerySm):
                response = await self._query(identity, pdu, connection.session.version)
            elif isinstance(pdu, pdus.CancelSm):
                response = await self._cancel(account, identity, pdu)
            elif isinstance(pdu, pdus.ReplaceSm):
                response = await self._replace(connection, identity, pdu)
            else:
                response = pdus.GenericNack(status=Status.RINVCMDID)
        except reading.Refused as refused:
            refuse(connection, sequence, pdu, refused.status, refused.reason)
        except Fault as fault:
            refuse(connection, sequence, pdu, _status_of(pdu, fault), fault.private or fault.sentence)
        except LedgerFailed:
            refuse(connection, sequence, pdu, Status.RSYSERR, "the ledger failed")
        except Exception:  # The door's outermost hook: every request has an answer.
            message_id = getattr(pdu, "message_id", "")
            log.exception(
                "request failed", account=account.name, request=pdu.COMMAND_ID.name.lower(), message=message_id
            )
            refuse(connection, sequence, pdu, Status.RSYSERR, "a bug of ours")
        else:
            connection.respond(sequence, response)

    # submit_multi

    async def _submit_multi(
        self, connection: EsmeConnection, account: EsmeAccount, identity: Identity, sequence: int, pdu: pdus.SubmitMulti
    ) -> None:
        """Each destination by itself; all that were accepted are told as one message, the others one by one."""
        version = connection.session.version
        read = reading.read_multi(pdu, identity.smpp, now_ms=now_ms(), peer_version=version)
        submissions = [each.submission for each in read.readings]
        parts = parts_of(submissions[0], self._door.parts_max) * len(submissions) if submissions else 0
        if account.has_limit and not account.may_submit(parts, monotonic_ms()):
            refuse(connection, sequence, pdu, Status.RTHROTTLED, too_fast(account))
            return
        results = await submit_each(self._door, identity, submissions, is_multi=True) if submissions else []
        accepted = [result.message_id for result in results if not isinstance(result, Fault)]
        failed = list(read.failed)
        for submission, result in zip(submissions, results, strict=True):
            if isinstance(result, Fault) and (facts := submission.esme) is not None:
                status = replies.status_of(result, version)
                failed.append(UnsuccessSme(facts.destination_addr, facts.dest_addr_ton, facts.dest_addr_npi, status))
        connection.accepted += len(accepted)
        for one in failed:
            connection.refusals[one.error_status_code] += 1
        if accepted:
            told = message_id_of(accepted[0], identity.smpp.id_form)
            response = pdus.SubmitMultiResp(message_id=told, unsuccess_sme=failed)
        else:
            # Nothing was taken: one that is worth a retry makes the whole worth one.
            statuses = [one.error_status_code for one in failed]
            status = next((one for one in statuses if one in replies.COME_AGAIN), statuses[0])
            response = pdus.SubmitMultiResp(status=status)
        unheard = [] if connection.respond(sequence, response, *accepted) else accepted
        if (marking := self._door.mark_unheard(identity.account_id, identity.account_name, unheard)) is not None:
            await marking

    # query_sm, cancel_sm, replace_sm

    async def _query(self, identity: Identity, pdu: pdus.QuerySm, version: int) -> pdus.Pdu:
        _, shown = await self._find(identity, pdu.message_id, pdu.source_addr)
        return query_sm_resp(
            pdu.message_id,
            shown["state"],
            final_at_ms=shown["final_at_ms"],
            # Refused by the carrier itself: there is no network's code, so its own status says why.
            error=shown["error"] or str(shown["command_status"] or ""),
            peer_version=version,
        )

    async def _find(self, identity: Identity, message_id: str, source_addr: str) -> tuple[str, dict[str, Any]]:
        """Public id and facts of the message that an ESME means. Raises Fault NOT_FOUND."""
        for public_id in public_ids_of(message_id, identity.smpp.id_form):
            shown = await self._ledger.read("esme_query", account_id=identity.account_id, message_id=public_id)
            if shown is not None and source_addr in ("", shown["source_addr"]):
                return public_id, shown
        raise Fault(FaultCode.NOT_FOUND, "no such message from this source address")

    async def _cancel(self, account: EsmeAccount, identity: Identity, pdu: pdus.CancelSm) -> pdus.Pdu:
        if pdu.message_id:
            message_id, _ = await self._find(identity, pdu.message_id, pdu.source_addr)
            return await self._take_back(identity, pdu, message_id)
        async with account.searching:
            return await self._take_back(identity, pdu, "")

    async def _take_back(self, identity: Identity, pdu: pdus.CancelSm, message_id: str) -> pdus.Pdu:
        done = await self._ledger.do(
            "message_cancel",
            account_id=identity.account_id,
            message_id=message_id,
            service_type=pdu.service_type,
            source_addr=pdu.source_addr,
            destination_addr=pdu.destination_addr,
            actor=ACTOR,
            now_ms=now_ms(),
        )
        for cancelled in done["cancelled"]:
            log.info("cancelled", message=cancelled, account=identity.account_name)
        return pdus.CancelSmResp()

    async def _replace(self, connection: EsmeConnection, identity: Identity, pdu: pdus.ReplaceSm) -> pdus.Pdu:
        """The text is read by the data_coding of the message it replaces; by its alphabet, if no ESME submitted it."""
        public_id, shown = await self._find(identity, pdu.message_id, pdu.source_addr)
        given: int | None = shown["data_coding"]
        read = reading.read_replacement(
            pdu,
            identity.smpp,
            now_ms=now_ms(),
            message_id=public_id,
            data_coding=_DATA_CODINGS[shown["coding"]] if given is None else given,
            peer_version=connection.session.version,
        )
        if read.is_damaged or read.is_little_endian or read.is_rough:
            advise(connection, read)
        await self._door.replace(identity, read.replacement)
        return pdus.ReplaceSmResp()


_FAILED = {
    pdus.QuerySm: Status.RQUERYFAIL,
    pdus.CancelSm: Status.RCANCELFAIL,
    pdus.ReplaceSm: Status.RREPLACEFAIL,
}


def _status_of(pdu: pdus.Pdu, fault: Fault) -> int:
    """query, cancel and replace fail with their own code."""
    return replies.failed(fault, _FAILED.get(type(pdu), Status.RSUBMITFAIL))
