"""What may not leave, and what tells of it.

In: rows, Consents, labels, the request's basis, the release rules. Out: a decision a record, with
rule and reason, and records cut free of what is withheld. Never leaked: a withheld record takes
along its copies, its shadows and every reference to it; what can't be evaluated counts against the
disclosure; a withheld allergy or active medication holds the case. Only an operator sees the list.
"""
