"""The built-in link `test`: it has no socket, reaches no handset, and answers with simulated receipts."""
