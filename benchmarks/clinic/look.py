"""An own search, with own words and codes, for what the program told as searched and not there.

Written apart from the program's rules, over the source files: nothing here may come from the
connector or from mappings/ but the window of an item. What it finds need not be what a physician
would call an answer; each find is looked at, and is either a false "none" or a word too many here.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import yaml

from benchmarks.clinic.charts import Resource, key, patient
from benchmarks.clinic.program import ask_all, case_types
from tests.support import ROOT

_REPORTS = ("DiagnosticReport", "DocumentReference", "Composition", "Media")
_RADIOLOGY = ("DiagnosticReport", "DocumentReference")
_RESULTS = (*_REPORTS, "Observation")
_DATES = (
    "effectiveDateTime", "performedDateTime", "occurrenceDateTime", "authoredOn", "dateAsserted",
    "started", "date", "issued", "recordedDate", "createdDateTime", "created", "dateTime",
)  # fmt: skip
_PERIODS = ("effectivePeriod", "performedPeriod", "context", "period")
_NOT_SO = ("entered-in-error", "cancelled", "not-done", "refuted", "registered", "rejected")
_LAB = ("laboratory", "LAB", "CH", "HM", "MB", "SR", "IMM", "BLB", "TX", "URN", "MCB")
_X_RAY = (
    r"x-?ray|radiograph|\bct\b|computed tomograph|\bmri\b|magnetic resonance|mammogra|"
    r"ultraso(und|nogra)|scintigra|\bpet\b|bone density|dexa\b|r(ö|oe)ntgen|szintigra|irm\b"
)
_SURGERY = (
    r"surg|ectomy\b|otomy\b|ostomy\b|plasty\b|bypass|transplant|amputat|arthrodes|"
    r"implantation|stent|cesarean|caesarean|fixation|excision|resection|repair\b"
)
# Operations on teeth answer no question that a second opinion is asked.
_NO_SURGERY = (
    r"assessment|education|referral|evaluation of|consult|history|plan\b|follow|dental|tooth|teeth"
)


def _codes(*names: str) -> frozenset[str]:
    return frozenset(names)


@dataclass(frozen=True)
class Sought:
    """What is looked for: in which types, by code, by a word of its name, by category."""

    types: tuple[str, ...]
    codes: frozenset[str] = frozenset()
    words: str = ""
    not_words: str = ""
    categories: tuple[str, ...] = ()
    test: Callable[[Resource], bool] | None = None

    def is_one(self, resource: Resource) -> bool:
        if resource["resourceType"] not in self.types:
            return False
        if self.test is not None and not self.test(resource):
            return False
        name = " / ".join(_names(resource)).lower()
        if self.not_words and re.search(self.not_words, name):
            return False
        if not (self.codes or self.words or self.categories):
            return True
        return (
            not self.codes.isdisjoint(_coded(resource, "code", "type"))
            or bool(self.words and re.search(self.words, name))
            or not _coded(resource, "category").isdisjoint(self.categories)
        )


def _active(resource: Resource) -> bool:
    return resource.get("status") in ("active", "on-hold", None) and "inpatient" not in _coded(
        resource, "category"
    )


def _own(resource: Resource) -> bool:
    return str(resource.get("expressedBy", {}).get("reference", "")).startswith("Patient/")


def _staged(resource: Resource) -> bool:
    return any("summary" in stage or "type" in stage for stage in resource.get("stage", ()))


def _ill(resource: Resource) -> bool:
    return "refuted" not in _coded(resource, "verificationStatus")


_IMAGES = {
    "cardiology": r"heart|cardiac|chest|thora|coronar|echo|aort",
    "neurology": r"brain|head|skull|spin|neck|cervi|lumb",
    "orthopaedics": r"knee|hip|shoulder|spin|bone|joint|wrist|ankle|foot|hand|femur|pelv",
    "oncology": r"breast|chest|thora|abdom|pelv|brain|whole|colon|prostat|lung|liver",
}

# Item → what would be one. An item that is not here is not looked for, and the table says so.
SOUGHT: dict[str, tuple[Sought, ...]] = {
    "coverage": (Sought(("Coverage",)),),
    "problems": (Sought(("Condition",), test=_ill),),
    "allergies": (Sought(("AllergyIntolerance",), test=_ill),),
    "medications": (Sought(("MedicationRequest", "MedicationStatement"), test=_active),),
    "notes": (
        Sought(
            _REPORTS,
            _codes("11488-4", "11506-3", "34117-2", "34109-9", "34131-3", "51847-2"),
            r"progress note|consult(ation)? note|history and physical|office visit note|anamnes",
        ),
    ),
    "labs": (
        Sought(("Observation", "DiagnosticReport"), categories=_LAB),
        Sought(
            ("Observation",),
            _codes("718-7", "2160-0", "38483-4", "4548-4", "6690-2", "777-3", "2951-2", "2823-3"),
        ),
    ),
    "goals": (
        Sought(("Goal",), test=_own),
        Sought(_REPORTS, _codes("81338-6", "81378-2"), r"patient('s)? (story|goals)"),
    ),
    "discharge": (
        Sought(
            _REPORTS, _codes("18842-5", "34105-7"),
            r"discharge (summary|letter)|entlass(ungs)?brief|lettre de sortie|informe de alta",
        ),
    ),
    "imaging-reports": (
        Sought(_RADIOLOGY, _codes("18748-4"), _X_RAY, r"dental|echo"),
        Sought(("DiagnosticReport",), categories=("RAD", "LP29684-5", "CT", "NMR", "RUS", "RX")),
    ),
    "operative-notes": (
        Sought(
            _REPORTS, _codes("11504-8", "28570-0", "34868-0"),
            r"operative (note|report)|op note|surgical operation note|op-?bericht|compte rendu op",
        ),
        Sought(("Procedure",), words=_SURGERY, not_words=_NO_SURGERY),
    ),
    "treatment-history": (
        Sought(
            ("Procedure", "MedicationAdministration"),
            words=r"chemotherap|radiation therapy|radiotherap|teletherapy|brachytherap",
        ),
    ),
    "vitals": (
        Sought(("Observation",), _codes("85354-9", "29463-7", "8302-2", "8867-4"),
               categories=("vital-signs",)),
    ),
    "family-history": (Sought(("FamilyMemberHistory",)), Sought(_REPORTS, _codes("10157-6"))),
    "social-history": (
        Sought(("Observation",), _codes("72166-2", "11367-0", "74013-4", "11341-5"),
               r"tobacco smok|smoking status|alcohol(ic drinks| use)|occupation"),
    ),
    "pathology": (
        Sought(
            ("DiagnosticReport", "DocumentReference"),
            _codes("11526-1", "11529-5", "60568-3", "22637-3", "22634-0", "22034-3", "33716-2",
                   "33718-8", "65757-7", "47528-5"),
            r"patholog|histolog|cytolog|biopsy report|anatomie|histopatho",
            r"speech|referral",
            ("PAT", "SP", "CP", "LP7839-6"),
        ),
    ),
    "immunizations": (
        Sought(("Immunization",), test=lambda r: r.get("status") == "completed"),
    ),
    "biomarkers": (
        Sought(
            ("DiagnosticReport", "Observation", "DocumentReference"),
            _codes("51969-4", "69548-6", "81247-9", "16112-5", "16113-3", "48676-1", "85337-4",
                   "85339-0", "85319-2", "85318-4", "81695-9", "94076-7"),
            r"\bher ?2\b|estrogen receptor|progesterone receptor|\bpd-?l1\b|microsatellite|"
            r"\bki-?67\b|\begfr (gene|mutation)|\bbrca|genom|sequencing|genetic (test|analysis)",
            r"glomerular",
        ),
    ),
    "stage": (
        Sought(
            ("Observation", "DiagnosticReport"),
            _codes("21908-9", "21902-2", "21914-7", "21905-5", "21906-3", "21907-1", "21899-0",
                   "21900-6", "21901-4", "59542-1", "399390009", "385349004", "385382003",
                   "399537006", "399588009"),
            r"\bt\.?n\.?m\b|stage (group|\biv?\b|grade)|cancer stag|tumou?r stag|\bajcc\b|"
            r"primary tumou?r\.(clinical|pathology)",
            r"size|dimension|kidney|ulcer|dementia|pressure",
        ),
        Sought(("Condition",), test=_staged),
    ),
    "performance-status": (
        Sought(_RESULTS, _codes("89247-1", "89243-0", "89262-0", "88020-3"),
               r"\becog\b|karnofsky|lansky|performance status"),
    ),
    "ecg": (
        Sought(_RESULTS, _codes("11524-6", "34534-8", "28010-7", "18844-1"),
               r"electrocardiogra|\b(e[ck]g)\b|elektrokardio", r"monitor|holter|stress"),
    ),
    "echo": (
        Sought(_RESULTS, _codes("42148-7", "34552-0", "59281-6"),
               r"echocardiogra|echokardio|\becho\b|ultrasound of heart|us heart", r"dental"),
    ),
    "cardiac-tests": (
        Sought(
            _RESULTS, _codes("18745-0", "18752-6", "18754-2", "11524-6", "42148-7", "34534-8"),
            r"cardiac cath|coronary angio|holter|stress (test|echo)|treadmill|ergometr|"
            r"electrocardiogra|\be[ck]g\b|echocardiogra|nuclear perfusion",
            categories=("LP29708-2", "CUS", "CTH", "EC"),
        ),
    ),
    "neuro-tests": (
        Sought(
            _RESULTS,
            _codes("11523-8", "18749-2", "72106-8", "72172-0", "72133-2", "72107-6"),
            r"electroencephal|\beeg\b|electromyogra|\bemg\b|nerve conduction|lumbar puncture|"
            r"spinal tap|mini-?mental|\bmmse\b|\bmoca\b|montreal cognitive|evoked potential|"
            r"mental status exam|neuropsycholog",
        ),
    ),
}  # fmt: skip
SOUGHT["labs-recent"] = SOUGHT["labs"]
SOUGHT["heart-tests"] = SOUGHT["cardiac-tests"]
# Tests of one word or two each.
_WORDS = {
    "advance-directives": r"advance directive|living will|resuscitat|patientenverf",
    "blood-group": r"blood group|\babo\b",
    "bronchoscopy": r"bronchoscop",
    "cognitive-tests": r"mini-?mental|\bmmse\b|\bmoca\b|montreal cognitive",
    "endoscopy": r"colonoscop|gastroscop|endoscop",
    "lung-function": r"spirometr|\bfev ?1\b|pulmonary function",
    "newborn-screening": r"newborn screen",
    "obstetric-ultrasound": r"obstetric(al)? ultraso|fetal ultraso",
}
SOUGHT |= {item: (Sought(_RESULTS, words=words),) for item, words in _WORDS.items()}


@dataclass
class Looked:
    """One chart and kind of case: items told as absent, those looked for, what was found."""

    name: str
    case_type: str
    scope: str
    absent: int = 0
    looked: int = 0
    not_looked: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def look(charts: Iterable[tuple[str, tuple[Resource, ...]]]) -> Iterator[Looked]:
    asked = [("general", "whole-chart"), *((name, "checklist") for name in case_types())]
    for name, records in charts:
        whose = {"id": patient(records)}
        requests = [
            {"case_type": case_type, "scope": scope, "patient": whose} for case_type, scope in asked
        ]
        seen = ask_all(((records, request) for request in requests), explain=False)
        for (case_type, scope), each in zip(asked, seen, strict=True):
            found = Looked(name, case_type, scope)
            if each.problem:
                found.wrong.append(f"{name}, {case_type}, {scope}: no packet: {each.problem}")
            withheld = (each.told.get("outline") or {}).get("withheld", ())
            stay = {f"{record['type']}/{record['id']}" for record in withheld}
            may = [record for record in records if key(record) not in stay]
            for item in each.items.values():
                if item["kind"] == "searched-none":
                    told_absent(found, item, may)
            yield found


def told_absent(found: Looked, item: dict[str, Any], records: Sequence[Resource]) -> None:
    """Look for one item that was told as absent among the records of the source."""
    found.absent += 1
    sought = SOUGHT.get(item["item"])
    if item["item"] == "images":
        region = _IMAGES.get(found.case_type, "")
        sought = (Sought(("ImagingStudy",), words=region, not_words="dental|tooth|teeth"),)
    if sought is None:
        found.not_looked.append(item["item"])
        return
    found.looked += 1
    since = _since(found.case_type, item["item"])
    there = [
        record
        for record in records
        if any(each.is_one(record) for each in sought)
        and record.get("status") not in _NOT_SO
        and (not (when := _when(record)) or when >= since)
    ]
    if there:
        some = ", ".join(f"{key(r)} ({' / '.join(_names(r))[:60]}; {_when(r)})" for r in there[:3])
        found.wrong.append(
            f"{found.name}, {found.case_type}, {found.scope}: {item['item']} is told as absent"
            f" ({item['why']}), there are {len(there)}: {some}"
        )


def _since(case_type: str, item: str) -> str:
    """The first day of an item's window, as text; "" for all and latest."""
    window = _windows(case_type).get(item, "all")
    if not window.endswith("months"):
        return ""
    # A month less than the window: a record at its very edge is no one's mistake.
    days = (int(window.split()[0]) - 1) * 30
    return (date.today() - timedelta(days)).isoformat()


def _windows(case_type: str) -> dict[str, str]:
    values = yaml.safe_load((ROOT / "mappings" / "checklists" / f"{case_type}.yaml").read_text())
    above = _windows(values["extends"]) if "extends" in values else {}
    own = {item["id"]: item["window"] for item in values.get("items", ()) if "window" in item}
    return above | own


def _when(record: Resource) -> str:
    for name in _DATES:
        if isinstance(record.get(name), str):
            return str(record[name])[:10]
    for name in _PERIODS:
        period = record.get(name)
        if isinstance(period, dict):
            if isinstance(period.get("period"), dict):
                period = period["period"]
            if when := period.get("end") or period.get("start"):
                return str(when)[:10]
    return ""


def _names(record: Resource) -> Iterator[str]:
    """The words that say what a record is."""
    for name in ("code", "type", "medicationCodeableConcept", "category", "bodySite"):
        for concept in _each(record.get(name)):
            if "coding" in concept or "text" in concept:
                yield from filter(None, [concept.get("text")])
                yield from (c["display"] for c in _each(concept.get("coding")) if "display" in c)
    for name in ("description", "title"):
        if isinstance(record.get(name), str):
            yield record[name]
    for series in _each(record.get("series")):
        yield from filter(None, [series.get("description"), *_displays(series)])


def _displays(series: dict[str, Any]) -> Iterator[str]:
    for name in ("bodySite", "modality"):
        yield from (each["display"] for each in _each(series.get(name)) if "display" in each)


def _coded(record: Resource, *names: str) -> set[str]:
    return {
        coding.get("code", "")
        for name in names
        for concept in _each(record.get(name))
        for coding in _each(concept.get("coding"))
    }


def _each(value: Any) -> list[dict[str, Any]]:
    values = value if isinstance(value, list) else [value]
    return [each for each in values if isinstance(each, dict)]
