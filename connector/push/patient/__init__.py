"""Who the patient is at the destination: found, read, compared, and compared again.

In: the packet's Patient, the request, what a person chose. Out: the id of one Patient there, or
that one may be created; or `Held` (`identity`) for a person, with those who were found.

Never the wrong patient: whatever way led to a record, it is read and compared before the first
write, and again before records are sent, announced or cancelled. All ways have to agree; a search
that was not answered by a clean searchset does not say that nobody is there. The destination's
Patient is never written over. docs/identity.md has the rules.
"""
