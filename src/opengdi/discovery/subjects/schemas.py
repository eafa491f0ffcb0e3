"""What a Beacon entry must look like to be stored, as types that msgspec checks; other members are kept as they are.

Spec: Beacon v2.2.0 default model, `individuals`, `biosamples`, `runs`, `analyses`, `cohorts` and `common`.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from opengdi.standards.beacon.questions import EntryType
from opengdi.standards.faults import Malformed
from opengdi.standards.iso8601 import date_number

Id = Annotated[str, Meta(min_length=1, max_length=256)]
_CURIE: Final = r"^\w[^:]+:.+$"
_DATE: Final = r"^\d{4}-\d\d-\d\d$"
_TIMESTAMP: Final = r"^\d{4}-\d\d-\d\dT\d\d:\d\d"

Curie = Annotated[str, Meta(pattern=_CURIE)]
Date = Annotated[str, Meta(pattern=_DATE)]
Timestamp = Annotated[str, Meta(pattern=_TIMESTAMP)]

_MEANT: Final = {
    f"Expected `str` matching regex {_CURIE!r}": "expected a CURIE such as HP:0001250",
    f"Expected `str` matching regex {_DATE!r}": "expected a date such as 2026-01-31",
    f"Expected `str` matching regex {_TIMESTAMP!r}": "expected a time such as 2026-01-31T12:00:00Z",
}
"""What msgspec says of a pattern, and what it means."""


class Term(Struct):
    id: Curie
    label: str | UnsetType = UNSET


class Age(Struct):
    iso8601duration: str


class TimeElement(Struct):
    """One of the six forms of `timeElement.json` that are objects; the seventh is a timestamp as text."""

    id: Curie | UnsetType = UNSET
    iso8601duration: str | UnsetType = UNSET
    start: Age | Timestamp | UnsetType = UNSET
    end: Age | Timestamp | UnsetType = UNSET
    weeks: int | UnsetType = UNSET

    def __post_init__(self) -> None:
        forms = (self.id, self.iso8601duration, self.start, self.weeks)
        if sum(form is not UNSET for form in forms) != 1 or type(self.start) is not type(self.end):
            raise ValueError(
                "a time element is an age {iso8601duration}, a range or interval {start, end}, "
                "{weeks}, or an ontology term {id}"
            )


Moment = TimeElement | Timestamp | UnsetType


class ReferenceRange(Struct):
    unit: Term
    low: float
    high: float


class Quantity(Struct):
    unit: Term
    value: float
    referenceRange: ReferenceRange | UnsetType = UNSET  # noqa: N815


class TypedQuantity(Struct):
    quantityType: Term  # noqa: N815
    quantity: Quantity


class MeasurementValue(Struct):
    """A quantity, an ontology term, or a complex value of typed quantities: exactly one of them."""

    id: Curie | UnsetType = UNSET
    unit: Term | UnsetType = UNSET
    value: float | UnsetType = UNSET
    referenceRange: ReferenceRange | UnsetType = UNSET  # noqa: N815
    typedQuantities: list[TypedQuantity] | UnsetType = UNSET  # noqa: N815

    def __post_init__(self) -> None:
        quantity = self.unit is not UNSET and self.value is not UNSET
        forms = (self.id is not UNSET, quantity, self.typedQuantities is not UNSET)
        if sum(forms) != 1:
            raise ValueError("a measured value is {unit, value}, an ontology term {id}, or {typedQuantities}")


class Procedure(Struct):
    procedureCode: Term  # noqa: N815
    ageAtProcedure: Moment = UNSET  # noqa: N815
    bodySite: Term | UnsetType = UNSET  # noqa: N815
    dateOfProcedure: Date | UnsetType = UNSET  # noqa: N815


class Measurement(Struct):
    assayCode: Term  # noqa: N815
    measurementValue: MeasurementValue  # noqa: N815
    date: Date | UnsetType = UNSET
    notes: str | UnsetType = UNSET
    observationMoment: Moment = UNSET  # noqa: N815
    procedure: Procedure | UnsetType = UNSET


class Disease(Struct):
    diseaseCode: Term  # noqa: N815
    ageOfOnset: Moment = UNSET  # noqa: N815
    familyHistory: bool | UnsetType = UNSET  # noqa: N815
    notes: str | UnsetType = UNSET
    severity: Term | UnsetType = UNSET
    stage: Term | UnsetType = UNSET


class Evidence(Struct):
    evidenceCode: Term  # noqa: N815


class PhenotypicFeature(Struct):
    featureType: Term  # noqa: N815
    excluded: bool = False
    evidence: Evidence | UnsetType = UNSET
    modifiers: list[Term] = []
    notes: str | UnsetType = UNSET
    onset: Moment = UNSET
    resolution: Moment = UNSET
    severity: Term | UnsetType = UNSET


class Exposure(Struct):
    exposureCode: Term  # noqa: N815
    ageAtExposure: Age  # noqa: N815
    unit: Term
    duration: str
    date: Date | UnsetType = UNSET
    value: float | UnsetType = UNSET


class TimeInterval(Struct, forbid_unknown_fields=True):
    start: Timestamp
    end: Timestamp


class DoseInterval(Struct, forbid_unknown_fields=True):
    quantity: Quantity
    interval: TimeInterval
    scheduleFrequency: Term  # noqa: N815


class Treatment(Struct):
    treatmentCode: Term  # noqa: N815
    ageAtOnset: Age | UnsetType = UNSET  # noqa: N815
    cumulativeDose: Quantity | UnsetType = UNSET  # noqa: N815
    doseIntervals: list[DoseInterval] = []  # noqa: N815
    routeOfAdministration: Term | UnsetType = UNSET  # noqa: N815


class PedigreeMember(Struct):
    memberId: str  # noqa: N815
    role: Term
    affected: bool


class Pedigree(Struct):
    id: str
    disease: Disease
    members: Annotated[list[PedigreeMember], Meta(min_length=1)]
    numSubjects: int | UnsetType = UNSET  # noqa: N815


KaryotypicSex = Literal[
    "UNKNOWN_KARYOTYPE", "XX", "XY", "XO", "XXY", "XXX", "XXYY", "XXXY", "XXXX", "XYY", "OTHER_KARYOTYPE"
]


class Individual(Struct):
    id: Id
    sex: Term
    karyotypicSex: KaryotypicSex | UnsetType = UNSET  # noqa: N815
    diseases: list[Disease] = []
    ethnicity: Term | UnsetType = UNSET
    exposures: list[Exposure] = []
    geographicOrigin: Term | UnsetType = UNSET  # noqa: N815
    info: dict[str, object] | UnsetType = UNSET
    interventionsOrProcedures: list[Procedure] = []  # noqa: N815
    measurements: list[Measurement] = []
    pedigrees: list[Pedigree] = []
    phenotypicFeatures: list[PhenotypicFeature] = []  # noqa: N815
    treatments: list[Treatment] = []


class Biosample(Struct):
    id: Id
    biosampleStatus: Term  # noqa: N815
    sampleOriginType: Term  # noqa: N815
    collectionDate: Date | UnsetType = UNSET  # noqa: N815
    collectionMoment: str | UnsetType = UNSET  # noqa: N815
    diagnosticMarkers: list[Term] = []  # noqa: N815
    histologicalDiagnosis: Term | UnsetType = UNSET  # noqa: N815
    individualId: str | UnsetType = UNSET  # noqa: N815
    info: dict[str, object] | UnsetType = UNSET
    measurements: list[Measurement] = []
    notes: str | UnsetType = UNSET
    obtentionProcedure: Procedure | UnsetType = UNSET  # noqa: N815
    pathologicalStage: Term | UnsetType = UNSET  # noqa: N815
    pathologicalTnmFinding: list[Term] = []  # noqa: N815
    phenotypicFeatures: list[PhenotypicFeature] = []  # noqa: N815
    sampleOriginDetail: Term | UnsetType = UNSET  # noqa: N815
    sampleProcessing: Term | UnsetType = UNSET  # noqa: N815
    sampleStorage: Term | UnsetType = UNSET  # noqa: N815
    tumorGrade: Term | UnsetType = UNSET  # noqa: N815
    tumorProgression: Term | UnsetType = UNSET  # noqa: N815


class Run(Struct):
    id: Id
    biosampleId: str  # noqa: N815
    runDate: Date  # noqa: N815
    individualId: str | UnsetType = UNSET  # noqa: N815
    info: dict[str, object] | UnsetType = UNSET
    libraryLayout: Literal["PAIRED", "SINGLE"] | UnsetType = UNSET  # noqa: N815
    librarySelection: str | UnsetType = UNSET  # noqa: N815
    librarySource: Term | UnsetType = UNSET  # noqa: N815
    libraryStrategy: str | UnsetType = UNSET  # noqa: N815
    platform: str | UnsetType = UNSET
    platformModel: Term | UnsetType = UNSET  # noqa: N815


class Analysis(Struct):
    id: Id
    analysisDate: Date  # noqa: N815
    pipelineName: str  # noqa: N815
    aligner: str | UnsetType = UNSET
    biosampleId: str | UnsetType = UNSET  # noqa: N815
    individualId: str | UnsetType = UNSET  # noqa: N815
    info: dict[str, object] | UnsetType = UNSET
    pipelineRef: str | UnsetType = UNSET  # noqa: N815
    runId: str | UnsetType = UNSET  # noqa: N815
    variantCaller: str | UnsetType = UNSET  # noqa: N815


class AgeRange(Struct):
    start: Age
    end: Age


class CohortCriteria(Struct):
    ageRange: AgeRange | UnsetType = UNSET  # noqa: N815
    diseaseConditions: list[Disease] = []  # noqa: N815
    ethnicities: list[Term] = []
    genders: list[Term] = []
    locations: list[Term] = []
    phenotypicConditions: list[PhenotypicFeature] = []  # noqa: N815


class Cohort(Struct):
    id: Id
    name: str
    cohortType: Literal["study-defined", "beacon-defined", "user-defined"]  # noqa: N815
    cohortDataTypes: list[Term] = []  # noqa: N815
    cohortDesign: Term | UnsetType = UNSET  # noqa: N815
    cohortSize: int | UnsetType = UNSET  # noqa: N815
    exclusionCriteria: CohortCriteria | UnsetType = UNSET  # noqa: N815
    inclusionCriteria: CohortCriteria | UnsetType = UNSET  # noqa: N815


_SCHEMAS: Final[dict[EntryType, type[Struct]]] = {
    EntryType.INDIVIDUAL: Individual,
    EntryType.BIOSAMPLE: Biosample,
    EntryType.RUN: Run,
    EntryType.ANALYSIS: Analysis,
    EntryType.COHORT: Cohort,
}
_DATES: Final = ("collectionDate", "runDate", "analysisDate")


def check_entry(kind: EntryType, document: dict[str, object]) -> None:
    """Raise Malformed if a document is not an entry of its type; the message holds the path of the wrong member."""
    try:
        msgspec.convert(document, _SCHEMAS[kind])
    except msgspec.ValidationError as fault:
        raise Malformed(_in_plain_words(str(fault))) from fault
    for name in _DATES:
        if isinstance(text := document.get(name), str):
            date_number(text)


def _in_plain_words(fault: str) -> str:
    for pattern, meant in _MEANT.items():
        fault = fault.replace(pattern, meant)
    return fault
