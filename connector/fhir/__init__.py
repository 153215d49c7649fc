"""FHIR R4 as data: JSON without loss, references, ids, bundles. Pure: no network, no disk."""
