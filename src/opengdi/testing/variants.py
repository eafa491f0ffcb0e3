"""Alleles for tests: a plain row, releases built from rows, and a `VariantStore` in memory that reads like the port.

The store looks at every row of every release and follows the definitions word by word, so that it can serve as the
oracle for faster ones.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from opengdi.discovery.manifests import MANIFEST, encode_manifest
from opengdi.discovery.model import DatasetHits, Floors, ShelvedRelease, SiteRecord, SiteRef
from opengdi.discovery.variants.genes import GeneTable
from opengdi.discovery.variants.truth import SiteColumns, SitesWriter
from opengdi.kernel.disclosure.floors import TOTAL, UNKNOWN, Visibility, visibility
from opengdi.kernel.disclosure.genotypes import HAPLOID_CONTIGS, genotypes_visible
from opengdi.kernel.disclosure.policy import DisclosurePolicy
from opengdi.kernel.errors import Invalid
from opengdi.kernel.files import sha256_of
from opengdi.kernel.ids import DatasetId
from opengdi.kernel.release import DatasetRelease, DatasetType, FileRole, ReleaseFile, ReleaseState
from opengdi.standards.beacon.questions import QuestionKind, VariantQuestion
from opengdi.standards.coordinates import CONTIG_CODES, Assembly
from opengdi.standards.variant_key import variant_key
from opengdi.standards.vcf.alleles import is_symbolic, sequence_allele, symbolic_allele, trim


@dataclass(frozen=True, slots=True)
class SiteRow:
    """One allele of a release: place, form and counts per population, in the release's order of populations.

    counts: allele counts, then allele numbers, hom, het, hemi, as in `SiteRecord`.
    """

    contig: str
    start: int
    end: int
    ref: str
    alt: str
    variant_type: str
    length: int
    counts: tuple[int, ...]
    genotype_row: int = -1
    gene: str | None = None
    amino_acid_changes: tuple[str, ...] = ()

    @property
    def key(self) -> int:
        return variant_key(self.contig, self.start, self.ref, self.alt)

    @property
    def order(self) -> tuple[int, str, str, int, int]:
        """Rows of a release are sorted by this."""
        return self.key, self.ref, self.alt, self.end, self.length


def site_row(
    contig: str,
    start: int,
    ref: str,
    alt: str,
    counts: Sequence[int],
    *,
    end: int | None = None,
    **rest: object,
) -> SiteRow:
    """A row from an allele at 0-based `start`, trimmed unless it is symbolic; `end` is INFO/END of a symbolic one."""
    allele = (
        symbolic_allele(start, ref, alt, end=end, length=None)
        if is_symbolic(alt)
        else sequence_allele(start, ref, alt)
    )
    place = (contig, allele.start, allele.end, allele.ref, allele.alt, allele.variant_type, allele.length)
    return replace(SiteRow(*place, tuple(counts)), **rest)  # type: ignore[arg-type]


def write_release(
    releases_dir: Path,
    rows: Sequence[SiteRow],
    *,
    dataset: str = "GDI-EE-TEST-1",
    version: str = "1",
    assembly: Assembly = Assembly.GRCh38,
    populations: Sequence[str] = (TOTAL,),
    individuals: int = 1000,
    policy: DisclosurePolicy | None = None,
) -> DatasetRelease:
    """Write a release with its truth and manifest into `releases_dir`, as loading leaves it."""
    folder = releases_dir / dataset / version
    (folder / "sites").mkdir(parents=True)
    for contig in sorted({row.contig for row in rows}, key=CONTIG_CODES.__getitem__):
        with SitesWriter(folder / f"sites/chr{contig}.parquet", contig, populations) as writer:
            writer.write(_columns([row for row in rows if row.contig == contig], len(populations)))
    manifest = DatasetRelease(
        dataset=DatasetId(dataset),
        version=version,
        title=f"Test data {dataset}",
        country="EE",
        dataset_type=DatasetType.COHORT,
        assembly=assembly.name,
        individuals=individuals,
        populations=tuple(populations),
        sites=len(rows),
        genotyped=any(row.genotype_row >= 0 for row in rows),
        files=tuple(_files(folder)),
        policy=policy or DisclosurePolicy(),
        synthetic=True,
    )
    (folder / MANIFEST).write_bytes(encode_manifest(manifest))
    return manifest


def _files(folder: Path) -> Iterator[ReleaseFile]:
    for path in sorted((folder / "sites").iterdir()):
        contig = path.stem.removeprefix("chr")
        yield ReleaseFile(f"sites/{path.name}", FileRole.SITES, sha256_of(path), path.stat().st_size, contig)


def _columns(rows: Sequence[SiteRow], populations: int) -> SiteColumns:
    rows = sorted(rows, key=lambda row: row.order)
    counts = np.array([row.counts for row in rows], np.int32).reshape(len(rows), 5, populations)
    numbers: dict[str, Any] = {
        name: np.array([getattr(row, name) for row in rows], np.int32)
        for name in ("start", "end", "length", "genotype_row")
    }
    texts: dict[str, Any] = {
        name: [getattr(row, name) for row in rows] for name in ("ref", "alt", "variant_type")
    }
    return SiteColumns(
        variant_key=np.array([row.key for row in rows], np.int64),
        **numbers,
        **texts,
        allele_count=counts[:, 0],
        allele_number=counts[:, 1],
        hom=counts[:, 2],
        het=counts[:, 3],
        hemi=counts[:, 4],
        gene=[row.gene for row in rows],
        amino_acid_change=[list(row.amino_acid_changes) or None for row in rows],
    )


def _units(rows: Sequence[SiteRow]) -> Iterator[tuple[object, int]]:
    """Budget unit of each row of a release, by its order."""
    for key, alike in itertools.groupby(rows, key=lambda row: row.key):
        yield from ((row.order, key if not place else ~(key ^ place)) for place, row in enumerate(alike))


class MemoryVariantStore:
    """The `VariantStore` port over rows in memory, by release number."""

    def __init__(
        self,
        rows: Mapping[int, Sequence[SiteRow]],
        genes: Mapping[Assembly, GeneTable] | None = None,
        *,
        span_cap: int = 10_000_000,
    ) -> None:
        self._rows = {number: sorted(each, key=lambda row: row.order) for number, each in rows.items()}
        self._units = {number: dict(_units(each)) for number, each in self._rows.items()}
        self._genes = genes or {}
        self._span_cap = span_cap

    def search(
        self,
        question: VariantQuestion,
        releases: Sequence[ShelvedRelease],
        floors: Floors,
        *,
        skip: int,
        limit: int,
        evenly: bool = False,  # noqa: ARG002  in memory nobody measures
    ) -> list[DatasetHits]:
        self._check(question, releases)
        hits = []
        for release in releases:
            floor = max(floors.get(release.number, 0), release.manifest.policy.k_alleles)
            seen = [
                (self._units[release.number][row.order], record)
                for row in self._matching(question, release)
                if (record := _record(row, release, floor)).visibility is not Visibility.NOTHING
            ]
            page = seen[skip : skip + limit]
            units, records = [unit for unit, _ in page], [record for _, record in page]
            hits.append(DatasetHits(release, len(seen), units, records))
        return hits

    def locate(self, question: VariantQuestion, release: ShelvedRelease) -> list[SiteRef]:
        self._check(question, [release])
        rows = self._matching(question, release)
        return [SiteRef(row.contig, row.genotype_row) for row in rows if row.genotype_row >= 0]

    def sites(self, question: VariantQuestion, release: ShelvedRelease) -> list[SiteRecord]:
        self._check(question, [release])
        floor = release.manifest.policy.k_alleles
        rows = self._matching(question, release)
        return [_record(row, release, floor) for row in rows if row.genotype_row >= 0]

    def _matching(self, question: VariantQuestion, release: ShelvedRelease) -> list[SiteRow]:
        if question.assembly not in (None, release.assembly):
            return []
        return [row for row in self._rows[release.number] if self._matches(question, row, release.assembly)]

    def _matches(self, question: VariantQuestion, row: SiteRow, assembly: Assembly) -> bool:
        return (
            question.contig in (None, row.contig)
            and self._lies_there(question, row, assembly)
            and _is_such(question, row)
        )

    def _lies_there(self, question: VariantQuestion, row: SiteRow, assembly: Assembly) -> bool:
        start, end = question.start, question.end
        match question.kind:
            case QuestionKind.SEQUENCE:
                return _is_allele(question, row) and (not end or row.end == end[0])
            case QuestionKind.RANGE:
                return row.start < end[0] and start[0] < row.end
            case QuestionKind.BRACKET:
                return start[0] <= row.start < start[1] and end[0] <= row.end < end[1]
            case QuestionKind.GENE | QuestionKind.AMINO_ACID if question.gene is not None:
                return self._is_in_gene(question.gene, row, assembly)
            case QuestionKind.AMINO_ACID:
                return row.start < end[0] and start[0] < row.end
        return True

    def _is_in_gene(self, gene: str, row: SiteRow, assembly: Assembly) -> bool:
        loci = self._genes[assembly].find(gene) if assembly in self._genes else ()
        if not loci:
            return (row.gene or "").upper() == gene.upper()
        return any(
            row.contig == each.contig and row.start < each.end and each.start < row.end for each in loci
        )

    def _check(self, question: VariantQuestion, releases: Sequence[ShelvedRelease]) -> None:
        asked = [each for each in releases if question.assembly in (None, each.assembly)]
        rows = [row for release in asked for row in self._rows[release.number]]
        assemblies = list(Assembly) if question.assembly is None else [question.assembly]
        if question.kind in (QuestionKind.RANGE, QuestionKind.BRACKET):
            if question.contig is None:
                raise Invalid("a range needs referenceName")
            bases = (
                question.end[0] if question.kind is QuestionKind.RANGE else question.start[1]
            ) - question.start[0]
            if bases > self._span_cap:
                raise Invalid(f"the question spans {bases} bases; this node answers up to {self._span_cap}")
        if question.gene is not None:
            known = any(self._genes[each].find(question.gene) for each in assemblies if each in self._genes)
            if not known and all((row.gene or "").upper() != question.gene.upper() for row in rows):
                raise Invalid(f"geneId {question.gene!r} is unknown to this node")
        if question.amino_acid_change and asked and not any(row.amino_acid_changes for row in rows):
            raise Invalid("aminoacidChange cannot be answered: no annotation is loaded")
        if question.kind is QuestionKind.EVERYTHING and question != VariantQuestion(
            question.kind, question.assembly
        ):
            raise Invalid("a type, length or allele needs a place")


def _is_such(question: VariantQuestion, row: SiteRow) -> bool:
    """True if a row is as asked, its place apart."""
    lengths = question.min_length or 0, question.max_length if question.max_length is not None else row.length
    return (
        (question.variant_types is None or row.variant_type in question.variant_types)
        and lengths[0] <= row.length <= lengths[1]
        and (question.amino_acid_change is None or question.amino_acid_change in row.amino_acid_changes)
        and (question.kind is QuestionKind.SEQUENCE or _has_form(question, row))
    )


def _is_allele(question: VariantQuestion, row: SiteRow) -> bool:
    return any(
        (start, ref, alt) == (row.start, row.ref, row.alt) for start, ref, alt in _spellings(question, row)
    )


def _has_form(question: VariantQuestion, row: SiteRow) -> bool:
    return any((ref, alt) == (row.ref, row.alt) for _, ref, alt in _spellings(question, row))


def _spellings(question: VariantQuestion, row: SiteRow) -> Iterator[tuple[int, str, str]]:
    """Every stored form of the asked allele: one not asked is that of the row; `N`, also an unknown base, is any."""
    start = question.start[0] if question.start else 0
    ref, alt = question.reference_bases, question.alternate_bases
    if ref is None or alt is None or is_symbolic(alt):
        for spelt_ref in [row.ref] if ref is None else _filled(ref):
            for spelt_alt in [row.alt] if alt is None else _filled(alt):
                yield start, spelt_ref, spelt_alt
        return
    for spelt_ref, spelt_alt in itertools.product(_filled(ref), _filled(alt)):
        yield trim(start, spelt_ref, spelt_alt)


def _filled(pattern: str) -> list[str]:
    if is_symbolic(pattern):
        return [pattern]
    return [
        "".join(bases) for bases in itertools.product(*("ACGTN" if base == "N" else base for base in pattern))
    ]


def _record(row: SiteRow, release: ShelvedRelease, floor: int) -> SiteRecord:
    populations, layout = len(release.manifest.populations), release.layout
    seen = visibility(row.counts[:populations], row.counts[populations : 2 * populations], layout, floor)
    shows_genotypes = seen is Visibility.ALL and genotypes_visible(
        row.counts,
        populations,
        release.manifest.policy.k_individuals,
        haploid=row.contig in HAPLOID_CONTIGS,
        sums=layout.sums,
    )
    places = {
        Visibility.NOTHING: (),
        Visibility.TOTAL_ONLY: (layout.total, populations + layout.total),
        Visibility.ALL: range(5 * populations),
    }[seen]
    length = 5 * populations if shows_genotypes else 2 * populations
    told = tuple(number if place in places else UNKNOWN for place, number in enumerate(row.counts[:length]))
    return SiteRecord(
        row.contig,
        row.start,
        row.end,
        row.ref,
        row.alt,
        row.variant_type,
        row.length,
        row.genotype_row,
        told,
        seen,
    )


def shelved(manifest: DatasetRelease, number: int, releases_dir: Path = Path("/nowhere")) -> ShelvedRelease:
    """A published release that was never on a shelf."""
    folder = releases_dir / manifest.dataset / manifest.version
    return ShelvedRelease(number, manifest, ReleaseState.PUBLISHED, folder)
