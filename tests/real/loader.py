"""Puts charts into a FHIR server under the ids of their files."""

from collections.abc import Iterable, Iterator
from graphlib import TopologicalSorter
from itertools import islice

import requests

from connector.fhir import lossless
from tests.real.charts import Chart, Resource, key, references

# HAPI takes about 200 entries a second in transactions of this size; larger ones gain nothing.
BATCH = 200


def load(base_url: str, chart: Chart) -> None:
    """The chart and the shared resources of its folder, by PUT in transactions.

    Raises AssertionError with the server's answer when an entry is refused.
    """
    put_all(base_url, [*chart.shared, *chart.records])


def put_all(base_url: str, resources: Iterable[Resource]) -> None:
    """Each resource by PUT under its own id, referenced ones before those that refer to them."""
    with requests.Session() as session:
        ordered = iter(_by_dependency(resources))
        while batch := list(islice(ordered, BATCH)):
            _transaction(session, base_url, batch)


def _by_dependency(resources: Iterable[Resource]) -> Iterator[Resource]:
    # HAPI checks that targets exist when a transaction ends, not across transactions.
    by_key = {key(resource): resource for resource in resources}
    graph = {k: [t for t in references(r) if t in by_key] for k, r in by_key.items()}
    for resource_key in TopologicalSorter(graph).static_order():
        yield by_key[resource_key]


def _transaction(session: requests.Session, base_url: str, batch: list[Resource]) -> None:
    entry = [{"resource": r, "request": {"method": "PUT", "url": key(r)}} for r in batch]
    answer = session.post(
        base_url,
        data=lossless.encode({"resourceType": "Bundle", "type": "transaction", "entry": entry}),
        headers={"Content-Type": "application/fhir+json"},
        timeout=600,
    )
    assert answer.status_code == 200, answer.text[:2000]
