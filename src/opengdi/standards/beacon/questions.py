"""What a Beacon request asks, after parsing: immutable, dialect-free, 0-based and half-open.

Spec: Beacon v2.2.0, framework `requests/` and default model `genomicVariations/requestParameters`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, IntEnum, StrEnum
from typing import TypeAlias

from opengdi.standards.beacon.version import SPEC_VERSION
from opengdi.standards.coordinates import Assembly


class EntryType(StrEnum):
    """Ids of the entry types of the default model."""

    ANALYSIS = "analysis"
    BIOSAMPLE = "biosample"
    COHORT = "cohort"
    DATASET = "dataset"
    GENOMIC_VARIANT = "genomicVariant"
    INDIVIDUAL = "individual"
    RUN = "run"


class Granularity(IntEnum):
    """How much an answer tells; ordered, so that `min` lowers."""

    BOOLEAN = 0
    COUNT = 1
    RECORD = 2


class Include(StrEnum):
    """Which result sets an answer lists."""

    ALL = "ALL"
    HIT = "HIT"
    MISS = "MISS"
    NONE = "NONE"


class Similarity(StrEnum):
    """How far from an ontology term a match may lie."""

    EXACT = "exact"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Operator(StrEnum):
    """Comparison of an alphanumeric filter."""

    EQUAL = "="
    LESS = "<"
    GREATER = ">"
    NOT = "!"
    GREATER_OR_EQUAL = ">="
    LESS_OR_EQUAL = "<="


@dataclass(frozen=True, slots=True)
class OntologyFilter:
    """An ontology term by CURIE. Also the form of a custom filter, which has no CURIE of a known ontology."""

    id: str
    include_descendants: bool = True
    similarity: Similarity = Similarity.EXACT
    scope: EntryType | None = None


@dataclass(frozen=True, slots=True)
class AlphanumericFilter:
    """A field compared with a value: text with `%` wildcards, a number, or an ISO 8601 duration."""

    id: str
    operator: Operator
    value: str
    scope: EntryType | None = None


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of the filters holds (a nested list in a request)."""

    filters: tuple[Filter, ...]


Filter: TypeAlias = OntologyFilter | AlphanumericFilter | AnyOf


class QuestionKind(Enum):
    """Which of the query types of the specification a variant question is."""

    EVERYTHING = "everything"
    SEQUENCE = "sequence"
    RANGE = "range"
    BRACKET = "bracket"
    GENE = "gene"
    AMINO_ACID = "amino acid change"


@dataclass(frozen=True, slots=True)
class VariantQuestion:
    """A question about variants.

    contig is None only where the question does not name one (portal's subject-level form, gene questions).
    start and end hold one position each (sequence: no end) or the two ends of a bracket each.
    reference_bases / alternate_bases: upper case, `N` matches any base, "" is a trimmed allele, None = not asked.
    variant_types: canonical classes after expansion of the hierarchy (see `variant_types`), in order, None = not asked:
        a question is the same text in every process, by which it is paid for once.
    min_length / max_length: of the variant, in bases, inclusive.
    gene: symbol; amino_acid_change: one-letter form such as `V600E`.
    """

    kind: QuestionKind
    assembly: Assembly | None = None
    contig: str | None = None
    start: tuple[int, ...] = ()
    end: tuple[int, ...] = ()
    reference_bases: str | None = None
    alternate_bases: str | None = None
    variant_types: tuple[str, ...] | None = None
    min_length: int | None = None
    max_length: int | None = None
    gene: str | None = None
    amino_acid_change: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """`skip` counts pages, as the specification's text says; `limit` 0 asks for the server's maximum."""

    skip: int = 0
    limit: int = 10


@dataclass(frozen=True, slots=True)
class BeaconRequest:
    """One request. `variant` and `datasets` are None when not asked; an empty `datasets` matches nothing.

    entry_type is what is asked for; parent is `(entry type, id)` for `/{entry}/{id}/...` paths, and
    entry_id is set for `/{entry}/{id}`.
    echo_parameters and echo_filters are what `receivedRequestSummary` repeats.
    """

    entry_type: EntryType
    variant: VariantQuestion | None = None
    filters: tuple[Filter, ...] = ()
    granularity: Granularity | None = None
    include: Include = Include.HIT
    page: Page = Page()
    datasets: frozenset[str] | None = None
    test_mode: bool = False
    entry_id: str | None = None
    parent: tuple[EntryType, str] | None = None
    api_version: str = SPEC_VERSION
    requested_schemas: tuple[dict[str, str], ...] = ()
    echo_parameters: dict[str, object] = field(default_factory=dict)
    echo_filters: tuple[str, ...] = ()
