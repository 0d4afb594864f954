"""What is true: accounts, postings, messages and what is owed, in one SQLite file."""
