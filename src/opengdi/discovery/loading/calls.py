"""Genotypes of many people as arrays: what each call says about one allele, and counts per population.

Every call becomes one byte, a `Call`, by a table over its two raw bytes; counting is popcount over one bit per
person. Measured 2026-11 at 2,500 samples: table 4 µs, bits and counts 2 µs a variant; float32 matrix products over
the same masks took 9 µs, and their results would have to be rounded.
"""

from __future__ import annotations

from enum import IntEnum
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from opengdi.discovery.loading.populations import Inheritance, Samples

Calls = npt.NDArray[np.uint8]
"""(alleles, samples) of `Call`."""

Pairs = npt.NDArray[np.uint16]
"""(records, samples): the two raw bytes of a call, the first in the low byte."""

Counts = npt.NDArray[np.int32]
"""(alleles, 5 * populations): allele counts, then allele numbers, hom, het, hemi."""


class Call(IntEnum):
    """What a genotype says about one ALT allele."""

    HOM_REF = 0
    HET = 1
    HOM_ALT = 2
    MISSING = 3
    HALF_REF = 4
    HALF_ALT = 5
    HAPLOID_REF = 6
    HAPLOID_ALT = 7
    INVALID = 255


class Encoding(IntEnum):
    """What the raw bytes are: characters of VCF text (`0` + allele number), or int8 values of BCF."""

    TEXT = 0
    BCF = 1


HIGHEST_TEXT_ALLELE: Final = 255 - ord("0")
_MISSING: Final = -1
_END: Final = -2
_NO_CODE: Final = -3
_BCF_END: Final = 0x81

_SMALLEST_HARDCALL: Final = -9
_HARDCALLS: Final = np.array([0, 1, 2, -9, -9, 1, 0, 2], np.int8)
"""PGEN hard call by `Call`; a half call with the allele stays a carrier, haploid calls are 0 or 2 as in plink2."""

_ONE_COPY: Final = np.array(
    [
        Call.HAPLOID_REF, Call.MISSING, Call.HAPLOID_ALT, Call.MISSING, Call.HAPLOID_REF, Call.HAPLOID_ALT,
        Call.HAPLOID_REF, Call.HAPLOID_ALT,
    ],
    np.uint8,
)  # fmt: skip
"""What a call becomes where its bearer has one copy: 1/1 is one hemizygous allele, 0/1 cannot be."""


@lru_cache(maxsize=256)
def call_table(encoding: Encoding, alt: int, alts: int) -> npt.NDArray[np.uint8]:
    """`Call` by raw pair for allele number `alt` (1-based) of a record with `alts` ALT alleles."""
    meaning = _meanings(encoding, alts)
    first, second = meaning[np.newaxis, :], meaning[:, np.newaxis]
    copies = (first == alt).astype(np.uint8) + (second == alt)
    called = (first >= 0).astype(np.uint8) + (second >= 0)
    table = np.where(called == 2, copies, np.uint8(Call.MISSING))
    table = np.where(called == 1, Call.HALF_REF + copies, table)
    haploid = second == _END
    table = np.where(haploid & (first >= 0), Call.HAPLOID_REF + copies, table)
    wrong = (first == _NO_CODE) | (second == _NO_CODE) | (first == _END) & (second != _END)
    return np.where(wrong, np.uint8(Call.INVALID), table).astype(np.uint8).reshape(-1)


def _meanings(encoding: Encoding, alts: int) -> npt.NDArray[np.int16]:
    """Allele number of each raw byte, or what else it means."""
    raw = np.arange(256, dtype=np.int16)
    if encoding is Encoding.TEXT:
        allele = raw - ord("0")
        special = {ord("."): _MISSING, 0: _END}
    else:
        allele = (raw >> 1) - 1
        special = {0: _MISSING, 1: _MISSING, 0x80: _MISSING, _BCF_END: _END}
    meaning = np.where((allele >= 0) & (allele <= alts), allele, np.int16(_NO_CODE))
    for byte, value in special.items():
        meaning[byte] = value
    return meaning.astype(np.int16)


def pad_haploid(first: npt.NDArray[np.uint8], encoding: Encoding) -> Pairs:
    """Pairs of calls that have one value each."""
    end = 0 if encoding is Encoding.TEXT else _BCF_END
    return paired(first, np.full_like(first, end))


def paired(first: npt.NDArray[np.uint8], second: npt.NDArray[np.uint8]) -> Pairs:
    """The two raw bytes of each call in one number."""
    return np.asarray(first | second.astype(np.uint16) << 8, np.uint16)


def hardcalls(calls: Calls) -> npt.NDArray[np.int8]:
    """PGEN hard calls: 0, 1, 2 copies, -9 missing."""
    if calls.size and calls.max() > Call.MISSING:
        return np.asarray(_HARDCALLS[calls], np.int8)
    missing = (calls == Call.MISSING).view(np.int8)
    return np.asarray(calls.view(np.int8) + missing * np.int8(_SMALLEST_HARDCALL - Call.MISSING), np.int8)


class Ploidy:
    """Corrects calls where people have fewer than two copies."""

    def __init__(self, samples: Samples) -> None:
        self._haploid = {kind: np.flatnonzero(samples.haploid(kind)) for kind in Inheritance}
        self._absent = {kind: np.flatnonzero(samples.absent(kind)) for kind in Inheritance}

    def apply(self, calls: Calls, kind: Inheritance) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Change valid `calls` in place; per row the heterozygous and the impossible calls that became missing."""
        one, none = self._haploid[kind], self._absent[kind]
        there = calls[:, one]
        heterozygous = np.count_nonzero(there == Call.HET, axis=1)
        calls[:, one] = _ONE_COPY[there]
        impossible = np.count_nonzero(calls[:, none] == Call.HAPLOID_ALT, axis=1)
        calls[:, none] = Call.MISSING
        return np.asarray(heterozygous, np.int64), np.asarray(impossible, np.int64)


class Counter:
    """Counts alleles and genotypes per population."""

    def __init__(self, samples: Samples) -> None:
        membership = samples.membership()
        self._sizes = membership.sum(axis=1).astype(np.int32)
        self._masks = _bits(membership)
        self._populations = len(membership)

    def count(self, calls: Calls) -> Counts:
        """Counts of valid calls: AN is called alleles, hom two copies, het one of a pair, hemi one of one."""
        hom, het, missing = (self._people(calls == call) for call in (Call.HOM_ALT, Call.HET, Call.MISSING))
        hemi = np.zeros_like(hom)
        allele_number = 2 * (self._sizes - missing)
        if calls.size and calls.max() > Call.MISSING:
            het += self._people(calls == Call.HALF_ALT)
            hemi = self._people(calls == Call.HAPLOID_ALT)
            allele_number -= self._people((calls >= Call.HALF_REF) & (calls <= Call.HAPLOID_ALT))
        return np.hstack([2 * hom + het + hemi, allele_number, hom, het, hemi])

    def _people(self, chosen: npt.NDArray[np.bool_]) -> Counts:
        """(rows, populations): people chosen."""
        bits = _bits(chosen)
        counts = np.empty((len(bits), self._populations), np.int32)
        for population, mask in enumerate(self._masks):
            counts[:, population] = np.bitwise_count(bits & mask).sum(axis=1, dtype=np.int32)
        return counts


def _bits(chosen: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint64]:
    """One bit per column, rows padded to whole 64-bit words."""
    packed = np.packbits(chosen, axis=1)
    padding = -packed.shape[1] % 8
    return np.pad(packed, ((0, 0), (0, padding))).view(np.uint64)
