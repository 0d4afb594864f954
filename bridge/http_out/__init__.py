"""Links to carriers that speak HTTP: parts go out as requests by a mapping, receipts come in on our own listeners."""
