"""A mapping set tried on its own examples, and why each record of a case was decided so.

In: mapping files; or a mapped case. Out: findings with file and line; explanations by record. Asks
no endpoint and writes nothing.
"""
