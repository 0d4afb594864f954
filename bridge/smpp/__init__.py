"""SMPP 3.4 without I/O: bytes and a time in, events and bytes out."""
