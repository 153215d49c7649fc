"""What one record says by itself: dates, links, security labels, sensitive kinds. Pure.

In: one decoded record. Out: values. Foreign input of any shape: what is not as FHIR has it is read
as nothing, never as an error. Keys and passwords of the source are recognised here, so that they
can be masked.
"""
