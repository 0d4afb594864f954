"""The SMPP links: we are the ESME, parts go out, receipts and inbound messages come back."""
