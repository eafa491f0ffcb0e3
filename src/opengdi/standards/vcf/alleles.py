"""One allele at a time: trimming, shifting to the left, its class and length, symbolic forms and breakends.

Spec: VCF v4.5 §1.6.1 (REF, ALT), §3 "INFO keys used for structural variants", §5 "Representing variation";
Tan, Abecasis, Kang 2015, "Unified representation of genetic variants".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from opengdi.standards.faults import Malformed
from opengdi.standards.variant_key import POSITION_BITS

SPANNING_DELETION: Final = "*"
NO_ALTERNATE: Final = frozenset({".", "", "<*>", "<NON_REF>"})
"""ALT values that name no observed allele: a missing one, and the unobserved allele of gVCF."""

_SEQUENCE = re.compile(r"[ACGTN]+\Z")
_IUPAC = re.compile(r"[ACGTURYSWKMBDHVN]+\Z")
_FIRST_BASES: Final = str.maketrans("URYSWKMBDHV", "TACCAGACAAA")
_SYMBOL = re.compile(r"<([A-Za-z0-9_:.+*-]+)>\Z")
_BREAKEND = re.compile(r"[ACGTN.]*[\[\]](?P<contig>[^\[\]:]+|<[^>]+>):(?P<pos>\d+)[\[\]][ACGTN.]*\Z")
_SINGLE_BREAKEND = re.compile(r"(?:\.[ACGTN]+|[ACGTN]+\.)\Z")
_COPY_NUMBER = re.compile(r"CN(\d+)\Z")

CLASSES: Final = frozenset({"DEL", "INS", "DUP", "INV", "CNV"})
"""Top levels of symbolic structural alleles that the specification defines."""

COMPLETE_LOSS: Final = "EFO:0030069"
LOW_LOSS: Final = "EFO:0030068"
BASE_PLOIDY: Final = "EFO:0030064"
LOW_GAIN: Final = "EFO:0030071"
HIGH_GAIN: Final = "EFO:0030072"

_LEVELS: Final = (COMPLETE_LOSS, LOW_LOSS, BASE_PLOIDY, LOW_GAIN)
"""Classes of `<CN0>` to `<CN3>` at a diploid place; more copies are a high-level gain."""

_DIRECTIONS: Final = {
    "DEL": frozenset({COMPLETE_LOSS, LOW_LOSS}),
    "DUP": frozenset({LOW_GAIN, HIGH_GAIN}),
}
"""Levels that agree with what INFO/SVTYPE states."""

OTHER: Final = "OTHER"
"""Class of what is kept but has no class of its own: `*` and unknown symbols."""


@dataclass(frozen=True, slots=True)
class Allele:
    """An allele as it is stored: 0-based half-open `[start, end)`, sequences upper case and maximally trimmed.

    ref, alt: one of them may be empty. A symbolic allele keeps REF as it came and is not trimmed.
    length: bases; |SVLEN| or the span of a structural variant, 0 where that is not known.
    mate: `contig:pos` of the other breakend as ALT names it (1-based), else None.
    """

    start: int
    end: int
    ref: str
    alt: str
    variant_type: str
    length: int
    mate: str | None = None


def reference_allele(text: str) -> str:
    """REF in upper case, as `concrete_bases`. Raises Malformed for anything but bases."""
    upper = text.upper()
    if _SEQUENCE.match(upper):
        return upper
    if _IUPAC.match(upper):
        return concrete_bases(upper)
    raise Malformed(f"REF {text!r} is not a sequence of A, C, G, T, N")


def concrete_bases(text: str) -> str:
    """Upper-case ambiguity codes reduced to the base that is first in the alphabet (R = A or G becomes A); N stays.

    Spec: VCF v4.3 §1.6.1, REF.
    """
    return text.translate(_FIRST_BASES)


def alternate_allele(text: str) -> str:
    """ALT in upper case where it is a sequence, else unchanged. Raises Malformed if it is neither form of the spec."""
    upper = text.upper()
    if _SEQUENCE.match(upper):
        return upper
    if text == SPANNING_DELETION or text in NO_ALTERNATE or is_symbolic(text):
        return text
    raise Malformed(f"ALT {text!r} is neither a sequence, nor <ID>, nor a breakend, nor *")


def is_symbolic(alt: str) -> bool:
    """True for `<ID>`, breakends and `*`: alleles that are not written as a sequence."""
    if alt[:1] == "<":
        return _SYMBOL.match(alt) is not None
    if alt == SPANNING_DELETION:
        return True
    return _BREAKEND.match(alt.upper()) is not None or _SINGLE_BREAKEND.match(alt.upper()) is not None


def trim(start: int, ref: str, alt: str) -> tuple[int, str, str]:
    """`(start, ref, alt)` with nothing in common at either end: the suffix goes first, then the prefix.

    The order decides where an insertion into a repeat lies without a reference: as far left as it was written.
    """
    shared = 0
    shorter = min(len(ref), len(alt))
    while shared < shorter and ref[-1 - shared] == alt[-1 - shared]:
        shared += 1
    if shared:
        ref, alt = ref[:-shared], alt[:-shared]
    prefix = 0
    shorter -= shared
    while prefix < shorter and ref[prefix] == alt[prefix]:
        prefix += 1
    return start + prefix, ref[prefix:], alt[prefix:]


def shift_left(start: int, ref: str, alt: str, base_at: Callable[[int], str]) -> tuple[int, str, str]:
    """A trimmed allele moved as far left as the reference lets it; only pure insertions and deletions move.

    An N is equal to nothing: what is not known is no repeat.
    base_at: the reference base at a 0-based position of the same contig.
    """
    moved = ref or alt
    if ref and alt:
        return start, ref, alt
    while start > 0 and base_at(start - 1) == moved[-1] != "N":
        start -= 1
        moved = moved[-1] + moved[:-1]
    return (start, moved, "") if ref else (start, "", moved)


def sequence_class(ref: str, alt: str) -> str:
    """SNP, MNP, INS, DEL or DELINS of a trimmed allele."""
    if len(ref) == len(alt):
        return "SNP" if len(ref) == 1 else "MNP"
    if not ref:
        return "INS"
    return "DEL" if not alt else "DELINS"


def sequence_allele(start: int, ref: str, alt: str) -> Allele:
    """An allele written as sequences, trimmed."""
    start, ref, alt = trim(start, ref, alt)
    return Allele(start, start + len(ref), ref, alt, sequence_class(ref, alt), max(len(ref), len(alt)))


def symbolic_class(alt: str, stated: str | None = None) -> str:
    """Class of a symbolic allele: the top level of `<DUP:TANDEM>`, a level for `<CN0>`, BND, else OTHER.

    stated: INFO/SVTYPE, or None. It tells loss from gain where a copy number counts the copies of one haplotype.
    """
    if alt == SPANNING_DELETION:
        return OTHER
    symbol = _SYMBOL.match(alt)
    if symbol is None:
        return "BND"
    top = symbol[1].split(":", 1)[0].upper()
    if copies := _COPY_NUMBER.match(top):
        return _copy_number_class(copies[1], stated or "")
    return top if top in CLASSES else OTHER


def _copy_number_class(copies: str, stated: str) -> str:
    """The level of so many copies at a diploid place; DEL or DUP without a level where SVTYPE says otherwise."""
    digits = copies.lstrip("0")
    if not digits:
        return COMPLETE_LOSS
    level = _LEVELS[int(digits)] if digits in {"1", "2", "3"} else HIGH_GAIN
    return level if level in _DIRECTIONS.get(stated, {level}) else stated


def symbolic_allele(
    start: int, ref: str, alt: str, *, end: int | None, length: int | None, stated: str | None = None
) -> Allele:
    """A symbolic allele with its span.

    end: INFO/END, 1-based inclusive and so 0-based exclusive, or None. length: INFO/SVLEN of this allele, or None.
    stated: INFO/SVTYPE, or None. REF of a symbolic allele is the base before the event, hence a span of 1 + length
    (VCF v4.4 §3).
    """
    kind = symbolic_class(alt, stated)
    smallest_end = start + len(ref)
    if kind == "BND" or alt == SPANNING_DELETION:
        return Allele(
            start, smallest_end, ref, alt, kind, 0 if kind == "BND" else len(ref), breakend_mate(alt)
        )
    size = abs(length) if length is not None else None
    if size is not None and size >> POSITION_BITS:
        raise Malformed(f"SVLEN {size} is more than any contig has")
    if kind == "INS":
        return Allele(start, smallest_end, ref, alt, kind, size or 0)
    if end is None:
        end = start + 1 + (size or 0)
    if end < smallest_end - 1:
        raise Malformed(f"END {end} lies before POS {start + 1}")
    end = max(end, smallest_end)
    return Allele(start, end, ref, alt, kind, size if size is not None else end - start - 1)


def breakend_mate(alt: str) -> str | None:
    """`17:198983` of `]17:198983]A`; None for a single breakend or another allele."""
    found = _BREAKEND.match(alt)
    return f"{found['contig']}:{found['pos']}" if found else None
