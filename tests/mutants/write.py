"""Never the wrong patient there, never twice, never half, never over the receiver's work."""

from .mutant import Mutant

_WRITE = "connector/push/wire/write.py"
_SENDER = "connector/push/records/sender.py"
_RESOLVE = "connector/push/patient/resolve.py"
_OVER = 'return {"ifMatch": f\'W/"{version}"\'} if version else {}'
_ANYTHING = "return {}"

WRITE = (
    Mutant(
        "write: a Patient there who differs is taken",
        _RESOLVE,
        "if differing:",
        "if False:",
        "tests/push/patient/test_resolve.py::test_a_near_match_is_held",
    ),
    Mutant(
        "write: the first of two who match is taken",
        _RESOLVE,
        "if len(sure) == 1:",
        "if sure:",
        "tests/push/patient/test_resolve.py::test_two_that_match_are_held",
    ),
    Mutant(
        "write: who could not be looked for is created",
        _RESOLVE,
        "if unknown:",
        "if False:",
        "tests/push/patient/test_resolve.py::test_nobody_is_created_who_cannot_be_looked_for",
    ),
    Mutant(
        "write: the Patient is not looked at again between two writes",
        "connector/push/records/deliver.py",
        "check_again(session)\n                sender.carry(write)",
        "sender.carry(write)",
        "tests/push/patient/test_resolve.py::test_a_record_that_changes_between_two_writes_holds_the_case",
    ),
    Mutant(
        "write: the Patient is not looked at again before a document",
        "connector/push/whole/document.py",
        "def _until_there(session: Session, document: Whole) -> Place:\n    check_again(session)",
        "def _until_there(session: Session, document: Whole) -> Place:",
        "tests/cli/test_patient_again.py::test_a_patient_corrected_since_it_was_found_gets_nothing[document]",
    ),
    Mutant(
        "write: the Patient is not looked at again before a message",
        "connector/push/whole/message.py",
        "check_again(self._session)",
        "pass",
        "tests/cli/test_patient_again.py::test_a_patient_corrected_since_it_was_found_gets_nothing[message]",
    ),
    Mutant(
        "write: a create does not look first",
        _SENDER,
        'condition if self._session.settings.write == "conditional" else {},',
        "{},",
        "tests/push/records/test_write_only.py::test_a_lost_answer_to_records_is_settled_by_the_same_create",
    ),
    Mutant(
        "write: what leaves is intended afterwards",
        _WRITE,
        "number = begin(session, write.method, sha256(write.body), event, resources, holds)",
        "session.endpoint.write(write.method, write.url, write.body, what, _MINIMAL)\n"
        "        number = begin("
        "session, write.method, sha256(write.body), event, resources, holds)",
        "tests/push/wire/test_write.py::test_the_intent_is_committed_before_a_byte_leaves",
    ),
    Mutant(
        "write: a process that was overtaken writes",
        "connector/store/ledger/cases.py",
        "if db.execute(query).scalar() != fence:",
        "if False:",
        "tests/store/test_ledger.py::test_an_overtaken_writer_can_do_nothing_more",
    ),
    Mutant(
        "write: a message that may have arrived is sent again where nobody would notice",
        "connector/push/whole/message.py",
        "if heard.kind is ResponseKind.UNCLEAR and not self._may_repeat():",
        "if False:",
        "tests/cli/test_message.py::test_else_it_is_asked_of_people",
    ),
    Mutant(
        "write: what got an unclear answer is sent again unread",
        _SENDER,
        "self._settling.look_for(units, patience)",
        "pass",
        "tests/push/test_faults.py::test_work_done_and_answered_with_500",
    ),
    Mutant(
        "write: a record of theirs under our id is written over",
        _SENDER,
        "self._settling.look(units, delivery.STOOD)",
        "pass",
        "tests/push/records/test_deliver.py::test_a_record_of_theirs_under_our_id_is_not_written_over",
    ),
    Mutant(
        "write: what they deleted is sent again",
        _SENDER,
        "if gone:",
        "if False:",
        "tests/push/takeback/test_settled_write.py::test_what_somebody_deleted_does_not_rise_again",
    ),
    Mutant(
        "write: what they changed is brought up to date",
        "connector/push/records/ownership.py",
        "if known is None or not as_left(there, known, keyed):",
        "if known is None:",
        "tests/push/takeback/test_settled_write.py::test_what_somebody_changed_is_not_written_over",
    ),
    Mutant(
        "write: a Task that they work on is written",
        _WRITE,
        "_guard(session, writes)\n    way",
        "way",
        "tests/push/takeback/test_taken_back.py::test_the_write_function_refuses_a_task_beyond_requested",
    ),
    Mutant(
        "write: an announcement goes without If-Match",
        _WRITE,
        _OVER,
        _ANYTHING,
        "tests/push/records/test_announce.py::test_what_they_changed_in_between_is_not_written_over",
    ),
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
    Mutant(
        "write: a refused entry of a batch is taken",
        "connector/push/wire/response.py",
        'if status not in ("200", "201") or location is None',
        "if location is None",
        "tests/push/wire/test_response.py",
    ),
    Mutant(
        "write: a batch of which an entry was refused is done",
        "connector/push/wire/response.py",
        "whole = len(found.places) == len(keys)",
        "whole = True",
        "tests/push/wire/test_response.py",
    ),
    Mutant(
        "write: what the destination did not take is no gap",
        "connector/push/records/deliver.py",
        "gaps.add(case, Gap((Wanted(resource_type),), GapKind.REJECTED, (why,)))",
        "pass",
        "tests/push/records/test_sender.py::test_a_refused_record_goes_alone",
    ),
    Mutant(
        "write: it is announced before all of it is read back",
        "connector/push/records/announce.py",
        "if not delivery.settled(session.case):",
        "if False:",
        "tests/push/records/test_announce.py::test_a_changed_digit_is_found_and_nothing_announced",
    ),
    Mutant(
        "write: what differs there is verified",
        "connector/push/records/expected.py",
        "return Reading(_STATUS[found.verdict], sent_sha256, read, version, found.why)",
        'return Reading("verified", sent_sha256, read, version, found.why)',
        "tests/push/records/test_announce.py::test_a_changed_digit_is_found_and_nothing_announced",
    ),
)
