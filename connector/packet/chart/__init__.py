"""The chart as rows that rules can ask: one pass, a row a record, no bodies in memory.

In: the records of the case file. Out: `Row`s by key, copies of one another, records merged into
others, labels inherited, who practises where. What can't be read becomes `Unreadable`: never
silently passed over.
"""
