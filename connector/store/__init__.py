"""What is kept: the case file (patient data, one per case) and the ledger (none).

In come records, decisions and answers, inside a commit; out come values with names and types. No
other room speaks SQL. Never: half a step, a second writer, a name or content of a patient in the
ledger, a record whose bytes are not those that came.
"""
