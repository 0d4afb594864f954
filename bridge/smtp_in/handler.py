"""What the e-mail door does with a mail: whose it is, to whom, what it says; then one submission per recipient.

Everything about a recipient is judged at RCPT, everything about the text after the final dot. All
recipients of a mail are accepted in one transaction or none is, and `250` means committed.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bridge.intake.authenticate import Identity
from bridge.intake.when import Said
from bridge.mail import recipient
from bridge.mail.body import MailText
from bridge.messages.address import shorten
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.message import Accepted, MailThread, RetryKey, Submission
from bridge.runtime import logs
from bridge.runtime.door import Door
from bridge.runtime.identity import Peer
from bridge.runtime.loop import now_ms
from bridge.smtp_in import replies
from bridge.smtp_in.reading import MailReader
from bridge.smtp_in.settings import SmtpSettings
from bridge.smtp_in.trust import Trust

if TYPE_CHECKING:
    from bridge.smtp_in.server import Mail, SmtpConnection

DOOR = "smtp"
RECEIVED_MAX = 50
"""Hops after which a mail is taken to go round in circles, as in Postfix; it is never answered."""
ADDRESS_SIZE_MAX = 320

_ANSWERABLE = re.compile(r"[^\s<>@,;:\"()\[\]\\]{1,64}@[^\s<>@,;:\"()\[\]\\]{1,255}")
"""An address a report can go to without quoting."""

log = logs.get("smtp")


class MailHandler:
    """Shared by all connections; holds nothing about any of them. The `handle_` methods are aiosmtpd's hooks."""

    def __init__(self, settings: SmtpSettings, trust: Trust, door: Door) -> None:
        self.trust = trust
        self._settings = settings
        self._domains = settings.domains
        self._door = door
        self._reader = MailReader()

    async def log_in(self, name: str, secret: str, peer: Peer) -> Identity:
        """The identity behind SMTP AUTH; raises the Fault that refuses it."""
        try:
            return await self.trust.log_in(name, secret, peer)
        except Fault as fault:
            if fault.code is not FaultCode.BAD_CREDENTIALS:  # the gatekeeper says more about those
                log.warning("login refused", peer=peer.ip, fault=fault.code.value, private=fault.private)
            raise

    async def handle_EHLO(
        self, server: "SmtpConnection", session: Any, envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        if not self.trust.may_log_in(server.peer):
            responses = [line for line in responses if not line.startswith("250-AUTH")]
        return [*responses[:-1], "250-PIPELINING", *responses[-1:]]

    async def handle_MAIL(
        self, server: "SmtpConnection", session: Any, envelope: "Mail", address: str, options: list[str]
    ) -> str:
        if len(address) > ADDRESS_SIZE_MAX or not address.isprintable():
            return replies.BAD_SENDER
        if not address.isascii() and "SMTPUTF8" not in options:
            return replies.NEEDS_SMTPUTF8
        envelope.mail_from = address
        return replies.SENDER_OK

    async def handle_RCPT(
        self, server: "SmtpConnection", session: Any, envelope: "Mail", address: str, options: list[str]
    ) -> str:
        try:
            return await self._add_recipient(server.peer, session.auth_data, envelope, address)
        except Fault as fault:
            account = envelope.identity.account_name if envelope.identity else ""
            log.warning(
                "recipient refused",
                peer=server.peer.ip,
                fault=fault.code.value,
                private=fault.private,
                to=shorten(address.partition("@")[0]),
                account=account,
            )
            return replies.reply(fault)

    async def _add_recipient(self, peer: Peer, logged_in: Identity | None, mail: "Mail", address: str) -> str:
        mail.identity = mail.identity or logged_in or await self.trust.by_network(peer)
        if mail.mail_from == "<>":
            return replies.AUTOMATIC_MAIL
        number = recipient.parse(address, self._domains)
        digits = self._door.check_recipient(mail.identity, number)
        if digits not in mail.numbers:
            if len(mail.numbers) >= self._settings.recipients_max:
                return replies.RECIPIENTS_FULL
            mail.numbers[digits] = number
            mail.rcpt_tos.append(address)
        return replies.RECIPIENT_OK

    async def accept(self, mail: "Mail", content: bytes, peer: Peer) -> str:
        """Read, judge and queue one mail; the reply to its final dot."""
        assert mail.identity is not None
        account = mail.identity.account_name
        try:
            text = await self._reader.read(content)
            if self._is_automatic(text):
                log.warning("refused", peer=peer.ip, why="automatic mail", account=account)
                return replies.AUTOMATIC_MAIL
        except Fault as fault:
            log.warning("refused", peer=peer.ip, fault=fault.code.value, private=fault.private, account=account)
            return replies.reply(fault)
        thread = _thread(mail.mail_from or "", text)
        retry = RetryKey(f"mail:{text.message_id}", text.text) if text.message_id else None
        said = Said(text.at, text.after, text.worthless_after)
        submission = Submission(door=DOOR, recipient="", text=text.text, thread=thread, retry=retry)
        try:
            timed = said.on(submission, mail.identity.times.time_zone, now_ms())
            submissions = [replace(timed, recipient=number) for number in mail.numbers.values()]
            return _queued(await self._door.submit(mail.identity, submissions))
        except Fault as fault:
            return replies.reply(fault)

    def _is_automatic(self, text: MailText) -> bool:
        """Bounces, holiday replies, and what this appliance wrote itself."""
        return (
            text.is_bounce
            or text.auto_submitted.startswith("auto-replied")
            or any(domain in self._domains for domain in text.loops)
        )


def _queued(accepted: Sequence[Accepted]) -> str:
    others = f" (+{len(accepted) - 1})" if len(accepted) > 1 else ""
    return f"250 2.0.0 queued as {accepted[0].message_id}{others}"


def _thread(mail_from: str, text: MailText) -> MailThread | None:
    """Where and how to answer: the envelope sender, else From; None for mail that must not be answered."""
    if text.is_bulk or text.received_count > RECEIVED_MAX:
        return None
    reply_to = next((address for address in (mail_from, text.from_address) if _ANSWERABLE.fullmatch(address)), "")
    if not reply_to:
        return None
    return MailThread(reply_to, text.message_id, text.references, text.subject)
