"""Why a connection failed or ended, in words for people."""

from twisted.internet import error
from twisted.python.failure import Failure


def explain(failure: Failure) -> str:
    """One phrase for what Twisted reports; never a trace, never a class name where a phrase will do."""
    value = failure.value
    if failure.check(error.ConnectionDone):
        return "the peer closed the connection"
    if failure.check(error.ConnectionAborted):
        return "the connection was given up"
    if failure.check(error.ConnectionLost):
        return "the connection was reset"
    if failure.check(error.ConnectionRefusedError):
        return "connection refused: nothing listens there"
    if failure.check(error.DNSLookupError):
        return "the host name cannot be resolved"
    if failure.check(error.TimeoutError, error.TCPTimedOutError):
        return "no answer to the connection attempt"
    if failure.check(error.NoRouteError):
        return "no route to the host"
    if failure.check(error.ConnectError):
        return "the connection could not be made"
    if type(value).__module__.startswith(("OpenSSL", "service_identity")):
        return f"TLS failed: {_tls_reason(value)}"
    return str(value) or type(value).__name__


def _tls_reason(value: BaseException | None) -> str:
    """What OpenSSL or the host name check says, flattened: [("SSL routines", "", "certificate verify failed")]."""
    first = value.args[0] if value is not None and value.args else None
    if isinstance(first, list) and first:
        return ", ".join(str(entry[-1]) for entry in first if isinstance(entry, tuple) and entry)
    if type(value).__module__.startswith("service_identity"):
        return "the certificate is not for this host"
    return str(value) or type(value).__name__
