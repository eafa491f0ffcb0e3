"""Nodes full of made-up alleles: truth, manifest, shelf and index as loading and publishing leave them.

Frequencies are made by numpy from a seed and never were anybody's. A node is made once and kept in `bench/work`.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from opengdi.apps.founding import found_node
from opengdi.apps.node import open_state
from opengdi.apps.settings_file import load_settings
from opengdi.apps.variants import index_folder
from opengdi.discovery.manifests import MANIFEST, encode_manifest
from opengdi.discovery.variants.serving import reindex
from opengdi.discovery.variants.truth import ROW_GROUP_ROWS, SiteColumns, SitesWriter
from opengdi.kernel.bulk import open_pool
from opengdi.kernel.bulk.ports import Task
from opengdi.kernel.clock import SystemClock
from opengdi.kernel.disclosure.policy import DisclosurePolicy
from opengdi.kernel.files import sha256_of
from opengdi.kernel.ids import DatasetId
from opengdi.kernel.release import DatasetRelease, DatasetType, FileRole, ReleaseFile
from opengdi.standards.coordinates import CONTIG_CODES, CONTIGS, Assembly, contig_length
from opengdi.standards.variant_key import allele_code, position_key
from opengdi.standards.vcf.alleles import sequence_class

WORK = Path(__file__).with_name("work")
POPULATIONS = ("Total", "DE", "EE", "FI", "LT", "LV", "PL", "SE")
INDIVIDUALS = 2_000
"""In each of the seven countries."""
BASES_PER_SITE = 150
HIDDEN_SHARE = 0.1
"""Alleles too rare to be told."""
OPEN_POLICY = DisclosurePolicy(af_budget_factor=1e6, global_budget_factor=1e6)
"""All controls work, but no bench uses up a budget."""


@dataclass(frozen=True, slots=True)
class NodeSize:
    """How many datasets, and which contigs are full of sites in each."""

    datasets: int
    contigs: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"node-{self.datasets}x{len(self.contigs)}-{self.contigs[0]}"


FULL = NodeSize(1, CONTIGS[:23])
"""20 million sites."""


@dataclass(frozen=True, slots=True)
class ContigOrder:
    """One contig of one dataset to be made."""

    folder: Path
    contig: str
    dataset: int
    bases_per_site: int


def made_node(size: NodeSize, *, bases_per_site: int = BASES_PER_SITE) -> Path:
    """Settings file of a node of that size, with everything published and indexed."""
    folder = WORK / f"{size.name}-{bases_per_site}"
    if not (folder / "made").exists():
        shutil.rmtree(folder, ignore_errors=True)
        _make(folder, size, bases_per_site)
        (folder / "made").touch()
    return folder / "gdi.toml"


def _make(folder: Path, size: NodeSize, bases_per_site: int) -> None:
    settings_file = found_node(folder, {"id": "org.example.bench", "name": "Bench", "country": "EE"})
    with open_state(load_settings(settings_file), SystemClock()) as state, open_pool() as pool:
        for number in range(1, size.datasets + 1):
            dataset = f"GDI-EE-BENCH-{number}"
            release = state.data_dir / "releases" / dataset / "1"
            (release / "sites").mkdir(parents=True)
            orders = [
                Task(contig, ContigOrder(release, contig, number, bases_per_site)) for contig in size.contigs
            ]
            files, rows = zip(*pool.map_ordered(make_contig, orders), strict=True)
            manifest = _manifest(dataset, files, sum(rows))
            (release / MANIFEST).write_bytes(encode_manifest(manifest))
            state.shelf.add(manifest)
            state.shelf.publish(dataset, "1")
        reindex(state.shelf, index_folder(state.settings), pool)


def _manifest(dataset: str, files: tuple[ReleaseFile, ...], rows: int) -> DatasetRelease:
    return DatasetRelease(
        dataset=DatasetId(dataset),
        version="1",
        title=f"Made-up frequencies {dataset}",
        country="EE",
        dataset_type=DatasetType.COHORT,
        assembly=Assembly.GRCh38.name,
        individuals=INDIVIDUALS * (len(POPULATIONS) - 1),
        populations=POPULATIONS,
        sites=rows,
        genotyped=False,
        files=files,
        policy=OPEN_POLICY,
        synthetic=True,
        source="Made-up",
        source_reference="https://example.org/",
    )


def make_contig(order: ContigOrder) -> tuple[ReleaseFile, int]:
    """Write the truth of one contig; its entry in the manifest and how many sites it has."""
    path = order.folder / f"sites/chr{order.contig}.parquet"
    with SitesWriter(path, order.contig, POPULATIONS) as writer:
        for columns in _columns(order):
            writer.write(columns)
    file = ReleaseFile(
        f"sites/{path.name}", FileRole.SITES, sha256_of(path), path.stat().st_size, order.contig
    )
    return file, writer.rows


def _columns(order: ContigOrder) -> Iterator[SiteColumns]:
    """The same alleles in every dataset, with other counts in each."""
    number, length = CONTIG_CODES[order.contig], contig_length(order.contig, Assembly.GRCh38)
    places, counts = np.random.default_rng(number), np.random.default_rng((number, order.dataset))
    starts = np.unique(places.integers(10_000, length - 10_000, length // order.bases_per_site))
    forms = _Forms()
    for begin in range(0, len(starts), 4 * ROW_GROUP_ROWS):
        part = starts[begin : begin + 4 * ROW_GROUP_ROWS].astype(np.int64)
        yield forms.columns(order.contig, part, places, counts)


class _Forms:
    """Alleles to choose from: 90 % single bases, the others short and long insertions and deletions."""

    def __init__(self) -> None:
        rng = np.random.default_rng(1)
        pairs = [(ref, alt) for ref in "ACGT" for alt in "ACGT" if ref != alt]
        longer = ["".join(rng.choice(list("ACGT"), size)) for size in rng.integers(1, 8, 60)]
        longer += ["".join(rng.choice(list("ACGT"), size)) for size in rng.integers(11, 40, 30)]
        self._forms = pairs * 75 + [(each, "") for each in longer[:50]] + [("", each) for each in longer[40:]]
        self._codes = np.array([allele_code(*form) for form in self._forms], np.int64)
        self._spans = np.array([len(ref) for ref, _ in self._forms], np.int32)
        self._lengths = np.array([max(len(ref), len(alt)) for ref, alt in self._forms], np.int32)
        self._types = [sequence_class(*form) for form in self._forms]

    def columns(
        self, contig: str, starts: np.ndarray, places: np.random.Generator, counts: np.random.Generator
    ) -> SiteColumns:
        chosen = places.integers(0, len(self._forms), len(starts))
        numbers = chosen.tolist()
        first = position_key(contig, 0)
        return SiteColumns(
            variant_key=first + (starts << 30) + self._codes[chosen],
            start=starts.astype(np.int32),
            end=(starts + self._spans[chosen]).astype(np.int32),
            ref=[self._forms[number][0] for number in numbers],
            alt=[self._forms[number][1] for number in numbers],
            variant_type=[self._types[number] for number in numbers],
            length=self._lengths[chosen],
            genotype_row=np.full(len(starts), -1, np.int32),
            **_counts(len(starts), counts),
        )


def _counts(rows: int, rng: np.random.Generator) -> dict[str, Any]:
    """Allele counts of seven countries in Hardy-Weinberg proportions around one frequency each, and their Total."""
    frequency = np.exp(rng.uniform(np.log(0.01), np.log(0.5), (rows, 1)))
    frequency[rng.random(rows) < HIDDEN_SHARE] = 1 / 40_000
    countries = len(POPULATIONS) - 1
    local = np.clip(frequency * rng.normal(1, 0.05, (rows, countries)), 0, 1)
    alleles = rng.binomial(2 * INDIVIDUALS, local)
    hom = (alleles * local / 2).astype(np.int32)
    counts: dict[str, np.ndarray] = {"allele_count": alleles, "hom": hom, "het": alleles - 2 * hom}
    told = {
        name: np.concatenate([each.sum(axis=1, keepdims=True), each], axis=1) for name, each in counts.items()
    }
    called = np.full((1, len(POPULATIONS)), 2 * INDIVIDUALS)
    called[0, 0] = 2 * INDIVIDUALS * countries
    told |= {"allele_number": np.repeat(called, rows, axis=0), "hemi": np.zeros((rows, len(POPULATIONS)))}
    return {name: each.astype(np.int32) for name, each in told.items()}
