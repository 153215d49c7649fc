"""What records refer to beside other records: documents and pictures, by address or inside.

In: the attachments of the chart's records. Out: contents by SHA-256, or a gap. Never the wrong
patient: an address is followed to content only, and content that names somebody else is not taken.
Never to a stranger: no other origin, unless allowed by name, and then without the token. Bounded
in bytes.
"""
