"""What the pull keeps in the case file: queries, records, references, attachments.

In: bytes as the source sent them. Out: the same bytes. A page and the place where its query goes
on are one commit, so that no record is lost or asked for twice.
"""
