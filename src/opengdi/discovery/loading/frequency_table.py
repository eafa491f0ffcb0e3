"""From a frequency table in Parquet to alleles with counts: one row per allele and population.

Columns: POS (0-based), REF, ALT, POPULATION, AC, AN and, where known, AC_HET, AC_HOM (individuals), AC_HEMI.
The contig is a column CHROM, or `[variants] contig`, or stands in the file's name (`allele-freq-chr3.4.parquet`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from math import isnan
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from opengdi.discovery.loading.allele_rows import AlleleRow, allele_table
from opengdi.discovery.loading.fasta import Fasta
from opengdi.discovery.loading.frequency_columns import RegularRows
from opengdi.discovery.loading.info_counts import (
    Measure,
    check_counted,
    checked_cell,
    copies_of,
    most_copies,
    with_plain_sex,
)
from opengdi.discovery.loading.model import Fault, TaskOutcome
from opengdi.discovery.loading.normalise import Faulty, Normaliser
from opengdi.discovery.loading.parts import part_schema
from opengdi.discovery.loading.populations import MOST_LABELS, TOO_MANY, Inheritance, inheritance
from opengdi.discovery.loading.records import check_place, contig_in
from opengdi.discovery.loading.tasks import ReadTask, TaskLog
from opengdi.kernel.disclosure.floors import UNKNOWN
from opengdi.kernel.errors import Invalid
from opengdi.standards.faults import Malformed
from opengdi.standards.vcf.alleles import Allele, alternate_allele, reference_allele
from opengdi.standards.vcf.annotation import NONE

_REQUIRED: Final = ("POS", "REF", "ALT", "POPULATION", "AC", "AN")
_SITE: Final = ("CHROM", "POS", "REF", "ALT")
_READ: Final = ("CHROM", *_REQUIRED, "AC_HET", "AC_HOM", "AC_HEMI")
_CONTIG_IN_NAME = re.compile(r"chr(\d{1,2}|X|Y|MT?)(?![A-Za-z0-9])", re.IGNORECASE)
_BATCH_ROWS: Final = 1 << 16
_MEASURES: Final = (
    (Measure.ALLELE_COUNT, "AC"),
    (Measure.ALLELE_NUMBER, "AN"),
    (Measure.HET, "AC_HET"),
    (Measure.HOMOZYGOTES, "AC_HOM"),
    (Measure.HEMI, "AC_HEMI"),
)
_UNKNOWN_CELL: Final = (UNKNOWN,) * 5

_Site = tuple[Any, Any, Any, Any]
"""CHROM, POS, REF, ALT as the table has them."""


def table_populations(path: Path) -> tuple[str, ...]:
    """Population labels of a table, in order of the alphabet. Raises Malformed if it is not a frequency table."""
    try:
        file = pq.ParquetFile(path)
    except (OSError, pa.ArrowException) as error:
        raise Malformed(f"not a readable Parquet file: {error}") from error
    missing = [name for name in _REQUIRED if name not in file.schema_arrow.names]
    if missing:
        raise Malformed(
            f"a frequency table needs the columns {', '.join(_REQUIRED)}; {missing[0]} is missing"
        )
    labels = _labels(file)
    if not all(isinstance(label, str) and label for label in labels):
        raise Malformed("POPULATION is empty in some rows, or no text")
    if len(labels) > MOST_LABELS:
        raise Malformed(f"POPULATION: {TOO_MANY}")
    for label in labels:
        if (plain := with_plain_sex(label)) != label:
            raise Malformed(f"POPULATION {label}: name the sexes F and M, here {plain}")
    return tuple(sorted(labels))


def _labels(file: pq.ParquetFile) -> set[Any]:
    """Each value of POPULATION once, up to one too many; the column is never in memory whole. Raises Malformed."""
    found: set[Any] = set()
    for batch in _batches(file, ["POPULATION"]):
        found.update(pc.unique(batch.column(0)).to_pylist())
        if len(found) > MOST_LABELS:
            break
    return found


def _batches(file: pq.ParquetFile, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Rows of a table, some ten thousand at a time. Raises Malformed where it is damaged."""
    try:
        yield from file.iter_batches(_BATCH_ROWS, columns=list(columns))
    except (OSError, pa.ArrowException) as error:
        raise Malformed(f"the Parquet data are damaged: {error}") from error


def contig_of(path: Path, given: str | None) -> str | None:
    """The contig a table without a CHROM column is about, None if nothing tells."""
    found = _CONTIG_IN_NAME.search(path.name)
    return given or (found[1] if found else None)


def run_table_task(task: ReadTask) -> TaskOutcome:
    """Read the whole table, one row per allele and population, into alleles with all populations."""
    log = TaskLog(task)
    table = pq.ParquetFile(task.path)
    has_contig = "CHROM" in table.schema_arrow.names
    if not has_contig and contig_of(task.path, task.context.contig) is None:
        raise Invalid(
            f"{task.name}: neither a column CHROM, nor [variants] contig, nor the file name tells the contig"
        )
    pivot = _Pivot(task, log)
    regular = RegularRows(task, contig_of(task.path, task.context.contig), log, pivot.writer, pivot.take)
    line = 1
    try:
        for rows in _whole_alleles(table):
            if task.context.reference is not None or not regular.take(line, rows):
                pivot.take(line, rows)
            line += rows.num_rows
    except Malformed as error:
        log.remark(line - 1, Fault.TRUNCATED, f"{error}, after this row" if line > 1 else error)
    pivot.finish()
    log.lines = line - 1
    return log.outcome(pivot.writer)


def _whole_alleles(table: pq.ParquetFile) -> Iterator[pa.Table]:
    """Rows of the table, some ten thousand at a time, cut where an allele begins.

    Raises Malformed where the table is damaged.
    """
    names = [name for name in _READ if name in table.schema_arrow.names]
    rest: pa.Table | None = None
    for batch in _batches(table, names):
        rows = pa.Table.from_batches([batch])
        rows = rows if rest is None else pa.concat_tables([rest, rows])
        begin = _begin_of_last(rows)
        if begin:
            yield rows.slice(0, begin).combine_chunks()
        rest = rows.slice(begin)
    if rest is not None and rest.num_rows:
        yield rest.combine_chunks()


def _begin_of_last(rows: pa.Table) -> int:
    """Row where the last allele begins."""
    at: int = rows.num_rows
    sites = rows.select([name for name in _SITE if name in rows.column_names])
    last = sites.slice(max(0, at - 1)).to_pylist()
    while at > 0 and sites.slice(at - 1, 1).to_pylist() == last:
        at -= 1
    return at


def _rows(rows: pa.Table) -> Iterator[dict[str, Any]]:
    columns = [column.to_pylist() for column in rows.columns]
    return (dict(zip(rows.column_names, values, strict=True)) for values in zip(*columns, strict=True))


class _Pivot:
    """Gathers the populations of one allele; rows of the same allele follow each other. An allele is a record."""

    def __init__(self, task: ReadTask, log: TaskLog) -> None:
        context = task.context
        self._task, self._log = task, log
        self._places = {name: place for place, name in enumerate(context.populations)}
        self._contig = contig_of(task.path, context.contig)
        self._normaliser = Normaliser(Fasta(context.reference) if context.reference else None)
        self._schema = part_schema(len(context.populations))
        self._site: _Site | None = None
        self._gathered: list[tuple[int, dict[str, Any]]] = []
        self._rows: dict[str, list[tuple[AlleleRow, int, list[int]]]] = {}
        self.writer = task.part_writer()

    def take(self, line: int, rows: pa.Table) -> None:
        """Rows from `line` on that hold whole alleles."""
        for number, row in enumerate(_rows(rows), start=line):
            self._take_row(number, row)
        self._keep()
        self._site = None

    def _take_row(self, line: int, row: dict[str, Any]) -> None:
        site = (row.get("CHROM", self._contig), row["POS"], row["REF"], row["ALT"])
        if site != self._site:
            self._keep()
            self._site = site
        self._gathered.append((line, row))

    def _keep(self) -> None:
        """The allele gathered so far."""
        gathered, self._gathered = self._gathered, []
        if self._site is None:
            return
        self._log.read += 1
        line = gathered[0][0]
        try:
            contig, allele = self._allele(self._site)
            kind = inheritance(contig, self._site[1], self._task.context.assembly)
            cells: dict[int, tuple[int, ...]] = {}
            for line, row in gathered:  # noqa: B007  # the line of the row that raises
                self._take_cell(row, kind, cells)
            line = gathered[0][0]
            check_counted(cell[0] for cell in cells.values())
            self._add(line, contig, self._site[1], allele, cells)
        except Faulty as error:
            self._log.leave_out(line, error.fault, error)
        except Malformed as error:
            self._log.leave_out(line, Fault.RECORD, error)

    def _take_cell(self, row: dict[str, Any], kind: Inheritance, cells: dict[int, tuple[int, ...]]) -> None:
        place = self._places[row["POPULATION"]]
        if place in cells:
            raise Faulty(Fault.DUPLICATE, f"population {row['POPULATION']} comes twice for the allele")
        cells[place] = _cell(row, self._task.context.population_sizes, kind)

    def _allele(self, site: _Site) -> tuple[str, Allele]:
        name, start, ref, alt = site
        if not isinstance(start, int) or start < 0 or not isinstance(ref, str) or not isinstance(alt, str):
            raise Malformed("POS, REF or ALT is empty or not of its kind")
        if name is None or name == "":
            raise Malformed("CHROM is empty")
        assembly = self._task.context.assembly
        contig = contig_in(str(name), assembly)
        ref, alt = reference_allele(ref), alternate_allele(alt)
        check_place(contig, start, ref, assembly)
        (allele,) = self._normaliser.alleles(contig, start, ref, (alt,), {})
        if allele is None:
            raise Faulty(Fault.NO_ALTERNATE, f"ALT {alt} names no observed allele")
        return contig, allele

    def _add(
        self, line: int, contig: str, start: int, allele: Allele, cells: dict[int, tuple[int, ...]]
    ) -> None:
        self._log.met(contig, start, line)
        counts = [cells.get(place, _UNKNOWN_CELL) for place in range(len(self._places))]
        flat = [one[measure] for measure in range(5) for one in counts]
        self._rows.setdefault(contig, []).append((AlleleRow(0, 1, allele, NONE), line, flat))
        if len(self._rows[contig]) >= _BATCH_ROWS:
            self._hand_on(contig)

    def _hand_on(self, contig: str) -> None:
        rows, lines, counts = zip(*self._rows.pop(contig), strict=True)
        table = allele_table(self._schema, contig, list(rows), list(lines), np.array(counts, np.int32))
        self.writer.add(contig, table, None)

    def finish(self) -> None:
        for contig in list(self._rows):
            self._hand_on(contig)


def _whole(value: object) -> object:
    """A count in a column with gaps, which pandas makes floating point numbers, its gaps NaN."""
    if not isinstance(value, float):
        return value
    if isnan(value):
        return None
    return int(value) if value.is_integer() else value


def _cell(row: dict[str, Any], sizes: Mapping[str, int], kind: Inheritance) -> tuple[int, int, int, int, int]:
    """AC, AN, hom, het, hemi of one row. Raises Faulty(COUNTS, NO_ALLELE_NUMBER)."""
    counts: dict[Measure, int] = {}
    for measure, name in _MEASURES:
        value = _whole(row.get(name))
        if value is None:
            continue
        if not isinstance(value, int) or not 0 <= value < 1 << 31:
            raise Faulty(Fault.COUNTS, f"{row['POPULATION']}: {name} {value!r} is not a count")
        counts[measure] = value
    count, number = (
        counts.get(measure, UNKNOWN) for measure in (Measure.ALLELE_COUNT, Measure.ALLELE_NUMBER)
    )
    population = row["POPULATION"]
    if number == UNKNOWN:
        number = copies_of(population, sizes, kind)
    return checked_cell(population, count, number, most_copies(population, sizes, kind), counts)
