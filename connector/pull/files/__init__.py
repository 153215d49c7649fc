"""A chart from files: which patient, what is theirs, what it refers to. Knows no server.

In: the parts of `input/`. Out: records and gaps. Of other patients nothing is stored; what does not
say whose it is comes only where the files hold one person.
"""
