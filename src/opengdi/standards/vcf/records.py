"""One line of VCF text: the eight fixed columns, INFO as a mapping, and genotypes of single samples.

Spec: VCF v4.5 §1.6.1 "Fixed fields", §1.6.2 "Genotype fields".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from opengdi.standards.faults import Malformed
from opengdi.standards.vcf.alleles import alternate_allele, reference_allele

MAX_POSITION: Final = (1 << 28) - 1
_GENOTYPE = re.compile(r"[|/]?(?:\d+|\.)(?:[|/](?:\d+|\.))*\Z")


@dataclass(frozen=True, slots=True)
class VcfRecord:
    """The fixed part of a record. contig: as the file names it; start: 0-based place of the first base of REF."""

    contig: str
    start: int
    ref: str
    alts: tuple[str, ...]
    info: Mapping[str, str]


def check_columns(count: int, expected: int) -> None:
    """Raises Malformed if a line has another number of columns than the header."""
    if count != expected:
        raise Malformed(f"{count} columns, expected {expected}")


def parse_fixed(columns: list[str], *, with_info: bool = True) -> VcfRecord:
    """Record of the first eight columns; INFO is left empty unless asked for. Raises Malformed."""
    contig, pos, _, ref, alt = columns[:5]
    if not contig:
        raise Malformed("CHROM is empty")
    info = parse_info(columns[7]) if with_info else {}
    return VcfRecord(contig, parse_position(pos) - 1, reference_allele(ref), parse_alternates(alt), info)


def parse_position(text: str) -> int:
    """POS, 1-based. Raises Malformed unless it is a number from 1 to 2**28 - 1."""
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= MAX_POSITION:
        raise Malformed(f"POS {text!r} is not a number from 1 to {MAX_POSITION}")
    return int(text)


def parse_alternates(text: str) -> tuple[str, ...]:
    """ALT alleles in order; empty if there is none (`.`). Raises Malformed."""
    if text == ".":
        return ()
    return tuple(alternate_allele(part) for part in text.split(","))


def parse_info(text: str) -> dict[str, str]:
    """INFO as key to value; a flag has the value "". Raises Malformed for an empty key or a key that comes twice."""
    if text in {".", ""}:
        return {}
    found: dict[str, str] = {}
    for part in text.rstrip(";").split(";"):
        key, _, value = part.partition("=")
        if not key:
            raise Malformed("INFO holds an entry without a key")
        if key in found:
            raise Malformed(f"INFO holds {key} twice")
        found[key] = value
    return found


def parse_genotype(text: str) -> tuple[int | None, ...]:
    """Allele numbers of a GT value, None where missing: `0|1`, `./.`, `1`, `.`. Raises Malformed."""
    if not (text.isascii() and _GENOTYPE.match(text)):
        raise Malformed(f"GT {text!r} is not a genotype")
    return tuple(None if part == "." else int(part) for part in re.split("[|/]", text.lstrip("|/")))


def per_allele(info: Mapping[str, str], key: str, alleles: int) -> list[str | None]:
    """Values of a `Number=A` key, one per ALT allele, None where missing; all None if the key is absent.

    Raises Malformed if the number of values is wrong.
    """
    text = info.get(key)
    if text in {None, "", "."}:
        return [None] * alleles
    values = str(text).split(",")
    if len(values) != alleles:
        raise Malformed(f"{key} has {len(values)} values for {alleles} ALT alleles")
    return [None if value == "." else value for value in values]
