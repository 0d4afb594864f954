# bootstrap.sh - makes .venv beside itself and installs the pinned packages and smsbridge into it.
#
# `run` and `test` source this file and call `bootstrap run` or `bootstrap test`. Run by itself it only installs:
#     sh /opt/smsbridge/bootstrap.sh
# Nothing outside this folder is touched, but for one thing: when Python cannot make virtual environments and we are
# root, python3-venv is installed with apt-get. SMSBRIDGE_PYTHON names another interpreter than the python3 of the PATH.
#
# What was installed is stamped inside .venv. A stamp that fits means: start at once. The stamps are taken away before
# anything is changed and written last, so an installation that was cut short has none and is made again from nothing.

here=${here:-$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)}
venv=$here/.venv

say() {
    printf 'smsbridge: %s\n' "$*" >&2
}

stop() {
    say "$*"
    exit 1
}

# Where .venv lives and what it is made from: a moved checkout or another Python needs a new one.
venv_stamp() {
    printf '%s\n' "$here" "$(uname -m)" "$(readlink -f -- "$venv/bin/python")"
}

# What `bootstrap $1` installs.
install_stamp() {
    (cd -- "$here" && cat -- "$(lock_of "$1")" setup.cfg pyproject.toml bootstrap.sh | sha256sum)
}

lock_of() {
    case $1 in
        run) echo requirements.lock ;;
        test) echo requirements-test.lock ;;
    esac
}

has_venv() {
    [ -x "$venv/bin/python" ] && [ "$(cat -- "$venv/stamp-venv" 2>/dev/null)" = "$(venv_stamp)" ]
}

is_installed() {
    has_venv && [ -x "$venv/bin/smsbridge" ] && [ "$(cat -- "$venv/stamp-$1" 2>/dev/null)" = "$(install_stamp "$1")" ]
}

# Sets $python to the first interpreter that is new enough.
find_python() {
    if [ -n "${SMSBRIDGE_PYTHON:-}" ]; then
        set -- "$SMSBRIDGE_PYTHON"
    else
        set -- python3 python3.13 python3.12 python3.11
    fi
    seen=
    for candidate do
        found=$("$candidate" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null) || continue
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
            python=$(command -v -- "$candidate")
            python_version=$found
            return
        fi
        seen="$seen $candidate is Python $found;"
    done
    if [ -z "$seen" ]; then
        stop "no Python found. Python 3.11 or newer is needed: apt-get install -y python3 python3-venv"
    fi
    stop "Python 3.11 or newer is needed, but$seen Debian 12 and later have it." \
        "Another interpreter can be named: SMSBRIDGE_PYTHON=/path/to/python3.11 $0"
}

# Debian keeps what `python3 -m venv` needs in a package of its own, which a fresh machine lacks.
need_venv_module() {
    "$python" -c 'import ensurepip, venv' 2>/dev/null && return
    command='apt-get install -y python3-venv'
    case $python in
        /usr/bin/*) ;;
        *) stop "$python has no ensurepip module, so it cannot make .venv. Use one that has, for example Debian's:" \
            "SMSBRIDGE_PYTHON=/usr/bin/python3 $0 (after: $command)" ;;
    esac
    if [ "$(id -u)" -ne 0 ]; then
        say "Python cannot make virtual environments yet: the package python3-venv is missing."
        say "This one command, as root, fixes it; then start again:"
        say "    $command"
        exit 1
    fi
    say "python3-venv is missing; running: $command"
    if ! LC_ALL=C apt-cache policy python3-venv 2>/dev/null | grep -q 'Candidate: [0-9]'; then
        say "the package lists are empty; running first: apt-get update"
        apt-get -qq update >/dev/null || stop "apt-get update failed"
    fi
    apt_install python3-venv || { apt-get -qq update >/dev/null && apt_install python3-venv; } || stop "failed: $command"
    "$python" -c 'import ensurepip, venv' || stop "python3-venv is installed, but $python still has no ensurepip"
}

# A fresh cloud machine updates itself at its first boot: wait for dpkg's lock rather than fail. Quiet, unless it fails.
apt_install() {
    noise=$(DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 \
        install -y "$@" </dev/null 2>&1) && return
    printf '%s\n' "$noise" >&2
    return 1
}

# pip, kept inside .venv: no cache or temporary file elsewhere, no user's setting that installs somewhere else.
# What it complains about is shown only when it fails.
venv_pip() {
    mkdir -p -- "$venv/tmp"
    env -u PIP_TARGET -u PIP_PREFIX -u PIP_ROOT -u PIP_USER -u PIP_REQUIREMENT -u PIP_EDITABLE \
        TMPDIR="$venv/tmp" PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
        PIP_ROOT_USER_ACTION=ignore PIP_PROGRESS_BAR=off \
        "$venv/bin/python" -I -u -m pip "$@" </dev/null 2>"$venv/tmp/complaints" && return
    cat -- "$venv/tmp/complaints" >&2
    return 1
}

# Reads pip's output and prints the names of the packages as they come in.
show_names() {
    column=0
    while read -r word name rest; do
        case $word in
            Collecting) name=${name%%==*} ;;
            Processing) name=${name##*/} name=${name%%-[0-9]*} ;;
            Installing) : >"$venv/tmp/changing" && continue ;;
            *) continue ;;
        esac
        column=$((column + ${#name} + 1))
        if [ "$column" -gt 100 ]; then
            printf '\n' >&2
            column=${#name}
        fi
        printf ' %s' "$name" >&2
    done
    [ "$column" -eq 0 ] || printf '\n' >&2
}

# Only wheels, each with its hash: nothing is compiled here and nothing but the reviewed files is installed.
install_lock() {
    rm -f -- "$venv/tmp/failed" "$venv/tmp/changing"
    { venv_pip install --require-hashes --only-binary :all: -r "$1" || : >"$venv/tmp/failed"; } | show_names
    [ ! -e "$venv/tmp/failed" ]
}

make_venv() {
    find_python
    need_venv_module
    say "making .venv with Python $python_version ($python)"
    rm -rf -- "$venv"
    "$python" -m venv -- "$venv" || stop "$python -m venv failed"
    # First pip alone: an old pip that replaces itself half-way through a long list may stumble.
    sed -n '/^pip==/,/[^\\]$/p' "$here/requirements.lock" >"$venv/pip.lock"
    install_lock "$venv/pip.lock" || stop "could not install pip. Is a package index reachable from here?"
}

install_all() {
    lock=$(lock_of "$1")
    [ -w "$here" ] || stop "cannot write in $here, where .venv belongs"
    trap 'printf "\n" >&2; say "cut short; the next start makes .venv anew"; exit 130' INT TERM HUP
    unset PYTHONPATH PYTHONHOME
    if ! has_venv; then
        make_venv
    fi
    rm -f -- "$venv"/stamp-*
    say "installing the $(grep -c '^[^ #]*==' "$here/$lock") pinned packages of $lock"
    if ! install_lock "$here/$lock"; then
        # pip downloads everything before it changes anything: what was there before is still whole.
        [ -e "$venv/tmp/changing" ] || venv_stamp >"$venv/stamp-venv"
        stop "could not install $lock. Is a package index reachable from here?"
    fi
    venv_pip install --quiet --no-index --no-deps --no-build-isolation --editable "$here" ||
        stop "could not install smsbridge itself from $here"
    rm -rf -- "$venv/tmp" "$venv/pip.lock"
    # What the tests need includes what the appliance needs, pinned to the same versions.
    install_stamp run >"$venv/stamp-run"
    [ "$1" != test ] || install_stamp test >"$venv/stamp-test"
    venv_stamp >"$venv/stamp-venv"
    trap - INT TERM HUP
    say "installed"
}

# bootstrap run|test: afterwards $venv holds everything that ./run or ./test needs.
bootstrap() {
    is_installed "$1" && return
    exec 9<"$here/bootstrap.sh"
    if command -v flock >/dev/null 2>&1 && ! flock -n 9; then
        say "another start is installing; waiting for it"
        flock 9
    fi
    is_installed "$1" || install_all "$1"
    exec 9<&-
}

case ${0##*/} in
    bootstrap.sh)
        set -eu
        bootstrap run
        ;;
esac
