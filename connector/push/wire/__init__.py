"""One write, or one look, at the destination.

In: what is to be written, and what the case file is to say of it. Out: what was heard and what it
proves; what stands there. `write.py` is the one write cycle, `retry.py` the one loop around it,
`change.py` the one way over what stands there; the others look. Never twice: the intent is
committed before bytes leave, and what is unclear is settled by reading. Never over the receiver's
work: no Task beyond `requested` is written, and a change only over the version that is ours. Never
outside the destination's turn.
"""
