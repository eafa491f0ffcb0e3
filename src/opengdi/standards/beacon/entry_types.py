"""The entry types of the Beacon default model: paths, names, schemas; one table from which maps are made.

Spec: Beacon v2.2.0, default model `beaconConfiguration.json` and `beaconMap.json`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from opengdi.standards.beacon.questions import EntryType
from opengdi.standards.beacon.version import SPEC_VERSION
from opengdi.standards.faults import Malformed

SCHEMA_ROOT: Final = f"https://raw.githubusercontent.com/ga4gh-beacon/beacon-v2/{SPEC_VERSION}/models/json/beacon-v2-default-model"


@dataclass(frozen=True, slots=True)
class EntryTypeFacts:
    """What the specification fixes about one entry type.

    path: the plural word in URLs. schema_folder: its folder in the default model.
    collection: answered as `collections` and not as `resultSets`; `holds` are the entry types inside.
    """

    type: EntryType
    path: str
    name: str
    description: str
    schema_folder: str
    term_id: str
    term_label: str
    holds: tuple[EntryType, ...] = ()

    @property
    def is_collection(self) -> bool:
        return bool(self.holds)

    @property
    def schema_id(self) -> str:
        word = "variant" if self.type is EntryType.GENOMIC_VARIANT else self.type.value
        return f"ga4gh-beacon-{word}-{SPEC_VERSION}"

    @property
    def schema_url(self) -> str:
        return f"{SCHEMA_ROOT}/{self.schema_folder}/defaultSchema.json"


_TYPE: Final = EntryType

ENTRY_TYPES: Final[dict[EntryType, EntryTypeFacts]] = {
    facts.type: facts
    for facts in (
        EntryTypeFacts(
            _TYPE.ANALYSIS, "analyses", "Bioinformatics analysis", "Processing of the output of a sequencing run.",
            "analyses", "edam:operation_2945", "Analysis",
        ),
        EntryTypeFacts(
            _TYPE.BIOSAMPLE, "biosamples", "Biological sample", "Material taken from an individual.",
            "biosamples", "NCIT:C70699", "Biospecimen",
        ),
        EntryTypeFacts(
            _TYPE.COHORT, "cohorts", "Cohort", "A group of individuals with a common characteristic.",
            "cohorts", "NCIT:C61512", "Cohort", (_TYPE.INDIVIDUAL,),
        ),
        EntryTypeFacts(
            _TYPE.DATASET, "datasets", "Dataset", "A collection of data that is governed as one.",
            "datasets", "NCIT:C47824", "Data set",
            (_TYPE.GENOMIC_VARIANT, _TYPE.INDIVIDUAL, _TYPE.BIOSAMPLE, _TYPE.RUN, _TYPE.ANALYSIS),
        ),
        EntryTypeFacts(
            _TYPE.GENOMIC_VARIANT, "g_variants", "Genomic variant", "An allele at a place of a reference genome.",
            "genomicVariations", "SO:0001059", "sequence_alteration",
        ),
        EntryTypeFacts(
            _TYPE.INDIVIDUAL, "individuals", "Individual", "A person who takes part in a study.",
            "individuals", "NCIT:C25190", "Person",
        ),
        EntryTypeFacts(
            _TYPE.RUN, "runs", "Sequencing run", "One run of a sequencing instrument on a biosample.",
            "runs", "NCIT:C148088", "Sequencing run",
        ),
    )
}  # fmt: skip

BY_PATH: Final = {facts.path: facts.type for facts in ENTRY_TYPES.values()}

_SCOPES: Final = (
    {facts.type.value.lower(): facts.type for facts in ENTRY_TYPES.values()}
    | {facts.path: facts.type for facts in ENTRY_TYPES.values()}
    | {"genomicvariants": _TYPE.GENOMIC_VARIANT, "genomicvariation": _TYPE.GENOMIC_VARIANT,
       "genomicvariations": _TYPE.GENOMIC_VARIANT, "g_variant": _TYPE.GENOMIC_VARIANT, "variant": _TYPE.GENOMIC_VARIANT,
       "variants": _TYPE.GENOMIC_VARIANT}
)  # fmt: skip


def entry_type_of(text: str) -> EntryType | None:
    """Entry type by its id, its plural or its path, in any case; None for anything else."""
    return _SCOPES.get(text.strip().strip("/").lower())


def parse_scope(text: str) -> EntryType:
    """Entry type by its id, its plural or its path: `individual`, `individuals`, `g_variants`. Raises Malformed."""
    found = entry_type_of(text)
    if found is None:
        raise Malformed(f"scope {text!r} is no entry type; expected one of {', '.join(EntryType)}")
    return found
