"""One allele in one release as bytes: the key that orders it among all releases, and the row.

Key, all big endian: assembly (1 byte) · variant key (8) · release number (4) · ordinal (1, only where a release has
several alleles under one variant key). The releases of a node lie interleaved, so one seek reads an allele in all.

Row: visibility, width and what else there is (1) · genotype row (4) · counts · what the key does not tell. Only counts
that the release's own floors let be seen are in it: a hidden allele keeps no more than its genotype row, and counts of
genotypes are there only beside all frequencies, and only if all of them may be told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from struct import Struct
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from opengdi.discovery.model import SiteRecord
from opengdi.discovery.variants.columns import COUNT_COLUMNS, SiteColumns
from opengdi.kernel.disclosure.floors import UNKNOWN, Layout, Visibility
from opengdi.standards.coordinates import CONTIGS, Assembly
from opengdi.standards.variant_key import ALLELE_BITS, HASHED, POSITION_BITS, decode_key, variant_key
from opengdi.standards.vcf.alleles import sequence_class

ALLELE_MASK: Final = (1 << ALLELE_BITS) - 1
POSITION_MASK: Final = (1 << POSITION_BITS) - 1
CONTIG_SHIFT: Final = POSITION_BITS + ALLELE_BITS
KEY_BYTES: Final = 13
NUMBER: Final = slice(9, 13)
"""Where the release number lies in a key."""
ALLELE_BYTES: Final = slice(5, 9)
"""Where the allele lies in a key; the two highest bits belong to the position."""

_VISIBILITY: Final = 0b11
_WHOLE: Final = Visibility.ALL
"""By its own name, looking up the member costs 0.1 microseconds a row (Python 3.11)."""
_WIDTH_SHIFT: Final = 2
_SPELT: Final = 0x10
"""The row spells its allele: the key holds a hash, or does not tell type, length and end."""
_ANNOTATED: Final = 0x20
_GENOTYPES: Final = 0x40
"""The row has counts of genotypes."""
_WIDTHS: Final = (("b", np.int8), ("h", np.int16), ("i", np.int32))
_EXTENT: Final = Struct("<ii")
_GENOTYPE_ROW: Final = Struct("<i")
_SITE_PREFIX: Final = Struct(">BQ")
_NUMBER: Final = Struct(">I")
_VARIANT_KEY: Final = Struct(">xQ")

Bytes2D = npt.NDArray[np.uint8]


class Allele(NamedTuple):
    """What an allele is apart from where: `span` = end - start, `length` as in `SiteRecord`, both in bases."""

    ref: str
    alt: str
    variant_type: str
    length: int
    span: int


class Notes(NamedTuple):
    """Annotation of an allele."""

    gene: str | None
    amino_acid_changes: tuple[str, ...]


NO_NOTES: Final = Notes(None, ())


def site_prefix(assembly: Assembly, variant_key: int) -> bytes:
    """What the keys of an allele in every release begin with; also the place to begin or end a scan at."""
    return _SITE_PREFIX.pack(assembly, variant_key)


def number_bytes(number: int) -> bytes:
    """A release number as it stands in keys."""
    return _NUMBER.pack(number)


variant_key_in: Final[Callable[[bytes], tuple[int]]] = _VARIANT_KEY.unpack_from
"""The variant key in a key, alone in a tuple: 0.1 microseconds, a third of what a slice and `int.from_bytes` take."""


def unit_of_further(key: bytes) -> int:
    """Budget unit of an allele whose variant key another one has too: a negative number."""
    return ~(variant_key_in(key)[0] ^ key[KEY_BYTES])


def start_in(key: bytes) -> int:
    """0-based start in a key."""
    return variant_key_in(key)[0] >> ALLELE_BITS & POSITION_MASK


def contig_in(key: bytes) -> str:
    return CONTIGS[(variant_key_in(key)[0] >> CONTIG_SHIFT) - 1]


@lru_cache(maxsize=65_536)
def exact_allele(code: int) -> Allele:
    """The allele that an exact (not hashed) allele code spells."""
    decoded = decode_key(1 << CONTIG_SHIFT | code)
    assert decoded.ref is not None
    assert decoded.alt is not None
    return _plain(decoded.ref, decoded.alt)


def _plain(ref: str, alt: str) -> Allele:
    return Allele(ref, alt, sequence_class(ref, alt), max(len(ref), len(alt)), len(ref))


@dataclass(frozen=True, slots=True)
class _Form:
    """What follows the first byte of rows that begin alike: genotype row and counts, and where the tail begins."""

    fields: Struct
    tail: int


class RowCodec:
    """Rows of releases with the same populations."""

    def __init__(self, populations: Sequence[str]) -> None:
        self.layout = Layout.of(populations)
        self.populations = len(populations)
        self._forms: dict[int, _Form] = {}
        self.of_nobody = _row_of_nobody(self.populations)

    def record(self, key: bytes, row: bytes, visibility: Visibility) -> SiteRecord:
        """The row as the rest of the package knows it, with no counts but those that `visibility` allows."""
        (variant_key,) = variant_key_in(key)
        form = self._forms.get(row[0]) or self._form(row)
        fields = form.fields.unpack_from(row, 1)
        counts = fields[1:] if visibility is _WHOLE else self._collapsed(row, fields[1:], visibility)
        ref, alt, variant_type, length, span = (
            self._spelt_allele(row, form.tail) if row[0] & _SPELT else exact_allele(variant_key & ALLELE_MASK)
        )
        start = variant_key >> ALLELE_BITS & POSITION_MASK
        return SiteRecord(
            CONTIGS[(variant_key >> CONTIG_SHIFT) - 1],
            start,
            start + span,
            ref,
            alt,
            variant_type,
            length,
            fields[0],
            counts,
            visibility,
        )

    def _collapsed(self, row: bytes, stored: Sequence[int], visibility: Visibility) -> tuple[int, ...]:
        """The frequencies with all but that of Total unknown, or with all unknown."""
        counts = [UNKNOWN] * (2 * self.populations)
        if visibility is Visibility.TOTAL_ONLY:
            is_whole = row[0] & _VISIBILITY == Visibility.ALL
            counts[self.layout.total :: self.populations] = (
                stored[self.layout.total : 2 * self.populations : self.populations] if is_whole else stored
            )
        return tuple(counts)

    def counts(self, row: bytes) -> tuple[int, ...]:
        """The counts that the release's own floors let be seen, as in `SiteRecord`."""
        form = self._forms.get(row[0]) or self._form(row)
        stored = form.fields.unpack_from(row, 1)[1:]
        seen = Visibility(row[0] & _VISIBILITY)
        return stored if seen is Visibility.ALL else self._collapsed(row, stored, seen)

    @staticmethod
    def genotype_row(row: bytes) -> int:
        """Where the genotypes of the allele lie, -1 if there are none."""
        place: int = _GENOTYPE_ROW.unpack_from(row, 1)[0]
        return place

    @staticmethod
    def is_spelt(row: bytes) -> bool:
        """True if the row spells its allele, because its key does not."""
        return row[0] & _SPELT != 0

    def allele(self, key: bytes, row: bytes) -> Allele:
        if row[0] & _SPELT:
            form = self._forms.get(row[0]) or self._form(row)
            return self._spelt_allele(row, form.tail)
        return exact_allele(int.from_bytes(key[5:9]) & ALLELE_MASK)

    def notes(self, row: bytes) -> Notes:
        """Annotation, if there is any."""
        if not row[0] & _ANNOTATED:
            return NO_NOTES
        form = self._forms.get(row[0]) or self._form(row)
        begin = form.tail + (_EXTENT.size if row[0] & _SPELT else 0)
        gene, changes = row[begin:].decode().split("\t")[-2:]
        return Notes(gene or None, tuple(changes.split(",")) if changes else ())

    def encode(
        self, sites: SiteColumns, seen: npt.NDArray[np.uint8], genotypes_seen: npt.NDArray[np.bool_]
    ) -> list[bytes]:
        """The rows of sites, without the counts that their visibilities hide."""
        heads = self._encode_heads(sites, seen, genotypes_seen & (seen == Visibility.ALL))
        for index, tail, flags in _tails(sites):
            head = heads[index]
            heads[index] = b"%c%b%b" % (head[0] | flags, head[1:], tail)
        return heads

    def _spelt_allele(self, row: bytes, tail: int) -> Allele:
        span, length = _EXTENT.unpack_from(row, tail)
        variant_type, ref, alt = row[tail + _EXTENT.size :].decode().split("\t", 3)[:3]
        return Allele(ref, alt, variant_type, length, span)

    def _form(self, row: bytes) -> _Form:
        stored = len(self._columns(row[0]))
        code = _WIDTHS[row[0] >> _WIDTH_SHIFT & 0b11][0]
        fields = Struct(f"<i{stored}{code}")
        form = self._forms[row[0]] = _Form(fields, 1 + fields.size)
        return form

    def _columns(self, kind: int) -> range:
        """Which of the 5 * populations counts are stored in rows of a kind: visibility, perhaps with genotypes."""
        match Visibility(kind & _VISIBILITY):
            case Visibility.NOTHING:
                return range(0)
            case Visibility.TOTAL_ONLY:
                return range(self.layout.total, 2 * self.populations, self.populations)
            case _:
                return range((len(COUNT_COLUMNS) if kind & _GENOTYPES else 2) * self.populations)

    def _encode_heads(
        self, sites: SiteColumns, seen: npt.NDArray[np.uint8], genotypes_seen: npt.NDArray[np.bool_]
    ) -> list[bytes]:
        counts = np.concatenate([getattr(sites, name) for name in COUNT_COLUMNS], axis=1)
        heads: list[bytes] = [b""] * len(sites)
        kinds = seen | genotypes_seen * np.uint8(_GENOTYPES)
        for kind in np.unique(kinds).tolist():
            rows = np.flatnonzero(kinds == kind)
            stored = counts[rows[:, None], np.array(self._columns(kind), np.intp)]
            self._encode_kind(heads, rows, kind, stored, sites.genotype_row[rows])
        return heads

    @staticmethod
    def _encode_kind(
        heads: list[bytes],
        rows: npt.NDArray[Any],
        kind: int,
        counts: npt.NDArray[Any],
        carriers: npt.NDArray[Any],
    ) -> None:
        """Encode rows of one kind, by the width each needs."""
        widest = np.abs(counts).max(axis=1, initial=0)
        widths = (widest > np.iinfo(np.int8).max).astype(np.uint8) + (widest > np.iinfo(np.int16).max)
        for width in np.unique(widths).tolist():
            those = np.flatnonzero(widths == width)
            header = np.full((len(those), 1), kind | width << _WIDTH_SHIFT, np.uint8)
            packed = counts[those].astype(np.dtype(_WIDTHS[width][1]).newbyteorder("<"))
            blob = np.concatenate(
                [header, _as_bytes(carriers[those].astype("<i4")[:, None]), _as_bytes(packed)], axis=1
            )
            size, text = blob.shape[1], blob.tobytes()
            for place, row in enumerate(rows[those].tolist()):
                heads[row] = text[place * size : place * size + size]


def _row_of_nobody(populations: int) -> tuple[bytes, bytes]:
    """Key and row of an allele that nobody carries, with all its counts in two bytes each."""
    key = site_prefix(Assembly.GRCh38, variant_key("1", 0, "A", "C")) + number_bytes(0)
    kind = Visibility.ALL | _GENOTYPES | 1 << _WIDTH_SHIFT
    return key, bytes([kind]) + bytes(_GENOTYPE_ROW.size + 2 * len(COUNT_COLUMNS) * populations)


def _as_bytes(numbers: npt.NDArray[Any]) -> Bytes2D:
    return np.ascontiguousarray(numbers).view(np.uint8).reshape(len(numbers), -1)


def _tails(sites: SiteColumns) -> Iterator[tuple[int, bytes, int]]:
    """`(row, bytes, flags)` of the rows whose key does not tell everything about them."""
    codes = (sites.variant_key & ALLELE_MASK).tolist()
    spans = (sites.end - sites.start).tolist()
    annotated = sites.gene is not None or sites.amino_acid_change is not None
    rows = zip(codes, sites.variant_type, sites.length.tolist(), spans, strict=True)
    for index, (code, variant_type, length, span) in enumerate(rows):
        flags, tail, texts = 0, b"", []
        if code & HASHED or exact_allele(code)[2:] != (variant_type, length, span):
            flags, tail, texts = (
                _SPELT,
                _EXTENT.pack(span, length),
                [variant_type, sites.ref[index], sites.alt[index]],
            )
        if annotated and (notes := _notes_of(sites, index)) != ["", ""]:
            flags |= _ANNOTATED
            texts += notes
        if flags:
            yield index, tail + "\t".join(texts).encode(), flags


def _notes_of(sites: SiteColumns, index: int) -> list[str]:
    gene = sites.gene[index] if sites.gene is not None else None
    changes = sites.amino_acid_change[index] if sites.amino_acid_change is not None else None
    return [gene or "", ",".join(changes or ())]
