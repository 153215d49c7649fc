"""What the push keeps: what was sent in which write, where it stands, what was read back.

In: an intent before bytes leave, an answer after. Out: what is still to be sent, and what is not.
"""
