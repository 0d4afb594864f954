"""Which answers count as unheard when a connection breaks."""

import socket

import pytest

from bridge.smpp_in import told
from bridge.smpp_in.told import ACK_LATE_MS, Told


def written(sock: socket.socket | None) -> Told:
    """Three writes of a hundred octets, a second apart, of which the session wrote ten; D has not been written."""
    made = Told(sock)
    for n, answers in enumerate([[("A",)], [("B",), ("C", "C2")], []]):
        for message_ids in answers:
            made.put(45, message_ids)
        made.wrote(100, n * ACK_LATE_MS)
    made.put(45, ("D",))
    return made


@pytest.mark.parametrize(
    ("taken", "now_ms", "unheard"),
    [
        ((300, 300), 5_000, ["D"]),
        ((144, 144), 1_001, ["D", "B", "C", "C2"]),
        ((145, 145), 1_001, ["D", "C", "C2"]),
        ((44, 44), 1_001, ["D", "A", "B", "C", "C2"]),
        # On its way and not acknowledged: in doubt for a while, and then not heard.
        ((100, 300), 1_999, ["D"]),
        ((100, 300), 2_000, ["D", "B", "C", "C2"]),
        (None, 5_000, ["D"]),
    ],
)
def test_what_is_unheard(
    monkeypatch: pytest.MonkeyPatch, taken: tuple[int, int] | None, now_ms: int, unheard: list[str]
) -> None:
    monkeypatch.setattr(told, "_taken", lambda sock: taken)
    with socket.socket() as sock:
        assert written(sock).unheard(now_ms, is_broken=True) == unheard


def test_under_tls_and_after_an_orderly_end_only_what_was_not_written_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(told, "_taken", lambda sock: (0, 0))
    assert written(None).unheard(5_000, is_broken=True) == ["D"]
    with socket.socket() as sock:
        assert written(sock).unheard(5_000, is_broken=False) == ["D"]


def test_the_system_tells_what_was_taken_even_after_a_reset() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as peer:
        sock, _ = server.accept()
        with sock:
            assert told._taken(sock) == (0, 0)
            sock.sendall(b"x" * 70)
            assert len(peer.recv(100)) == 70
            sock.setblocking(False)
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            peer.close()
            taken = told._taken(sock)
            assert taken is not None
            assert taken[1] == 70


def test_no_more_is_remembered_than_the_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(told, "_taken", lambda sock: (0, 0))
    with socket.socket() as sock:
        made = Told(sock)
        for n in range(told.ANSWERS_MAX + 5):
            made.put(10, (str(n),))
            made.wrote(10, 0)
        assert len(made.unheard(5_000, is_broken=True)) == told.ANSWERS_MAX
        monkeypatch.setattr(told, "_taken", lambda sock: (1 << 40, 1 << 40))
        for n in range(10_000):
            made.put(10, (str(n),))
            made.wrote(10, 0)
            assert n == 0 or len(made._written) <= told.FORGET_EVERY
