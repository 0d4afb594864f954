"""Failures of connections, in words."""

import pytest
from OpenSSL.SSL import Error as TlsError
from twisted.internet import error
from twisted.python.failure import Failure

from bridge.smpp_out.trouble import explain


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (error.ConnectionDone(), "closed"),
        (error.ConnectionLost(), "reset"),
        (error.ConnectionAborted(), "given up"),
        (error.ConnectionRefusedError(), "nothing listens there"),
        (error.DNSLookupError("no such host"), "cannot be resolved"),
        (error.TimeoutError(), "no answer"),
        (error.TCPTimedOutError(), "no answer"),
        (error.NoRouteError(), "no route"),
        (error.ConnectError(string="[Failure instance: Traceback\n...]"), "could not be made"),
        (TlsError([("SSL routines", "", "certificate verify failed")]), "TLS failed: certificate verify failed"),
        (ValueError("something else"), "something else"),
        (ValueError(), "ValueError"),
    ],
)
def test_a_failure_is_a_phrase(failure: Exception, words: str) -> None:
    phrase = explain(Failure(failure))
    assert words in phrase
    assert "\n" not in phrase
    assert "Traceback" not in phrase
