"""The packet of a case as a Bundle of any type, as files to carry, and as an outline to look at.

In: the entries in the case file. Out: bytes or an `Outline`. Entries are read with their hash
checked: what was changed in the file meanwhile never leaves.
"""
