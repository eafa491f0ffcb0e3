"""Alleles as columns: many of the plain ones at once, as `sites_columns` and `frequency_columns` meet them."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from opengdi.standards.variant_key import ALLELE_BITS, position_key, variant_key
from opengdi.standards.vcf.alleles import sequence_allele

_CLASSES: Final = ("SNP", "MNP", "INS", "DEL", "DELINS")
_SNP_CODE: Final = 1 << 25 | 1 << 21
_SEQUENCE: Final = "^[ACGT]+$"

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


class Irregular(Exception):
    """These records are for the reader of single records."""


def are_plain(ref: pa.Array, alt: pa.Array) -> Bools:
    """Which alleles are sequences of A, C, G and T that differ."""
    plain = pc.and_(pc.match_substring_regex(ref, _SEQUENCE), pc.match_substring_regex(alt, _SEQUENCE))
    chosen: Bools = pc.and_(plain, pc.not_equal(ref, alt)).to_numpy(zero_copy_only=False)
    return chosen


def allele_columns(contig: str, starts: Int64s, ref: pa.StringArray, alt: pa.StringArray) -> list[Any]:
    """variant_key, start, end, ref, alt, variant_type, length of plain alleles: SNPs at once, the others one by one."""
    is_snp = (pc.binary_length(ref).to_numpy() == 1) & (pc.binary_length(alt).to_numpy() == 1)
    start, length = starts.copy(), np.ones(len(starts), np.int64)
    end, kinds = start + 1, np.zeros(len(start), np.int8)
    keys = position_key(contig, 0) + (start << ALLELE_BITS)
    keys[is_snp] |= _snp_codes(ref, alt, is_snp)
    others = np.flatnonzero(~is_snp)
    if len(others):
        chosen = pa.array(others)
        pairs = zip(
            start[others].tolist(), ref.take(chosen).to_pylist(), alt.take(chosen).to_pylist(), strict=True
        )
        found = [sequence_allele(*pair) for pair in pairs]
        start[others] = [one.start for one in found]
        end[others] = [one.end for one in found]
        length[others] = [one.length for one in found]
        kinds[others] = [_CLASSES.index(one.variant_type) for one in found]
        keys[others] = [variant_key(contig, one.start, one.ref, one.alt) for one in found]
        mask = pa.array(~is_snp)
        ref = pc.replace_with_mask(ref, mask, pa.array([one.ref for one in found]))
        alt = pc.replace_with_mask(alt, mask, pa.array([one.alt for one in found]))
    types = pa.DictionaryArray.from_arrays(pa.array(kinds), pa.array(_CLASSES)).cast(pa.string())
    return [pa.array(keys), _int32(start), _int32(end), ref, alt, types, _int32(length)]


def _int32(values: Int64s) -> pa.Array:
    return pa.array(values.astype(np.int32))


_BASE_CODES: Final = np.zeros(256, np.int64)
_BASE_CODES[np.frombuffer(b"ACGT", np.uint8)] = np.arange(4)


def _snp_codes(refs: pa.StringArray, alts: pa.StringArray, is_snp: Bools) -> Int64s:
    """Allele part of the key of each SNP, as `variant_key.allele_code` makes it."""
    mask = pa.array(is_snp)
    ref, alt = (_BASE_CODES[_only_bytes(text.filter(mask))] for text in (refs, alts))
    return np.asarray(_SNP_CODE | ref << 2 | alt)


def _only_bytes(text: pa.StringArray) -> npt.NDArray[np.uint8]:
    """The bytes of strings of length one."""
    data = text.buffers()[2]
    first = text.offset
    return (
        np.frombuffer(data, np.uint8)[first : first + len(text)]
        if data is not None
        else np.empty(0, np.uint8)
    )
