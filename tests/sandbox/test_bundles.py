"""Transactions (all or none) and batches (each alone)."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from tests.sandbox.conftest import Client, entry, observation, patient
from tests.sandbox_parts import Quirks, Sandbox

A = "urn:uuid:11111111-1111-4111-8111-111111111111"
B = "urn:uuid:22222222-2222-4222-8222-222222222222"


def test_entries_refer_to_each_other_by_full_url_in_any_order(client: Client) -> None:
    document = {"resourceType": "DocumentReference", "content": [{"attachment": {"url": B}}]}
    binary = {"resourceType": "Binary", "contentType": "text/plain", "data": "aGk="}
    response, body = client.bundle(
        "transaction",
        entry("POST", "Observation", observation(A)),
        entry("POST", "Patient", patient("ignored"), A),
        entry("POST", "DocumentReference", document | {"subject": {"reference": A}}),
        entry("POST", "Binary", binary, B),
    )
    assert response.status_code == 200
    assert body["type"] == "transaction-response"
    answers = [item["response"] for item in body["entry"]]
    assert [answer["status"] for answer in answers] == ["201 Created"] * 4
    assert [a["location"].split("/")[0] for a in answers] == [
        "Observation",
        "Patient",
        "DocumentReference",
        "Binary",
    ]
    assert all(answer["etag"] == "1" and answer["lastModified"] for answer in answers)
    stored = [answer["location"].partition("/_history/1")[0] for answer in answers]
    assert client.get(stored[0])["subject"] == {"reference": stored[1]}
    assert client.get(stored[2])["content"][0]["attachment"]["url"] == stored[3]


def test_one_bad_entry_and_nothing_is_stored(client: Client, sandbox: Sandbox) -> None:
    for bad, status in [
        (entry("POST", "Observation", observation("Patient/none")), 400),
        (entry("POST", "Observation", observation(B)), 400),
        (entry("POST", "Observation", observation("Patient?identifier=s|9")), 404),
        (entry("PUT", "Patient/123", patient("123")), 400),
        (entry("POST", "Nonsense", {"resourceType": "Nonsense"}), 404),
        (entry("POST", "Patient", patient(), A), 400),  # the full URL twice
        (entry("PUT", "Patient/pa", patient("pa")), 400),  # the resource twice
        (entry("PATCH", "Patient/pa", patient("pa")), 400),
    ]:
        response, outcome = client.bundle(
            "transaction",
            entry("POST", "Patient", patient(), A),
            entry("PUT", "Patient/pa", patient("pa")),
            bad,
        )
        assert response.status_code == status, bad
        assert outcome["resourceType"] == "OperationOutcome"
        assert sandbox.resources() == [], bad


def test_a_batch_does_what_it_can(client: Client, sandbox: Sandbox) -> None:
    response, body = client.bundle(
        "batch",
        entry("POST", "Observation", observation("Patient/none")),
        entry("PUT", "Patient/pa", patient("pa")),
        entry("GET", "Patient/pa"),
        entry("GET", "Patient/none"),
        entry("GET", "Patient?_id=pa"),
    )
    assert response.status_code == 200
    assert body["type"] == "batch-response"
    statuses = [item["response"]["status"] for item in body["entry"]]
    assert statuses == ["400 Bad Request", "201 Created", "200 OK", "404 Not Found", "200 OK"]
    assert body["entry"][0]["response"]["outcome"]["resourceType"] == "OperationOutcome"
    assert body["entry"][2]["resource"]["id"] == "pa"
    assert body["entry"][4]["resource"]["total"] == 1
    assert [resource["id"] for resource in sandbox.resources()] == ["pa"]


def test_conditional_entries_find_what_is_there(client: Client, sandbox: Sandbox) -> None:
    doctor = {"resourceType": "Practitioner", "identifier": [{"system": "npi", "value": "1"}]}
    tag = {"meta": {"tag": [{"system": "t", "code": "o"}]}}
    entries = [
        entry("POST", "Practitioner", doctor, A, ifNoneExist="identifier=npi|1"),
        entry("PUT", "Patient/pa", patient("pa")),
        entry(
            "PUT",
            "Observation?_tag=t|o",
            observation("Patient/pa", performer=[{"reference": A}], **tag),
        ),
    ]
    _, first = client.bundle("transaction", *entries)
    assert [e["response"]["status"][:3] for e in first["entry"]] == ["201", "201", "201"]
    before = sandbox.resources()
    _, second = client.bundle("transaction", *entries)
    assert [e["response"]["status"][:3] for e in second["entry"]] == ["200", "200", "200"]
    assert [e["response"]["location"] for e in second["entry"]] == [
        e["response"]["location"] for e in first["entry"]
    ]
    assert sandbox.resources() == before

    client.send("POST", "Practitioner", doctor)
    response, _ = client.bundle("transaction", *entries)
    assert response.status_code == 412


def test_two_entries_for_one_identity_are_refused(client: Client, sandbox: Sandbox) -> None:
    doctor = {"resourceType": "Practitioner", "identifier": [{"system": "npi", "value": "1"}]}
    twice = entry("POST", "Practitioner", doctor, ifNoneExist="identifier=npi|1")
    assert client.bundle("transaction", twice, twice)[0].status_code == 400
    assert sandbox.resources() == []


def test_writes_at_the_same_time_do_not_overlap(sandbox: Sandbox) -> None:
    doctor = {"resourceType": "Practitioner", "identifier": [{"system": "npi", "value": "1"}]}
    once = entry("POST", "Practitioner", doctor, ifNoneExist="identifier=npi|1")
    # Long enough that, without the lock, the others would look before the first has stored.
    many = [entry("POST", "Patient", patient(name=[{"text": "x"}])) for _ in range(1000)]

    together = Barrier(4)

    def create(_: int) -> str:
        together.wait()
        _response, body = Client(sandbox).bundle("transaction", once, *many)
        return str(body["entry"][0]["response"]["status"])

    with ThreadPoolExecutor(4) as pool:
        statuses = sorted(pool.map(create, range(4)))
    assert statuses == ["200 OK"] * 3 + ["201 Created"]
    assert len(sandbox.resources()) == 1 + 4 * 1000


def test_if_match_guards_the_whole_transaction(client: Client, sandbox: Sandbox) -> None:
    client.send("PUT", "Patient/pa", patient())
    change = patient(gender="male")
    stale = entry("PUT", "Patient/pa", change, ifMatch='W/"5"')
    new = entry("PUT", "Patient/pb", patient("pb"))
    assert client.bundle("transaction", new, stale)[0].status_code == 409
    assert [resource["id"] for resource in sandbox.resources()] == ["pa"]
    _, body = client.bundle("transaction", entry("PUT", "Patient/pa", change, ifMatch='W/"1"'))
    assert body["entry"][0]["response"]["etag"] == "2"


def test_a_transaction_deletes_and_reads_after_it_wrote(client: Client) -> None:
    client.send("PUT", "Patient/pa", patient())
    client.send("PUT", "Observation/o", observation("Patient/pa", id="o"))
    _, body = client.bundle(
        "transaction",
        entry("GET", "Patient/pb"),
        entry("DELETE", "Patient/pa"),
        entry("DELETE", "Observation/o"),
        entry("PUT", "Patient/pb", patient("pb")),
    )
    assert [e["response"]["status"][:3] for e in body["entry"]] == ["200", "204", "204", "201"]
    assert client.send("GET", "Patient/pa")[0].status_code == 410


def test_only_so_many_entries_and_only_bundles_of_requests() -> None:
    with Sandbox(quirks=Quirks(entry_limit=2)) as sandbox:
        client = Client(sandbox)
        many = [entry("PUT", f"Patient/p{n}", patient(f"p{n}")) for n in range(3)]
        assert client.bundle("transaction", *many)[0].status_code == 413
        assert client.bundle("transaction", *many[:2])[0].status_code == 200
        assert client.bundle("collection")[0].status_code == 400
        assert client.send("POST", "", patient())[0].status_code == 400
        assert client.bundle("transaction", {"resource": patient()})[0].status_code == 400
