"""A pull in a process of its own, to be ended by a failpoint. Arguments: folder, base, id, way."""

import sys
from pathlib import Path

from tests.pull.support import pull, source

if __name__ == "__main__":
    folder, base_url, patient, way = sys.argv[1:]
    settings = source(base_url, page_size=30, pull=way)
    pull(Path(folder), settings, id=patient)
