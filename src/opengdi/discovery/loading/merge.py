"""One sorted truth per contig from the parts of all tasks: alleles in order, each once, genotypes in the same order.

Two alleles are one if start, REF, ALT, end and length are the same: deletions `<DEL>` of one place may end at several.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import pgenlib
import pyarrow as pa

from opengdi.discovery.loading.findings import Findings
from opengdi.discovery.loading.model import Fault, Finding, Part, StoredFindings
from opengdi.discovery.loading.parts import COUNTS, LINE
from opengdi.discovery.variants.truth import ROW_GROUP_ROWS, SiteColumns, SitesWriter
from opengdi.kernel.files import sha256_of
from opengdi.standards.variant_key import HASHED
from opengdi.standards.vcf.alleles import is_symbolic

_GENOTYPE_BATCH_CALLS: Final = 1 << 22
_FILE_SHIFT: Final = 40
_LINE_MASK: Final = (1 << _FILE_SHIFT) - 1

Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PlacedPart:
    """A part and what turns its line numbers into those of its file. file: place among the files of the release."""

    part: Part
    file: int
    lines_before: int


@dataclass(frozen=True, slots=True)
class MergeTask:
    """All parts of one contig, in the order of files and lines. samples: 0 without genotypes."""

    contig: str
    parts: tuple[PlacedPart, ...]
    files: tuple[str, ...]
    populations: tuple[str, ...]
    samples: int
    source: Path
    target: Path


@dataclass(frozen=True, slots=True)
class MergedFile:
    """A file written, its path relative to the release."""

    path: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class MergeOutcome:
    """What came of one contig: alleles kept and dropped, records of which something is kept, and of which nothing."""

    contig: str
    rows: int
    records: int
    dropped: int
    dropped_records: int
    files: tuple[MergedFile, ...]
    findings: StoredFindings


def merge_contig(task: MergeTask) -> MergeOutcome:
    """Write `sites/chr<contig>.parquet`, and PGEN with its .pvar, under the target."""
    table = pa.concat_tables([_mapped(task, placed) for placed in task.parts])
    origins = _origins(task, table)
    order = _order(table, origins)
    findings = Findings(task.source / f"merged.{task.contig}.findings")
    order, dropped = _without_duplicates(task, table, order, origins, findings)
    paths = [_write_sites(task, table, order)]
    if task.samples and len(order):
        paths += _write_genotypes(task, table, order)
    files = tuple(
        MergedFile(str(path.relative_to(task.target)), sha256_of(path), path.stat().st_size) for path in paths
    )
    kept = _distinct(origins[order])
    lost = int((~np.isin(_distinct(origins[dropped]), kept)).sum())
    return MergeOutcome(
        task.contig,
        len(order),
        len(kept),
        len(dropped),
        lost,
        files,
        findings.stored(),
    )


def _distinct(numbers: Int64s) -> Int64s:
    """Each number once, sorted. `np.unique` hashes, which took 30 times as long here (2026-11, numpy 2.4)."""
    ordered = np.sort(numbers)
    return ordered[np.diff(ordered, prepend=-1) > 0]


def _mapped(task: MergeTask, placed: PlacedPart) -> pa.Table:
    with pa.memory_map(str(task.source / placed.part.sites)) as file:
        return pa.ipc.open_file(file).read_all()


def _origins(task: MergeTask, table: pa.Table) -> Int64s:
    """File and line of each row, as one number that grows in the order of reading."""
    lines: Int64s = table[LINE].to_numpy().copy()
    first = 0
    for placed in task.parts:
        last = first + placed.part.rows
        lines[first:last] += (placed.file << _FILE_SHIFT) + placed.lines_before
        first = last
    return lines


def _order(table: pa.Table, origins: Int64s) -> Int64s:
    """Rows by (variant_key, ref, alt, end, length), equal alleles in the order of reading."""
    keys = table["variant_key"].to_numpy()
    if bool((np.diff(keys) > 0).all()):
        return np.arange(len(keys), dtype=np.int64)
    order = np.lexsort((origins, keys)).astype(np.int64)
    ordered = keys[order]
    shared = (ordered[1:] == ordered[:-1]) & (ordered[1:] & HASHED != 0)
    for first, last in _stretches(shared):  # only a hashed key can stand for two alleles
        rows = order[first:last]
        names = [_name(table, row) for row in rows.tolist()]
        order[first:last] = rows[sorted(range(len(rows)), key=lambda at: (names[at], at))]
    return order


def _stretches(equals_next: npt.NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """`[first, last)` of rows that share a key."""
    padded = np.concatenate([[False], equals_next, [False]]).astype(np.int8)
    edges = np.diff(padded)
    yield from zip(
        np.flatnonzero(edges == 1).tolist(), (np.flatnonzero(edges == -1) + 1).tolist(), strict=True
    )


def _without_duplicates(
    task: MergeTask, table: pa.Table, order: Int64s, origins: Int64s, findings: Findings
) -> tuple[Int64s, Int64s]:
    """Rows to keep and rows dropped: of equal alleles the first that was read stays."""
    keys = table["variant_key"].to_numpy()[order]
    candidates = np.flatnonzero(keys[1:] == keys[:-1]) + 1
    repeated = np.zeros(len(order), bool)
    for place in candidates.tolist():
        before, here = int(order[place - 1]), int(order[place])
        name = _name(table, here)
        if name == _name(table, before):
            repeated[place] = True
            first, again = _place(task, int(origins[before])), _place(task, int(origins[here]))
            told = f"{task.contig}:{table['start'][here].as_py() + 1} {_spelt(name)}"
            findings.add(Finding(*again, Fault.DUPLICATE, f"{told} was read at {first[0]}:{first[1]}"))
    return order[~repeated], order[repeated]


class _Name(NamedTuple):
    """What tells alleles apart that start at the same place."""

    ref: str
    alt: str
    end: int
    length: int


def _name(table: pa.Table, row: int) -> _Name:
    """Of one row. `take` joins all parts of the table first, which took two seconds at five million rows (2026-11)."""
    return _Name(*(table[column][row].as_py() for column in _Name._fields))


def _spelt(name: _Name) -> str:
    """The allele as a finding names it."""
    end = f" that ends at {name.end}" if is_symbolic(name.alt) else ""
    return f"{name.ref or '-'}>{name.alt or '-'}{end}"


def _place(task: MergeTask, origin: int) -> tuple[str, int]:
    return task.files[origin >> _FILE_SHIFT], origin & _LINE_MASK


def _write_sites(task: MergeTask, table: pa.Table, order: Int64s) -> Path:
    path = task.target / "sites" / f"chr{task.contig}.parquet"
    with SitesWriter(path, task.contig, task.populations) as writer:
        for first in range(0, len(order), ROW_GROUP_ROWS):
            writer.write(_columns(task, _rows(table, order, first, first + ROW_GROUP_ROWS), first))
    return path


def _rows(table: pa.Table, order: Int64s, first: int, last: int) -> pa.Table:
    """Rows of one stretch of the order; a slice where they already lie so.

    `take` copies whatever table it is given: only the rows around those chosen, and files hold these near each other.
    """
    chosen = order[first:last]
    begin = int(chosen.min())
    around = table.slice(begin, int(chosen.max()) + 1 - begin)
    return around if bool((np.diff(chosen) == 1).all()) else around.take(chosen - begin)


def _columns(task: MergeTask, rows: pa.Table, first: int) -> SiteColumns:
    measures = 5
    counts = rows[COUNTS].combine_chunks().flatten().to_numpy().reshape(len(rows), measures, -1)
    total = len(rows)
    genotypes = np.arange(first, first + total) if task.samples else np.full(total, -1)
    notes = {
        name: None if rows[name].null_count == total else rows[name].to_pylist()
        for name in ("gene", "amino_acid_change", "mate")
    }
    return SiteColumns(
        variant_key=rows["variant_key"].to_numpy(),
        start=rows["start"].to_numpy(),
        end=rows["end"].to_numpy(),
        ref=rows["ref"].to_pylist(),
        alt=rows["alt"].to_pylist(),
        variant_type=rows["variant_type"].to_pylist(),
        length=rows["length"].to_numpy(),
        genotype_row=genotypes.astype(np.int32),
        allele_count=counts[:, 0],
        allele_number=counts[:, 1],
        hom=counts[:, 2],
        het=counts[:, 3],
        hemi=counts[:, 4],
        **notes,
    )


def _write_genotypes(task: MergeTask, table: pa.Table, order: Int64s) -> list[Path]:
    folder = task.target / "genotypes"
    pgen, pvar = folder / f"chr{task.contig}.pgen", folder / f"chr{task.contig}.pvar"
    batch = max(1, _GENOTYPE_BATCH_CALLS // task.samples)
    with (
        _GenotypeParts(task) as parts,
        pgenlib.PgenWriter(bytes(pgen), task.samples, variant_ct=len(order), nonref_flags=False) as writer,
    ):
        for first in range(0, len(order), batch):
            writer.append_biallelic_batch(parts.read(order[first : first + batch]))
    _write_pvar(task, pvar, table, order)
    return [pgen, pvar]


def _write_pvar(task: MergeTask, path: Path, table: pa.Table, order: Int64s) -> None:
    """Alleles for plink2, which wants no empty allele: `-` stands for one. POS is the first base of the trimmed REF."""
    with path.open("w", encoding="utf-8") as file:
        file.write("#CHROM\tPOS\tID\tREF\tALT\n")
        for first in range(0, len(order), ROW_GROUP_ROWS):
            rows = _rows(table.select(["start", *_Name._fields]), order, first, first + ROW_GROUP_ROWS)
            for start, ref, alt, end, length in zip(
                *(column.to_pylist() for column in rows.columns), strict=True
            ):
                name = f"{task.contig}:{start + 1}:{ref or '-'}:{alt or '-'}"
                name += f":{end}:{length}" if alt[:1] == "<" else ""
                file.write(f"{task.contig}\t{start + 1}\t{name}\t{ref or '-'}\t{alt or '-'}\n")


class _GenotypeParts:
    """Hard calls of rows, whatever parts they lie in."""

    def __init__(self, task: MergeTask) -> None:
        self._task = task
        self._firsts = np.cumsum([0, *(placed.part.rows for placed in task.parts)])
        self._open = lru_cache(maxsize=64)(self._reader)

    def _reader(self, place: int) -> pgenlib.PgenReader:
        name = self._task.parts[place].part.genotypes
        assert name is not None
        return pgenlib.PgenReader(bytes(self._task.source / name))

    def read(self, rows: Int64s) -> npt.NDArray[np.int8]:
        """(rows, samples), in the order asked."""
        calls = np.empty((len(rows), self._task.samples), np.int8)
        places = np.searchsorted(self._firsts, rows, side="right") - 1
        for place in np.unique(places).tolist():
            here = places == place
            inside = (rows[here] - self._firsts[place]).astype(np.uint32)
            calls[here] = self._read_part(place, inside)
        return calls

    def _read_part(self, place: int, inside: npt.NDArray[np.uint32]) -> npt.NDArray[np.int8]:
        found = np.empty((len(inside), self._task.samples), np.int8)
        self._open(place).read_list(inside, found)
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.cache_clear()


def contigs_of(parts: Sequence[PlacedPart]) -> dict[str, list[PlacedPart]]:
    """Parts by contig, order kept."""
    found: dict[str, list[PlacedPart]] = {}
    for placed in parts:
        found.setdefault(placed.part.contig, []).append(placed)
    return found
