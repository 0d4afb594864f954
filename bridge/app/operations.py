"""What the commands do, whether they come over the control socket or from the command line's own process.

Every method takes and gives plain values (shapes in `answers`) and raises Fault. Times are ms UTC, money is
thousandths of a credit.
"""

import os
import zoneinfo
from typing import Any

from bridge.app import answers
from bridge.app.settings import Settings
from bridge.app.version import version
from bridge.intake import authenticate
from bridge.intake.authenticate import CredentialKind, Identity
from bridge.intake.prepare import Tables
from bridge.ledger.accounts import lane_of
from bridge.messages import address
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.message import Lane, Submission
from bridge.routing.tariff import Tariff
from bridge.runtime.door import Door
from bridge.runtime.identity import Gatekeeper
from bridge.runtime.ledger_client import LedgerClient
from bridge.runtime.loop import now_ms
from bridge.simulator.smsc import Smsc
from bridge.smpp_out.service import Links

RECIPIENTS_MAX = 100
"""Recipients of one `send`, as for one mail."""


class Operations:
    """The commands on one open ledger."""

    def __init__(self, settings: Settings, ledger: LedgerClient, gatekeeper: Gatekeeper, door: Door) -> None:
        self._settings = settings
        self._ledger = ledger
        self._gatekeeper = gatekeeper
        self._door = door
        self._links: Links | None = None
        self._simulator: Smsc | None = None
        self._started_at_ms = now_ms()

    def attach(self, links: Links, simulator: Smsc | None) -> None:
        """Tell what runs beside the ledger; without it the commands about links say "not running"."""
        self._links = links
        self._simulator = simulator

    async def read_tables(self) -> None:
        """Read the business tables anew; the door uses them from then on."""
        rows = await self._ledger.read("tariff_list")
        tariff = Tariff((row["account_class"], row["prefix"], row["price_mc"]) for row in rows)
        self._door.tables = Tables(tariff, self._door.tables.routes)

    # --- messages ---

    async def send(
        self, *, account: str, to: list[str], text: str, originator: str = "", lane: str = "", reference: str = ""
    ) -> list[answers.SentMessage]:
        """Submit for an account, all recipients or none. Whoever may use this command may act for every account."""
        if len(to) > RECIPIENTS_MAX:
            raise Fault(FaultCode.TOO_MANY_RECIPIENTS, f"{len(to)}, at most {RECIPIENTS_MAX}")
        identity = await self._identity(account)
        for number in to:
            self._check_recipient(identity, number)
        chosen = Lane(lane_of(lane)) if lane else None
        submissions = [
            Submission("cli", number, text, originator=originator, lane=chosen, reference=reference)
            for number in dict.fromkeys(to)
        ]
        accepted = await self._door.submit(identity, submissions)
        return [
            {"message_id": a.message_id, "recipient": a.recipient, "part_total": a.part_total, "price_mc": a.price_mc}
            for a in accepted
        ]

    def _check_recipient(self, identity: Identity, number: str) -> None:
        """Name the number that is wrong: the sender has several."""
        try:
            self._door.check_recipient(identity, number)
        except Fault as fault:
            raise Fault(fault.code, f"{number}: {fault.detail}") from None

    async def _known(self, name: str) -> dict[str, Any]:
        """Facts of an account. Raises Fault NOT_FOUND, naming one that differs only by case."""
        facts = await self._ledger.read("credentials_of", name=name)
        account: dict[str, Any] | None = facts["account"]
        if account is None:
            hint = f"; did you mean {facts['near']}? Case counts" if facts["near"] else ""
            raise Fault(FaultCode.NOT_FOUND, f"account {name}{hint}")
        return account

    async def _identity(self, name: str) -> Identity:
        account = await self._known(name)
        if account["is_disabled"]:
            raise Fault(FaultCode.ACCOUNT_DISABLED, name)
        return Identity(
            account_id=account["account_id"],
            account_name=account["name"],
            account_class=account["account_class"],
            credential_id=0,
            lane=Lane(account["lane"]),
            originator=account["originator"],
            home_country=account["home_country"],
            scopes=frozenset({"send"}),
        )

    async def message_list(
        self, *, account: str | None = None, state: str | None = None, count_max: int = 50
    ) -> list[dict[str, Any]]:
        """The newest messages first."""
        if account is not None:
            await self._known(account)
        found: list[dict[str, Any]] = await self._ledger.read(
            "message_list", account=account, state=state, count_max=count_max
        )
        return [self._with_reason(message) for message in found]

    async def message_show(self, *, message_id: str) -> dict[str, Any]:
        """The whole life of a message."""
        message: dict[str, Any] | None = await self._ledger.read("message_show", message_id=message_id)
        if message is None:
            raise Fault(FaultCode.NOT_FOUND, f"message {message_id}")
        return self._with_reason(message) | {"parts": [self._with_reason(part) for part in message["parts"]]}

    async def inbound_list(self, *, count_max: int = 50) -> list[dict[str, Any]]:
        """The newest texts from handsets first, also those to numbers that nobody owns."""
        found: list[dict[str, Any]] = await self._ledger.read("inbound_list", count_max=count_max)
        return found

    async def queue(self) -> dict[str, Any]:
        """What waits, why and until when."""
        found: dict[str, Any] = await self._ledger.read("queue")
        return found | {"parts": [self._with_reason(line) for line in found["parts"]]}

    def _with_reason(self, line: dict[str, Any]) -> dict[str, Any]:
        """A queued line whose ledger row names no reason waits for its link: say how that one stands."""
        if line["state"] != "queued" or line["waiting_for"]:
            return line
        if self._links is None:
            return line | {"waiting_for": "the appliance is not running"}
        return line | {"waiting_for": self._links.waiting_reason(line["link"]) or "its turn"}

    # --- accounts ---

    async def account_add(
        self,
        *,
        name: str,
        email: str = "",
        mobile: str = "",
        account_class: str = "",
        home_country: str = "",
        time_zone: str = "UTC",
        lane: str = "normal",
        mail_events: str = "all",
        originator: str = "",
        pin: str | None = None,
        networks: list[str] | None = None,
        credit_mc: int = 0,
        overdraft_mc: int = 0,
        actor: str = "",
    ) -> answers.NewPin:
        """Open an account with a PIN, generated unless one is imported (then with its networks)."""
        _check_facts(email, mobile, home_country, time_zone)
        verifier, shown = await self._new_pin(pin, networks or [])
        if originator:
            originator = address.parse_originator(originator)
        at_ms = now_ms()
        await self._ledger.do(
            "account_open",
            account={
                "name": name,
                "email": email,
                "mobile": mobile,
                "account_class": account_class,
                "home_country": home_country,
                "time_zone": time_zone,
                "lane": lane,
                "mail_events": mail_events,
                "originator": originator,
                "overdraft_mc": overdraft_mc,
            },
            verifier=verifier,
            networks=authenticate.parse_networks(networks or []),
            credit_mc=credit_mc,
            actor=actor or _actor(),
            now_ms=at_ms,
        )
        self._gatekeeper.forget()
        return {"name": name, "pin": shown}

    async def _new_pin(self, pin: str | None, networks: list[str]) -> tuple[str, str]:
        """Verifier of a PIN, and the PIN itself when it was made here (else "")."""
        if pin is not None:
            authenticate.check_imported_pin(pin, networks)
            return await self._gatekeeper.hash_secret(CredentialKind.PIN, pin), ""
        made = authenticate.generate_pin()
        return await self._gatekeeper.hash_secret(CredentialKind.PIN, made), made

    async def account_list(self) -> list[dict[str, Any]]:
        """Every account with its balance."""
        found: list[dict[str, Any]] = await self._ledger.read("account_list")
        return found

    async def account_show(self, *, name: str) -> dict[str, Any]:
        """One account: facts, credentials (never secrets), numbers, latest postings."""
        account: dict[str, Any] | None = await self._ledger.read("account_show", name=name)
        if account is None:
            await self._known(name)
        return account or {}

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
            actor=actor or _actor(),
            now_ms=now_ms(),
        )
        return {
            "name": name,
            "amount_mc": amount_mc,
            "balance_mc": done["balance_mc"],
            "key": key,
            "is_new": done["is_new"],
        }

    async def account_set_pin(
        self, *, name: str, pin: str | None = None, networks: list[str] | None = None
    ) -> answers.NewPin:
        """Replace the PIN; the old one stops working at once."""
        verifier, shown = await self._new_pin(pin, networks or [])
        await self._ledger.do(
            "credential_add",
            name=name,
            kind=CredentialKind.PIN.value,
            verifier=verifier,
            networks=authenticate.parse_networks(networks or []),
            is_only_one=True,
            now_ms=now_ms(),
        )
        self._gatekeeper.forget()
        return {"name": name, "pin": shown}

    async def account_disable(self, *, name: str) -> answers.AccountState:
        """Let the account in no more; what it has queued still goes out."""
        return await self._set_disabled(name, is_disabled=True)

    async def account_enable(self, *, name: str) -> answers.AccountState:
        """Let a disabled account in again."""
        return await self._set_disabled(name, is_disabled=False)

    async def _set_disabled(self, name: str, *, is_disabled: bool) -> answers.AccountState:
        await self._ledger.do("account_set_disabled", name=name, is_disabled=is_disabled)
        self._gatekeeper.forget()
        return {"name": name, "is_disabled": is_disabled}

    async def account_allow_network(self, *, name: str, network: str) -> answers.AllowedNetwork:
        """Bind a source network to the account: mail from there is the account's, without a login."""
        (normal,) = authenticate.parse_networks([network])
        await self._ledger.do(
            "credential_add",
            name=name,
            kind=CredentialKind.NETWORK.value,
            verifier="",
            networks=[normal],
            now_ms=now_ms(),
        )
        self._gatekeeper.forget()
        return {"name": name, "network": normal}

    # --- numbers and prices ---

    async def number_add(self, *, number: str, account: str, mail: str) -> answers.NumberLine:
        """Give a virtual number or short code to an account; what arrives there is mailed."""
        digits = _virtual_number(number)
        _check_mail(mail)
        await self._ledger.do("number_add", number=digits, account=account, mail=mail, now_ms=now_ms())
        return {"number": digits, "account": account, "mail": mail}

    async def number_list(self) -> list[dict[str, Any]]:
        """Every virtual number with its owner."""
        found: list[dict[str, Any]] = await self._ledger.read("number_list")
        return found

    async def tariff_list(self) -> list[dict[str, Any]]:
        """Prices of one part by prefix and account class."""
        found: list[dict[str, Any]] = await self._ledger.read("tariff_list")
        return found

    async def tariff_set(self, *, prefix: str, price_mc: int, account_class: str = "") -> answers.TariffLine:
        """Set a price; messages accepted from now on pay it."""
        await self._ledger.do("tariff_set", prefix=prefix, price_mc=price_mc, account_class=account_class)
        await self.read_tables()
        return {"prefix": prefix, "account_class": account_class, "price_mc": price_mc}

    # --- the appliance ---

    async def ledger_audit(self) -> dict[str, Any]:
        """Check every law of the ledger."""
        report: dict[str, Any] = await self._ledger.read("ledger_audit")
        return report

    async def link_list(self) -> list[answers.LinkLine]:
        """The configured links and how they stand."""
        waiting = (await self._ledger.read("queue"))["parts"]
        queued: dict[str, int] = {}
        for line in waiting:
            if line["state"] == "queued":
                queued[line["link"]] = queued.get(line["link"], 0) + line["count"]
        running = {status["link"]: status for status in self._links.status()} if self._links else {}
        return [
            {
                "name": link.name,
                "endpoint": f"{link.host}:{link.port}",
                "system_id": link.system_id,
                "state": running[link.name]["state"] if link.name in running else "not running",
                "since_at_ms": running[link.name]["since_ms"] if link.name in running else None,
                "reason": running[link.name]["waiting_reason"] if link.name in running else "",
                "window_used": running[link.name]["unanswered"] if link.name in running else 0,
                "window_max": link.window,
                "queued": queued.get(link.name, 0),
            }
            for link in self._settings.links
        ]

    async def simulator_inbound(self, *, originator: str, recipient: str, text: str) -> answers.Injected:
        """Let a handset of the built-in simulator write to one of our numbers."""
        if self._simulator is None:
            raise Fault(FaultCode.NOT_FOUND, "the built-in simulator is not running")
        if not self._simulator.is_bound:
            raise Fault(FaultCode.TRY_LATER, "no link is bound to the simulator; `smsbridge link list` says why")
        statuses = await self._simulator.send_inbound(originator, recipient, text)
        if any(statuses):
            raise Fault(FaultCode.TRY_LATER, "the link did not take it; its log says why")
        return {"part_total": len(statuses)}

    async def status(self) -> answers.Status:
        """The appliance at a glance."""
        smtp = [("smtp", listen.address, listen.port, listen.tls) for listen in self._settings.smtp.listen]
        http = [
            ("http", listen.address, listen.port, "tls" if listen.tls else "none")
            for listen in self._settings.http.listen
        ]
        return {
            "version": version(),
            "pid": os.getpid(),
            "started_at_ms": self._started_at_ms,
            "state_folder": str(self._settings.state_folder.absolute()),
            "listeners": [{"door": d, "address": a, "port": p, "tls": t} for d, a, p, t in smtp + http],
            "links": await self.link_list(),
        }


def _check_facts(email: str, mobile: str, home_country: str, time_zone: str) -> None:
    """Refuse what would only show when it is needed. Raises Fault BAD_REQUEST or BAD_RECIPIENT."""
    if email:
        _check_mail(email)
    if mobile:
        address.parse_recipient(mobile, home_country)
    if home_country and not address.is_country(home_country.upper()):
        raise Fault(FaultCode.BAD_REQUEST, f"not a country of two letters: {home_country}; write it like SE")
    if time_zone not in zoneinfo.available_timezones():
        raise Fault(FaultCode.BAD_REQUEST, f"not a time zone: {time_zone}; write it like Europe/Stockholm")


def _check_mail(mail: str) -> None:
    """Plain addresses only: what a relay takes without quoting. Raises Fault BAD_REQUEST."""
    local, at, domain = mail.rpartition("@")
    if not (local and at and domain and mail.isascii() and mail.isprintable() and not set(mail) & set(' "<>,;')):
        raise Fault(FaultCode.BAD_REQUEST, f"not a mail address: {mail}")


def _virtual_number(number: str) -> str:
    """Digits of a virtual number or short code. Raises Fault BAD_REQUEST."""
    try:
        digits = address.parse_originator(number)
    except Fault as fault:
        raise Fault(FaultCode.BAD_REQUEST, f"{number} is no virtual number: {fault.detail}") from None
    if not digits.isdigit():
        raise Fault(FaultCode.BAD_REQUEST, f"a virtual number or short code is digits: {number}")
    return digits


def _actor() -> str:
    """Who runs this process: the actor of what a command books."""
    return f"uid {os.getuid()}"
