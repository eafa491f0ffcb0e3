"""Synthetic alleles and genotypes with structure among countries: seeded, so that every run is the same.

Ancestral frequencies follow the neutral spectrum (density proportional to 1/p); each country's differ by the
Balding-Nichols model. Reference bases are random too: nothing here is anybody's genome.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from opengdi.standards.coordinates import Assembly, is_pseudo_autosomal

BASES: Final = np.frombuffer(b"ACGT", dtype=np.uint8)
RAREST: Final = 1 / 4000
DIFFERENTIATION: Final = 0.006
"""F_ST between a country and the common ancestors."""

MISSING_RATE: Final = 0.002
_TRANSITION: Final = {"A": "G", "G": "A", "C": "T", "T": "C"}
_TRANSVERSIONS: Final = {"A": "CT", "G": "CT", "C": "AG", "T": "AG"}


@dataclass(frozen=True, slots=True)
class Region:
    """A stretch of a contig, 0-based half-open, in which alleles are made."""

    contig: str
    name: str
    start: int
    end: int
    sites: int


REGIONS: Final = (
    Region("1", "PCSK9", 55_039_445, 55_064_852, 350),
    Region("3", "LZTFL1", 45_815_000, 45_835_000, 420),
    Region("7", "CFTR", 117_480_024, 117_540_024, 500),
    Region("13", "BRCA2", 32_315_085, 32_400_268, 700),
    Region("19", "APOE", 44_905_790, 44_909_393, 120),
    Region("X", "SHOX", 624_343, 659_411, 200),
    Region("X", "G6PD", 154_531_390, 154_547_572, 260),
    Region("Y", "SRY", 2_786_854, 2_787_682, 20),
    Region("MT", "MT-ND1", 3_306, 4_262, 60),
)
"""Where the synthetic alleles lie (GRCh38); gene places as published, so that questions by gene make sense."""


@dataclass(frozen=True, slots=True)
class SyntheticAllele:
    """One allele in VCF form (`pos` is 1-based); `end` and `length` are set for structural variants."""

    contig: str
    pos: int
    ref: str
    alt: str
    ancestral_frequency: float
    end: int | None = None
    length: int | None = None


SHOWCASE: Final = SyntheticAllele("3", 45_823_240, "T", "C", 0.08)
"""The allele that GDI shows in its demonstrations (severe COVID-19 risk locus), at its GRCh38 place."""

STRUCTURAL: Final = (
    SyntheticAllele("13", 32_340_301, "A", "<DEL>", 0.03, end=32_345_800, length=-5_500),
    SyntheticAllele("13", 32_370_001, "C", "<DEL>", 0.06, end=32_371_200, length=-1_200),
    SyntheticAllele("7", 117_500_001, "G", "<DUP>", 0.04, end=117_512_000, length=12_000),
    SyntheticAllele("19", 44_906_201, "T", "<INV>", 0.05, end=44_907_100, length=900),
)


def make_alleles(seed: int) -> list[SyntheticAllele]:
    """Alleles of all regions, sorted by contig in the order of `REGIONS`, then position."""
    alleles = [allele for region in REGIONS for allele in _region_alleles(region, seed)]
    order = {contig: place for place, contig in enumerate(dict.fromkeys(region.contig for region in REGIONS))}
    return sorted(alleles, key=lambda allele: (order[allele.contig], allele.pos, allele.ref, allele.alt))


def _region_alleles(region: Region, seed: int) -> list[SyntheticAllele]:
    rng = np.random.default_rng([seed, REGIONS.index(region)])
    sequence = BASES[rng.integers(0, 4, region.end - region.start + 16)].tobytes().decode()
    starts = np.sort(rng.choice(region.end - region.start - 1, region.sites, replace=False)) + 1
    frequencies = np.exp(rng.uniform(np.log(RAREST), np.log(0.5), region.sites))
    made = {
        (allele.pos, allele.ref, allele.alt): allele
        for start, frequency in zip(starts.tolist(), frequencies.tolist(), strict=True)
        if region.start + start + 1 != SHOWCASE.pos
        for allele in _alleles_at(region, sequence, start, frequency, rng)
    }
    special = [each for each in (SHOWCASE, *STRUCTURAL) if _lies_in(each, region)]
    return [*made.values(), *special]


def _lies_in(allele: SyntheticAllele, region: Region) -> bool:
    return allele.contig == region.contig and region.start < allele.pos <= region.end


def _alleles_at(
    region: Region, sequence: str, start: int, frequency: float, rng: np.random.Generator
) -> list[SyntheticAllele]:
    """One allele, or in three of a hundred places two (a multi-allelic site)."""
    base, pos = sequence[start], region.start + start + 1
    kind = rng.random()
    if kind < 0.05:  # deletion of one to six bases, anchored
        length = int(rng.integers(1, 7))
        return [SyntheticAllele(region.contig, pos, sequence[start : start + length + 1], base, frequency)]
    if kind < 0.09:  # insertion of one to six bases, anchored
        inserted = BASES[rng.integers(0, 4, int(rng.integers(1, 7)))].tobytes().decode()
        return [SyntheticAllele(region.contig, pos, base, base + inserted, frequency)]
    alt = _TRANSITION[base] if rng.random() < 2 / 3 else _TRANSVERSIONS[base][int(rng.integers(2))]
    alleles = [SyntheticAllele(region.contig, pos, base, alt, frequency)]
    if kind > 0.97:
        other = next(each for each in _TRANSVERSIONS[base] if each != alt)
        alleles.append(SyntheticAllele(region.contig, pos, base, other, frequency / 3))
    return alleles


def country_frequencies(alleles: list[SyntheticAllele], rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Frequency of each allele in one country, by the Balding-Nichols model."""
    ancestral = np.array([allele.ancestral_frequency for allele in alleles])
    spread = (1 - DIFFERENTIATION) / DIFFERENTIATION
    return rng.beta(ancestral * spread, (1 - ancestral) * spread)


def draw_copies(
    frequency: float, ploidy: npt.NDArray[np.int8], rng: np.random.Generator
) -> npt.NDArray[np.int8]:
    """Copies of an allele that each person carries, -1 where the call is missing or nobody has the contig."""
    copies = rng.binomial(ploidy, frequency).astype(np.int8)
    copies[(rng.random(len(ploidy)) < MISSING_RATE) | (ploidy == 0)] = -1
    return copies


def ploidy(allele: SyntheticAllele, is_male: npt.NDArray[np.bool_]) -> npt.NDArray[np.int8]:
    """Copies of the locus per person: 2, 1 (MT; X and Y of men outside PAR) or 0 (Y of women)."""
    if allele.contig == "MT":
        return np.ones(len(is_male), dtype=np.int8)
    if allele.contig == "Y":
        return is_male.astype(np.int8)
    if allele.contig == "X" and not is_pseudo_autosomal("X", allele.pos - 1, Assembly.GRCh38):
        return np.where(is_male, 1, 2).astype(np.int8)
    return np.full(len(is_male), 2, dtype=np.int8)
