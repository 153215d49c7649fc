"""A pull in a process of its own, so that a failpoint can end it. Arguments: folder, base, id."""

import sys
from pathlib import Path

from tests.pull.support import pull, source

if __name__ == "__main__":
    folder, base_url, patient = sys.argv[1:]
    pull(Path(folder), source(base_url, page_size=30), id=patient)
