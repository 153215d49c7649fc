"""The disclosure log: who sent whose records where, on which basis, when; one chain of rows.

In: an attempt, before its bytes leave. Out: rows, `audit.ndjson` beside the case, and whether both
still are what was written. Nothing in it names a patient in plain.
"""
