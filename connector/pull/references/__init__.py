"""What the chart's records refer to, brought until nothing new comes.

In: references as written. Out: for each its record, or a gap with its reason. Never the wrong
patient: what is referred to by a record is compared with the patient as everything else is, and a
record of another patient's encounter is taken out of the chart again.
"""
