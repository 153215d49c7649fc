"""What the map step keeps: decisions, the packet's entries, what people said, the update.

In: entries as they are to leave. Out: the same bytes, their hash read with them. An approval counts
for this packet, this patient and these two ends (`route`).
"""
