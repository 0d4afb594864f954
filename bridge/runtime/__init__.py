"""The loop and what every door and link stands on: web listeners, the ledger's async face, logs."""
