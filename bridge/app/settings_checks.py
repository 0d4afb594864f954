"""What no single setting can know: clashes between settings, and files that are not as they must be.

Nothing is opened for writing and no socket is made: a check may run beside the running appliance.
"""

import ipaddress
import itertools
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bridge.app import settings_files as files
from bridge.app.config_errors import Finding, Loc, shown, words_of
from bridge.app.control_frames import SOCKET_NAME, SOCKET_PATH_MAX
from bridge.app.settings import Settings
from bridge.app.state_folder import network_file_system
from bridge.messages.message import TEST_LINK

SMPP_PASSWORD_MAX = 8
"""Characters of a password in SMPP 3.4, 4.1.1 (nine octets with the final zero)."""
DOMAIN_LENGTH_MAX = 253
CLASHES_MAX = 3
"""Listeners named for one that clashes: the first may be left out because it is wrong itself."""

_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE)
_ANY_ADDRESSES = ("0.0.0.0", "::", "")  # noqa: S104  compared with, never bound


@dataclass(frozen=True, slots=True)
class _Listener:
    loc: Loc
    address: str
    port: int


def check(settings: Settings) -> list[Finding]:
    """Everything that is wrong or odd with settings that are each good by themselves."""
    return [
        *_clashes(settings),
        *_names(settings),
        *_domains(settings),
        *files.secrets(settings, ()),
        *_password_lengths(settings),
        *files.tls(settings.smtp, "smtp", any(listen.tls != "none" for listen in settings.smtp.listen)),
        *files.tls(settings.http, "http", any(listen.tls for listen in settings.http.listen)),
        *files.tls(settings.smpp, "smpp", any(listen.tls for listen in settings.smpp.listen)),
        *(files.tls(settings.simulator, "simulator", False) if settings.simulator else ()),
        *files.authorities(settings.links),
        *files.authority(settings.smpp.client_ca_file, ("smpp", "client_ca_file")),
        *_state_folder(settings.state_folder),
    ]


def _listeners(settings: Settings) -> Iterator[_Listener]:
    for index, smtp in enumerate(settings.smtp.listen):
        yield _Listener(("smtp", "listen", index), smtp.address, smtp.port)
    for index, http in enumerate(settings.http.listen):
        yield _Listener(("http", "listen", index), http.address, http.port)
    for index, smpp in enumerate(settings.smpp.listen):
        yield _Listener(("smpp", "listen", index), smpp.address, smpp.port)
    if settings.simulator:
        yield _Listener(("simulator",), settings.simulator.address, settings.simulator.port)
    if settings.mail_sink:
        yield _Listener(("mail_sink",), settings.mail_sink.address, settings.mail_sink.port)


def _clashes(settings: Settings) -> Iterator[Finding]:
    seen: dict[int, list[_Listener]] = {}
    for listener in _listeners(settings):
        others = seen.setdefault(listener.port, [])
        clashing = (other for other in others if listener.port and _share_an_address(listener.address, other.address))
        for other in itertools.islice(clashing, CLASHES_MAX):
            wrong = f"port {listener.port} is taken by {words_of(other.loc)}"
            yield Finding((*listener.loc, "port"), wrong, "give each listener a port of its own", also=other.loc)
        others.append(listener)


def _share_an_address(one: str, other: str) -> bool:
    if one == other:
        return True
    if one not in _ANY_ADDRESSES and other not in _ANY_ADDRESSES:
        return False
    # :: takes IPv4 too on Linux, unless told otherwise; 0.0.0.0 leaves IPv6 alone.
    return not ("0.0.0.0" in (one, other) and any(_is_ipv6(a) and a != "::" for a in (one, other)))  # noqa: S104


def _is_ipv6(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).version == 6
    except ValueError:
        return False


def _names(settings: Settings) -> Iterator[Finding]:
    first: dict[str, int] = {}
    for index, link in enumerate(settings.links):
        if link.name in first:
            other: Loc = ("links", first[link.name], "name")
            wrong = f'"{link.name}" is already the name of {words_of(other[:-1])}'
            yield Finding(("links", index, "name"), wrong, "give each link a name of its own", also=other)
        if link.name == TEST_LINK:
            wrong = f'"{TEST_LINK}" is the name of the built-in link for test numbers'
            yield Finding(("links", index, "name"), wrong, "give the link another name")
        first.setdefault(link.name, index)


def _domains(settings: Settings) -> Iterator[Finding]:
    names: list[tuple[Loc, str]] = [(("domain",), settings.domain)]
    if settings.smtp.domains != [settings.domain]:
        names += [(("smtp", "domains", index), name) for index, name in enumerate(settings.smtp.domains)]
    for loc, name in names:
        if not _is_domain(name):
            yield Finding(loc, f"{shown(name)} is not a domain name", "write one like sms.example.org")
    known = {name.lower() for name in settings.smtp.domains}
    if known and settings.domain.lower() not in known:
        wrong = f'"{settings.domain}", our own domain, is not in the list'
        yield Finding(("smtp", "domains"), wrong, "add it, or answers to our mails are refused", is_warning=True)


def _is_domain(name: str) -> bool:
    labels = name.split(".")
    return len(name) <= DOMAIN_LENGTH_MAX and all(_LABEL.fullmatch(label) for label in labels)


def _password_lengths(settings: Settings) -> Iterator[Finding]:
    for index, link in enumerate(settings.links):
        try:
            length = len(link.secret())
        except (OSError, ValueError):
            continue
        if link.kind == "smpp" and length > SMPP_PASSWORD_MAX:
            name = "password" if link.password is not None else "password_file"
            wrong = f"the password has {length} characters, SMPP allows {SMPP_PASSWORD_MAX}"
            right = "some carriers take it all the same; else ask for a shorter one"
            yield Finding(("links", index, name), wrong, right, is_warning=True)


def _state_folder(folder: Path) -> Iterator[Finding]:
    loc: Loc = ("state_folder",)
    if len(os.fsencode(folder.absolute() / SOCKET_NAME)) > SOCKET_PATH_MAX:
        most = SOCKET_PATH_MAX - len(SOCKET_NAME) - 1
        yield Finding(loc, "the path is too long for the control socket in it", f"at most {most} octets fit")
    above = folder.absolute()
    while not _is_seen(above) and above != above.parent:
        above = above.parent
    if not above.is_dir():
        yield Finding(loc, f"{above} is not a folder", "name a folder, or one that can be made")
    elif not os.access(above, os.W_OK | os.X_OK, effective_ids=True):
        yield Finding(loc, f"this user may not write to {above}", "chown it, or choose another folder")
    if network := network_file_system(folder):
        wrong = f"{folder} is on a network file system ({network})"
        yield Finding(loc, wrong, "choose a folder on a local disk: the ledger needs real locks and shared memory")


def _is_seen(path: Path) -> bool:
    """Whether this user can tell that it exists."""
    try:
        return path.exists()
    except OSError:
        return False
