"""A sample, a run or an analysis that the path names is told apart from the others of the same person."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pgenlib
import pytest
from tests.node_beacons import counts, manifest

from opengdi.discovery.beacon.cohorts import CohortLists
from opengdi.discovery.beacon.scans import ScanThreads
from opengdi.discovery.beacon.selection import Excerpt, Selection, Selector
from opengdi.discovery.model import ShelvedRelease
from opengdi.discovery.subjects.hierarchy import load_ontology
from opengdi.discovery.subjects.sources import SubjectSources, read_subjects
from opengdi.discovery.subjects.store import BitmapSubjectStore
from opengdi.discovery.subjects.truth import write_subjects
from opengdi.kernel.release import ReleaseState
from opengdi.standards.beacon.questions import EntryType, QuestionKind, VariantQuestion
from opengdi.standards.coordinates import Assembly
from opengdi.testing.variants import MemoryVariantStore, site_row

BLOOD = {"id": "UBERON:0000178", "label": "blood"}
SAMPLES = {"ada": ["A1", "A2", "A3"], "ben": ["B1"]}
"""Samples by person; of each sample two runs (`A1-r1`, `A1-r2`), of each run one analysis (`A1-r1-a`)."""


def subjects_of_two_people() -> dict[str, list[dict[str, Any]]]:
    samples = [(person, sample) for person, names in SAMPLES.items() for sample in names]
    runs = [(person, sample, f"{sample}-r{number}") for person, sample in samples for number in (1, 2)]
    return {
        "individuals": [
            {"id": person, "sex": {"id": "NCIT:C16576", "label": "female"}} for person in SAMPLES
        ],
        "biosamples": [
            {"id": sample, "individualId": person, "biosampleStatus": BLOOD, "sampleOriginType": BLOOD}
            for person, sample in samples
        ],
        "runs": [
            {"id": run, "biosampleId": sample, "individualId": person, "runDate": "2026-01-01"}
            for person, sample, run in runs
        ],
        "analyses": [
            {"id": f"{run}-a", "runId": run, "analysisDate": "2026-01-02", "pipelineName": "one"}
            for _, _, run in runs
        ],
    }


SAMPLED = {"A1": [1, 0], "A2": [0, 2], "ben": [1, 0]}
"""Copies of two alleles in each sample of the genotypes: two of ada's, and one that is named like ben himself."""


def write_genotypes(folder: Path) -> None:
    folder.mkdir()
    (folder / "samples.psam").write_text("#IID\tSEX\n" + "".join(f"{name}\t2\n" for name in SAMPLED))
    with pgenlib.PgenWriter(
        bytes(folder / "chr1.pgen"), len(SAMPLED), variant_ct=2, nonref_flags=False
    ) as writer:
        for copies in zip(*SAMPLED.values(), strict=True):
            writer.append_biallelic(np.array(copies, dtype=np.int8))


@pytest.fixture
def selector(tmp_path: Path) -> Iterator[tuple[Selector, Any]]:
    sources = {}
    for kind, entries in subjects_of_two_people().items():
        sources[kind] = tmp_path / f"{kind}.json"
        sources[kind].write_text(json.dumps(entries))
    tables = read_subjects(SubjectSources(**sources))
    assert not tables.problems
    write_genotypes(tmp_path / "genotypes")
    tables = tables.joined_to(list(SAMPLED)).tables
    ontology = load_ontology()
    (tmp_path / "subjects").mkdir()
    write_subjects(tables, tmp_path / "subjects")
    release = ShelvedRelease(1, manifest(individuals=2), ReleaseState.PUBLISHED, tmp_path)
    store, scans = BitmapSubjectStore(lambda: [release], ontology), ScanThreads()
    rows = [
        site_row("1", 1000 + row, "A", "G", counts((2,) * 3, (6,) * 3), genotype_row=row) for row in range(2)
    ]
    selector = Selector(MemoryVariantStore({1: rows}), store, CohortLists(store, scans), scans)
    yield selector, SimpleNamespace(release=release)
    scans.close()


@pytest.fixture
def ask(selector: tuple[Selector, Any]) -> Any:
    selecting, dataset = selector

    async def ask(kind: EntryType, *named: tuple[EntryType, str], skip: int = 0, limit: int = 100) -> Any:
        selection = Selection(kind, None, (), frozenset())
        number, found = await selecting.documents(dataset, selection, Excerpt(named, skip, limit))
        return number, [each["id"] for each in found]

    return ask


PLACE = VariantQuestion(QuestionKind.RANGE, Assembly.GRCh37, "1", (900,), (1100,))


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ((EntryType.INDIVIDUAL, "ada"), [(1000, ["A1"]), (1001, ["A2"])]),
        ((EntryType.BIOSAMPLE, "A2"), [(1001, ["A2"])]),
        ((EntryType.RUN, "A1-r2"), [(1000, ["A1"])]),
        ((EntryType.BIOSAMPLE, "A3"), []),
        ((EntryType.BIOSAMPLE, "B1"), [(1000, ["B1"])]),
        ((EntryType.INDIVIDUAL, "cyd"), []),
    ],
)
async def test_alleles_below_an_entry_are_those_of_its_own_sample(
    selector: tuple[Selector, Any], named: tuple[EntryType, str], told: list[tuple[int, list[str]]]
) -> None:
    selecting, dataset = selector
    selection = Selection(EntryType.GENOMIC_VARIANT, PLACE, (), frozenset())
    number, found = await selecting.cases(dataset, selection, Excerpt([named], 0, 10))
    assert [(site.start, [case.biosample for case in cases]) for site, cases in found] == told
    assert number == len(told)


async def test_the_last_of_many_samples_is_found_on_the_first_page(ask: Any) -> None:
    assert await ask(EntryType.BIOSAMPLE, (EntryType.BIOSAMPLE, "A3"), limit=1) == (1, ["A3"])


async def test_runs_of_a_sample_are_no_runs_of_another_sample_of_the_person(ask: Any) -> None:
    assert await ask(EntryType.RUN, (EntryType.BIOSAMPLE, "A2")) == (2, ["A2-r1", "A2-r2"])
    assert await ask(EntryType.RUN, (EntryType.BIOSAMPLE, "A2"), skip=1, limit=1) == (2, ["A2-r2"])


async def test_analyses_of_a_run_and_of_a_person(ask: Any) -> None:
    assert await ask(EntryType.ANALYSIS, (EntryType.RUN, "A1-r2")) == (1, ["A1-r2-a"])
    number, found = await ask(EntryType.ANALYSIS, (EntryType.INDIVIDUAL, "ada"))
    assert number == 6
    assert found[0] == "A1-r1-a"


async def test_a_link_is_followed_in_both_directions(ask: Any) -> None:
    assert await ask(EntryType.BIOSAMPLE, (EntryType.RUN, "A2-r1")) == (1, ["A2"])
    assert await ask(EntryType.RUN, (EntryType.ANALYSIS, "B1-r2-a")) == (1, ["B1-r2"])
    assert await ask(EntryType.INDIVIDUAL, (EntryType.BIOSAMPLE, "B1")) == (1, ["ben"])


async def test_what_is_nobodys_has_nothing_below_it(ask: Any) -> None:
    assert await ask(EntryType.RUN, (EntryType.BIOSAMPLE, "C1")) == (0, [])
    assert await ask(EntryType.RUN, (EntryType.BIOSAMPLE, "A1"), (EntryType.RUN, "A2-r1")) == (0, [])
