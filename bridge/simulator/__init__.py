"""The other side, for trials and tests: a scripted SMSC and a mail sink. Knows neither ledger nor intake."""
