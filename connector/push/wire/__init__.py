"""One write, or one look, at the destination.

In: writes (method, place, body, condition) or keys to look for. Out: what each answer proves, entry
by entry; what stands there, with place and version.

Never twice: the intent is committed, with its row of the log, before bytes leave; the answer after;
one without an answer is settled by reading. Never over the receiver's work: a second write names
the version that it replaces (If-Match), and no Task beyond `requested` is written. Never endless:
tries are counted, and one write holds no more than the destination takes. Nothing else of the push
sends bytes, tries again (`retry.py`) or writes over what stands there (`change.py`).
"""
