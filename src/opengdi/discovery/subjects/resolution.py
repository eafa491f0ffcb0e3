"""Which series of a release a filter is about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from opengdi.discovery.subjects.catalogue import Catalogue, Series
from opengdi.discovery.subjects.facts import AGE
from opengdi.kernel.errors import Invalid
from opengdi.standards.beacon.questions import AlphanumericFilter, EntryType, OntologyFilter, Operator
from opengdi.standards.faults import Malformed
from opengdi.standards.iso8601 import duration_seconds, years_as_seconds
from opengdi.standards.ontology.curie import canonical

Leaf = OntologyFilter | AlphanumericFilter
"""A filter that is not a list of alternatives."""

_AGE_TERMS: Final = frozenset({"PATO:0000011", "NCIT:C25150"})
_ENTRY_PREFIXES: Final = (
    "individual.", "individuals.", "biosample.", "biosamples.", "run.", "runs.", "analysis.", "analyses.",
)  # fmt: skip
_SCOPES: Final = frozenset(
    {None, EntryType.INDIVIDUAL, EntryType.BIOSAMPLE, EntryType.RUN, EntryType.ANALYSIS}
)
_LARGEST: Final = 1e15
_LONGEST: Final = 256
_MODEL_FIELDS: Final = frozenset(
    {
        AGE, "sex", "karyotypicSex", "ethnicity", "geographicOrigin",
        "diseases.diseaseCode", "diseases.ageOfOnset.iso8601duration", "diseases.severity", "diseases.stage",
        "diseases.familyHistory", "phenotypicFeatures.featureType", "phenotypicFeatures.severity",
        "phenotypicFeatures.onset.iso8601duration", "interventionsOrProcedures.procedureCode",
        "interventionsOrProcedures.ageAtProcedure.iso8601duration", "treatments.treatmentCode",
        "measurements.assayCode", "measurements.measurementValue.value", "exposures.exposureCode",
        "biosampleStatus", "sampleOriginType", "sampleOriginDetail", "histologicalDiagnosis", "tumorGrade",
        "pathologicalStage", "collectionDate", "collectionMoment", "libraryLayout", "librarySelection",
        "librarySource", "libraryStrategy", "platform", "platformModel", "runDate", "analysisDate", "aligner",
        "pipelineName", "variantCaller",
    }
)  # fmt: skip
"""Fields of the default model that may be asked for even if nobody has them: nobody is then the answer."""


@dataclass(frozen=True, slots=True)
class Field:
    """Series that an alphanumeric filter names, and which part of a term its value is compared with."""

    series: tuple[Series, ...]
    part: str = ""


def found_series(catalogue: Catalogue, asked: Leaf) -> tuple[Series, ...]:
    """Series a filter is about in one release: those that match a term, or those of the named field."""
    if isinstance(asked, OntologyFilter):
        if found := catalogue.matching_terms(asked):
            return tuple(found)
        custom = as_custom(asked)
        return field_of(custom, catalogue).series if custom else ()
    return field_of(asked, catalogue).series


def is_of_the_model(asked: AlphanumericFilter) -> bool:
    """True if the id names a field of the default model, in full or by its ending."""
    if asked.id.casefold() == AGE or canonical(asked.id) in _AGE_TERMS:
        return True
    paths = [path for path, _ in _paths(_without_entry(asked.id))]
    return any(known == path or known.endswith(f".{path}") for known in _MODEL_FIELDS for path in paths)


def check_value(asked: AlphanumericFilter) -> None:
    """Raise Invalid for a duration of the model compared with what is none, whether or not anybody has one."""
    durations = (AGE, "collectionMoment", *_AGE_TERMS)
    if canonical(asked.id) not in durations and not asked.id.endswith("iso8601duration"):
        return
    try:
        seconds_of(asked.value)
    except Malformed as fault:
        raise Invalid(f"filter {asked.id!r}: {fault}") from fault


def seconds_of(value: str) -> float:
    """A duration, or a plain number of years, in seconds. Raises Malformed."""
    if value[:1] in ("P", "p"):
        return float(duration_seconds(value.upper()))
    return float(years_as_seconds(number_of(value, "an ISO 8601 duration such as 'P30Y', or years")))


def number_of(value: str, form: str = "a number") -> float:
    """A finite number. Raises Malformed, saying the form that would be right."""
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not abs(number) < _LARGEST:
        raise Malformed(f"{value!r} is not {form}")
    return number


def check_length(asked: Leaf) -> None:
    """Raise Invalid for an id or a value that is longer than any in the data: filters asked last are remembered."""
    value = asked.value if isinstance(asked, AlphanumericFilter) else ""
    if max(len(asked.id), len(value)) > _LONGEST:
        what = "id" if len(asked.id) > _LONGEST else "value"
        raise Invalid(f"filter {asked.id[:80]!r}: the {what} is longer than {_LONGEST} characters")


def check_scope(asked: Leaf) -> None:
    """Raise Invalid for a scope in which nothing about people is stored."""
    if asked.scope not in _SCOPES:
        raise Invalid(
            f"filter {asked.id!r}: scope {asked.scope} cannot be filtered; use individual or biosample"
        )


def as_custom(asked: OntologyFilter) -> AlphanumericFilter | None:
    """`field:value` as a comparison, None if the id has no such form."""
    field, colon, value = asked.id.partition(":")
    return (
        AlphanumericFilter(field, Operator.EQUAL, value, asked.scope) if colon and field and value else None
    )


def field_of(asked: AlphanumericFilter, catalogue: Catalogue) -> Field:
    """The field an alphanumeric filter names; no series if the release has none."""
    if asked.id.casefold() == AGE or canonical(asked.id) in _AGE_TERMS:
        return Field(tuple(catalogue.at_field(AGE, asked.scope)))
    for path, part in _paths(_without_entry(asked.id)):
        if found := catalogue.at_field(path, asked.scope) or catalogue.ending_in(path, asked.scope):
            return Field(tuple(found), part)
    return Field(tuple(catalogue.of_assay(asked.id, asked.scope)))


def _without_entry(name: str) -> str:
    prefix = next((prefix for prefix in _ENTRY_PREFIXES if name.startswith(prefix)), "")
    return name.removeprefix(prefix)


def _paths(name: str) -> Iterable[tuple[str, str]]:
    yield name, ""
    yield f"{name}.iso8601duration", ""
    for part in ("id", "label"):
        if name.endswith(f".{part}"):
            yield name.removesuffix(f".{part}"), part
