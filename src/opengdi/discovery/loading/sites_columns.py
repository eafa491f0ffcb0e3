"""Regular lines of a sites-only VCF as columns: a megabyte at a time instead of a line at a time.

A run is regular if it has eight columns, one known contig, sorted positions, and every count key in every line as a
number that can be; lines with several, symbolic or unusual alleles are handed to the reader of single records. A run
that is not regular is left alone: `sites_task` reads it line by line and says what is wrong with which.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from opengdi.discovery.loading.allele_columns import Int64s, Irregular, allele_columns, are_plain
from opengdi.discovery.loading.info_counts import CountLayout, Measure, most_copies_anywhere
from opengdi.discovery.loading.normalise import Faulty
from opengdi.discovery.loading.parts import PartWriter, counts_array, part_schema
from opengdi.discovery.loading.tasks import ReadTask, TaskLog
from opengdi.kernel.disclosure.floors import UNKNOWN
from opengdi.standards.coordinates import contig_length

_COLUMNS: Final = ("CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO")
_READ: Final = ("CHROM", "POS", "REF", "ALT", "INFO")


@dataclass(frozen=True, slots=True)
class _Lines:
    """Columns of the regular lines of a run. places: which lines of the run they are, from 0."""

    contig: str
    places: Int64s
    start: Int64s
    ref: pa.StringArray
    alt: pa.StringArray
    info: pa.StringArray


class RegularSites:
    """Takes whole runs; `single` reads one line of it by itself, `contig` knows the names of contigs."""

    def __init__(
        self,
        task: ReadTask,
        layout: CountLayout,
        log: TaskLog,
        writer: PartWriter,
        single: Callable[[int, bytes], None],
        contig: Callable[[str], str],
    ) -> None:
        self._context, self._layout, self._log = task.context, layout, log
        self._writer, self._single, self._contig = writer, single, contig
        self._schema = part_schema(len(task.context.populations))

    def take(self, line: int, run: bytes) -> bool:
        """True if the run was regular and all its lines are dealt with; otherwise nothing has happened."""
        try:
            columns = _columns(run)
            lines, extent = self._lines(columns)
            table = self._table(lines, line)
        except (Irregular, Faulty, pa.ArrowException):
            return False
        self._log.met(lines.contig, extent[0], line)
        is_odd = np.ones(len(columns), bool)
        is_odd[lines.places] = False
        odd = np.flatnonzero(is_odd)
        if len(odd):
            texts = run.split(b"\n")
            for place in odd.tolist():
                self._single(line + place, texts[place].removesuffix(b"\r"))
        self._log.read += len(columns)
        self._log.met(lines.contig, extent[1], line)
        self._writer.add(lines.contig, table, None)
        return True

    def _lines(self, columns: pa.Table) -> tuple[_Lines, tuple[int, int]]:
        """The regular lines; first and last start of all lines. Raises Irregular, Faulty, ArrowException."""
        name = columns["CHROM"][0]
        contig = self._contig(name.as_py())
        start = pc.cast(columns["POS"], pa.int32()).to_numpy().astype(np.int64) - 1
        ref, alt = columns["REF"], columns["ALT"]
        in_order = start[0] >= 0 and bool((np.diff(start) >= 0).all())
        is_one_contig = pc.all(pc.equal(columns["CHROM"], name)).as_py()
        if not is_one_contig or not in_order or not self._log.follows(contig, int(start[0])):
            raise Irregular
        ends = start + pc.binary_length(ref).to_numpy()
        if ends.max() > contig_length(contig, self._context.assembly):
            raise Irregular
        chosen = are_plain(ref, alt)
        if not chosen.any():
            raise Irregular
        mask = pa.array(chosen)
        texts = [columns[name].combine_chunks().filter(mask) for name in ("REF", "ALT", "INFO")]
        return _Lines(contig, np.flatnonzero(chosen), start[chosen], *texts), (int(start[0]), int(start[-1]))

    def _table(self, lines: _Lines, line: int) -> pa.Table:
        counts = self._counts(lines)
        alleles = allele_columns(lines.contig, lines.start, lines.ref, lines.alt)
        total = len(lines.start)
        nothing = [
            pa.nulls(total, self._schema.field(name).type) for name in ("gene", "amino_acid_change", "mate")
        ]
        arrays = [*alleles, *nothing, pa.array(lines.places + line), counts_array(counts)]
        return pa.Table.from_arrays(arrays, schema=self._schema)

    def _counts(self, lines: _Lines) -> npt.NDArray[np.int32]:
        """(alleles, 5 * populations). Raises Irregular if a key is missing somewhere or a number cannot be."""
        fields = _InfoFields(lines.info)
        populations = self._layout.populations
        counts = np.empty((len(lines.start), 5 * len(populations)), np.int32)
        for place, population in enumerate(populations):
            values = {measure: fields.text(key) for measure, key in self._layout.keys[population].items()}
            for measure, column in enumerate(self._cells(values, population, lines)):
                counts[:, measure * len(populations) + place] = column
        return counts

    def _cells(
        self, texts: Mapping[Measure, pa.Array], population: str, lines: _Lines
    ) -> Sequence[Int64s | int]:
        """AC, AN, hom, het, hemi of one population."""
        values: dict[Measure, Int64s] = {
            measure: _counts_of(text) for measure, text in texts.items() if measure is not Measure.FREQUENCY
        }
        number = values.get(Measure.ALLELE_NUMBER)
        if number is None:
            number = self._from_size(population, lines)
        count = values.get(Measure.ALLELE_COUNT)
        if count is None:
            count = _from_frequency(texts[Measure.FREQUENCY], number)
        most = most_copies_anywhere(population, self._context.population_sizes, lines.contig)
        if bool((count > number).any()) or bool((number > most).any()):
            raise Irregular
        people = (_homozygotes(values, count), *(values.get(m, UNKNOWN) for m in (Measure.HET, Measure.HEMI)))
        carriers = sum((np.maximum(each, 0) for each in people), start=np.zeros_like(count))
        if Measure.ALLELE_COUNT in values and bool((carriers > count).any()):
            raise Irregular
        return count, number, *people

    def _from_size(self, population: str, lines: _Lines) -> Int64s:
        if lines.contig in {"X", "Y", "MT"}:
            raise Irregular  # copies depend on the place and the sex
        return np.full(len(lines.start), 2 * self._context.population_sizes[population])


def _columns(run: bytes) -> pa.Table:
    """The columns read, as text, a row per line. Raises Irregular, ArrowException."""
    if b"0x" in run or b"0X" in run:
        raise Irregular  # Arrow would take it for a number
    table = csv.read_csv(
        pa.BufferReader(run),
        read_options=csv.ReadOptions(use_threads=False, block_size=len(run) + 1, column_names=list(_COLUMNS)),
        parse_options=csv.ParseOptions(delimiter="\t", quote_char=False, ignore_empty_lines=False),
        convert_options=csv.ConvertOptions(
            include_columns=list(_READ),
            column_types=dict.fromkeys(_READ, pa.string()),
            strings_can_be_null=False,
        ),
    )
    if table.num_rows != run.count(b"\n") + (not run.endswith(b"\n")):
        raise Irregular
    return table


class _InfoFields:
    """The entries of INFO of all lines."""

    def __init__(self, info: pa.StringArray) -> None:
        entries = pc.split_pattern(info, ";")
        self._rows = len(info)
        self._entries = entries.flatten()
        self._owner = pc.list_parent_indices(entries).to_numpy()

    def text(self, key: str) -> pa.Array:
        """Value of the key, one per line. Raises Irregular unless every line has it once."""
        places = np.flatnonzero(pc.starts_with(self._entries, f"{key}=").to_numpy(zero_copy_only=False))
        if len(places) != self._rows or bool((self._owner[places] != np.arange(self._rows)).any()):
            raise Irregular
        return pc.utf8_slice_codeunits(self._entries.take(pa.array(places)), len(key) + 1)


def _counts_of(text: pa.Array) -> Int64s:
    values: Int64s = pc.cast(text, pa.int32()).to_numpy().astype(np.int64)
    if bool((values < 0).any()):
        raise Irregular
    return values


def _from_frequency(text: pa.Array, number: Int64s) -> Int64s:
    frequency = pc.cast(text, pa.float64()).to_numpy()
    if not bool(((frequency >= 0) & (frequency <= 1)).all()):
        raise Irregular
    counts: Int64s = np.rint(frequency * number).astype(np.int64)
    return counts


def _homozygotes(values: Mapping[Measure, Int64s], count: Int64s) -> Int64s | int:
    """Individuals with two copies, by the reading of `info_counts`."""
    if Measure.HOMOZYGOTES in values:
        return values[Measure.HOMOZYGOTES]
    if Measure.HOM not in values:
        return UNKNOWN
    hom = values[Measure.HOM]
    are_alleles = hom % 2 == 0
    are_people = np.zeros(len(hom), bool)
    if Measure.HET in values:
        rest = count - values.get(Measure.HEMI, np.int64(0)) - values[Measure.HET]
        are_people = rest == 2 * hom
        are_alleles &= rest == hom
    if not bool((are_people | are_alleles).all()):
        raise Irregular
    return np.asarray(np.where(are_people, hom, hom // 2), np.int64)
