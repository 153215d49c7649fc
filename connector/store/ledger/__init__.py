"""The ledger: the state of every case and one row per write, without patient data.

In: an intent, committed before bytes leave, and what became of it. Out: whose turn it is, what is
due, what is still without an answer. It knows names only by keyed hashes.
"""
