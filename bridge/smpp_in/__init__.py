"""The SMPP door: the SMSC that ESMEs bind to, to submit messages and to receive receipts and inbound texts."""
