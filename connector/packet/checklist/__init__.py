"""What this kind of case needs, what of it is there, and what to tell whom.

In: rows, gaps, the request's and people's answers, the checklist. Out: a `Finding` an item, the
records selected, the words for the receiving team, the advice. Never silent: an empty search is
"searched, none found" and never "none known"; a refused one says so though the item is there.
"""
