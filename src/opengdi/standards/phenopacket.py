"""Phenopackets as entries of the Beacon model: one individual and its biosamples out of each packet.

Spec: GA4GH Phenopacket Schema 2.0 (JSON form of its messages; names in camel or snake case), Beacon v2.2.0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Final

from opengdi.standards.faults import Malformed

SPEC_VERSION: Final = "2.0"

Json = dict[str, object]

FEMALE: Final = {"id": "NCIT:C16576", "label": "female"}
MALE: Final = {"id": "NCIT:C20197", "label": "male"}
UNKNOWN: Final = {"id": "NCIT:C17998", "label": "Unknown"}
_SEXES: Final = {
    "FEMALE": FEMALE, "MALE": MALE, "UNKNOWN_SEX": UNKNOWN, "OTHER_SEX": {"id": "NCIT:C17649", "label": "Other"},
    0: UNKNOWN, 1: FEMALE, 2: MALE, 3: {"id": "NCIT:C17649", "label": "Other"},
}  # fmt: skip
_TIME_KINDS: Final = ("age", "ageRange", "gestationalAge", "timestamp", "interval", "ontologyClass")


def beacon_entries(packet: Mapping[str, object]) -> tuple[Json, list[Json]]:
    """An individual and its biosamples, as Beacon documents. Raises Malformed, naming the member that is wrong."""
    source = _object(_camel_case(packet), "the phenopacket")
    _check_version(source)
    if "subject" not in source and ("proband" in source or "members" in source):
        raise Malformed(
            "it holds several phenopackets (a Family or a Cohort); give these, each as one record"
        )
    subject = _object(source.get("subject"), "subject")
    individual = _individual(subject)
    individual.update(_clinical(source))
    biosamples = [_biosample(item, individual["id"]) for item in _objects(source, "biosamples")]
    return individual, biosamples


_NO_PLACE: Final = ("interpretations", "files")
_NO_PLACE_IN_DISEASES: Final = ("laterality", "primarySite", "clinicalTnmFinding")
_OTHER_ACTIONS: Final = ("radiationTherapy", "therapeuticRegimen")


def left_aside(packet: Mapping[str, object]) -> list[str]:
    """Parts of a packet that `beacon_entries` understands and the Beacon model has no place for, by name, each once."""
    source = _object(_camel_case(packet), "the phenopacket")
    actions, diseases = _objects(source, "medicalActions"), _objects(source, "diseases")
    names = [name for name in _NO_PLACE if source.get(name)]
    names += [f"medicalActions.{kind}" for kind in _OTHER_ACTIONS if any(kind in one for one in actions)]
    names += [f"diseases.{name}" for name in _NO_PLACE_IN_DISEASES if any(one.get(name) for one in diseases)]
    several = {"diseases.diseaseStage": [one.get("diseaseStage") for one in diseases]}
    several["phenotypicFeatures.evidence"] = [
        one.get("evidence") for one in _objects(source, "phenotypicFeatures")
    ]
    for name, values in several.items():
        if any(isinstance(value, list) and len(value) > 1 for value in values):
            names.append(f"{name} after the first")
    return names


def _check_version(source: Json) -> None:
    """Raises Malformed for a packet that says it is of another version; one that says nothing is taken for 2."""
    told = _object(source.get("metaData") or {}, "metaData").get("phenopacketSchemaVersion", SPEC_VERSION)
    if not isinstance(told, str) or told.removeprefix("v").split(".", 1)[0] != SPEC_VERSION.split(".", 1)[0]:
        raise Malformed(f"metaData.phenopacketSchemaVersion is {told!r}; Phenopackets of version 2 are read")


def unwrapped_time(value: object) -> object:
    """A time element without the name of its kind: `{"age": {"iso8601duration": d}}` is `{"iso8601duration": d}`."""
    if not isinstance(value, dict):
        return value
    for kind in _TIME_KINDS:
        if kind in value and len(value) == 1:
            inner = value[kind]
            return {"iso8601duration": inner} if kind == "age" and isinstance(inner, str) else inner
    return value


def _individual(subject: Json) -> Json:
    name = subject.get("id")
    if not isinstance(name, str) or not name:
        raise Malformed("subject.id must be a text that names the individual")
    sex = subject.get("sex", "UNKNOWN_SEX")
    if not isinstance(sex, str | int) or sex not in _SEXES:
        raise Malformed(f"subject.sex is {sex!r}; expected UNKNOWN_SEX, FEMALE, MALE or OTHER_SEX")
    individual: Json = {"id": name, "sex": dict(_SEXES[sex])}
    _carry(subject, individual, {"karyotypicSex": "karyotypicSex", "vitalStatus": "vitalStatus"})
    if (moment := _last_encounter(subject)) is not None:
        individual["timeAtLastEncounter"] = moment
    if "gender" in subject:
        individual["info"] = {"gender": subject["gender"]}
    return individual


def _last_encounter(subject: Json) -> object:
    """Time of the last encounter; a date is told as an age, so that the date of birth need not be stored."""
    moment = unwrapped_time(subject.get("timeAtLastEncounter"))
    born = subject.get("dateOfBirth")
    if not isinstance(moment, str):
        return moment
    return {"iso8601duration": _age(born, moment)} if isinstance(born, str) else None


def _age(born: str, then: str) -> str:
    try:
        start, end = (date.fromisoformat(text.split("T", 1)[0]) for text in (born, then))
    except ValueError as fault:
        raise Malformed(
            f"subject.dateOfBirth {born!r} and timeAtLastEncounter {then!r} must be dates"
        ) from fault
    months = (end.year - start.year) * 12 + end.month - start.month - (end.day < start.day)
    if months < 0:
        raise Malformed(f"subject.timeAtLastEncounter {then!r} lies before dateOfBirth")
    return f"P{months // 12}Y{months % 12}M"


def _clinical(source: Json) -> Json:
    """Features, measurements, diseases, procedures and treatments, each where there are any."""
    actions = _objects(source, "medicalActions")
    excluded = [item.get("term") for item in _objects(source, "diseases") if item.get("excluded") is True]
    parts: Json = {
        "phenotypicFeatures": [_feature(item) for item in _objects(source, "phenotypicFeatures")],
        "measurements": [_measurement(item) for item in _objects(source, "measurements")],
        "diseases": [
            _disease(item) for item in _objects(source, "diseases") if item.get("excluded") is not True
        ],
        "interventionsOrProcedures": _actions(actions, "procedure", _procedure),
        "treatments": _actions(actions, "treatment", _treatment),
        "excludedDiseases": excluded,
    }
    return {name: part for name, part in parts.items() if part}


def _actions(actions: list[Json], kind: str, convert: Callable[[Json], Json]) -> list[Json]:
    return [convert(_object(action[kind], f"medicalActions.{kind}")) for action in actions if kind in action]


def _feature(item: Json) -> Json:
    feature: Json = {"featureType": item.get("type")}
    _carry(item, feature, {"excluded": "excluded", "severity": "severity", "modifiers": "modifiers",
                           "description": "notes"})  # fmt: skip
    _carry_times(item, feature, {"onset": "onset", "resolution": "resolution"})
    if evidence := _objects(item, "evidence"):
        feature["evidence"] = evidence[0]
    return feature


def _measurement(item: Json) -> Json:
    measurement: Json = {"assayCode": item.get("assay"), "measurementValue": _measured(item)}
    _carry(item, measurement, {"description": "notes"})
    _carry_times(item, measurement, {"timeObserved": "observationMoment"})
    if "procedure" in item:
        measurement["procedure"] = _procedure(_object(item["procedure"], "measurements.procedure"))
    return measurement


def _measured(item: Json) -> object:
    """Quantity, ontology term or complex value, whichever the measurement holds."""
    if "complexValue" in item:
        quantities = _objects(_object(item["complexValue"], "measurements.complexValue"), "typedQuantities")
        return {
            "typedQuantities": [
                {"quantityType": part.get("type"), "quantity": part.get("quantity")} for part in quantities
            ]
        }
    value = _object(item.get("value"), "measurements.value")
    return value.get("quantity", value.get("ontologyClass"))


def _disease(item: Json) -> Json:
    disease: Json = {"diseaseCode": item.get("term")}
    _carry_times(item, disease, {"onset": "ageOfOnset"})
    stages = item.get("diseaseStage")
    if isinstance(stages, list) and stages:
        disease["stage"] = stages[0]
    return disease


def _procedure(item: Json) -> Json:
    procedure: Json = {"procedureCode": item.get("code")}
    _carry(item, procedure, {"bodySite": "bodySite"})
    performed = unwrapped_time(item.get("performed"))
    if isinstance(performed, str):
        procedure["dateOfProcedure"] = performed.split("T", 1)[0]
    elif performed is not None:
        procedure["ageAtProcedure"] = performed
    return procedure


def _treatment(item: Json) -> Json:
    treatment: Json = {"treatmentCode": item.get("agent")}
    _carry(item, treatment, {"routeOfAdministration": "routeOfAdministration", "doseIntervals": "doseIntervals",
                             "cumulativeDose": "cumulativeDose"})  # fmt: skip
    return treatment


_BIOSAMPLE_MEMBERS: Final = {
    "sampledTissue": "sampleOriginDetail", "materialSample": "biosampleStatus", "description": "notes",
    **{name: name for name in (
        "histologicalDiagnosis", "tumorProgression", "tumorGrade", "pathologicalStage", "pathologicalTnmFinding",
        "diagnosticMarkers", "sampleProcessing", "sampleStorage",
    )},
}  # fmt: skip


def _biosample(item: Json, owner: object) -> Json:
    biosample: Json = {"id": item.get("id"), "individualId": item.get("individualId") or owner}
    _carry(item, biosample, _BIOSAMPLE_MEMBERS)
    if origin := item.get("sampleType") or item.get("sampledTissue"):
        biosample["sampleOriginType"] = origin
    moment = unwrapped_time(item.get("timeOfCollection"))
    if isinstance(moment, str):
        biosample["collectionDate"] = moment.split("T", 1)[0]
    elif isinstance(moment, dict) and "iso8601duration" in moment:
        biosample["collectionMoment"] = moment["iso8601duration"]
    if "procedure" in item:
        biosample["obtentionProcedure"] = _procedure(_object(item["procedure"], "biosamples.procedure"))
    for name, convert in (("phenotypicFeatures", _feature), ("measurements", _measurement)):
        if parts := [convert(part) for part in _objects(item, name)]:
            biosample[name] = parts
    return biosample


def _carry(source: Json, target: Json, names: Mapping[str, str]) -> None:
    target.update({new: source[old] for old, new in names.items() if source.get(old) is not None})


def _carry_times(source: Json, target: Json, names: Mapping[str, str]) -> None:
    target.update(
        {new: unwrapped_time(source[old]) for old, new in names.items() if source.get(old) is not None}
    )


def _object(value: object, name: str) -> Json:
    if not isinstance(value, dict):
        raise Malformed(f"{name} must be an object")
    return value


def _objects(source: Json, name: str) -> list[Json]:
    value = source.get(name) or []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise Malformed(f"{name} must be a list of objects")
    return value


def _camel_case(value: object) -> object:
    """Protocol buffers' JSON may name members in snake case; nulls mean absent."""
    if isinstance(value, Mapping):
        return {_camel(str(key)): _camel_case(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_camel_case(item) for item in value]
    return value


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in rest) if head else name
