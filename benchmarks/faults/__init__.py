"""Clients and a server's bad days: `python -m benchmarks.faults [CLIENT or FAULT ...]`."""
