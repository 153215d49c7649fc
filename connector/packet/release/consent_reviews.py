"""What a person found in a Consent, bound to the Consent as it was (the request's `consents`)."""

from collections.abc import Collection, Iterable, Sequence

from ...errors import Cause, Held, UsageError
from ...fhir.lossless import UndecodableError, decode, encode, sha256
from ...fhir.record import SERVER_META
from ...request import ConsentReview
from ...store.case.casefile import CaseFile
from ...store.pulled import chart


def consents_hash(case: CaseFile) -> str:
    """One hash over the content of all Consents of the chart: what an approval is bound to."""
    return sha256(
        "\n".join(f"{r.id} {content_hash(r.body)}" for r in chart.of_type(case, "Consent")).encode()
    )


def content_hash(body: bytes) -> str:
    """A hash of a record without what a server sets (R4 resource.html#Meta)."""
    try:
        value = decode(body)
        meta = {k: v for k, v in value.get("meta", {}).items() if k not in SERVER_META}
        return sha256(encode({**value, "meta": meta}))
    except (UndecodableError, AttributeError):
        return sha256(body)


def bind(case: CaseFile, reviews: Iterable[ConsentReview]) -> dict[str, tuple[str, str]]:
    """Each review with what it is of. `Held` if a consent is not any more what was reviewed."""
    reviewed = case.state.consent_reviews
    found = {}
    for number, review in enumerate(reviews, 1):
        consent = chart.record(case, *review.record.split("/", 1))
        now = (
            sha256(review.model_dump_json().encode()),
            content_hash(consent.body if consent else b""),
        )
        before = reviewed.get(review.record)
        if before and before[0] == now[0] and before[1] != now[1]:
            raise Held(
                "consent-changed",
                f"consents, number {number}: the consent changed since it was reviewed",
                "Read it again at the source, correct the review if need be, and set its"
                " `reviewed_on` to the day.",
                [Cause("consent-changed", rule="consent-reviewed", consent=review.record)],
            )
        found[review.record] = now
    return found


def are_there(reviews: Sequence[ConsentReview], rows: Collection[str]) -> None:
    """`UsageError` for a review of what is not in the chart."""
    for number, review in enumerate(reviews, 1):
        if not {review.record, *review.withhold} <= set(rows):
            raise UsageError(
                f"consents, number {number}: no such record in the patient's chart",
                "Correct the request: Type/id as the source knows it.",
            )


def withheld_by(reviews: Iterable[ConsentReview]) -> dict[str, str]:
    """The records that reviews withhold, each with the Consent it was found in."""
    return {key: review.record for review in reviews for key in review.withhold}
