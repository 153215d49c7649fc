"""How a case stands, derived from its rows: nothing here is kept twice.

In: the case file and the moment. Out: one `Standing`, the same for `show`, `status` and `--json`.
"""
