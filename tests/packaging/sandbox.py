"""Runs a program under a systemd unit's restrictions, without systemd: sandbox.py UNIT... [--state FOLDER] -- PROGRAM

Reads the directives of the unit file and of the drop-ins named after it, and asks the kernel for what systemd.exec(5)
says each of them means. What only filters what a process may do (system calls, capabilities, limits) is always applied;
what changes what it sees (file systems, devices, users) needs root, and is applied when --state names the one folder
that it may write. Directives that only the service manager itself acts on (Type=, Restart= ...) are left alone.

The system call sets are those that the installed systemd-analyze prints, so they are the ones systemd would use.
"""

import argparse
import ctypes
import errno
import functools
import os
import re
import resource
import stat
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

ALLOW = 0x7FFF0000
NOT_EQUAL, LESS, EQUAL, GREATER, MASKED_EQUAL = 1, 2, 4, 6, 7
NAMESPACES = {
    "cgroup": 0x02000000,
    "ipc": 0x08000000,
    "net": 0x40000000,
    "mnt": 0x00020000,
    "pid": 0x20000000,
    "user": 0x10000000,
    "uts": 0x04000000,
}
FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10, "AF_NETLINK": 16, "AF_PACKET": 17}
FAMILY_MAX = 45
CAPABILITIES = {"CAP_NET_BIND_SERVICE": 10}
CAPABILITY_MAX = 40
PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT, PR_SET_MDWE = 24, 38, 47, 65
MS_REC, MS_BIND, MS_PRIVATE, MS_NOSUID_NOEXEC_NODEV = 0x4000, 0x1000, 0x40000, 0x2 | 0x4 | 0x8
SYS_MOUNT_SETATTR, AT_FDCWD, AT_RECURSIVE, MOUNT_ATTR_RDONLY = 442, -100, 0x8000, 1

libc = ctypes.CDLL(None, use_errno=True)


class Argument(ctypes.Structure):
    """libseccomp's struct scmp_arg_cmp: which argument of the call, compared how, with what."""

    _fields_ = (("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64))


def refuse(number: int) -> int:
    """libseccomp's action: the system call is not made and fails with this errno."""
    return 0x00050000 | number


def checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


class Filter:
    """One seccomp filter of this process and its children; filters add up and the strictest answer counts."""

    def __init__(self, default: int = ALLOW) -> None:
        self.seccomp = ctypes.CDLL("libseccomp.so.2")
        self.seccomp.seccomp_init.restype = ctypes.c_void_p
        self.context = ctypes.c_void_p(self.seccomp.seccomp_init(ctypes.c_uint32(default)))

    def add(self, action: int, call: str, *arguments: Argument) -> None:
        """A rule for one system call; a call that this machine's architecture does not have is passed over."""
        number = self.seccomp.seccomp_syscall_resolve_name(call.encode())
        if number < 0:
            return
        array = (Argument * len(arguments))(*arguments)
        result = self.seccomp.seccomp_rule_add_array(
            self.context, ctypes.c_uint32(action), number, ctypes.c_uint(len(arguments)), array
        )
        if result < 0:
            raise OSError(-result, f"seccomp rule for {call}: {os.strerror(-result)}")

    def load(self) -> None:
        result = self.seccomp.seccomp_load(self.context)
        if result < 0:
            raise OSError(-result, f"seccomp filter: {os.strerror(-result)}")


Unit = dict[str, list[str]]


def read_unit(paths: Iterable[str]) -> Unit:
    """Directive -> its values in order, of the [Service] sections; an empty value forgets the ones before it."""
    unit: Unit = {}
    for path in paths:
        section = ""
        for line in Path(path).read_text("utf-8").splitlines():
            if line.startswith("["):
                section = line.strip()
            elif section == "[Service]" and re.match(r"[A-Za-z0-9]+=", line):
                name, value = (part.strip() for part in line.split("=", 1))
                unit[name] = [*unit.get(name, []), value] if value else []
    return unit


def words(unit: Unit, name: str) -> list[str]:
    return " ".join(unit.get(name, [])).split()


def is_on(unit: Unit, name: str) -> bool:
    return unit.get(name, ["no"])[-1:] == ["yes"]


@functools.cache
def call_set(name: str) -> frozenset[str]:
    """The system calls of a set such as @system-service, with the sets inside it resolved."""
    listing = subprocess.run(["systemd-analyze", "syscall-filter", name], check=True, capture_output=True, text=True)
    lines = [line.strip() for line in listing.stdout.splitlines()[1:]]
    found: set[str] = set()
    for line in lines:
        if line and not line.startswith("#"):
            found |= call_set(line) if line.startswith("@") else {line}
    return frozenset(found)


def resolve(names: Iterable[str]) -> set[str]:
    return set().union(*(call_set(name) if name.startswith("@") else {name} for name in names))


def system_call_filter(unit: Unit) -> None:
    """An allow list; what systemd knows and the list lacks gets the errno, what it does not know yet ENOSYS."""
    allowed: set[str] = resolve(["@default"])
    for value in unit["SystemCallFilter"]:
        names = resolve(value.removeprefix("~").split())
        allowed = allowed - names if value.startswith("~") else allowed | names
    number = getattr(errno, unit.get("SystemCallErrorNumber", ["EPERM"])[-1])
    calls = Filter(refuse(errno.ENOSYS))
    for call in resolve(["@known"]) | allowed:
        calls.add(ALLOW if call in allowed else refuse(number), call)
    calls.load()


def deny(*names: str) -> Callable[[Unit], None]:
    def apply(unit: Unit) -> None:
        calls = Filter()
        for call in resolve(names):
            calls.add(refuse(errno.EPERM), call)
        calls.load()

    return apply


def restrict_address_families(unit: Unit) -> None:
    allowed = {FAMILIES[name] for name in words(unit, "RestrictAddressFamilies")}
    calls = Filter()
    for family in range(FAMILY_MAX + 1):
        if family not in allowed:
            calls.add(refuse(errno.EAFNOSUPPORT), "socket", Argument(0, EQUAL, family, 0))
    calls.add(refuse(errno.EAFNOSUPPORT), "socket", Argument(0, GREATER, FAMILY_MAX, 0))
    calls.load()


def restrict_namespaces(unit: Unit) -> None:
    calls = Filter()
    calls.add(refuse(errno.ENOSYS), "clone3")  # its flags lie in memory, where no filter can look
    calls.add(refuse(errno.EPERM), "setns", Argument(1, EQUAL, 0, 0))
    for flag in NAMESPACES.values():
        for call, position in (("unshare", 0), ("clone", 0), ("setns", 1)):
            calls.add(refuse(errno.EPERM), call, Argument(position, MASKED_EQUAL, flag, flag))
    calls.load()


def restrict_realtime(unit: Unit) -> None:
    calls = Filter()
    for policy in (os.SCHED_FIFO, os.SCHED_RR, 6):
        calls.add(refuse(errno.EPERM), "sched_setscheduler", Argument(1, EQUAL, policy, 0))
    calls.load()


def restrict_suid_sgid(unit: Unit) -> None:
    calls = Filter()
    calls.add(refuse(errno.ENOSYS), "openat2")
    for bit in (stat.S_ISUID, stat.S_ISGID):
        for call, position in (
            ("chmod", 1),
            ("fchmod", 1),
            ("fchmodat", 2),
            ("mkdir", 1),
            ("mkdirat", 2),
            ("creat", 1),
        ):
            calls.add(refuse(errno.EPERM), call, Argument(position, MASKED_EQUAL, bit, bit))
        for call, position in (("open", 1), ("openat", 2)):
            creates = Argument(position, MASKED_EQUAL, os.O_CREAT, os.O_CREAT)
            calls.add(refuse(errno.EPERM), call, creates, Argument(position + 1, MASKED_EQUAL, bit, bit))
    calls.load()


def lock_personality(unit: Unit) -> None:
    calls = Filter()
    calls.add(refuse(errno.EPERM), "personality", Argument(0, NOT_EQUAL, libc.personality(0xFFFFFFFF), 0))
    calls.load()


def memory_deny_write_execute(unit: Unit) -> None:
    """Both ways: the filter of systemd up to 252 and the kernel's own switch that newer ones use."""
    write, execute, shared_execute = 2, 4, 0o100000
    calls = Filter()
    calls.add(refuse(errno.EPERM), "mmap", Argument(2, MASKED_EQUAL, write | execute, write | execute))
    for call in ("mprotect", "pkey_mprotect"):
        calls.add(refuse(errno.EPERM), call, Argument(2, MASKED_EQUAL, execute, execute))
    calls.add(refuse(errno.EPERM), "shmat", Argument(2, MASKED_EQUAL, shared_execute, shared_execute))
    calls.load()
    if libc.prctl(PR_SET_MDWE, 1, 0, 0, 0) < 0 and ctypes.get_errno() != errno.EINVAL:  # EINVAL: before Linux 6.3
        checked(-1, "PR_SET_MDWE")


# In the order in which they are loaded: what sets up others comes first, the filter of all calls last.
FILTERS: dict[str, Callable[[Unit], None]] = {
    "RestrictAddressFamilies": restrict_address_families,
    "RestrictRealtime": restrict_realtime,
    "RestrictSUIDSGID": restrict_suid_sgid,
    "RestrictNamespaces": restrict_namespaces,
    "LockPersonality": lock_personality,
    "ProtectHostname": deny("sethostname", "setdomainname"),
    "ProtectClock": deny("@clock"),
    "ProtectKernelModules": deny("@module"),
    "ProtectKernelLogs": deny("syslog"),
    "PrivateDevices": deny("@raw-io"),
    "MemoryDenyWriteExecute": memory_deny_write_execute,
    "SystemCallFilter": system_call_filter,
}


def set_limits(unit: Unit) -> None:
    for name, values in unit.items():
        limit = getattr(resource, name.replace("Limit", "RLIMIT_"), None) if name.startswith("Limit") else None
        if limit is not None and values:
            _, hard = resource.getrlimit(limit)
            wanted = int(values[-1])
            resource.setrlimit(limit, (wanted, wanted) if hard == resource.RLIM_INFINITY else (min(wanted, hard),) * 2)


def drop_capabilities(unit: Unit) -> None:
    """Keeps only those of CapabilityBoundingSet=, and hands those of AmbientCapabilities= to the program."""
    bounding = {CAPABILITIES[name] for name in words(unit, "CapabilityBoundingSet")}
    ambient = {CAPABILITIES[name] for name in words(unit, "AmbientCapabilities")}
    if os.geteuid() == 0:
        for capability in set(range(CAPABILITY_MAX + 1)) - bounding:
            libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    kept = sum(1 << capability for capability in bounding) if os.geteuid() == 0 else 0
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    checked(libc.capset(header, (ctypes.c_uint32 * 6)(kept, kept, kept, 0, 0, 0)), "capset")
    for capability in ambient:
        checked(libc.prctl(PR_CAP_AMBIENT, 2, capability, 0, 0), "ambient capability")


def mount(source: str, target: str, kind: str, flags: int = 0, options: str = "") -> None:
    arguments = (source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), options.encode() or None)
    checked(libc.mount(*arguments), f"mount {target}")


def set_read_only(target: str, read_only: bool) -> None:
    bits = (0, MOUNT_ATTR_RDONLY)
    attributes = (ctypes.c_uint64 * 4)(*(reversed(bits) if read_only else bits), 0, 0)
    path = target.encode()
    checked(
        libc.syscall(SYS_MOUNT_SETATTR, AT_FDCWD, path, AT_RECURSIVE, ctypes.byref(attributes), ctypes.c_size_t(32)),
        f"mount attributes of {target}",
    )


def private_devices() -> None:
    nodes = ("null", "zero", "full", "random", "urandom", "tty")
    held = {name: os.open(f"/dev/{name}", os.O_PATH) for name in nodes}
    mount("tmpfs", "/dev", "tmpfs", 0x2 | 0x8, "mode=755,size=4m")
    for name, descriptor in held.items():
        Path("/dev", name).touch()
        mount(f"/proc/self/fd/{descriptor}", f"/dev/{name}", "", MS_BIND)
        os.close(descriptor)
    Path("/dev/shm").mkdir(mode=0o1777)
    mount("tmpfs", "/dev/shm", "tmpfs", 0x2 | 0x4, "mode=1777")
    Path("/dev/fd").symlink_to("/proc/self/fd")


def change_view(unit: Unit, state: str, visible: Iterable[str]) -> None:
    """The file systems, devices, users and names that the service sees. `visible` stays readable where it was."""
    checked(libc.unshare(NAMESPACES["mnt"] | NAMESPACES["ipc"] | NAMESPACES["uts"]), "unshare")
    mount("none", "/", "", MS_REC | MS_PRIVATE)
    held = {path: os.open(path, os.O_PATH) for path in sorted({*visible, state})}
    hidden = ["/tmp", "/var/tmp"] * is_on(unit, "PrivateTmp") + ["/root", "/home"] * is_on(unit, "ProtectHome")
    for target in hidden:
        mount("tmpfs", target, "tmpfs", 0x2 | 0x8, "mode=1777" if target.endswith("tmp") else "mode=755")
    for path, descriptor in held.items():
        Path(path).mkdir(parents=True, exist_ok=True)
        mount(f"/proc/self/fd/{descriptor}", path, "", MS_BIND | MS_REC)
        os.close(descriptor)
    if unit.get("ProtectSystem") == ["strict"]:
        set_read_only("/", read_only=True)
        for target in ("/dev", state, *(target for target in hidden if target.endswith("tmp"))):
            set_read_only(target, read_only=False)
        for path in set(held) - {state}:
            set_read_only(path, read_only=True)
    if is_on(unit, "PrivateDevices"):
        private_devices()
    options = [f"subset={unit['ProcSubset'][-1]}"] * ("ProcSubset" in unit)
    options += [f"hidepid={unit['ProtectProc'][-1]}"] * ("ProtectProc" in unit)
    mount("proc", "/proc", "proc", MS_NOSUID_NOEXEC_NODEV, ",".join(options))
    if is_on(unit, "PrivateUsers"):
        user, group = os.geteuid(), os.getegid()
        checked(libc.unshare(NAMESPACES["user"]), "unshare of the users")
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")


VIEW = {
    *("PrivateUsers", "ProtectSystem", "ProtectHome", "PrivateTmp", "PrivateDevices", "PrivateIPC", "ProtectProc"),
    *("ProcSubset", "ProtectHostname", "StateDirectory", "ProtectKernelTunables", "ProtectControlGroups"),
}
ALWAYS = {"NoNewPrivileges", "AmbientCapabilities", "CapabilityBoundingSet", "UMask", "SystemCallErrorNumber"}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("units", nargs="+")
    parser.add_argument("--state")
    parser.add_argument("--visible", action="append", default=[])
    options, program = parser.parse_args(sys.argv[1 : sys.argv.index("--")]), sys.argv[sys.argv.index("--") + 1 :]
    unit = read_unit(options.units)
    resolve(["@known", *(name for value in unit["SystemCallFilter"] for name in value.removeprefix("~").split())])
    if options.state:
        change_view(unit, options.state, options.visible)
        os.chdir(options.state)
    os.umask(int(unit["UMask"][-1], 8))
    set_limits(unit)
    drop_capabilities(unit)
    checked(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "NoNewPrivileges")
    for name, apply in FILTERS.items():
        if name in unit:
            apply(unit)
    os.execv(program[0], program)


if __name__ == "__main__":
    main()
