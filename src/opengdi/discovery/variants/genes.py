"""Gene tables: where a gene lies in an assembly.

A table is tab-separated text, perhaps gzip-compressed, with a header; the columns gene_symbol, chrom, start and end
are read, start and end 0-based half-open. Genes on sequences that are not served are left out.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self, TextIO

from opengdi.kernel.errors import Invalid
from opengdi.standards.coordinates import CONTIG_CODES, Interval, parse_contig
from opengdi.standards.faults import Malformed

_COLUMNS: Final = ("gene_symbol", "chrom", "start", "end")


@dataclass(frozen=True, slots=True)
class GeneTable:
    """Loci by gene symbol in upper case; loci of one gene are in genome order and do not touch each other."""

    loci: Mapping[str, tuple[Interval, ...]]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Raises Invalid and names the line that is wrong."""
        try:
            with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
                return cls(_read_loci(path, file))
        except (OSError, EOFError, UnicodeDecodeError) as error:
            raise Invalid(f"gene table {path} does not open: {error}") from error

    def find(self, symbol: str) -> tuple[Interval, ...]:
        """Where the gene lies; empty for an unknown symbol. Case does not matter."""
        return self.loci.get(symbol.upper(), ())


def _read_loci(path: Path, file: TextIO) -> dict[str, tuple[Interval, ...]]:
    rows = csv.DictReader(file, delimiter="\t")
    if missing := [name for name in _COLUMNS if name not in (rows.fieldnames or ())]:
        raise Invalid(f"gene table {path} has no column {missing[0]!r}; needed are {', '.join(_COLUMNS)}")
    found: dict[str, list[Interval]] = {}
    for row in rows:
        try:
            contig = parse_contig(row["chrom"]).contig
        except Malformed:
            continue  # an alternate locus or an unplaced sequence
        try:
            locus = Interval(contig, int(row["start"]), int(row["end"]))
        except (TypeError, ValueError) as error:
            raise Invalid(f"gene table {path} line {rows.line_num}: {error}") from error
        found.setdefault(row["gene_symbol"].upper(), []).append(locus)
    return {symbol: merged(loci) for symbol, loci in found.items()}


def merged(loci: Iterable[Interval]) -> tuple[Interval, ...]:
    """The same bases as intervals in genome order that neither overlap nor touch."""
    joined: list[Interval] = []
    for locus in sorted(loci, key=lambda each: (CONTIG_CODES[each.contig], each.start)):
        last = joined[-1] if joined else None
        if last is not None and last.contig == locus.contig and locus.start <= last.end:
            joined[-1] = Interval(last.contig, last.start, max(last.end, locus.end))
        else:
            joined.append(locus)
    return tuple(joined)
