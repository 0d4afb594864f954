"""How a refusal is told: on standard error as `smsbridge: what; what to do next`, with a code of sysexits(3)."""

from collections.abc import Callable
from typing import Any, NoReturn

import click

from bridge.app.cli.printing import clean
from bridge.app.config_errors import ConfigErrors
from bridge.messages.faults import TEMPORARY, Fault, FaultCode

EX_USAGE, EX_DATA, EX_UNAVAILABLE, EX_TEMPORARY, EX_PERMISSION, EX_CONFIG = 64, 65, 69, 75, 77, 78
EX_INTERRUPTED = 130

NEXT_STEPS: dict[FaultCode, str] = {
    FaultCode.BAD_CREDENTIALS: "check the account and its PIN",
    FaultCode.NOT_ALLOWED_HERE: "use sudo, or join the group of the control socket; a PIN needs TLS or its network",
    FaultCode.ACCOUNT_DISABLED: "`smsbridge account enable NAME` lets it in again, unless it was closed",
    FaultCode.UNTRUSTED_SENDER: "`smsbridge account allow-network NAME NETWORK` binds a network to an account",
    FaultCode.FOREIGN_DOMAIN: "`smtp.domains` in the configuration lists our domains",
    FaultCode.BAD_REQUEST: "correct it and try again",
    FaultCode.BAD_RECIPIENT: "write it like 46701740605: country code first, digits only",
    FaultCode.KIND_REFUSED: "`intake.refused_kinds` in the configuration lists what is refused",
    FaultCode.NO_RECIPIENT: "name at least one number",
    FaultCode.TOO_MANY_RECIPIENTS: "split the list",
    FaultCode.OPTED_OUT: "only the recipient can take that back",
    FaultCode.BAD_ORIGINATOR: "write a number, or at most 11 letters and digits",
    FaultCode.EMPTY_TEXT: "write a text",
    FaultCode.TOO_MANY_PARTS: "shorten the text, or raise `intake.parts_max` in the configuration",
    FaultCode.MESSAGE_TOO_LARGE: "ask for less at a time",
    FaultCode.UNREADABLE_MESSAGE: "send it as plain text",
    FaultCode.NO_ROUTE: "`smsbridge route list` shows what is served, `smsbridge tariff list` what has a price",
    FaultCode.NO_CREDIT: "`smsbridge account top-up NAME AMOUNT` adds credit; then send again",
    FaultCode.NOT_FOUND: "the `list` commands show what there is",
    FaultCode.ALREADY_EXISTS: "the `list` commands show what there is",
    FaultCode.KEY_REUSED: "give every submission a key of its own",
    FaultCode.TOO_LATE: "`smsbridge message show ID` tells where it is",
    FaultCode.TOO_FAST: "wait a moment and try again",
    FaultCode.QUEUE_FULL: "`smsbridge queue` shows what waits",
    FaultCode.DISK_FULL: "`smsbridge status` shows how much room there must be: free some",
    FaultCode.TRY_LATER: "if it stays so, read the log",
}
"""Fault -> what the operator can do about it."""

_NEXT_STEPS_BY_KIND = {
    (FaultCode.NOT_FOUND, "account"): "`smsbridge account list` shows them all",
    (FaultCode.NOT_FOUND, "message"): "`smsbridge message list` shows the newest",
    (FaultCode.NOT_FOUND, "refusal"): "`smsbridge refusal list` shows the newest",
    (FaultCode.NOT_FOUND, "link"): "`smsbridge link list` shows them all",
    (FaultCode.ALREADY_EXISTS, "account"): "choose another name",
    (FaultCode.ALREADY_EXISTS, "network"): "name another one; a network belongs to one account",
    (FaultCode.ALREADY_EXISTS, "number"): "`smsbridge number list` shows whose it is",
}
"""The same, where the first word of the detail says what it is about."""
_SELF_EXPLAINING = (FaultCode.BAD_REQUEST, FaultCode.BAD_RECIPIENT, FaultCode.BAD_ORIGINATOR)
"""Faults whose detail says what would be right."""
_PERMISSION_FAULTS = (FaultCode.BAD_CREDENTIALS, FaultCode.NOT_ALLOWED_HERE)


class Refused(click.ClickException):
    """A command that could not be carried out."""

    def __init__(self, exit_code: int, what: str, next_step: str) -> None:
        super().__init__(f"{what}; {next_step}" if next_step else what)
        self.code = exit_code


def exit_code_of(code: FaultCode) -> int:
    """The exit code of a command that was refused with this fault."""
    if code in _PERMISSION_FAULTS:
        return EX_PERMISSION
    return EX_TEMPORARY if code in TEMPORARY else EX_DATA


def fail(exit_code: int, what: str, next_step: str) -> NoReturn:
    """End the command with a refusal."""
    raise Refused(exit_code, what, next_step)


def exit_code_told(main: Callable[[], Any]) -> int:
    """Run a command line; its exit code, when its refusal was told."""
    try:
        result = main()
        return result if isinstance(result, int) else 0
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return EX_USAGE
    except click.UsageError as error:
        _tell(_lowered(error.format_message().rstrip(".")), f"see {_help_of(error)}")
        return EX_USAGE
    except Refused as error:
        _tell(error.format_message(), "")
        return error.code
    except click.ClickException as error:
        _tell(error.format_message(), "")
        return EX_USAGE
    except ConfigErrors as errors:
        click.echo(str(errors), err=True)
        return EX_CONFIG
    except Fault as fault:
        _tell(_words_of(fault), _next_step(fault))
        return exit_code_of(fault.code)
    except (click.Abort, KeyboardInterrupt):
        return EX_INTERRUPTED


def _words_of(fault: Fault) -> str:
    """What was refused, for the person at the keyboard: the public sentences are written for programs and peers."""
    detail = fault.detail
    if detail and fault.code is FaultCode.BAD_REQUEST:
        return detail
    if detail and fault.code is FaultCode.NOT_FOUND:
        return f"there is no {detail}"
    if detail and fault.code is FaultCode.ALREADY_EXISTS:
        return detail
    return _lowered(fault.sentence)


def _lowered(sentence: str) -> str:
    """As all of our refusals begin; what begins with several capitals is a name."""
    return sentence[:1].lower() + sentence[1:] if sentence[1:2].islower() else sentence


def _next_step(fault: Fault) -> str:
    if fault.detail and fault.code in _SELF_EXPLAINING:
        return ""
    kind = fault.detail.partition(" ")[0]
    return _NEXT_STEPS_BY_KIND.get((fault.code, kind), NEXT_STEPS[fault.code])


def _tell(what: str, next_step: str) -> None:
    message = clean(" ".join(what.split()))
    click.echo(f"smsbridge: {message}" + (f"; {next_step}" if next_step else ""), err=True)


def _help_of(error: click.UsageError) -> str:
    return f"`{error.ctx.command_path} --help`" if error.ctx else "`smsbridge --help`"
