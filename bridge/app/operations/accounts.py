"""Operations on accounts, their credentials and their virtual numbers."""

import zoneinfo
from typing import Any

from bridge.app.answers.accounts import AccountState, AllowedNetwork, NewPassword, NewPin, NumberLine
from bridge.app.operations.desk import Desk, check_mail, own_actor
from bridge.intake import authenticate
from bridge.intake.authenticate import CredentialKind
from bridge.messages import address
from bridge.messages.faults import Fault, FaultCode
from bridge.routing import originators
from bridge.runtime.loop import now_ms


class AccountOperations(Desk):
    """See `commands.AccountCommands`."""

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
        refunds: str = "unaccepted",
        reserve_mc: int = 0,
        low_limit_mc: int = 0,
        is_low_texted: bool = False,
        is_trial: bool = False,
        actor: str = "",
    ) -> NewPin:
        """Open an account with a PIN, generated unless one is imported (then with its networks)."""
        _check_facts(email, mobile, home_country, time_zone)
        verifier, shown = await self._new_pin(pin, networks or [])
        if originator:
            originator = originators.parse(originator)
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
                "refunds": refunds,
                "reserve_mc": reserve_mc,
                "low_limit_mc": low_limit_mc,
                "is_low_texted": is_low_texted,
            },
            verifier=verifier,
            networks=authenticate.parse_networks(networks or []),
            credit_mc=credit_mc,
            trial_parts=self._settings.intake.trial_messages if is_trial else None,
            actor=actor or own_actor(),
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

    async def account_set(self, *, name: str, facts: dict[str, Any]) -> AccountState:
        """Change facts of an account, named as in accounts.FACTS; an empty text takes a fact away."""
        if not facts:
            raise Fault(FaultCode.BAD_REQUEST, "nothing to set; name at least one option")
        account = await self.known(name)
        resulting = account | facts
        _check_facts(*(resulting[fact] for fact in ("email", "mobile", "home_country", "time_zone")))
        if facts.get("originator"):
            facts = facts | {"originator": originators.parse(facts["originator"])}
        await self._ledger.do("account_set", name=name, facts=facts)
        self._gatekeeper.forget()
        return {"name": name, "is_disabled": bool(account["is_disabled"])}

    async def account_list(self) -> list[dict[str, Any]]:
        """Every account with its balance."""
        found: list[dict[str, Any]] = await self._ledger.read("account_list")
        return found

    async def account_show(self, *, name: str) -> dict[str, Any]:
        """One account: facts, credentials (never secrets), numbers, latest postings."""
        account: dict[str, Any] | None = await self._ledger.read("account_show", name=name)
        if account is None:
            await self.known(name)
        return account or {}

    async def account_set_pin(self, *, name: str, pin: str | None = None, networks: list[str] | None = None) -> NewPin:
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

    async def account_smpp(
        self, *, name: str, password: str | None = None, networks: list[str] | None = None
    ) -> NewPassword:
        """Replace the password with which the account's ESMEs bind, generated unless one is imported."""
        made = ""
        if password is None:
            made = password = authenticate.generate_smpp_password()
        else:
            authenticate.check_imported_pin(password, networks or [], "password")
        await self._ledger.do(
            "credential_add",
            name=name,
            kind=CredentialKind.SMPP_PASSWORD.value,
            verifier=await self._gatekeeper.hash_secret(CredentialKind.SMPP_PASSWORD, password),
            networks=authenticate.parse_networks(networks or []),
            is_only_one=True,
            now_ms=now_ms(),
        )
        self._gatekeeper.forget()
        return {"name": name, "password": made}

    async def account_disable(self, *, name: str) -> AccountState:
        """Let the account in no more; what it has queued still goes out."""
        return await self._set_disabled(name, is_disabled=True)

    async def account_enable(self, *, name: str) -> AccountState:
        """Let a disabled account in again."""
        return await self._set_disabled(name, is_disabled=False)

    async def _set_disabled(self, name: str, *, is_disabled: bool) -> AccountState:
        await self._ledger.do("account_set_disabled", name=name, is_disabled=is_disabled)
        self._gatekeeper.forget()
        return {"name": name, "is_disabled": is_disabled}

    async def account_allow_network(self, *, name: str, network: str) -> AllowedNetwork:
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

    async def number_add(self, *, number: str, account: str, mail: str = "", is_for_esme: bool = False) -> NumberLine:
        """Give a virtual number or short code to an account; what arrives there is mailed, or goes to its ESMEs."""
        digits = virtual_number(number)
        if mail:
            check_mail(mail)
        line: NumberLine = {"number": digits, "account": account, "mail": mail, "is_for_esme": is_for_esme}
        await self._ledger.do("number_add", **line, now_ms=now_ms())
        return line

    async def number_list(self) -> list[dict[str, Any]]:
        """Every virtual number with its owner."""
        found: list[dict[str, Any]] = await self._ledger.read("number_list")
        return found


def _check_facts(email: str, mobile: str, home_country: str, time_zone: str) -> None:
    """Refuse what would only show when it is needed. Raises Fault BAD_REQUEST or BAD_RECIPIENT."""
    if email:
        check_mail(email)
    if mobile:
        address.parse_recipient(mobile, home_country)
    if home_country and not address.is_country(home_country.upper()):
        raise Fault(FaultCode.BAD_REQUEST, f"not a country of two letters: {home_country}; write it like SE")
    if time_zone not in zoneinfo.available_timezones():
        raise Fault(FaultCode.BAD_REQUEST, f"not a time zone: {time_zone}; write it like Europe/Stockholm")


def virtual_number(number: str) -> str:
    """Digits of a virtual number or short code. Raises Fault BAD_REQUEST."""
    try:
        digits = address.parse_originator(number)
    except Fault as fault:
        raise Fault(FaultCode.BAD_REQUEST, f"{number} is no virtual number: {fault.detail}") from None
    if not digits.isdigit():
        raise Fault(FaultCode.BAD_REQUEST, f"a virtual number or short code is digits: {number}")
    return digits
