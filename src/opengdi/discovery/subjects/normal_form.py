"""Documents of older and neighbouring models brought to the Beacon v2.2 form, every change told.

Spec: Beacon v2.2.0 default model. `measures` became `measurements` in v2.1.2; Phenopackets wrap a time element
by its kind (`{"age": {"iso8601duration": ...}}`) where Beacon does not.
"""

from __future__ import annotations

from typing import Final

from opengdi.discovery.subjects.tables import Sex
from opengdi.standards.beacon.questions import EntryType
from opengdi.standards.phenopacket import FEMALE, MALE, UNKNOWN, unwrapped_time

Document = dict[str, object]

_TIMES: Final = frozenset(
    {"ageOfOnset", "onset", "resolution", "ageAtProcedure", "observationMoment", "timeAtLastEncounter"}
)
_FEMALE_IDS: Final = frozenset(
    {"NCIT:C16576", "NCIT:C46110", "PATO:0000383", "SNOMED:248152002", "SNOMEDCT:248152002"}
)
_MALE_IDS: Final = frozenset(
    {"NCIT:C20197", "NCIT:C46109", "PATO:0000384", "SNOMED:248153007", "SNOMEDCT:248153007"}
)
_SEX_WORDS: Final = {"female": FEMALE, "f": FEMALE, "male": MALE, "m": MALE, "unknown": UNKNOWN, "u": UNKNOWN}
_REQUIRED_TERMS: Final = {
    EntryType.INDIVIDUAL: ("sex",),
    EntryType.BIOSAMPLE: ("biosampleStatus", "sampleOriginType"),
}
_COMPUTED: Final = ("collectionEvents", "cohortSize")


def normalised(kind: EntryType, document: Document) -> tuple[Document, list[str]]:
    """The document as v2.2 would write it, and what was changed that its reader should know."""
    changes: list[str] = []
    tidy = _without_nulls(document)
    assert isinstance(tidy, dict)
    if "measures" in tidy and "measurements" not in tidy:
        tidy["measurements"] = tidy.pop("measures")
    if kind is EntryType.INDIVIDUAL and isinstance(word := tidy.get("sex"), str):
        tidy["sex"] = dict(_SEX_WORDS.get(word.strip().lower(), UNKNOWN))
    for name in _REQUIRED_TERMS.get(kind, ()):
        if name not in tidy:
            tidy[name] = dict(UNKNOWN)
            changes.append(f"{name} is required and was not given; it is now {UNKNOWN['id']} (Unknown)")
    if kind is EntryType.COHORT:
        changes += _without_own_counts(tidy)
    return tidy, changes


def sex_of(document: Document) -> Sex:
    """Sex by karyotype where one is told, else by the term of `sex`."""
    match document.get("karyotypicSex"):
        case "XX":
            return Sex.FEMALE
        case "XY":
            return Sex.MALE
        case None | "UNKNOWN_KARYOTYPE":
            return _sex_by_term(document.get("sex"))
    return Sex.UNKNOWN


def _sex_by_term(term: object) -> Sex:
    name = term.get("id") if isinstance(term, dict) else None
    if name in _FEMALE_IDS:
        return Sex.FEMALE
    return Sex.MALE if name in _MALE_IDS else Sex.UNKNOWN


def _without_nulls(value: object, name: str = "") -> object:
    """The value without members that are null, and time elements unwrapped."""
    if isinstance(value, dict):
        kept = {key: _without_nulls(item, key) for key, item in value.items() if item is not None}
        return unwrapped_time(kept) if name in _TIMES else kept
    if isinstance(value, list):
        return [_without_nulls(item, name) for item in value if item is not None]
    return value


def _without_own_counts(cohort: Document) -> list[str]:
    """Counts of a cohort are computed from the data, under the disclosure policy; brought counts are dropped."""
    cohort.setdefault("cohortType", "beacon-defined")
    dropped = [name for name in _COMPUTED if cohort.pop(name, None) is not None]
    return [f"{name} was left aside: it is computed from the subjects" for name in dropped]
