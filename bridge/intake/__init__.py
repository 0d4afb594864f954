"""The one door to the queue: authenticate, prepare, accept. Quiet: no sockets, no loop."""
