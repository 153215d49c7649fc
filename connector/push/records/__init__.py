"""Record by record: sent, read back, announced, brought up to date.

In: the packet's entries, the limits of one write, what stands there already. Out: for each entry a
place, a version and the result of comparing it, or the destination's refusal; in the end one
announcement.

Never half: records first, ServiceRequest and Task as drafts, read back, and then one last write
announces. Never twice: what may stand there is looked for before it is sent again. Never over the
receiver's work: only what stands as our last write left it is replaced. Never stuck: a refused
record is isolated, the rest goes.
"""
