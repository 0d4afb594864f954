"""Quiet: foreign HTTP interfaces. A carrier's is a mapping file; pure functions write and read what it says."""
