"""An invented dataset for test mode: 100 people who do not exist, what belongs to them, and 200 alleles they carry.

Always the same, at every node, and named so that nobody takes it for data. It is an ordinary release in every other
way, so questions in test mode are answered by the code that answers about people.

Spec: Beacon v2.2.0, beaconCommonComponents.json, TestMode: "SHOULD use virtual or non-sensitive data".
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt
import pgenlib

from opengdi.discovery.model import ShelvedRelease, SiteRecord
from opengdi.discovery.subjects.hierarchy import load_ontology
from opengdi.discovery.subjects.opened import FOLDER
from opengdi.discovery.subjects.store import BitmapSubjectStore
from opengdi.discovery.subjects.tables import CohortTable, EntryTable, Sex, SubjectTables
from opengdi.discovery.subjects.truth import write_subjects
from opengdi.kernel.disclosure.floors import TOTAL, Visibility
from opengdi.kernel.disclosure.policy import DisclosurePolicy
from opengdi.kernel.ids import DatasetId
from opengdi.kernel.release import DatasetRelease, DatasetType, ReleaseState
from opengdi.standards.beacon.questions import EntryType
from opengdi.standards.coordinates import Assembly, Interval, is_pseudo_autosomal
from opengdi.standards.phenopacket import FEMALE, MALE

DATASET: Final = DatasetId("GDI-XX-VIRTUAL-1")
COHORT: Final = "virtual-cohort"
INDIVIDUALS: Final = 100
SITES: Final = 200
NUMBER: Final = -1
"""Release numbers of real releases begin at 1."""
GENES: Final = {"VIRTUAL1": (Interval("3", 45_800_500, 45_803_000),)}
"""Loci of invented genes by symbol."""
AMINO_ACID_CHANGES: Final = {7: ("V600E",), 12: ("G12D", "G31D")}
"""What alleles of the gene change in its invented proteins, by the allele's place in storage order."""

_SEED: Final = 2026
_POPULATIONS: Final = (TOTAL, Sex.FEMALE.value, Sex.MALE.value)
_DISEASES: Final = (
    ("MONDO:0004979", "asthma"), ("MONDO:0005148", "type 2 diabetes mellitus"), ("ICD10:I10", "essential hypertension"),
    ("MONDO:0007254", "breast cancer"), ("MONDO:0005301", "multiple sclerosis"), ("ICD10:E66", "obesity"),
)  # fmt: skip
_FEATURES: Final = (("HP:0001250", "Seizure"), ("HP:0002315", "Headache"), ("HP:0000822", "Hypertension"))
_PLACES: Final = (("3", 45_800_000), ("22", 16_050_000), ("X", 40_000_000))
_BASES: Final = "ACGT"

Document = Mapping[str, object]
Copies = npt.NDArray[np.int8]
"""Copies of each allele (row) in each individual (column); one copy on a single chromosome is written 2, as in PGEN."""


class VirtualRelease:
    """The invented release, written to a folder of its own and opened.

    release, store, sites: as those of a real release; `sites` lie in genome order, genotype rows count per contig.
    """

    def __init__(self, folder: Path) -> None:
        tables, (sites, copies) = virtual_tables(), virtual_sites()
        for part in (FOLDER, "genotypes"):
            (folder / part).mkdir()
        write_subjects(tables, folder / FOLDER)
        _write_genotypes(folder, sites, copies)
        self.sites = sites
        self.release = ShelvedRelease(NUMBER, _manifest(), ReleaseState.PUBLISHED, folder)
        self.store = BitmapSubjectStore(lambda: (self.release,), load_ontology(), cache_bytes=1 << 20)


@cache
def virtual_release() -> VirtualRelease:
    """The release, made when test mode is first asked for; its folder goes when the process ends."""
    folder = tempfile.mkdtemp(prefix="gdi-virtual-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return VirtualRelease(Path(folder))


def virtual_tables() -> SubjectTables:
    """The people and what belongs to them, labelled as virtual in every id."""
    random = Random(_SEED)  # noqa: S311  # invented, not secret
    women = [place % 2 == 0 for place in range(INDIVIDUALS)]
    people = [_individual(random, place, FEMALE if woman else MALE) for place, woman in enumerate(women)]
    entries = {
        kind: _table([make(place) for place in range(INDIVIDUALS)])
        for kind, make in (
            (EntryType.BIOSAMPLE, _biosample), (EntryType.RUN, _run), (EntryType.ANALYSIS, _analysis),
        )
    }  # fmt: skip
    cohort = {"id": COHORT, "name": "Virtual cohort (invented)", "cohortType": "beacon-defined"}
    return SubjectTables(
        individuals=_table(people),
        entries=entries,
        cohorts=CohortTable((COHORT,), (None,), (msgspec.json.encode(cohort),)),
        sexes=tuple(Sex.FEMALE if woman else Sex.MALE for woman in women),
        samples=tuple((place,) for place in range(INDIVIDUALS)),
        populations=("XX",) * INDIVIDUALS,
    )


def _table(documents: Sequence[Document]) -> EntryTable:
    return EntryTable(
        tuple(str(one["id"]) for one in documents),
        np.arange(len(documents), dtype=np.int32),
        tuple(msgspec.json.encode(one) for one in documents),
    )


def _id(kind: str, place: int) -> str:
    return f"virtual-{kind}-{place + 1}"


def _term(term: tuple[str, str]) -> Document:
    return {"id": term[0], "label": term[1]}


def _individual(random: Random, place: int, sex: Document) -> Document:
    onset = {"iso8601duration": f"P{random.randint(10, 40)}Y"}
    diseases = random.sample(_DISEASES, random.choice((1, 1, 2)))
    return {
        "id": _id("individual", place),
        "sex": sex,
        "age": {"iso8601duration": f"P{random.randint(41, 90)}Y"},
        "geographicOrigin": {"id": "GAZ:00002955", "label": "Slovenia"},
        "diseases": [{"diseaseCode": _term(one), "ageOfOnset": onset} for one in diseases],
        "phenotypicFeatures": [{"featureType": _term(random.choice(_FEATURES))}],
        "measurements": [
            {
                "assayCode": {"id": "LOINC:35925-4", "label": "BMI"},
                "measurementValue": {
                    "unit": {"id": "NCIT:C49671", "label": "Kilogram per Square Meter"},
                    "value": round(random.gauss(26, 4), 1),
                },
            }
        ],
    }


def _biosample(place: int) -> Document:
    return {
        "id": _id("biosample", place),
        "individualId": _id("individual", place),
        "biosampleStatus": {"id": "EFO:0009654", "label": "reference sample"},
        "sampleOriginType": {"id": "UBERON:0000178", "label": "blood"},
        "collectionDate": "2026-01-31",
    }


def _run(place: int) -> Document:
    return {
        "id": _id("run", place),
        "biosampleId": _id("biosample", place),
        "individualId": _id("individual", place),
        "runDate": "2026-02-28",
        "libraryLayout": "PAIRED",
        "platform": "Virtual",
    }


def _analysis(place: int) -> Document:
    return {
        "id": _id("analysis", place),
        "runId": _id("run", place),
        "biosampleId": _id("biosample", place),
        "individualId": _id("individual", place),
        "analysisDate": "2026-03-31",
        "pipelineName": "virtual-pipeline",
    }


def virtual_sites() -> tuple[tuple[SiteRecord, ...], Copies]:
    """The alleles, with counts of Total, F and M, and who carries them."""
    random = Random(_SEED + 1)  # noqa: S311
    copies = np.zeros((SITES, INDIVIDUALS), dtype=np.int8)
    sites: list[SiteRecord] = []
    for place in range(SITES):
        contig, first = _PLACES[place * len(_PLACES) // SITES]
        start = first + 137 * place
        copies[place] = _draws(random, contig, start)
        sites.append(
            _site(
                random, contig, start, row=sum(site.contig == contig for site in sites), copies=copies[place]
            )
        )
    return tuple(sites), copies


def _site(random: Random, contig: str, start: int, *, row: int, copies: Copies) -> SiteRecord:
    """An allele, trimmed: mostly one base for another."""
    base, other = random.sample(_BASES, 2)
    ref, alt, word = ("", base + other, "INS") if row % 10 == 8 else (base, other, "SNP")
    if row % 10 == 9:
        ref, alt, word = base + other, "", "DEL"
    counts = _counts(copies, is_single=_is_single(contig, start))
    length = max(len(ref), len(alt))
    return SiteRecord(contig, start, start + len(ref), ref, alt, word, length, row, counts, Visibility.ALL)


def _draws(random: Random, contig: str, start: int) -> list[int]:
    frequency = random.choice((0.02, 0.1, 0.3, 0.6))
    return [_draw(random, contig, start, column, frequency) for column in range(INDIVIDUALS)]


def _is_single(contig: str, start: int) -> bool:
    """True if men have one copy of the place."""
    return contig == "X" and not is_pseudo_autosomal(contig, start, Assembly.GRCh38)


def _draw(random: Random, contig: str, start: int, column: int, frequency: float) -> int:
    if column % 2 and _is_single(contig, start):
        return 2 * (random.random() < frequency)
    return (random.random() < frequency) + (random.random() < frequency)


def _counts(copies: Copies, *, is_single: bool) -> tuple[int, ...]:
    """Allele counts, allele numbers, hom, het, hemi, each of Total, F and M."""
    women, men = copies[0::2], copies[1::2]
    each = [_of_sex(women, is_single=False), _of_sex(men, is_single=is_single)]
    both = [sum(pair) for pair in zip(*each, strict=True)]
    return tuple(int(value) for trio in zip(both, *each, strict=True) for value in trio)


def _of_sex(copies: Copies, *, is_single: bool) -> tuple[int, int, int, int, int]:
    carrying = int((copies > 0).sum())
    if is_single:
        return carrying, len(copies), 0, 0, carrying
    twice = int((copies == 2).sum())
    return carrying + twice, 2 * len(copies), twice, carrying - twice, 0


def _write_genotypes(folder: Path, sites: Sequence[SiteRecord], copies: Copies) -> None:
    for contig, _ in _PLACES:
        rows = [place for place, site in enumerate(sites) if site.contig == contig]
        path = bytes(folder / "genotypes" / f"chr{contig}.pgen")
        with pgenlib.PgenWriter(path, INDIVIDUALS, variant_ct=len(rows), nonref_flags=False) as writer:
            for place in rows:
                writer.append_biallelic(copies[place])


def _manifest() -> DatasetRelease:
    return DatasetRelease(
        dataset=DATASET,
        version="1",
        title="Virtual dataset (invented)",
        description="Invented data for test mode; nobody in it exists.",
        country="XX",
        dataset_type=DatasetType.COHORT,
        assembly=Assembly.GRCh38.name,
        individuals=INDIVIDUALS,
        populations=_POPULATIONS,
        sites=SITES,
        genotyped=True,
        files=(),
        policy=DisclosurePolicy(k_alleles=0, k_individuals=0, count_rounding=1, differencing_floor=0),
        synthetic=True,
        source="virtual data",
        source_reference=DATASET,
    )
