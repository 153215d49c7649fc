"""Files as they come: folders, zips, gzip, Bundles, NDJSON, histories, taken apart into records.

In: paths. Out: `Given`, `Deleted` or `Untaken` with the place where it stands. Never endless:
sizes, depth and numbers are bounded. Never leaked: a file's name stays in a gap's reason.
"""
