"""Which version this is."""

from importlib import metadata


def version() -> str:
    """The version of the installed distribution; "0" when it runs from a folder that was never installed."""
    try:
        return metadata.version("smsbridge")
    except metadata.PackageNotFoundError:
        return "0"
