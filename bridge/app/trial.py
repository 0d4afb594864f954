"""The trial that `./run` starts: a demo account, and what to paste to see a message walk through."""

import os
import shlex
import shutil
import sys
from pathlib import Path

from bridge.app.roles import Appliance
from bridge.app.settings import Settings
from bridge.messages.money import format_credits

DEMO = "demo"
DEMO_CREDIT_MC = 1_000_000
DEMO_NUMBER = "46701740605"
"""A number of Sweden's regulator for fiction; the simulator answers for it."""
VIRTUAL_NUMBER = "46737494150"
"""Another one of that range: the demo account's virtual number."""
PIN_FILE, SMPP_FILE = "demo-pin", "demo-smpp-password"


async def welcome(appliance: Appliance) -> str:
    """Make the demo account when there is no account yet, and give the text to greet with."""
    operations = appliance.core.operations
    folder = appliance.settings.state_folder
    if not await operations.account_list():
        made = await operations.account_add(name=DEMO, credit_mc=DEMO_CREDIT_MC, email="demo@localhost")
        await operations.number_add(number=VIRTUAL_NUMBER, account=DEMO, mail="demo@localhost")
        _keep(folder / PIN_FILE, made["pin"])
    accounts = {account["name"]: account for account in await operations.account_list()}
    if DEMO not in accounts:
        names = ", ".join(accounts)
        whose = f"accounts: {names} (their PINs are known to you alone)"
        return _text(appliance.settings, "ACCOUNT", "PIN", "PASSWORD", whose)
    if not (folder / SMPP_FILE).exists():
        _keep(folder / SMPP_FILE, (await operations.account_smpp(name=DEMO))["password"])
    pin, password = _kept(folder / PIN_FILE, "PIN"), _kept(folder / SMPP_FILE, "PASSWORD")
    credit = format_credits(accounts[DEMO]["balance_mc"])
    whose = f"account {DEMO}   PIN {pin}   credit {credit}   virtual number {VIRTUAL_NUMBER}"
    return _text(appliance.settings, DEMO, pin, password, whose)


def _keep(path: Path, pin: str) -> None:
    """Only the trial keeps its secrets in clear, for its second start to show them; nobody else may read the file."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(pin + "\n")


def _kept(path: Path, otherwise: str) -> str:
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        return otherwise


def _text(settings: Settings, account: str, pin: str, password: str, whose: str) -> str:
    smtp, http, smpp = settings.smtp.listen[0], settings.http.listen[0], settings.smpp.listen[0]
    programs = Path(sys.executable).parent
    address = f"{DEMO_NUMBER}@{settings.domain}"
    command = shlex.join([str(programs / "smsbridge"), "--state-folder", str(settings.state_folder.absolute())])
    sink = settings.mail_sink
    lines = [
        "",
        "smsbridge is up: a trial on built-in defaults. Nothing leaves this machine and no handset is reached.",
        "",
        f"  e-mail door      {smtp.address}:{smtp.port}      mail to NUMBER@{settings.domain}",
        f"  HTTP door        http://{http.address}:{http.port}/send",
        f"  SMPP door        {smpp.address}:{smpp.port}      system_id {account}, password {password}",
        f"  upstream         the built-in simulator, {settings.links[0].endpoint}",
        f"  mails to you     kept in {sink.folder.absolute() / 'new'}" if sink else "",
        f"  ledger           {settings.state_folder.absolute()}",
        "",
        f"  {whose}",
        "",
        "Paste one of these into another terminal:",
        "",
        "  # an e-mail becomes a message, and its receipt comes back by mail",
        f"  {_mail_command(programs, smtp.address, smtp.port, account, pin, address)}",
        "",
        "  # a plain HTTP GET, as an alarm panel sends it",
        f"  curl 'http://{http.address}:{http.port}/send?account={account}&pin={pin}&to={DEMO_NUMBER}&text=Pump+2+stopped'",
        "",
        "  # from the command line; then look at its whole life with: message show ID",
        f"  {command} send --account {account} --to {DEMO_NUMBER} 'Pump 2 stopped'",
        "",
        "Ctrl-C stops; the next start goes on with what is here. What happens from now on, one line each (UTC):",
        "",
    ]
    return "\n".join(line for line in lines if line is not None)


def _mail_command(programs: Path, host: str, port: int, account: str, pin: str, address: str) -> str:
    if shutil.which("swaks"):
        return (
            f"swaks --server {host}:{port} --auth-user {account} --auth-password {pin} --from you@example.com"
            f" --to={address} --header 'Subject: Alarm' --body 'Pump 2 stopped'"
        )
    return (
        f"{shlex.quote(str(programs / 'python'))} -m bridge.simulator.mailer --server {host}:{port}"
        f" --user {account} --password {pin} --to {address} --text 'Pump 2 stopped'"
    )
