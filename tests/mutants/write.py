"""Never twice, never half, never over the receiver's work."""

from .mutant import Mutant

_WRITE = "connector/push/wire/write.py"
_OVER = "return {\"ifMatch\": f'W/\"{version}\"'} if version else {}"
_ANYTHING = "return {}"

WRITE = (
    Mutant(
        "write: a cancellation goes without If-Match",
        _WRITE,
        _OVER,
        _ANYTHING,
        "tests/push/test_in_between.py::test_a_cancellation_is_not_written_over_their_work",
    ),
    Mutant(
        "write: a recall deletes without If-Match",
        _WRITE,
        _OVER,
        _ANYTHING,
        "tests/push/test_in_between.py::test_a_recall_takes_nothing_away_that_they_worked_on",
    ),
    Mutant(
        "write: a recall marks without If-Match",
        _WRITE,
        _OVER,
        _ANYTHING,
        "tests/push/test_in_between.py::test_a_recall_marks_nothing_that_they_worked_on",
    ),
    Mutant(
        "write: a recall of a whole goes without If-Match",
        _WRITE,
        _OVER,
        _ANYTHING,
        "tests/cli/test_taken_back_whole.py::test_one_that_they_change_at_that_moment_stays",
    ),
)
