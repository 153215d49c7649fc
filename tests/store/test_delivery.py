"""Where each resource stands at the destination, through every step of a push."""

from connector.store.case.casefile import CaseFile
from connector.store.sent import delivery

ONE, TWO = ("Observation", "a"), ("Condition", "b")


def statuses(case: CaseFile) -> dict[str, str]:
    return {row.id: row.status for row in delivery.deliveries(case)}


def test_intended_sent_read_back(case: CaseFile) -> None:
    assert delivery.next_write_no(case) == 1
    delivery.intend(case, 1, [ONE, TWO])
    assert statuses(case) == {"a": "intended", "b": "intended"}
    assert delivery.id_map(case) == {}
    delivery.settle(case, [(*ONE, "17", "1"), (*TWO, "18", None)])
    assert delivery.id_map(case) == {
        "Observation/a": "Observation/17",
        "Condition/b": "Condition/18",
    }
    delivery.read_back(
        case, [(*ONE, "verified", "h", "h", "2", ""), (*TWO, "differs", "h", "k", "1", "")]
    )
    one, two = delivery.deliveries(case)
    assert (one.write_no, one.target_id, one.version, one.status) == (1, "17", "2", "verified")
    assert (two.sent_sha256, two.read_sha256, two.status) == ("h", "k", "differs")
    assert delivery.deliveries(case, "differs", "rejected") == [two]
    assert delivery.next_write_no(case) == 2


def test_what_stands_there_is_not_intended_again(case: CaseFile) -> None:
    delivery.intend(case, 1, [ONE, TWO])
    delivery.settle(case, [(*ONE, "17", "1")])
    delivery.intend(case, 2, [ONE, TWO])
    assert statuses(case) == {"a": "sent", "b": "intended"}
    assert [row.write_no for row in delivery.deliveries(case)] == [1, 2]


def test_what_was_rejected_may_be_tried_again(case: CaseFile) -> None:
    delivery.intend(case, 1, [ONE])
    delivery.reject(case, *ONE, "HTTP 422 (invalid)")
    assert delivery.deliveries(case, "rejected")[0].note == "HTTP 422 (invalid)"
    delivery.intend(case, 2, [ONE])
    assert statuses(case) == {"a": "intended"}
    delivery.settle(case, [(*ONE, "17", "1")])
    assert delivery.deliveries(case)[0].note == ""


def test_a_patient_of_theirs_has_a_place_and_no_write(case: CaseFile) -> None:
    delivery.adopt(case, "Patient", "p", "99")
    delivery.adopt(case, "Patient", "p", "99")
    (row,) = delivery.deliveries(case)
    assert (row.write_no, row.status, row.target_id) == (0, "verified", "99")
    assert delivery.id_map(case) == {"Patient/p": "Patient/99"}
    assert delivery.next_write_no(case) == 1
