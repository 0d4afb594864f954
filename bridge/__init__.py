"""smsbridge: e-mail, HTTP and SMPP in; SMS out; receipts and replies back. One process, one SQLite file."""
