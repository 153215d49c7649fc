"""Many cases: request files, folders of them, and the check of both ends."""
