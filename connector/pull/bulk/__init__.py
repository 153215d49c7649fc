"""A chart by Bulk Data Access: an export begun, waited for, fetched and deleted.

In: a server that exports one patient. Out: records and gaps; between runs, the fact that an export
lies at the source. Never the wrong patient: a line of another one stops it all. Never stuck:
`Retry-After` parks the case.
"""
