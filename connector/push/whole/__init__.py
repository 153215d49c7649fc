"""The packet as one thing: a document, a message, or a file in a folder.

In: the bytes of the whole, rendered by the map step, and the names of its entries. Out: every entry
accepted or verified with the whole, or none.

Never half: what is refused as a whole is not there. Never twice: a document is looked for by its
identifier, a message repeated within the receiver's cache only; where nobody can know whether it
arrived, a person is asked.
"""
