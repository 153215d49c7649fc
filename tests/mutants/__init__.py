"""Named faults put into the program one by one: each has to be noticed."""
