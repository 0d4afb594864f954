"""The e-mail door: SMTP in, one submission per recipient."""
