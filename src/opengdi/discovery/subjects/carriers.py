"""Who carries an allele, out of the PGEN files of a release."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pgenlib

from opengdi.discovery.model import Bitmap, ShelvedRelease, SiteRef
from opengdi.discovery.subjects.bitmaps import bitmap_of, nobody
from opengdi.discovery.subjects.tables import Rows
from opengdi.kernel.errors import Unavailable

_OPEN_PER_THREAD: Final = 64


class GenotypeReaders:
    """Open PGEN files, some per thread, because a reader serves one thread at a time."""

    def __init__(self) -> None:
        self._local = threading.local()

    def reader(self, release: ShelvedRelease, contig: str) -> pgenlib.PgenReader:
        """The thread's reader of one contig. Raises Unavailable if the file is not there or is no PGEN."""
        open_files: OrderedDict[tuple[int, str], pgenlib.PgenReader]
        open_files = self._local.__dict__.setdefault("files", OrderedDict())
        key = (release.number, contig)  # a number is never used again, a path may be
        found = open_files.pop(key, None)
        if found is None:
            path = Path(release.folder) / "genotypes" / f"chr{contig}.pgen"
            try:
                found = pgenlib.PgenReader(bytes(path))
            except (RuntimeError, OSError) as fault:
                raise Unavailable(f"genotypes {path.name} cannot be opened: {fault}") from fault
            while len(open_files) >= _OPEN_PER_THREAD:
                open_files.popitem(last=False)[1].close()
        open_files[key] = found
        return found


def carriers(
    readers: GenotypeReaders,
    release: ShelvedRelease,
    alleles: Sequence[SiteRef],
    individual_of_sample: Rows | None,
    individuals: int,
) -> Bitmap:
    """Individuals with at least one copy of at least one of the alleles.

    individual_of_sample: row of the individual per row of the genotypes, None if the two orders are the same.
    """
    sparse: list[npt.NDArray[np.uint32]] = []
    dense: npt.NDArray[np.bool_] | None = None
    for allele in alleles:
        if allele.genotype_row < 0:
            continue
        reader = readers.reader(release, allele.contig)
        if reader.has_sparse(allele.genotype_row):
            samples, copies = reader.read_sparse32(allele.genotype_row)
            sparse.append(samples[copies > 0])
        else:
            copies = np.empty(reader.get_raw_sample_ct(), dtype=np.int8)
            reader.read(allele.genotype_row, copies)
            dense = copies > 0 if dense is None else np.logical_or(dense, copies > 0, out=dense)
    return _people(sparse, dense, individual_of_sample, individuals)


def _people(
    sparse: list[npt.NDArray[np.uint32]],
    dense: npt.NDArray[np.bool_] | None,
    individual_of_sample: Rows | None,
    individuals: int,
) -> Bitmap:
    """The carrying samples as individuals; samples of nobody known are left aside."""
    if individual_of_sample is None:
        found = np.packbits(dense) if dense is not None else nobody(individuals)
        return found | bitmap_of(np.concatenate(sparse), individuals) if sparse else found
    samples: list[npt.NDArray[np.integer]] = [*sparse]
    if dense is not None:
        samples.append(np.flatnonzero(dense))
    if not samples:
        return nobody(individuals)
    people = individual_of_sample[np.concatenate(samples)]
    return bitmap_of(people[people >= 0], individuals)
