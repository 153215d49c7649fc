"""Records on their way into the packet: the source's bytes, changed only where a rule says so.

In: one record's bytes and the rules in force. Out: the packet form (derived id, references
`Type/<derived id>`) and a note of each change. Everything outside the changed spans is equal byte
for byte; a rule that decodes loses no digit. Never the wrong patient: a record without a literal
subject gets that of the case; a reference to a record that stays home becomes an identifier.
"""
