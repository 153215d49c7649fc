"""What proves a delivery afterwards: the row of the log, its AuditEvent, the receipt.

In: what is about to leave (event, number of resources) and, at the end, the rows of what was sent
and read back. Out: rows of the disclosure log, `audit.ndjson`, `receipt.json` and its signature.

Never silent: what leaves is told before it does, and what came of it when it was read back. Never
leaked: rows, events and receipts hold ids, hashes and codes, no clinical content.
"""
