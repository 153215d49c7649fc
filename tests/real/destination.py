"""What stands at a FHIR server, read by plain searches; nothing here comes from the connector."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import requests

from tests.real.charts import Resource, decode, key


@dataclass(frozen=True)
class Destination:
    """Everything that stands at a FHIR server at one moment, as `Type/id` -> resource."""

    resources: Mapping[str, Resource]

    @classmethod
    def read(cls, base_url: str) -> "Destination":
        """Every resource of every type that the server offers, found by search."""
        with requests.Session() as session:
            session.headers["Accept"] = "application/fhir+json"
            # Without it HAPI answers a search it saw in the last minute from memory.
            session.headers["Cache-Control"] = "no-cache"
            metadata = decode(_get(session, f"{base_url}/metadata"))
            types = [r["type"] for r in metadata["rest"][0]["resource"]]
            found = (r for t in types for r in search(session, f"{base_url}/{t}?_count=200"))
            return cls({key(resource): resource for resource in found})

    def tagged(self, system: str) -> Mapping[tuple[str, str], list[str]]:
        """(type, tag code in `system`) -> what carries it, as `Type/id`."""
        found: dict[tuple[str, str], list[str]] = defaultdict(list)
        for name, resource in self.resources.items():
            for tag in resource.get("meta", {}).get("tag", []):
                if tag.get("system") == system:
                    found[resource["resourceType"], tag["code"]].append(name)
        return found


def search(session: requests.Session, url: str | None) -> Iterator[Resource]:
    """The resources of a search, page after page."""
    while url:
        page = decode(_get(session, url))
        yield from (entry["resource"] for entry in page.get("entry", []))
        url = next((x["url"] for x in page["link"] if x["relation"] == "next"), None)


def _get(session: requests.Session, url: str) -> bytes:
    answer = session.get(url, timeout=120)
    answer.raise_for_status()
    return answer.content
