"""Alleles of one contig as columns: the form in which they travel between loading, truth and index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

COUNT_COLUMNS: Final = ("allele_count", "allele_number", "hom", "het", "hemi")

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SiteColumns:
    """Alleles of one contig as columns of n rows each.

    start, end: 0-based half-open. ref, alt: upper case, maximally trimmed, either may be empty; a symbolic alt
    keeps its ref. variant_type: canonical class. length: bases. genotype_row: row in the contig's PGEN, -1 none.
    allele_count, allele_number, hom, het, hemi: (n, populations), -1 = not known.
    gene, amino_acid_change, mate: None, or per row None where there is no annotation.
    """

    variant_key: Int64s
    start: Int32s
    end: Int32s
    ref: Sequence[str]
    alt: Sequence[str]
    variant_type: Sequence[str]
    length: Int32s
    genotype_row: Int32s
    allele_count: Int32s
    allele_number: Int32s
    hom: Int32s
    het: Int32s
    hemi: Int32s
    gene: Sequence[str | None] | None = None
    amino_acid_change: Sequence[Sequence[str] | None] | None = None
    mate: Sequence[str | None] | None = None

    def __len__(self) -> int:
        return len(self.variant_key)
