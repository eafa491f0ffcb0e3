"""The sample columns of one record as raw pairs of bytes, from text or BCF."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from opengdi.discovery.loading.calls import HIGHEST_TEXT_ALLELE, Encoding, Pairs, pad_haploid, paired
from opengdi.discovery.loading.model import Fault
from opengdi.discovery.loading.normalise import Faulty
from opengdi.standards.faults import Malformed
from opengdi.standards.vcf import bcf
from opengdi.standards.vcf.header import VcfHeader
from opengdi.standards.vcf.records import check_columns, parse_genotype

_TAB: Final = ord("\t")
_COLON: Final = ord(":")
_PHASED: Final = 0x0900_7C00  # ". | . tab" as a little-endian word, alleles masked out
_UNPHASED: Final = 0x0900_2F00
_FIXED_COLUMNS: Final = 9
_DIGITS: Final = 10


def text_pairs(fields: bytes, names: Sequence[str], alts: int) -> Pairs:
    """Pairs of the tab-separated sample columns, GT the first subfield of each. Raises Faulty, Malformed.

    alts: ALT alleles of the record; from ten on characters behind `9` stand for some, so the text may have none.
    """
    if len(fields) == 4 * len(names) - 1 and alts < _DIGITS:
        words = np.frombuffer(fields + b"\t", "<u4")
        separators = words & 0xFF00_FF00
        if bool(((separators == _PHASED) | (separators == _UNPHASED)).all()):
            return (words & 0xFF | words >> 8 & 0xFF00).astype(np.uint16)
    return _ragged_pairs(fields, names)


def _ragged_pairs(fields: bytes, names: Sequence[str]) -> Pairs:
    """The same for columns of any width: haploid calls, more subfields, allele numbers of two digits."""
    text = np.frombuffer(fields + b"\t\0\0\0", np.uint8)
    ends = np.flatnonzero(text == _TAB)
    check_columns(len(ends) + _FIXED_COLUMNS, len(names) + _FIXED_COLUMNS)
    starts = np.concatenate([[0], ends[:-1] + 1])
    first, second = text[starts].copy(), text[starts + 2].copy()
    follows, closes = text[starts + 1], text[starts + 3]
    is_pair = ((follows == ord("|")) | (follows == ord("/"))) & ((closes == _TAB) | (closes == _COLON))
    is_pair &= _is_allele(first) & _is_allele(second)
    is_single = ((follows == _TAB) | (follows == _COLON)) & _is_allele(first)
    second[is_single] = 0
    for sample in np.flatnonzero(~(is_pair | is_single)).tolist():
        genotype = fields[starts[sample] : ends[sample]].split(b":", 1)[0]
        first[sample], second[sample] = _characters(genotype, names[sample])
    return paired(first, second)


def _is_allele(character: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Which of the characters are a digit, or the point of a missing allele."""
    return np.asarray((character >= ord("0")) & (character <= ord("9")) | (character == ord(".")), bool)


def _characters(genotype: bytes, name: str) -> tuple[int, int]:
    try:
        alleles = parse_genotype(genotype.decode("latin-1"))
    except Malformed as error:
        raise Faulty(Fault.GENOTYPE, f"sample {name}: {error}") from error
    if len(alleles) > 2:
        raise Faulty(
            Fault.GENOTYPE, f"sample {name}: ploidy {len(alleles)}; one or two copies are understood"
        )
    codes = [ord(".") if allele is None else ord("0") + allele for allele in alleles]
    if max(codes) > ord("0") + HIGHEST_TEXT_ALLELE:
        raise Faulty(Fault.GENOTYPE, f"sample {name}: allele number over {HIGHEST_TEXT_ALLELE}")
    return codes[0], codes[1] if len(codes) == 2 else 0


def bcf_pairs(
    buffer: bytes, record: bcf.BcfRecord, header: VcfHeader, names: Sequence[str]
) -> tuple[Pairs, Encoding]:
    """Pairs of a BCF record and what they mean. Raises Faulty, Malformed."""
    block = bcf.genotype_block(buffer, record, header)
    if block is None:
        raise Faulty(Fault.GENOTYPE, "the record has no GT")
    if record.sample_count != len(names):
        raise Malformed(f"{record.sample_count} samples, the header names {len(names)}")
    if block.kind == bcf.INT8 and block.ploidy == 2:
        return np.frombuffer(buffer, "<u2", len(names), block.at), Encoding.BCF
    if block.kind == bcf.INT8 and block.ploidy == 1:
        return pad_haploid(np.frombuffer(buffer, np.uint8, len(names), block.at), Encoding.BCF), Encoding.BCF
    return _wide_pairs(buffer, block, names), Encoding.TEXT


_DTYPES: Final = {bcf.INT8: "<i1", bcf.INT16: "<i2", bcf.INT32: "<i4"}


def _wide_pairs(buffer: bytes, block: bcf.GenotypeBlock, names: Sequence[str]) -> Pairs:
    """Pairs of calls with more than two values or wide integers, in the characters of text."""
    if block.kind not in _DTYPES or block.ploidy == 0:
        raise Faulty(Fault.GENOTYPE, "GT is not a vector of integers")
    dtype = np.dtype(_DTYPES[block.kind])
    values = np.frombuffer(buffer, dtype, len(names) * block.ploidy, block.at).reshape(len(names), -1)
    end = np.iinfo(dtype).min + 1
    if block.ploidy > 2 and bool((values[:, 2:] != end).any()):
        sample = int(np.flatnonzero((values[:, 2:] != end).any(axis=1))[0])
        raise Faulty(
            Fault.GENOTYPE, f"sample {names[sample]}: ploidy over 2; one or two copies are understood"
        )
    first = _characters_of(values[:, 0].astype(np.int64), end)
    if block.ploidy == 1:
        return pad_haploid(first, Encoding.TEXT)
    return paired(first, _characters_of(values[:, 1].astype(np.int64), end))


def _characters_of(values: npt.NDArray[np.int64], end: int) -> npt.NDArray[np.uint8]:
    alleles = (values >> 1) - 1
    if alleles.size and alleles.max() > HIGHEST_TEXT_ALLELE:
        raise Faulty(Fault.GENOTYPE, f"allele number over {HIGHEST_TEXT_ALLELE}")
    codes = np.where(values >> 1 == 0, ord("."), alleles + ord("0"))
    codes = np.where(values == end - 1, ord("."), codes)
    return np.where(values == end, 0, codes).astype(np.uint8)
