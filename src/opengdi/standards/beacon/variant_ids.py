"""`variantInternalId` of an allele, and back: `GRCh37:3:45864732:T:C`.

The position is 1-based. An empty (trimmed) allele is `-`. A symbolic alternate has its last base beside the first,
`GRCh38:22:1001-2000:-:<DEL>`. The id tells nothing that the record does not tell, and no order of loading.
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
    """An allele at 0-based, half-open `[start, end)`; `ref` and `alt` as stored, trimmed, alt perhaps symbolic."""

    assembly: Assembly
    contig: str
    start: int
    end: int
    ref: str
    alt: str


_ID: Final = re.compile(
    r"(?P<assembly>[^:]+):(?P<contig>[^:]+):(?P<first>[1-9]\d{0,8})(?:-(?P<last>\d{1,9}))?"
    r":(?P<ref>-|[ACGTN]+):(?P<alt>-|\*|[ACGTN]+|[^:\s].{0,511})\Z"
)


def variant_id(assembly: Assembly, contig: str, start: int, end: int, ref: str, alt: str) -> str:
    """Id of a stored allele."""
    place = f"{start + 1}-{end}" if is_symbolic(alt) else start + 1
    return f"{assembly.name}:{contig}:{place}:{ref or '-'}:{alt or '-'}"


def parse_variant_id(text: str) -> VariantId:
    """The allele of an id. Raises Malformed for text that is no such id."""
    parts = _ID.match(text)
    if parts is None:
        raise Malformed(f"variant id {text!r} is not of the form GRCh37:3:45864732:T:C")
    ref, alt = ("" if parts[name] == "-" else parts[name] for name in ("ref", "alt"))
    start = int(parts["first"]) - 1
    end = int(parts["last"]) if parts["last"] else start + len(ref)
    if end < start or bool(parts["last"]) != is_symbolic(alt):
        raise Malformed(f"variant id {text!r} is not of the form GRCh37:3:45864732:T:C")
    return VariantId(
        Assembly.parse(parts["assembly"]), parse_contig(parts["contig"]).contig, start, end, ref, alt
    )
