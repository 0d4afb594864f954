"""Sends one mail to the e-mail door and shows the conversation, for people without swaks.

    python -m bridge.simulator.mailer --server 127.0.0.1:2525 --user demo --password PIN \\
        --to 46701740605@sms.localhost --text "Pump 3 stopped"

Exit status 0 when the mail was accepted for at least one recipient, 1 when it was refused, 2 for a
command line that makes no sense.
"""

import argparse
import smtplib
import sys
from collections.abc import Sequence
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

TIMEOUT_S = 60.0


class Refused(Exception):
    """The server said no, and its words have been shown."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; gives the exit status."""
    options = _parser().parse_args(arguments)
    host, _, port = options.server.rpartition(":")
    if not host or not port.isdigit():
        print(f"--server {options.server}: write it like 127.0.0.1:2525", file=sys.stderr)
        return 2
    try:
        _send(host.strip("[]"), int(port), options)
    except Refused:
        return 1
    except (OSError, UnicodeError, smtplib.SMTPException) as error:
        print(f"{options.server}: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bridge.simulator.mailer", description="Send one mail to the e-mail door and show what it says."
    )
    parser.add_argument("--server", required=True, metavar="HOST:PORT", help="the e-mail door")
    parser.add_argument("--user", default="", metavar="ACCOUNT", help="account to log in as; without: no login")
    parser.add_argument("--password", default="", metavar="PIN", help="its PIN or mail secret")
    parser.add_argument("--to", required=True, action="append", metavar="NUMBER@DOMAIN", help="may be given again")
    parser.add_argument("--from", dest="sender", default="you@example.com", metavar="ADDRESS", help="who gets reports")
    parser.add_argument("--subject", default="SMS", help="subject of the mail; reports repeat it")
    parser.add_argument("--text", required=True, help="what the SMS shall say")
    parser.add_argument("--tls", action="store_true", help="STARTTLS first; the certificate is not verified")
    return parser


def _send(host: str, port: int, options: argparse.Namespace) -> None:
    print(f"   connecting to {host}:{port}")
    with smtplib.SMTP(local_hostname="mailer.localhost", timeout=TIMEOUT_S) as client:
        _step("", client.connect(host, port))
        _step("EHLO", client.ehlo())
        if options.tls:
            _step("STARTTLS", client.starttls())
            _step("EHLO", client.ehlo())
        if options.user:
            _log_in(client, options.user, options.password)
        _step(f"MAIL FROM:<{options.sender}>", client.mail(options.sender))
        taken = [to for to in options.to if _show(f"RCPT TO:<{to}>", client.rcpt(to))]
        if not taken:
            raise Refused
        mail = _mail(options)
        print("-> DATA\n" + "".join(f"-> {line}\n" for line in mail.decode("ascii").splitlines()) + "-> .")
        _step("", client.data(mail))
        _show("QUIT", client.quit())


def _mail(options: argparse.Namespace) -> bytes:
    mail = EmailMessage()
    mail["From"] = options.sender
    mail["To"] = ", ".join(options.to)
    mail["Subject"] = options.subject
    mail["Date"] = formatdate()
    mail["Message-ID"] = make_msgid(domain="mailer.localhost")
    mail.set_content(options.text, cte="7bit" if options.text.isascii() else "quoted-printable")
    return mail.as_bytes()


def _log_in(client: smtplib.SMTP, user: str, password: str) -> None:
    command = f"AUTH (as {user}, secret not shown)"
    try:
        _step(command, client.login(user, password))
    except smtplib.SMTPAuthenticationError as error:
        _step(command, (error.smtp_code, error.smtp_error))


def _step(command: str, answer: tuple[int, bytes | str]) -> None:
    if not _show(command, answer):
        raise Refused


def _show(command: str, answer: tuple[int, bytes | str]) -> bool:
    """Print a command and its answer; whether the server agreed."""
    if command:
        print(f"-> {command}")
    code, said = answer
    text = said if isinstance(said, str) else said.decode("utf-8", "replace")
    for line in text.splitlines() or [""]:
        print(f"<- {code} {line}")
    return code < 400


if __name__ == "__main__":
    sys.exit(main())
