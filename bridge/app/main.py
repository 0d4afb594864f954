"""The command `smsbridge`."""

import os

from bridge.app.cli.program import cli


def main() -> None:
    """Entry point of the installed command, and of `python -m bridge.app.main`."""
    # The ledger holds texts and numbers: what we make is never for everybody, whatever the shell allows.
    os.umask(os.umask(0o077) | 0o027)
    cli()


if __name__ == "__main__":
    main()
