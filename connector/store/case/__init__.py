"""One SQLite file per case, and the one typed state in it.

In: a folder, and values by name. Out: rows, and `case.state`. A case file written by an older
program is brought up to date in one transaction; one of a newer program is refused. Only
`transitions` says how far a case has come. Mode 0600: it is patient data.
"""
