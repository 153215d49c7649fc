"""The chart by searches and `$everything`: page by page, each page committed before the next.

In: the plan. Out: records, and a gap for each query that was offered and refused or broke. Never
the wrong patient: an answer that is not of this patient alone is not believed. Never endless:
pages in a circle and more than `pages_max` end. Any run goes on where the one before ended.
"""
