"""Twisted on our loop hears of every connection that a peer resets: a link must not believe in a dead session."""

import subprocess
import sys

SCRIPT = """
import socket, struct
from bridge.runtime.loop import install
install()
from twisted.internet import protocol, reactor

COUNT = 5
lost = []

class Peer(protocol.Protocol):
    def connectionLost(self, reason):
        lost.append(reason)
        if len(lost) == COUNT:
            reactor.stop()

factory = protocol.ServerFactory()
factory.protocol = Peer
port = reactor.listenTCP(0, factory, interface="127.0.0.1")

def connect():
    client = socket.create_connection(("127.0.0.1", port.getHost().port))
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.send(b"first")
    reactor.callLater(0.05, reset, client)

def reset(client):
    client.send(b"data and a reset in one go")
    client.close()

for number in range(COUNT):
    reactor.callWhenRunning(connect)
reactor.callLater(10, reactor.stop)
reactor.run()
print(len(lost), "of", COUNT)
"""


def test_a_reset_behind_unread_data_is_noticed() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "5 of 5", done.stdout + done.stderr
