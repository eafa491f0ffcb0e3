"""Regular rows of a frequency table as columns: some ten thousand at a time instead of one by one.

Rows are regular if they are of one known contig and sorted; alleles among them that are not plain, or whose counts
are not all there and possible, are handed to the reader of single rows. Rows that are not regular are left alone:
`frequency_table` reads them one by one and says what is wrong with which.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from opengdi.discovery.loading.allele_columns import Bools, Int64s, Irregular, allele_columns, are_plain
from opengdi.discovery.loading.info_counts import most_copies_anywhere
from opengdi.discovery.loading.normalise import Faulty
from opengdi.discovery.loading.parts import PartWriter, counts_array, part_schema
from opengdi.discovery.loading.records import contig_in
from opengdi.discovery.loading.tasks import ReadTask, TaskLog
from opengdi.kernel.disclosure.floors import UNKNOWN
from opengdi.standards.coordinates import contig_length

_MEASURES: Final = ("AC", "AN", "AC_HOM", "AC_HET", "AC_HEMI")
_MAX_COUNT: Final = (1 << 31) - 1


@dataclass(frozen=True, slots=True)
class _Sites:
    """Alleles of the rows. heads: row where each begins; owner: allele of each row, by place."""

    contig: str
    heads: Int64s
    owner: Int64s
    start: Int64s
    ref: pa.StringArray
    alt: pa.StringArray


class RegularRows:
    """Takes rows that hold whole alleles; `single` reads the rows of one allele by itself."""

    def __init__(
        self,
        task: ReadTask,
        contig: str | None,
        log: TaskLog,
        writer: PartWriter,
        single: Callable[[int, pa.Table], None],
    ) -> None:
        self._context, self._contig, self._log = task.context, contig, log
        self._writer, self._single = writer, single
        self._labels = pa.array(task.context.populations, pa.string())
        self._schema = part_schema(len(task.context.populations))

    def take(self, line: int, rows: pa.Table) -> bool:
        """True if the rows were regular and are all dealt with; otherwise nothing has happened."""
        try:
            sites = self._sites(rows)
            counts, is_kept = self._counts(rows, sites)
            table = self._table(sites, counts, is_kept, line)
        except (Irregular, Faulty, pa.ArrowException):
            return False
        self._log.met(sites.contig, int(sites.start[0]), line)
        ends = np.append(sites.heads[1:], rows.num_rows)
        for place in np.flatnonzero(~is_kept).tolist():
            head = int(sites.heads[place])
            self._single(line + head, rows.slice(head, int(ends[place]) - head))
        self._log.met(sites.contig, int(sites.start[-1]), line)
        self._log.read += table.num_rows
        self._writer.add(sites.contig, table, None)
        return True

    def _sites(self, rows: pa.Table) -> _Sites:
        """Raises Irregular, Faulty, ArrowException."""
        contig = contig_in(self._name(rows), self._context.assembly)
        pos, ref, alt = _integers(rows["POS"]), _texts(rows["REF"]), _texts(rows["ALT"])
        is_head = np.ones(len(pos), bool)
        is_head[1:] = (np.diff(pos) != 0) | _changes(ref) | _changes(alt)
        heads = np.flatnonzero(is_head)
        chosen = pa.array(heads)
        sites = _Sites(contig, heads, np.cumsum(is_head) - 1, pos[heads], ref.take(chosen), alt.take(chosen))
        ends = sites.start + pc.binary_length(sites.ref).to_numpy()
        in_order = bool((np.diff(pos) >= 0).all()) and self._log.follows(contig, int(pos[0]))
        if pos[0] < 0 or not in_order or ends.max() > contig_length(contig, self._context.assembly):
            raise Irregular
        return sites

    def _name(self, rows: pa.Table) -> str:
        """The one contig of the rows as the table names it."""
        names = pc.unique(rows["CHROM"]).to_pylist() if "CHROM" in rows.column_names else [self._contig]
        if len(names) != 1 or not isinstance(names[0], str) or not names[0]:
            raise Irregular
        return names[0]

    def _counts(self, rows: pa.Table, sites: _Sites) -> tuple[npt.NDArray[np.int32], Bools]:
        """(alleles, 5 * populations), and which alleles are plain with counts that can be."""
        populations = len(self._labels)
        place = _integers(pc.index_in(_texts(rows["POPULATION"]), self._labels))
        counts = np.full((len(sites.heads), 5 * populations), UNKNOWN, np.int32)
        is_possible = np.ones(len(place), bool)
        values = [self._column(rows, name, is_possible) for name in _MEASURES]
        for measure, column in enumerate(values):
            counts[sites.owner, measure * populations + place] = np.minimum(column, _MAX_COUNT)
        count, number, *people = values
        is_possible &= (number != UNKNOWN) & (count <= number) & (number <= self._most(sites.contig)[place])
        is_possible &= (count == UNKNOWN) | (sum(np.maximum(each, 0) for each in people) <= count)
        is_kept = are_plain(sites.ref, sites.alt)
        is_kept[sites.owner[~is_possible]] = False
        times = np.bincount(sites.owner * populations + place, minlength=counts.shape[0] * populations)
        is_kept &= (times.reshape(-1, populations) <= 1).all(axis=1)
        is_kept &= (counts[:, :populations] != UNKNOWN).any(axis=1)
        if not is_kept.any():
            raise Irregular
        return counts, is_kept

    def _column(self, rows: pa.Table, name: str, is_possible: Bools) -> Int64s:
        """Counts of one column, UNKNOWN where not told; rows with a number that is no count are struck out."""
        if name not in rows.column_names or pa.types.is_null(rows[name].type):
            return np.full(rows.num_rows, UNKNOWN, np.int64)
        column = rows[name]
        is_told = pc.is_valid(column).to_numpy()
        values = _integers(pc.fill_null(column, 0))
        is_possible &= (values >= 0) & (values <= _MAX_COUNT)
        return np.where(is_told, values, UNKNOWN)

    def _most(self, contig: str) -> Int64s:
        context = self._context
        return np.array(
            [most_copies_anywhere(name, context.population_sizes, contig) for name in context.populations]
        )

    def _table(self, sites: _Sites, counts: npt.NDArray[np.int32], is_kept: Bools, line: int) -> pa.Table:
        mask = pa.array(is_kept)
        alleles = allele_columns(
            sites.contig, sites.start[is_kept], sites.ref.filter(mask), sites.alt.filter(mask)
        )
        total = int(is_kept.sum())
        nothing = [
            pa.nulls(total, self._schema.field(name).type) for name in ("gene", "amino_acid_change", "mate")
        ]
        lines = pa.array(sites.heads[is_kept] + line)
        return pa.Table.from_arrays(
            [*alleles, *nothing, lines, counts_array(counts[is_kept])], schema=self._schema
        )


def _integers(column: pa.ChunkedArray | pa.Array) -> Int64s:
    """Raises Irregular for another type or a missing value, ArrowInvalid for a number that does not fit."""
    if column.null_count or not pa.types.is_integer(column.type):
        raise Irregular
    values: Int64s = pc.cast(column, pa.int64()).to_numpy()
    return values


def _texts(column: pa.ChunkedArray) -> pa.StringArray:
    if column.null_count or not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        raise Irregular
    return pc.cast(column, pa.string()).combine_chunks()


def _changes(text: pa.StringArray) -> Bools:
    """Whether each text but the first differs from the one before."""
    changes: Bools = pc.not_equal(text.slice(1), text.slice(0, len(text) - 1)).to_numpy(zero_copy_only=False)
    return changes
