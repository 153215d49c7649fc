"""Who, what is asked, when and by whom, in words, from the packet's own entries."""

from datetime import date, datetime
from typing import Any

from ...fhir.lossless import decode
from ...fhir.shapes import as_dict, as_text, dicts, objects_in
from ...store.case.casefile import CaseFile
from ...store.mapped import packet
from ...view import days
from ..record.words import called, person

_UNKNOWN = "not recorded"
_SEXES = {"female": "woman", "male": "man", "other": "other sex", "unknown": "sex unknown"}
_YOUNG = {"female": "girl", "male": "boy"}
_GROWN, _SMALL = 18, 3  # years
_INTERPRETER = "http://hl7.org/fhir/StructureDefinition/patient-interpreterRequired"
_MODES = {"undecided": "mode not decided", "in-person": "in person"}


def resource(entry: packet.Entry | None) -> dict[str, Any]:
    """An entry of ours that every packet has."""
    assert entry is not None, "a packet has it"
    found: dict[str, Any] = decode(entry.body)
    return found


def head(case: CaseFile) -> dict[str, str]:
    """The texts of the page's head, see `view.first_page.header`; `due`, `title`, `story` too."""
    contents, order, task, office = (
        resource(packet.authored(case, name))
        for name in ("Composition", "ServiceRequest", "Task", "RecordsOffice")
    )
    patient = resource(packet.entry(case, *contents["subject"]["reference"].split("/")))
    inputs = {
        code["code"]: said
        for said in dicts(task.get("input"))
        for code in dicts(as_dict(said.get("type")).get("coding"))
    }
    kinds = [reason["text"] for reason in order["reasonCode"][1:]]
    named = [kind.partition(": ")[2] or kind for kind in kinds]
    prepared = as_text(contents.get("date"))
    due = _moment(as_text(task["restriction"]["period"]["end"]))
    return {
        "title": as_text(contents.get("title")),
        "name": name(patient),
        "who": " ".join(f"· {part}" for part in _who(patient, prepared)),
        "kind": ", also ".join([named[0], ", ".join(named[1:])] if named[1:] else named),
        "question": as_text(order["reasonCode"][0].get("text")),
        "meeting": _meeting(order, as_text(as_dict(inputs.get("mode")).get("valueCode"))),
        "asks": _asks(case, order, office, task),
        "prepared": f"Prepared {days.day(prepared)} · needed by {due}",
        "due": due,
    }


def name(patient: dict[str, Any]) -> str:
    """What somebody is called."""
    return person(patient.get("name")) or _UNKNOWN


def _who(patient: dict[str, Any], today: str) -> list[str]:
    born = as_text(patient.get("birthDate"))
    sex = as_text(patient.get("gender"))
    months = _months(born, today)
    young = months is not None and months < _GROWN * 12
    said = [(_YOUNG if young else {}).get(sex) or _SEXES.get(sex, "sex not recorded")]
    if months is not None:
        said.append(f"{months} months old" if months < _SMALL * 12 else str(months // 12))
    said.append(f"born {days.day(born) if born else _UNKNOWN}")
    numbers = objects_in(patient.get("identifier"))
    numbers.sort(key=lambda one: "MR" not in str(as_dict(one.get("type")).get("coding")))
    if numbers and (number := as_text(numbers[0].get("value"))):
        by = called(numbers[0].get("assigner"))
        said.append(f"record {number}{f' ({by})' if by else ''}")
    spoken = dicts(patient.get("communication"))
    spoken.sort(key=lambda each: each.get("preferred") is not True)
    if spoken and (language := called(spoken[0].get("language"))):
        said.append(f"speaks {language}")
    for extension in dicts(patient.get("extension")):
        if extension.get("url") == _INTERPRETER and extension.get("valueBoolean") is True:
            said.append("needs an interpreter")
    if patient.get("deceasedBoolean") is True or patient.get("deceasedDateTime"):
        said.append("recorded as deceased")
    return said


def _months(born: str, today: str) -> int | None:
    """How old in whole months; None where no whole birth date is known."""
    try:
        then, now = date.fromisoformat(born), date.fromisoformat(today[:10])
    except ValueError:
        return None
    return (now.year - then.year) * 12 + now.month - then.month - (now.day < then.day)


def _moment(written: str) -> str:
    """A date, or day of the week, date, time and zone."""
    try:
        at = datetime.fromisoformat(written)
    except ValueError:
        return written
    if "T" not in written:
        return days.day(written)
    zone = at.strftime("%z")
    offset = f" (UTC{zone[:3]}:{zone[3:5]})" if zone else ""
    return f"{at:%a} {days.day(written)}, {at:%H:%M}{offset}"


def _meeting(order: dict[str, Any], mode: str) -> str:
    if not (start := as_text(order.get("occurrenceDateTime"))):
        return "No date of a meeting yet"
    return f"Meeting {_moment(start)} · {_MODES.get(mode, mode)}"


def _asks(
    case: CaseFile, order: dict[str, Any], office: dict[str, Any], task: dict[str, Any]
) -> str:
    there = as_text(as_dict(task.get("owner")).get("display"))
    reference = as_text(as_dict(order.get("requester")).get("reference"))
    role = resource(packet.entry(case, *reference.split("/"))) if "/" in reference else {}
    person = called(role.get("practitioner"))
    if not person and "/" in (who := as_text(as_dict(role.get("practitioner")).get("reference"))):
        person = name(resource(packet.entry(case, *who.split("/"))))
    telecoms = [*dicts(role.get("telecom")), *dicts(office.get("telecom"))]
    reached = list(dict.fromkeys(as_text(each.get("value")) for each in telecoms))
    sender = ", ".join(filter(None, [as_text(office.get("name")), person, *reached[:2]]))
    return " · ".join(filter(None, [f"For {there}" if there else "", f"from {sender}"]))
