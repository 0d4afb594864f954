"""Mail that comes back to people: receipts and inbound messages, through the configured relay."""
