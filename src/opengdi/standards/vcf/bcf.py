"""BCF2.2: the binary form of VCF. Decoding works on a buffer that holds whole records.

Spec: VCF v4.5 §6 "BCF specification".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from struct import Struct
from struct import error as StructError  # noqa: N812  # the module's own name says nothing here
from typing import Final

from opengdi.standards.faults import Malformed
from opengdi.standards.vcf.alleles import alternate_allele, reference_allele
from opengdi.standards.vcf.header import VcfHeader, parse_header

MAGIC: Final = b"BCF\x02"
LENGTHS_BYTES: Final = 8
"""Size of the two lengths that begin every record."""

INT8: Final = 1
INT16: Final = 2
INT32: Final = 3
FLOAT: Final = 5
CHAR: Final = 7

_LENGTHS = Struct("<II")
_FIXED = Struct("<IIiiifII")
_SIZES: Final = {0: 0, INT8: 1, INT16: 2, INT32: 4, FLOAT: 4, CHAR: 1}
_CODES: Final = {INT8: "b", INT16: "h", INT32: "i", FLOAT: "f"}
_SMALLEST: Final = {INT8: -0x80, INT16: -0x8000, INT32: -0x80000000}
_FLOAT_MISSING: Final = 0x7F800001
_FLOAT_END: Final = 0x7F800002


@dataclass(frozen=True, slots=True)
class BcfRecord:
    """One record, its INFO and genotypes still in the buffer.

    start: 0-based. info_at: offset of the first INFO pair. indiv_at, end: span of the sample columns.
    """

    contig: str
    start: int
    ref: str
    alts: tuple[str, ...]
    info_count: int
    info_at: int
    format_count: int
    sample_count: int
    indiv_at: int
    end: int


@dataclass(frozen=True, slots=True)
class GenotypeBlock:
    """GT of all samples: `ploidy` values of type `kind` per sample, from offset `at`.

    Each value is (allele + 1) << 1 | phased, 0 where missing, and the end-of-vector mark after the last.
    """

    at: int
    kind: int
    ploidy: int


def parse_bcf_header(start: bytes) -> tuple[VcfHeader, int]:
    """Header and the offset of the first record. Raises Malformed, also when `start` is not long enough."""
    if start[:4] != MAGIC:
        raise Malformed("not BCF version 2: the magic bytes are missing")
    if len(start) < 9:
        raise Malformed("the BCF header is cut off")
    end = 9 + int.from_bytes(start[5:9], "little")
    if len(start) < end:
        raise Malformed("the BCF header is cut off")
    try:
        text = start[9:end].rstrip(b"\0").decode()
    except UnicodeDecodeError as error:
        raise Malformed("the BCF header is not UTF-8") from error
    return parse_header(text.split("\n")), end


def header_length(start: bytes) -> int:
    """Bytes that the header takes, from the first 9. Raises Malformed."""
    if start[:4] != MAGIC or len(start) < 9:
        raise Malformed("not BCF version 2: the magic bytes are missing")
    return 9 + int.from_bytes(start[5:9], "little")


def record_length(buffer: bytes | memoryview, at: int) -> int:
    """Bytes of the record at `at`, the two lengths included; eight bytes must be there."""
    shared, indiv = _LENGTHS.unpack_from(buffer, at)
    return LENGTHS_BYTES + int(shared) + int(indiv)


def parse_record(buffer: bytes, at: int, header: VcfHeader) -> BcfRecord:
    """The record that begins at `at` and lies wholly in the buffer. Raises Malformed."""
    try:
        return _parse_record(buffer, at, header)
    except (StructError, IndexError) as error:
        raise Malformed("a BCF record does not hold what its lengths say") from error


def _parse_record(buffer: bytes, at: int, header: VcfHeader) -> BcfRecord:
    shared, indiv, contig, start, _, _, counts, columns = _FIXED.unpack_from(buffer, at)
    indiv_at = at + LENGTHS_BYTES + shared
    name = header.contig_names.get(contig)
    if name is None:
        raise Malformed(f"contig number {contig} is not in the header")
    if start < 0:
        raise Malformed(f"POS {start + 1} is not positive")
    alleles, cursor = _alleles(buffer, _skip_value(buffer, at + _FIXED.size), counts >> 16)
    cursor = _skip_value(buffer, cursor)  # FILTER
    if cursor > indiv_at or indiv_at + indiv > len(buffer):
        raise Malformed("a BCF record does not hold what its lengths say")
    return BcfRecord(
        name, start, _reference(alleles[0]), tuple(map(_alternate, alleles[1:])),
        counts & 0xFFFF, cursor, columns >> 24, columns & 0xFFFFFF, indiv_at, indiv_at + indiv,
    )  # fmt: skip


@lru_cache(maxsize=4096)
def _reference(raw: bytes) -> str:
    return reference_allele(raw.decode("latin-1"))


@lru_cache(maxsize=4096)
def _alternate(raw: bytes) -> str:
    return alternate_allele(raw.decode("latin-1"))


def _alleles(buffer: bytes, at: int, count: int) -> tuple[list[bytes], int]:
    if count < 1:
        raise Malformed("a BCF record has no REF")
    found = []
    for _ in range(count):
        kind, length, at = _typed(buffer, at)
        if kind != CHAR:
            raise Malformed("an allele of a BCF record is not text")
        found.append(buffer[at : at + length])
        at += length
    return found, at


def _typed(buffer: bytes, at: int) -> tuple[int, int, int]:
    """Type, number of values and offset of the first value of the typed value at `at` (§6.3.3)."""
    descriptor = buffer[at]
    length, kind = descriptor >> 4, descriptor & 15
    at += 1
    if kind not in _SIZES:
        raise Malformed(f"type {kind} is unknown in BCF2")
    if length == 15:
        length, at = _typed_int(buffer, at)
        if length < 0:
            raise Malformed("a typed value has a negative length")
    return kind, length, at


def _typed_int(buffer: bytes, at: int) -> tuple[int, int]:
    """A typed single integer and the offset after it."""
    kind = buffer[at] & 15
    if buffer[at] >> 4 != 1 or kind not in {INT8, INT16, INT32}:
        raise Malformed("a typed integer was expected")
    size = _SIZES[kind]
    if at + 1 + size > len(buffer):
        raise Malformed("a BCF record is cut off")
    return int.from_bytes(buffer[at + 1 : at + 1 + size], "little", signed=True), at + 1 + size


def _skip_value(buffer: bytes, at: int) -> int:
    kind, length, at = _typed(buffer, at)
    return at + _SIZES[kind] * length


def genotype_block(buffer: bytes, record: BcfRecord, header: VcfHeader) -> GenotypeBlock | None:
    """Where GT lies, or None if the record has none. Raises Malformed."""
    at = record.indiv_at
    try:
        for _ in range(record.format_count):
            key, at = _typed_int(buffer, at)
            kind, length, at = _typed(buffer, at)
            end = at + _SIZES[kind] * length * record.sample_count
            if end > record.end:
                raise Malformed("the sample columns of a BCF record are cut off")
            if header.strings.get(key) == "GT":
                return GenotypeBlock(at, kind, length)
            at = end
    except IndexError as error:
        raise Malformed("the sample columns of a BCF record are cut off") from error
    return None


def parse_bcf_info(buffer: bytes, record: BcfRecord, header: VcfHeader) -> dict[str, str]:
    """INFO as VCF text would hold it: key to value, lists joined by commas, "" for a flag. Raises Malformed."""
    found: dict[str, str] = {}
    at = record.info_at
    try:
        for _ in range(record.info_count):
            key, at = _typed_int(buffer, at)
            kind, length, at = _typed(buffer, at)
            end = at + _SIZES[kind] * length
            if end > record.indiv_at:
                raise Malformed("INFO of a BCF record is cut off")
            name = header.strings.get(key)
            if name is None:
                raise Malformed(f"INFO key number {key} is not in the header")
            found[name] = _text(buffer[at:end], kind, length)
            at = end
    except IndexError as error:
        raise Malformed("INFO of a BCF record is cut off") from error
    return found


def _text(raw: bytes, kind: int, length: int) -> str:
    if kind == 0 or length == 0:
        return ""
    if kind == CHAR:
        return raw.rstrip(b"\0").decode("utf-8", "replace")
    if kind == FLOAT:
        return ",".join(_floats(raw, length))
    smallest = _SMALLEST[kind]
    values = Struct(f"<{length}{_CODES[kind]}").unpack(raw)
    return ",".join("." if value == smallest else str(value) for value in values if value != smallest + 1)


def _floats(raw: bytes, length: int) -> list[str]:
    bits = Struct(f"<{length}I").unpack(raw)
    values = Struct(f"<{length}f").unpack(raw)
    return [
        "." if bit == _FLOAT_MISSING else f"{value:.7g}"
        for bit, value in zip(bits, values, strict=True)
        if bit != _FLOAT_END
    ]
