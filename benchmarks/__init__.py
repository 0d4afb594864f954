"""Measurements, each one command: `python -m benchmarks.<name>` prints a table and keeps it as JSON in results/."""
