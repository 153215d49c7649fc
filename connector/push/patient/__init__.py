"""Who the patient is at the destination: found, read, compared, and compared again.

In: the packet's Patient, the request, what a person chose. Out: the id of one Patient there, or
leave to create one; or `Held` (`identity`) for a person, with those who were found.

Never the wrong patient: whatever way led to a record, it is read and compared before the first
write and again before each. All ways have to agree; a question without a clean answer is not
"nobody". The destination's Patient is never written over. docs/identity.md has the rules.
"""
