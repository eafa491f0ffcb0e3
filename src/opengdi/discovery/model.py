"""Facts shared by the parts of discovery: where a release lies, one stored site, what a search found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import msgspec

from opengdi.kernel.disclosure.floors import Layout, Visibility
from opengdi.kernel.release import DatasetRelease, ReleaseState
from opengdi.standards.beacon.questions import EntryType
from opengdi.standards.coordinates import Assembly

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Bitmap: TypeAlias = "npt.NDArray[np.uint8]"
"""One bit per individual of a release in storage order, packed as `numpy.packbits` does (big end first)."""


@dataclass(frozen=True, slots=True)
class ShelvedRelease:
    """A release that a node holds.

    number: 1, 2, ... unique at this node and never reused; the last part of every index key.
    folder: where the files named by the manifest lie.
    """

    number: int
    manifest: DatasetRelease
    state: ReleaseState
    folder: PurePath

    @property
    def assembly(self) -> Assembly:
        return Assembly.parse(self.manifest.assembly)

    @property
    def layout(self) -> Layout:
        """How the populations add up."""
        return Layout.of(self.manifest.populations)


class SiteRecord(msgspec.Struct, gc=False):
    """One allele in one release, as the index holds it.

    A page holds thousands: as a `Struct` one is made in 0.2 µs instead of 0.8, and the collector passes by (2026-11).
    start, end: 0-based half-open. ref, alt: upper case, maximally trimmed; alt may be symbolic (`<DEL>`, a BND, `*`).
    variant_type: canonical class (SNP, MNP, INS, DEL, DELINS, DUP, INV, CNV, BND, ...).
    length: of the variant in bases (SVLEN for structural variants, else max(len(ref), len(alt))).
    genotype_row: row in the PGEN file of the contig, -1 if there are no genotypes.
    counts: all allele counts, then allele numbers, -1 = not known; then hom, het and hemi of all populations, but only
        if the row is seen whole and the release's own floor on people lets every one of them be told.
    visibility: under the floor in force for the search that found it.
    """

    contig: str
    start: int
    end: int
    ref: str
    alt: str
    variant_type: str
    length: int
    genotype_row: int
    counts: Sequence[int]
    visibility: Visibility


class DatasetHits(msgspec.Struct, frozen=True, gc=False):
    """What a search found in one release: `total` alleles that may be seen, of which `rows` are on the page.

    units: budget unit of each row: the variant key, or a negative number for the further alleles that share one.
    rows: may be decoded each time they are looked at.
    """

    release: ShelvedRelease
    total: int
    units: Sequence[int]
    rows: Sequence[SiteRecord]


@dataclass(frozen=True, slots=True)
class SiteRef:
    """Where the genotypes of an allele lie."""

    contig: str
    genotype_row: int


class Case(NamedTuple):
    """One carrier of an allele: copies 1 or 2; hemizygous: the only one that such a person can have."""

    individual: str
    biosample: str
    copies: int
    is_hemizygous: bool


Floors = Mapping[int, int]
"""Allele floor in force by release number."""


@dataclass(frozen=True, slots=True)
class Cohort:
    """A cohort of a release. `document`: the Beacon document as its source wrote it, counts of people included.

    members None: every individual of the release.
    """

    id: str
    document: Mapping[str, object]
    members: Bitmap | None


@dataclass(frozen=True, slots=True)
class FilteringTerm:
    """What a filter may name. kind: `ontology`, `alphanumeric` or `custom`; values: of an alphanumeric text field."""

    kind: str
    id: str
    label: str
    scopes: tuple[EntryType, ...]
    values: tuple[str, ...] = ()
