"""What a task leaves in the work area: alleles of one contig in file order, as Arrow and PGEN."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pgenlib
import pyarrow as pa

from opengdi.discovery.loading.model import Part
from opengdi.kernel.files import sha256_of

PART_ROWS: Final = 1 << 18
PART_CALLS: Final = 1 << 26
"""A part is closed at so many rows, or so many genotype calls: what is held in memory."""

_HAPLOID_SOMEWHERE: Final = frozenset({"X", "Y", "MT"})

LINE: Final = "line"
COUNTS: Final = "counts"


def part_schema(populations: int) -> pa.Schema:
    """Columns of a part. line: within the task, 1-based; counts: AC, AN, hom, het, hemi of every population."""
    return pa.schema(
        [
            ("variant_key", pa.int64()),
            ("start", pa.int32()),
            ("end", pa.int32()),
            ("ref", pa.string()),
            ("alt", pa.string()),
            ("variant_type", pa.string()),
            ("length", pa.int32()),
            ("gene", pa.string()),
            ("amino_acid_change", pa.list_(pa.string())),
            ("mate", pa.string()),
            (LINE, pa.int64()),
            (COUNTS, pa.list_(pa.int32(), 5 * populations)),
        ]
    )


class PartWriter:
    """Gathers the alleles of a task by contig and writes them out in parts of bounded size.

    most_called: the largest allele number of any population at a place where everybody has two copies.
    """

    def __init__(self, folder: Path, prefix: str, populations: int, samples: int) -> None:
        self._folder = folder
        self._prefix = prefix
        self._populations = populations
        self._samples = samples
        self._limit = min(PART_ROWS, PART_CALLS // max(1, samples) + 1)
        self._tables: dict[str, list[pa.Table]] = {}
        self._hardcalls: dict[str, list[npt.NDArray[np.int8]]] = {}
        self._rows: dict[str, int] = {}
        self.parts: list[Part] = []
        self.alleles = 0
        self.most_called = 0

    def add(self, contig: str, table: pa.Table, hardcalls: npt.NDArray[np.int8] | None) -> None:
        """Keep alleles of a contig; `hardcalls` is (rows, samples) where the release has genotypes."""
        self._tables.setdefault(contig, []).append(table)
        if hardcalls is not None:
            self._hardcalls.setdefault(contig, []).append(hardcalls)
        self._rows[contig] = self._rows.get(contig, 0) + table.num_rows
        self.alleles += table.num_rows
        if contig not in _HAPLOID_SOMEWHERE and table.num_rows:
            counts = table[COUNTS].combine_chunks().flatten().to_numpy().reshape(table.num_rows, -1)
            numbers = counts[:, self._populations : 2 * self._populations]
            self.most_called = max(self.most_called, int(numbers.max(initial=0)))
        if self._rows[contig] >= self._limit:
            self._write(contig)

    def close(self) -> None:
        """Write what is left."""
        for contig in list(self._rows):
            self._write(contig)

    def _write(self, contig: str) -> None:
        rows = self._rows.pop(contig)
        stem = f"{self._prefix}.{len(self.parts):04d}.chr{contig}"
        sites = self._folder / f"{stem}.arrow"
        table = pa.concat_tables(self._tables.pop(contig))
        with pa.OSFile(str(sites), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        genotypes = self._write_genotypes(stem, rows, self._hardcalls.pop(contig, []))
        named = (genotypes.name, sha256_of(genotypes)) if genotypes else (None, None)
        self.parts.append(Part(contig, rows, sites.name, sha256_of(sites), *named))

    def _write_genotypes(self, stem: str, rows: int, batches: Sequence[npt.NDArray[np.int8]]) -> Path | None:
        if not batches:
            return None
        path = self._folder / f"{stem}.pgen"
        with pgenlib.PgenWriter(bytes(path), self._samples, variant_ct=rows, nonref_flags=False) as writer:
            for batch in batches:
                writer.append_biallelic_batch(np.ascontiguousarray(batch))
        return path


def counts_array(counts: npt.NDArray[np.int32]) -> pa.Array:
    """(rows, 5 * populations) as a column of fixed-size lists."""
    return pa.FixedSizeListArray.from_arrays(pa.array(counts.reshape(-1)), counts.shape[1])
