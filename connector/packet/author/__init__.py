"""What we write ourselves: ServiceRequest, Task, Composition, Provenance, and what goes with them.

In: the request, the findings, the records that leave, the templates of the mapping set. Out:
authored resources, each validated by the R4 models before it is kept. Never half: ServiceRequest
and Task are drafts. Never leaked: every packet carries the sentence that information may be
withheld, and what is withheld is not told from what is absent. No clock is read but `as_of`.
"""
