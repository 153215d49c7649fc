"""What one record says by itself: dates, links, labels, words, kinds. Pure.

In: one decoded record. Out: values. Foreign input of any shape: what is not as FHIR has it is read
as nothing, never as an error. Never leaked: keys and passwords of the source are found here.
"""
