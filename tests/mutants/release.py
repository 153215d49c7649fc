"""Never what is withheld, never elsewhere than was approved, never other bytes."""

from .mutant import Mutant

_DECIDE = "connector/packet/release/decide.py"
_CONSENTS = "connector/packet/release/consents.py"
_WITHHOLD = "connector/packet/release/withhold.py"
_SECRETS = "connector/packet/record/endpoint_secrets.py"
_ROUTE = "connector/store/mapped/route.py"

RELEASE = (
    Mutant(
        "release: a label withholds nothing",
        _DECIDE,
        "if labels and not permitted and not (released and rule.authorization is None):",
        "if False:",
        "tests/packet/record/test_security_labels.py::test_a_label_in_every_place",
    ),
    Mutant(
        "release: a label that nobody knows lets a record go",
        _DECIDE,
        "if (unknown := self._labels.unknown(row.labels)) and not released:",
        "if (unknown := []):",
        "tests/packet/record/test_security_labels.py"
        "::test_an_unknown_label_of_a_system_of_labels_holds_until_somebody_excludes_it",
    ),
    Mutant(
        "release: a label of a Binary is none of the record that attaches it",
        "connector/packet/record/security_labels.py",
        "label for each in codings for coding in _flat(each) for label in self.named(coding)",
        "label for each in () for coding in _flat(each) for label in self.named(coding)",
        "tests/packet/record/test_security_labels.py"
        "::test_a_label_of_a_binary_is_one_of_the_record_that_attaches_it",
    ),
    Mutant(
        "release: a label inside a document is none of the record that attaches it",
        "connector/packet/chart/index.py",
        "        marks |= labels.of(resource, body)",
        "        pass",
        "tests/packet/chart/test_opened.py::test_a_label_in_a_document_is_one_of_its_record",
    ),
    Mutant(
        "release: a document in which a withheld record stands goes",
        "connector/packet/release/relations.py",
        "for content in (*row.contents, *row.holds):",
        "for content in row.contents:",
        "tests/packet/chart/test_opened.py"
        "::test_a_document_in_which_a_withheld_record_stands_stays_too",
    ),
    Mutant(
        "release: a record that a consent denies goes",
        _DECIDE,
        "if consent := self._consents.denied_by(row):",
        "if consent := None:",
        "tests/packet/release/test_consent.py::test_what_leaves_under_a_consent",
    ),
    Mutant(
        "release: a consent that denies all of it holds nothing",
        _CONSENTS,
        "return any(d.records == Records() and not d.exceptions for d in reading.denials)",
        "return False",
        "tests/packet/release/test_consent.py::test_a_person_decides",
    ),
    Mutant(
        "release: what can't be read of a consent is passed over",
        _CONSENTS,
        "_settled(readings)",
        "pass",
        "tests/packet/release/test_denials.py::test_what_can_not_be_read_of_a_consent_is_not_passed_over",
    ),
    Mutant(
        "release: consents that the source does not let be read hold nothing",
        _CONSENTS,
        "_were_read(case, request, source)",
        "pass",
        "tests/cli/test_consent_times.py"
        "::test_a_refusal_told_for_several_types_counts_for_the_consents_too",
    ),
    Mutant(
        "release: an allergy is withheld without a word",
        _DECIDE,
        "if not row.error and (safety := next(found, None)):",
        "if safety := None:",
        "tests/packet/release/test_decide.py::test_a_withheld_allergy_or_active_medication_holds_the_case",
    ),
    Mutant(
        "release: what tells of a withheld record goes",
        _WITHHOLD,
        "if resource and key not in barrier.released and tellers.tells(resource, withheld):",
        "if False:",
        "tests/packet/release/test_shadows.py::test_what_tells_goes_too",
    ),
    Mutant(
        "release: a copy of a withheld record goes",
        _WITHHOLD,
        "take(web.same_as(key), SAME, key)",
        "pass",
        "tests/packet/release/test_withhold.py"
        "::test_the_same_content_under_another_description_is_withheld_too",
    ),
    Mutant(
        "release: one that equals a withheld record goes",
        _WITHHOLD,
        "take(web.equal_to(key), SAME, key)",
        "pass",
        "tests/packet/release/test_withhold.py"
        "::test_a_copy_under_another_number_and_without_a_time_is_withheld_too",
    ),
    Mutant(
        "release: notes of a withheld record's encounter go",
        _WITHHOLD,
        "take(web.notes_beside(key), notes.id, key)",
        "pass",
        "tests/packet/release/test_withhold.py::test_notes_of_its_encounter_are_withheld",
    ),
    Mutant(
        "release: a reference to a withheld record stays",
        "connector/packet/release/withheld.py",
        "if key := self._links.key(reference):\n                return key in self._keys",
        "if key := self._links.key(reference):\n                return False",
        "tests/packet/release/test_redact.py::test_a_withheld_record_is_known_however_it_is_named",
    ),
    Mutant(
        "release: a string that names a withheld record stays",
        "connector/packet/release/redact.py",
        "if name in OWN or not self._withheld.named_in(value):",
        "if True:",
        "tests/packet/release/test_shadows.py::test_no_other_name_of_it_stands_anywhere",
    ),
    Mutant(
        "release: the headers of an Endpoint go",
        _SECRETS,
        'gone = [endpoint.pop(name, None) for name in ("header", "_header")]',
        "gone = []",
        "tests/packet/record/test_endpoint_secrets.py::test_an_endpoint_goes_without_address_and_header",
    ),
    Mutant(
        "release: an address that opens something by itself goes",
        _SECRETS,
        "REPLACED if self._is_key(url[0], guess=guess) else url[0]",
        "url[0]",
        "tests/packet/record/test_endpoint_secrets.py::test_a_url_that_is_a_key_is_masked_in_any_element",
    ),
    Mutant(
        "release: test records go to production",
        "connector/config.py",
        "if source.environment != destination.environment:",
        "if False:",
        "tests/cli/test_mistakes.py::test_production_never_reaches_test",
    ),
    Mutant(
        "release: a case goes on in another environment",
        "connector/case_request.py",
        'if frozen[end]["environment"] != now[end]["environment"]:',
        "if False:",
        "tests/cli/test_route.py::test_another_environment_under_the_same_ids_is_refused",
    ),
    Mutant(
        "release: what left goes on to another address",
        "connector/case_request.py",
        'if frozen[end] != now[end] and frozen[end]["base"] not in known:',
        "if False:",
        "tests/cli/test_route.py"
        "::test_after_it_left_another_address_needs_to_be_named_as_the_same_server",
    ),
    Mutant(
        "release: an approval holds for another packet",
        _ROUTE,
        '"hash": case.state.packet_hash,',
        "",
        "tests/cli/test_transfer.py::test_an_edited_request_needs_approval_again",
    ),
    Mutant(
        "release: an approval holds for another destination",
        _ROUTE,
        '"for": case.state.route,',
        "",
        "tests/cli/test_route.py"
        "::test_a_case_of_an_older_program_is_adopted_and_asks_for_its_approval_again",
    ),
    Mutant(
        "release: another packet is approved than the one that was seen",
        "connector/transfer.py",
        "if session.case.state.packet_hash != digest:",
        "if False:",
        "tests/cli/test_transfer.py::test_a_dry_run_sends_nothing_and_shows_the_hash_to_approve",
    ),
    Mutant(
        "release: bytes leave that are not those that were kept",
        "connector/store/mapped/packet.py",
        "if sha256(found.body) != found.sha256:",
        "if False:",
        "tests/cli/test_route.py::test_bytes_that_were_changed_in_the_case_file_do_not_leave",
    ),
    Mutant(
        "release: a record of the chart that was changed in the file is authored into a packet",
        "connector/store/pulled/chart.py",
        "if sha256(found.body) != found.sha256:",
        "if False:",
        "tests/cli/test_route.py::test_a_changed_chart_is_not_made_into_a_packet",
    ),
)
