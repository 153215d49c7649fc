"""What the mapping files say, as typed values; the only reader of them.

In: the packaged mapping set, and an own folder laid over it. Out: `Mappings`. An unknown key, a
name that nothing defines or an example that is missing is a `UsageError` with file and line.
"""
