"""Index files of a release, built aside from its truth: nobody sees them until the serving process takes them in.

One contig is one task, so contigs can be built in parallel. The folder appears under its name only when complete.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
from rocksdict import SstFileWriter

from opengdi.discovery.model import ShelvedRelease
from opengdi.discovery.variants.columns import Int64s, SiteColumns
from opengdi.discovery.variants.index import SHORT_SPAN, gene_key, long_key, statistics_key, table_options
from opengdi.discovery.variants.rows import KEY_BYTES, RowCodec
from opengdi.discovery.variants.statistics import ContigStatistics, StatisticsGatherer
from opengdi.discovery.variants.truth import SitesFile
from opengdi.kernel.bulk.ports import BulkPool, Task
from opengdi.kernel.disclosure.bulk_floors import genotype_rows, highest_floors, visibility_classes
from opengdi.kernel.disclosure.floors import Layout, Visibility
from opengdi.kernel.disclosure.genotypes import HAPLOID_CONTIGS
from opengdi.kernel.disclosure.policy import DisclosurePolicy
from opengdi.kernel.errors import Invalid
from opengdi.kernel.release import FileRole
from opengdi.standards.coordinates import CONTIG_CODES, Assembly


@dataclass(frozen=True, slots=True)
class ContigTask:
    """One sites file to be indexed under a release number; what comes of it lies in `folder`."""

    sites: Path
    contig: str
    assembly: Assembly
    number: int
    policy: DisclosurePolicy
    folder: Path


def build_index_files(release: ShelvedRelease, folder: Path, pool: BulkPool) -> Sequence[Path]:
    """The index files of a release in `folder`, which is made, or found complete from an earlier run."""
    if not folder.is_dir():
        building = folder.with_suffix(".building")
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir(parents=True, mode=0o700)
        statistics = list(pool.map_ordered(build_contig, contig_tasks(release, building)))
        _write_release_file(building / "release.sst", release.number, statistics)
        building.rename(folder)
    return sorted(folder.glob("*.sst"))


def contig_tasks(release: ShelvedRelease, folder: Path) -> list[Task[ContigTask]]:
    """A task for each sites file that the manifest names, the biggest first."""
    files = [file for file in release.manifest.files if file.role is FileRole.SITES]
    return [
        Task(
            f"{release.manifest.dataset} contig {file.contig}",
            ContigTask(
                Path(release.folder) / file.path,
                file.contig or "",
                release.assembly,
                release.number,
                release.manifest.policy,
                folder,
            ),
        )
        for file in sorted(files, key=lambda file: -file.size_bytes)
    ]


def build_contig(task: ContigTask) -> ContigStatistics:
    """Write the index files of one contig and tell its statistics. Raises Invalid for a file of another contig."""
    with SitesFile(task.sites) as sites:
        gatherer = StatisticsGatherer(CONTIG_CODES[task.contig])
        codec = RowCodec(sites.populations)
        long_rows: list[tuple[bytes, bytes]] = []
        if sites.rows:
            with _SortedFile(task.folder / f"sites-{task.contig}.sst") as index:
                for columns in sites:
                    _check_contig(columns, task)
                    long_rows += _index_rows(columns, task, codec, index, gatherer)
    if long_rows:
        with _SortedFile(task.folder / f"long-{task.contig}.sst") as index:
            for key, row in sorted(long_rows):
                index.put(key, row)
    return gatherer.result()


class _SortedFile:
    """An SST file being written; keys come in order."""

    def __init__(self, path: Path) -> None:
        self._writer = SstFileWriter(table_options())
        self._writer.open(str(path))
        self._last_site = b""
        self._ordinal = 0

    def put(self, key: bytes, value: bytes) -> None:
        self._writer[key] = value

    def put_site(self, key: bytes, row: bytes) -> bytes:
        """Put a row under its key, or under that key with an ordinal if the release had the key already."""
        if key == self._last_site:
            self._ordinal += 1
            if self._ordinal > 255:
                raise Invalid(f"more than 256 alleles share the variant key {int.from_bytes(key[1:9])}")
            key = key + bytes([self._ordinal])
        else:
            self._last_site, self._ordinal = key, 0
        self._writer[key] = row
        return key

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._writer.finish()


def _check_contig(columns: SiteColumns, task: ContigTask) -> None:
    codes = columns.variant_key[[0, -1]] >> 58
    if set(codes.tolist()) != {CONTIG_CODES[task.contig]}:
        raise Invalid(f"{task.sites} holds sites of another contig than {task.contig}")


def _index_rows(
    columns: SiteColumns, task: ContigTask, codec: RowCodec, index: _SortedFile, gatherer: StatisticsGatherer
) -> list[tuple[bytes, bytes]]:
    """Write the rows of one row group; `(key, row)` of those that are also found by bins."""
    policy = task.policy
    seen = visibility_classes(columns.allele_count, columns.allele_number, codec.layout, policy.k_alleles)
    genotypes_seen = genotype_rows(
        (columns.allele_number, columns.hom, columns.het, columns.hemi),
        codec.layout,
        policy.k_individuals,
        haploid=task.contig in HAPLOID_CONTIGS,
    )
    rows = codec.encode(columns, seen, genotypes_seen)
    keys = _site_keys(columns.variant_key, task)
    spans = columns.end - columns.start
    is_long = spans > SHORT_SPAN
    long_rows = []
    for place, row in enumerate(rows):
        key = index.put_site(keys[place * KEY_BYTES : place * KEY_BYTES + KEY_BYTES], row)
        if is_long[place]:
            start, end = int(columns.start[place]), int(columns.end[place])
            long_rows.append((long_key(task.assembly, start, end, key), row))
            gatherer.note_long(end - start)
    _gather(columns, seen, codec.layout, gatherer)
    return long_rows


def _site_keys(variant_keys: Int64s, task: ContigTask) -> bytes:
    """Keys of all rows, one after the other."""
    keys = np.empty(len(variant_keys), np.dtype([("assembly", "u1"), ("key", ">u8"), ("number", ">u4")]))
    keys["assembly"], keys["key"], keys["number"] = task.assembly, variant_keys, task.number
    return keys.tobytes()


def _gather(
    columns: SiteColumns, seen: npt.NDArray[np.uint8], layout: Layout, gatherer: StatisticsGatherer
) -> None:
    thresholds = highest_floors(columns.allele_count, columns.allele_number, layout)
    gatherer.add(columns.variant_key, seen != Visibility.NOTHING, thresholds)
    if columns.amino_acid_change is not None and any(columns.amino_acid_change):
        gatherer.note_amino_acids()
    for row, gene in enumerate(columns.gene or ()):
        if gene:
            gatherer.note_gene(gene, int(columns.start[row]), int(columns.end[row]))


def _write_release_file(path: Path, number: int, statistics: Sequence[ContigStatistics]) -> None:
    """Genes and statistics; their presence in the index says that the whole release is there."""
    entries = [
        (gene_key(symbol, number, contig.code), b"%d-%d" % extent)
        for contig in statistics
        for symbol, extent in contig.genes.items()
    ]
    entries += [(statistics_key(number, contig.code), contig.packed()) for contig in statistics]
    entries.append((statistics_key(number, 0), b""))
    with _SortedFile(path) as index:
        for key, value in sorted(entries):
            index.put(key, value)
