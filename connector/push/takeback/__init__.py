"""What was delivered is taken back: the request ends (cancel), or the records go (recall).

In: a person's decision, kept before anything is written; what stands there. Out: for each resource
what became of it, and what is left for people to do.

Never over the receiver's work: only what stands in the version that our last write made is changed
or deleted; a Task they took up is asked to stop, not stopped. Never silent: what remains holds the
case open. A record goes before those that it refers to, so that nothing dangles meanwhile.
"""
