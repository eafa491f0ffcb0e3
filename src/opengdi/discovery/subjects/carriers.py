"""Who carries an allele, out of the PGEN files of a release."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pgenlib

from opengdi.discovery.model import Bitmap, Case, ShelvedRelease, SiteRecord, SiteRef
from opengdi.discovery.subjects.bitmaps import bitmap_of
from opengdi.discovery.subjects.tables import Rows
from opengdi.kernel.errors import Unavailable
from opengdi.kernel.release import FileRole
from opengdi.standards.coordinates import Assembly, is_pseudo_autosomal

_OPEN_PER_THREAD: Final = 64
_LOOKED_AT: Final = 1000
"""Rows among which a rare allele is looked for."""


class GenotypeReaders:
    """Open PGEN files, some per thread, because a reader serves one thread at a time."""

    def __init__(self) -> None:
        self._local = threading.local()
        self._rare: dict[int, Sequence[SiteRef]] = {}

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

    def rare(self, release: ShelvedRelease) -> Sequence[SiteRef]:
        """A rare allele, to be read where there is none, which so takes as long; none where no genotypes are."""
        if release.number not in self._rare:
            files = [each for each in release.manifest.files if each.role is FileRole.GENOTYPES]
            contigs = [each.contig for each in files if each.contig and each.path.endswith(".pgen")]
            self._rare[release.number] = [
                SiteRef(each, self._rare_row(release, each)) for each in contigs[:1]
            ]
        return self._rare[release.number]

    def _rare_row(self, release: ShelvedRelease, contig: str) -> int:
        """A row stored as the list of its carriers, if there is one among the first."""
        reader = self.reader(release, contig)
        rows = range(min(reader.get_variant_ct(), _LOOKED_AT))
        return next((row for row in rows if reader.has_sparse(row)), 0)


def carriers(
    readers: GenotypeReaders,
    release: ShelvedRelease,
    alleles: Sequence[SiteRef],
    individual_of_sample: Rows | None,
    individuals: int,
) -> Bitmap:
    """Individuals with at least one copy of at least one of the alleles; samples of nobody known are left aside.

    individual_of_sample: row of the individual per row of the genotypes (later rows are nobody's), None if the two
    orders are the same. Raises Unavailable if the genotypes cannot be read.
    """
    known = individuals if individual_of_sample is None else len(individual_of_sample)
    carrying = np.zeros(known, dtype=np.bool_)
    stored = [allele for allele in alleles if allele.genotype_row >= 0]
    for allele in stored or readers.rare(release):
        reader = readers.reader(release, allele.contig)
        try:
            _mark(reader, allele.genotype_row, carrying)
        except RuntimeError as fault:
            raise Unavailable(f"genotypes of contig {allele.contig} cannot be read: {fault}") from fault
    if not stored:
        carrying[:] = False  # the rare one was read for the time it takes
    if individual_of_sample is None:
        return np.packbits(carrying)
    people = individual_of_sample[carrying]
    return bitmap_of(people[people >= 0], individuals)


def cases(
    readers: GenotypeReaders,
    release: ShelvedRelease,
    site: SiteRecord,
    people: People,
    among: npt.NDArray[np.bool_],
) -> list[Case]:
    """Carriers of an allele among the individuals flagged. Raises Unavailable if the genotypes cannot be read."""
    reader = readers.reader(release, site.contig)
    try:
        samples, copies = _copies(reader, site.genotype_row)
    except RuntimeError as fault:
        raise Unavailable(f"genotypes of contig {site.contig} cannot be read: {fault}") from fault
    haploid = _is_haploid(site, release.assembly)
    found = []
    for sample, number in zip(samples.tolist(), copies.tolist(), strict=True):
        row = people.rows[sample] if sample < len(people.rows) else -1
        if row >= 0 and among[row]:
            is_single = number == _BOTH and haploid(people.sexes[sample])
            found.append(Case(people.ids[row], people.samples[sample], 1 if is_single else number, is_single))
    return found


@dataclass(frozen=True, slots=True)
class People:
    """Whose the genotypes are. samples, sexes (1 male, 2 female, 0 unknown), rows: by sample; ids: by individual.

    rows: the individual's row, -1 for a sample of nobody known; later samples are nobody's.
    """

    samples: Sequence[str]
    sexes: Sequence[str]
    rows: Sequence[int]
    ids: Sequence[str]


_BOTH: Final = 2
"""Copies that a genotype of one allele alone is stored as, like one of two equal alleles."""


def _is_haploid(site: SiteRecord, assembly: Assembly) -> Callable[[str], bool]:
    """Who has one copy of a place, by sex."""
    if site.contig == "MT":
        return lambda _sex: True
    if site.contig not in {"X", "Y"} or is_pseudo_autosomal(site.contig, site.start, assembly):
        return lambda _sex: False
    return (lambda sex: sex == _MALE) if site.contig == "X" else lambda _sex: True


_MALE: Final = "1"


def _copies(reader: pgenlib.PgenReader, row: int) -> tuple[Rows, npt.NDArray[Any]]:
    """Samples that carry an allele, and how many copies."""
    if reader.has_sparse(row):
        samples, copies = reader.read_sparse32(row)
        return samples[copies > 0], copies[copies > 0]
    copies = np.empty(reader.get_raw_sample_ct(), dtype=np.int8)
    reader.read(row, copies)
    samples = np.flatnonzero(copies > 0).astype(np.int32)
    return samples, copies[samples]


def _mark(reader: pgenlib.PgenReader, row: int, carrying: npt.NDArray[np.bool_]) -> None:
    """Set the flag of every sample that carries an allele; a rare one is read as the list it is stored as."""
    known = len(carrying)
    if reader.has_sparse(row):
        samples, copies = reader.read_sparse32(row)
        found = samples[copies > 0]
        carrying[found[found < known]] = True
    else:
        copies = np.empty(reader.get_raw_sample_ct(), dtype=np.int8)
        reader.read(row, copies)
        np.logical_or(carrying, copies[:known] > 0, out=carrying)
