"""The command `smsbridge`."""

from bridge.app.cli import cli


def main() -> None:
    """Entry point of the installed command, and of `python -m bridge.app.main`."""
    cli()


if __name__ == "__main__":
    main()
