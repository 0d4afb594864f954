"""The two lock files: every package pinned with hashes, nothing older than its last known hole, nothing left out.

The floors are the first versions in which a weakness that could be used against this appliance is gone. Raise a floor
when another one becomes known, and say what it was; `tests/tools/lock --upgrade-package NAME` moves the pin.
"""

import configparser
import importlib.metadata
import re
import tomllib
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]

# name -> (first version without the weaknesses, what they were)
FLOORS = {
    "aiosmtpd": ("1.4.6", "CVE-2024-27305 mail smuggled past the end of DATA; CVE-2024-34083 commands before STARTTLS"),
    "aiosmtplib": ("5.1.1", "CVE-2026-55558 line breaks in command arguments become commands to the relay"),
    "twisted": (
        "26.4.0",
        "CVE-2026-42304 one DNS answer ties up the process; CVE-2024-41671 pipelined requests out of order; "
        "CVE-2024-41810 HTML in redirects; CVE-2023-46137 and CVE-2022-24801 smuggled requests; CVE-2022-39348 Host",
    ),
    "cryptography": (
        "50.0.0",
        "CVE-2026-69247 (44 to 49); CVE-2026-39892 (before 46.0.7); CVE-2026-34073 (before 46.0.6); "
        "CVE-2026-26007 (before 46.0.5)",
    ),
    "pyopenssl": ("26.0.0", "CVE-2026-27448 an exception in the SNI callback let the peer in; CVE-2026-27459"),
    "pyyaml": ("6.0.3", "CVE-2020-14343 and CVE-2020-1747 code run while loading (gone in 5.4); 6.0.3 builds on 3.13"),
    "jinja2": ("3.1.6", "CVE-2025-27516, CVE-2024-56201, CVE-2024-56326 out of the sandbox; CVE-2024-34064, -22195"),
    "dnspython": ("2.9.0", "CVE-2026-114605 one answer ties up the process; CVE-2023-29483 forged answers"),
    "treq": ("22.1.0", "cookies sent on to the wrong host"),
    "smpplib": ("2.2.4", "no hole known; its reader trusts the peer's lengths and only ever reads our own simulator"),
}
# Only in the test lock: SQLite 3.7.0 to 3.51.2 can lose data when two connections write and checkpoint at once, and
# CVE-2025-6965 was in it before 3.50.2. The crash tests must not fail for SQLite's own reasons.
TEST_FLOORS = {"apsw": ("3.51.3.0", "SQLite's WAL-reset bug; CVE-2025-6965")}

PIN = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9.-]*)==(?P<version>[^ ;]+)(?: ; (?P<marker>[^\\]+?))?(?: --hash=sha256:[0-9a-f]{64})+"
)


def pins(name: str) -> dict[str, tuple[Version, str]]:
    """Every package of a lock file with its version and marker; AssertionError for a line that is no pin."""
    found: dict[str, tuple[Version, str]] = {}
    text = re.sub(r"^#.*\n", "", (ROOT / name).read_text("utf-8"), flags=re.MULTILINE)
    for line in re.sub(r" *\\\n *", " ", text).splitlines():
        pin = PIN.fullmatch(line)
        assert pin, f"{name}: not a pinned package with hashes: {line[:100]}"
        assert pin["name"] not in found, f"{name}: {pin['name']} is there twice"
        found[pin["name"]] = (Version(pin["version"]), pin["marker"] or "")
    return found


def setup_cfg() -> configparser.ConfigParser:
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg", encoding="utf-8")
    return settings


def requirements(text: str) -> list[Requirement]:
    return [Requirement(line) for line in text.splitlines() if line.strip()]


def wanted(requirement: Requirement, extras: set[str]) -> bool:
    """Whether this interpreter needs it, with these extras of the package that names it."""
    return requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in extras or {""})


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-test.lock"])
def test_nothing_but_pins_with_hashes(lock: str) -> None:
    assert len(pins(lock)) > 30


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-test.lock"])
def test_no_package_is_older_than_its_last_known_hole(lock: str) -> None:
    floors = FLOORS if lock == "requirements.lock" else FLOORS | TEST_FLOORS
    locked = pins(lock)
    too_old = [
        f"{name} {locked[name][0]} is older than {floor}: {weakness}"
        for name, (floor, weakness) in floors.items()
        if name in locked and locked[name][0] < Version(floor)
    ]
    assert not too_old


def test_the_floors_speak_of_packages_that_are_locked() -> None:
    not_used_yet = {"jinja2", "dnspython", "treq"}
    assert set(FLOORS) - not_used_yet <= set(pins("requirements.lock"))
    assert set(TEST_FLOORS) <= set(pins("requirements-test.lock"))


def test_both_locks_hold_the_same_versions() -> None:
    runtime, test = pins("requirements.lock"), pins("requirements-test.lock")
    assert runtime == {name: test.get(name) for name in runtime}


def test_the_locks_satisfy_setup_cfg() -> None:
    settings = setup_cfg()
    runtime = requirements(settings["options"]["install_requires"])
    test = requirements(settings["options.extras_require"]["test"])
    assert len(runtime) > 10
    assert len(test) > 5
    for lock, needed in (("requirements.lock", runtime), ("requirements-test.lock", runtime + test)):
        locked = pins(lock)
        for requirement in needed:
            name = canonicalize_name(requirement.name)
            assert name in locked, f"{lock} lacks {requirement}; run tests/tools/lock"
            assert locked[name][0] in requirement.specifier, (
                f"{lock}: {name} {locked[name][0]} does not fit {requirement}"
            )


def test_what_builds_the_project_is_locked_too() -> None:
    """The project is installed without build isolation, so setuptools must come from the lock."""
    build = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["build-system"]["requires"]
    needed = {canonicalize_name(one.name): one.specifier for one in map(Requirement, build)}
    assert "setuptools" in needed
    assert all(pins("requirements.lock")[name][0] in specifier for name, specifier in needed.items())


def test_what_the_locked_packages_need_is_locked_too() -> None:
    """Follows what the installed packages themselves declare, from setup.cfg's requirements down."""
    locked = pins("requirements-test.lock")
    settings = setup_cfg()
    waiting = requirements(settings["options"]["install_requires"] + settings["options.extras_require"]["test"])
    followed: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        assert name in locked, f"{requirement} is needed but not locked"
        assert locked[name][0] in requirement.specifier, f"{name} {locked[name][0]} does not fit {requirement}"
        if (name, frozenset(requirement.extras)) not in followed:
            followed.add((name, frozenset(requirement.extras)))
            declared = [Requirement(line) for line in importlib.metadata.requires(name) or []]
            waiting += [needed for needed in declared if wanted(needed, requirement.extras)]
    assert len({name for name, _ in followed}) > 40


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_one_lock_serves_every_python(python: str) -> None:
    """A marker may leave out what another interpreter needs, but nothing that setup.cfg names."""
    environment = {"python_version": python, "python_full_version": f"{python}.0", "implementation_name": "cpython"}
    locked = pins("requirements.lock")
    left_out = {name for name, (_, marker) in locked.items() if marker and not Marker(marker).evaluate(environment)}
    named = {canonicalize_name(one.name) for one in requirements(setup_cfg()["options"]["install_requires"])}
    assert not named & left_out
