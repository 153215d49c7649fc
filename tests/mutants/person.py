"""Never another person's data."""

from .mutant import Mutant

_SUBJECT = "connector/fhir/subject.py"
_NAMING = "connector/fhir/naming.py"
_PATIENT = "connector/pull/patient.py"

PERSON = (
    Mutant(
        "person: another id of the same server is nobody's",
        _NAMING,
        "return Whose.UNKNOWN if same else Whose.STRANGER",
        "return Whose.UNKNOWN",
        "tests/fhir/test_subject.py::test_a_strangers_in_whatever_form",
    ),
    Mutant(
        "person: another number of a system that the patient carries tells nothing",
        _NAMING,
        "yield Whose.UNKNOWN if value.casefold() in ours else Whose.STRANGER",
        "yield Whose.UNKNOWN",
        "tests/fhir/test_subject.py::test_a_strangers_in_whatever_form",
    ),
    Mutant(
        "person: a contained Patient who is somebody else does not count",
        _SUBJECT,
        "against |= said & _AGAINST",
        "pass",
        "tests/fhir/test_subject.py::test_a_contained_patient_says_whose_it_is",
    ),
    Mutant(
        "person: a record about several people is taken",
        "connector/pull/records.py",
        "if whose is Whose.SEVERAL:",
        "if False:",
        "tests/pull/search/test_bound.py::test_what_a_search_brings",
    ),
    Mutant(
        "person: a record that does not say whose it is needs no search that was honoured",
        "connector/pull/records.py",
        "if came is Came.UNBOUND or resource_type in TAKE_PART:",
        "if resource_type in TAKE_PART:",
        "tests/pull/search/test_bound.py::test_what_a_search_brings",
    ),
    Mutant(
        "person: a search whose self link names nobody was honoured",
        "connector/pull/search/bound.py",
        "return None if given is None else not wanted or wanted == given",
        "return None if given is None else not wanted or not given or wanted == given",
        "tests/pull/search/test_bound.py::test_what_a_self_link_says",
    ),
    Mutant(
        "person: a later page of somebody else is taken",
        "connector/pull/search/page.py",
        "if of_another(query.url, page.self_url):",
        "if False:",
        "tests/pull/search/test_bound.py::test_a_later_page_of_somebody_else_takes_the_first_one_away_too",
    ),
    Mutant(
        "person: a search that brought a stranger is believed in all else",
        "connector/pull/search/page.py",
        "return Sifted([], 0, [], found)",
        "problems.append(found)",
        "tests/pull/search/test_bound.py::test_a_stranger_on_a_later_page_takes_the_first_one_away_too",
    ),
    Mutant(
        "person: an attachment's address may be any resource",
        "connector/pull/attachments/addresses.py",
        "if kind not in (BINARY, DOCUMENT):",
        "if False:",
        "tests/pull/attachments/test_addresses.py::test_what_is_no_content_is_never_asked",
    ),
    Mutant(
        "person: whatever stands at the address of a document is taken",
        "connector/pull/attachments/fetch.py",
        "if not document.is_of(file.read(), pull.sieve.at(*pull.bases()).person):",
        "if False:",
        "tests/pull/attachments/test_documents.py::test_of_all_else_nothing_is_kept",
    ),
    Mutant(
        "person: a document needs no proof of whose it is",
        "connector/fhir/document.py",
        "return Whose.OWN in found and not found & _AGAINST",
        "return not found & _AGAINST",
        "tests/pull/attachments/test_documents.py::test_of_all_else_nothing_is_kept",
    ),
    Mutant(
        "person: the content of a record that is not in the chart is asked for",
        "connector/pull/attachments/addresses.py",
        'if not here(f"{kind}/{id_}") or len(named) > 1',
        "if len(named) > 1",
        "tests/pull/attachments/test_addresses.py::test_what_is_no_content_is_never_asked",
    ),
    Mutant(
        "person: an attachment's content that names another patient is kept",
        "connector/pull/attachments/settle.py",
        "if names_another(file.read(), pull.sieve.person):",
        "if False:",
        "tests/pull/attachments/test_addresses.py::test_fhir_of_another_inside_a_document_is_not_taken",
    ),
    Mutant(
        "person: a patient found by an identifier need not carry it",
        _PATIENT,
        "if not all(carries(body, token) for body in found.values()):",
        "if False:",
        "tests/pull/search/test_bound.py::test_a_patient_found_by_an_identifier_must_have_it",
    ),
    Mutant(
        "person: an identifier is known by its value in any system",
        "connector/pull/lookup.py",
        'if item.get("value") == value and (not bar or (item.get("system") or "") == system):',
        'if item.get("value") == value:',
        "tests/pull/search/test_bound.py::test_a_patient_found_by_an_identifier_must_have_it",
    ),
    Mutant(
        "person: the first of two patients with the identifier is taken",
        _PATIENT,
        "if len(found) != 1:",
        "if not found:",
        "tests/pull/test_patient.py::test_none_or_two_are_held",
    ),
    Mutant(
        "person: a merge is followed though the records do not confirm it",
        _PATIENT,
        "if not _same_person(merged, patient, source.base_url):",
        "if False:",
        "tests/pull/test_patient.py::test_a_merge_that_the_records_do_not_confirm_is_held",
    ),
    Mutant(
        "person: another Patient than was asked for is taken",
        _PATIENT,
        'if seen.type != "Patient" or (patient_id and seen.id != patient_id):',
        'if seen.type != "Patient":',
        "tests/pull/test_patient.py::test_another_record_than_was_asked_for_is_held",
    ),
    Mutant(
        "person: what was brought for one patient goes with another",
        "connector/store/mapped/route.py",
        "tables = _CHART_AND_AFTER if same_patient else (*_CHART_AND_AFTER, *_PEOPLES)",
        "tables = _CHART_AND_AFTER",
        "tests/cli/test_route.py::test_what_was_brought_for_one_patient_does_not_go_with_another",
    ),
)
