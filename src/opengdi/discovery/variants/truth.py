"""The truth of sites and frequencies: one Parquet file per contig of a release, sorted by allele.

Rows are ordered by (variant_key, ref, alt, end, length) and lie in row groups of 65,536; the same sites always give the
same bytes. Counts are lists of one number per population of the release, in the order of its manifest.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from opengdi.discovery.variants.columns import COUNT_COLUMNS, Int32s, SiteColumns
from opengdi.kernel.errors import Invalid
from opengdi.standards.faults import Malformed

__all__ = ["ROW_GROUP_ROWS", "SiteColumns", "SitesFile", "SitesWriter"]

ROW_GROUP_ROWS: Final = 65_536
_TEXT_COLUMNS: Final = ("ref", "alt", "variant_type", "gene", "mate")
_POPULATIONS: Final = b"populations"


class SitesWriter:
    """Writes one contig's file. Rows come in order; row groups are cut alike however the rows are batched.

    Nothing is renamed into place here: the loader writes into its work area. Closing syncs the file to disk.
    """

    def __init__(self, path: Path, contig: str, populations: Sequence[str]) -> None:
        self._contig = contig
        self._populations = len(populations)
        self._schema = _schema(populations)
        self._pending: list[pa.Table] = []
        self._pending_rows = 0
        self._last: _Place | None = None
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        self._file = os.fdopen(descriptor, "wb")
        self._parquet = pq.ParquetWriter(
            self._file,
            self._schema,
            compression="zstd",
            use_dictionary=["contig", *_TEXT_COLUMNS],
            column_encoding=dict.fromkeys(("variant_key", "start", "end"), "DELTA_BINARY_PACKED"),
            write_page_index=True,
        )
        self.rows = 0

    def write(self, sites: SiteColumns) -> None:
        """Append rows. Raises Invalid if one is out of order, repeated, or of another number of populations."""
        if not len(sites):
            return
        self._check_order(sites)
        self._pending.append(self._table(sites))
        self._pending_rows += len(sites)
        self.rows += len(sites)
        if self._pending_rows >= ROW_GROUP_ROWS:
            self._flush_full_groups()

    def close(self) -> None:
        """Write what is pending and the footer, and sync."""
        if self._pending_rows:
            self._parquet.write_table(pa.concat_tables(self._pending), row_group_size=ROW_GROUP_ROWS)
            self._pending, self._pending_rows = [], 0
        self._parquet.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        else:  # what is there so far is no use to anybody, but its writer must not write any more
            self._parquet.close()
            self._file.close()

    def _flush_full_groups(self) -> None:
        table = pa.concat_tables(self._pending)
        full = self._pending_rows - self._pending_rows % ROW_GROUP_ROWS
        self._parquet.write_table(table.slice(0, full), row_group_size=ROW_GROUP_ROWS)
        self._pending = [table.slice(full)]
        self._pending_rows -= full

    def _check_order(self, sites: SiteColumns) -> None:
        first = _place(sites, 0)
        if self._last is not None and first <= self._last:
            raise self._disorder(self._last, first)
        for row in np.flatnonzero(np.diff(sites.variant_key) <= 0).tolist():
            here, after = _place(sites, row), _place(sites, row + 1)
            if after <= here:
                raise self._disorder(here, after)
        self._last = _place(sites, len(sites) - 1)

    def _disorder(self, here: _Place, after: _Place) -> Invalid:
        return Invalid(f"site {after} of contig {self._contig} comes after {here}: not in order, or twice")

    def _table(self, sites: SiteColumns) -> pa.Table:
        columns: list[Any] = [
            sites.variant_key,
            pa.repeat(self._contig, len(sites)),
            *(getattr(sites, name) for name in ("start", "end")),
            *(pa.array(getattr(sites, name), pa.string()) for name in ("ref", "alt", "variant_type")),
            sites.length,
            sites.genotype_row,
            *(self._annotation(sites, name) for name in ("gene", "amino_acid_change", "mate")),
            *(self._counts(getattr(sites, name), name) for name in COUNT_COLUMNS),
        ]
        return pa.Table.from_arrays([pa.array(column) for column in columns], schema=self._schema)

    def _annotation(self, sites: SiteColumns, name: str) -> pa.Array:
        kind = self._schema.field(name).type
        values = getattr(sites, name)
        return pa.nulls(len(sites), kind) if values is None else pa.array(values, kind)

    def _counts(self, counts: Int32s, name: str) -> pa.Array:
        if counts.ndim != 2 or counts.shape[1] != self._populations:
            raise Invalid(f"{name} has shape {counts.shape}, expected (rows, {self._populations})")
        flat = pa.array(np.ascontiguousarray(counts, dtype=np.int32).reshape(-1))
        return pa.FixedSizeListArray.from_arrays(flat, self._populations)


class SitesFile:
    """Reads one contig's file, a row group at a time."""

    def __init__(self, path: Path) -> None:
        """Raises Malformed if the file is not a sites file."""
        try:
            self._parquet = pq.ParquetFile(path)
        except (OSError, pa.ArrowException) as error:
            raise Malformed(f"{path.name} is not a readable Parquet file: {error}") from error
        labels = (self._parquet.schema_arrow.metadata or {}).get(_POPULATIONS)
        if labels is None:
            raise Malformed(f"{path.name} is not a sites file: it names no populations")
        self.populations: tuple[str, ...] = tuple(labels.decode().split("\t"))
        self.rows: int = self._parquet.metadata.num_rows
        self.row_groups: int = self._parquet.metadata.num_row_groups

    def read(self, row_group: int) -> SiteColumns:
        """The columns of one row group."""
        table = self._parquet.read_row_group(row_group)
        ints = {
            name: table[name].to_numpy() for name in ("variant_key", "start", "end", "length", "genotype_row")
        }
        texts: dict[str, Any] = {name: table[name].to_pylist() for name in ("ref", "alt", "variant_type")}
        notes: dict[str, Any] = {name: _notes(table[name]) for name in ("gene", "amino_acid_change", "mate")}
        counts: dict[str, Any] = {name: _matrix(table[name], len(self.populations)) for name in COUNT_COLUMNS}
        return SiteColumns(**ints, **texts, **notes, **counts)

    def __iter__(self) -> Iterator[SiteColumns]:
        return map(self.read, range(self.row_groups))

    def close(self) -> None:
        self._parquet.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_Place = tuple[int, str, str, int, int]
"""Variant key, ref, alt, end and length: symbolic alleles may differ in their end, insertions in their length alone."""


def _place(sites: SiteColumns, row: int) -> _Place:
    end, length = int(sites.end[row]), int(sites.length[row])
    return int(sites.variant_key[row]), sites.ref[row], sites.alt[row], end, length


def _schema(populations: Sequence[str]) -> pa.Schema:
    if not populations or any("\t" in label for label in populations):
        raise Invalid("a sites file needs at least one population, and no tab in its label")
    counts = pa.list_(pa.int32(), len(populations))
    fields = [
        pa.field("variant_key", pa.int64(), nullable=False),
        pa.field("contig", pa.string(), nullable=False),
        pa.field("start", pa.int32(), nullable=False),
        pa.field("end", pa.int32(), nullable=False),
        pa.field("ref", pa.string(), nullable=False),
        pa.field("alt", pa.string(), nullable=False),
        pa.field("variant_type", pa.string(), nullable=False),
        pa.field("length", pa.int32(), nullable=False),
        pa.field("genotype_row", pa.int32(), nullable=False),
        pa.field("gene", pa.string()),
        pa.field("amino_acid_change", pa.list_(pa.string())),
        pa.field("mate", pa.string()),
        *(pa.field(name, counts) for name in COUNT_COLUMNS),
    ]
    return pa.schema(fields, metadata={_POPULATIONS: "\t".join(populations).encode()})


def _notes(column: pa.ChunkedArray) -> Any:
    return None if column.null_count == len(column) else column.to_pylist()


def _matrix(column: pa.ChunkedArray, populations: int) -> Int32s:
    flat: Int32s = column.combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return flat.reshape(-1, populations)
