"""`variantInternalId` of an allele, and back: `GRCh37:3:45864732:T:C`.

The position is 1-based. An empty (trimmed) allele is `-`. An alternate without a sequence has its last base beside
the first, and `<ID>` its length at the end: `GRCh38:22:1001-2000:G:<DEL>:999`. An id without that length, as earlier
versions wrote it, names the alleles of all lengths there. The id tells nothing that the record does not tell, and no
order of loading.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from opengdi.standards.coordinates import Assembly, parse_contig
from opengdi.standards.faults import Malformed
from opengdi.standards.vcf.alleles import is_symbolic


@dataclass(frozen=True, slots=True)
class VariantId:
    """An allele at 0-based, half-open `[start, end)`; `ref` and `alt` as stored, trimmed, alt perhaps symbolic.

    length: in bases, of `<ID>`; None where the id does not tell it.
    """

    assembly: Assembly
    contig: str
    start: int
    end: int
    ref: str
    alt: str
    length: int | None = None


_ID: Final = re.compile(
    r"(?P<assembly>[^:]+):(?P<contig>[^:]+):(?P<first>[1-9]\d{0,8})(?:-(?P<last>\d{1,9}))?:(?P<ref>-|[ACGTN]+):"
    r"(?:(?P<bases>-|[ACGTN]+)|(?P<symbol>\*|<[^<>]+>|[^:\s<].*)(?:(?<=>):(?P<length>\d{1,9}))?)\Z"
)


def variant_id(assembly: Assembly, contig: str, start: int, end: int, ref: str, alt: str, length: int) -> str:
    """Id of a stored allele; `length` in bases, as the record tells it."""
    place = f"{start + 1}-{end}" if is_symbolic(alt) else start + 1
    size = f":{length}" if alt.startswith("<") else ""
    return f"{assembly.name}:{contig}:{place}:{ref or '-'}:{alt or '-'}{size}"


def parse_variant_id(text: str) -> VariantId:
    """The allele of an id. Raises Malformed for text that is no such id."""
    parts = _ID.match(text)
    if parts is None:
        raise _malformed(text)
    ref, bases = ("" if parts[name] == "-" else parts[name] for name in ("ref", "bases"))
    alt = parts["symbol"] or bases
    start = int(parts["first"]) - 1
    end = int(parts["last"]) if parts["last"] else start + len(ref)
    is_symbol = parts["symbol"] is not None
    if end < start or bool(parts["last"]) != is_symbol or is_symbolic(alt) != is_symbol:
        raise _malformed(text)
    length = int(parts["length"]) if parts["length"] else None
    contig = parse_contig(parts["contig"]).contig
    return VariantId(Assembly.parse(parts["assembly"]), contig, start, end, ref, alt, length)


def _malformed(text: str) -> Malformed:
    return Malformed(f"variant id {text!r} is not of the form GRCh37:3:45864732:T:C")
