"""Genomic HGVS names (`NC_000003.12:g.45823240T>C`) and 0-based half-open alleles, both ways.

Substitution, deletion, insertion, duplication, deletion-insertion and inversion of a `g.` or `m.` name. Transcript
and protein names need a transcript model and are refused. No reference sequence is at hand here, so a name is
written at the place where the allele is stored (left-aligned, trimmed) and not shifted to its most 3' position.

Spec: HGVS Nomenclature 21.0, DNA recommendations.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from opengdi.standards.coordinates import Assembly, NamedContig, accession, parse_contig
from opengdi.standards.faults import Malformed


class Change(StrEnum):
    """What happens to the interval."""

    SUBSTITUTION = ">"
    DELETION = "del"
    INSERTION = "ins"
    DUPLICATION = "dup"
    DELETION_INSERTION = "delins"
    INVERSION = "inv"


@dataclass(frozen=True, slots=True)
class GenomicName:
    """A parsed name: `[start, end)` on the contig is changed, 0-based; an insertion has start == end.

    reference_bases and alternate_bases are None where the name does not spell them.
    """

    contig: NamedContig
    change: Change
    start: int
    end: int
    reference_bases: str | None
    alternate_bases: str | None


_NAME: Final = re.compile(
    r"(?:HGVSid:)?(?P<contig>(?:refseq:)?[A-Za-z0-9_.]+):(?P<system>[a-z])\.(?P<rest>.+)\Z"
)
_PLACE: Final = re.compile(r"(?P<first>\d{1,9})(?:_(?P<last>\d{1,9}))?(?P<change>.*)\Z")
_CHANGE: Final = re.compile(
    r"(?P<ref>[ACGTN]+)>(?P<alt>[ACGTN]+)|del(?P<deleted>[ACGTN]*)ins(?P<put>[ACGTN]+)"
    r"|(?P<word>del|dup|inv)(?P<spelled>[ACGTN]*)|ins(?P<inserted>[ACGTN]+)",
    re.IGNORECASE,
)


def parse_genomic_name(text: str) -> GenomicName:
    """The allele a genomic HGVS name stands for.

    Raises Malformed for another kind of name, a place that runs backwards, or spelled bases of the wrong length.
    """
    name = _NAME.match(text.strip())
    if name is None:
        raise Malformed(f"{text!r} is no HGVS name; expected a form such as NC_000003.12:g.45823240T>C")
    if name["system"] not in "gm":
        raise Malformed(f"{text!r} is not a genomic name; only g. and m. names are answered")
    place = _PLACE.match(name["rest"])
    change = _CHANGE.fullmatch(place["change"]) if place else None
    if place is None or change is None:
        raise Malformed(f"{text!r}: the change must be one of >, del, ins, dup, delins, inv")
    first, last = int(place["first"]), int(place["last"] or place["first"])
    if first < 1 or last < first:
        raise Malformed(f"{text!r}: the place runs backwards or starts before base 1")
    return _allele(text, parse_contig(name["contig"]), first, last, change)


def _allele(text: str, contig: NamedContig, first: int, last: int, change: re.Match[str]) -> GenomicName:
    if change["inserted"]:
        if last != first + 1:
            raise Malformed(f"{text!r}: an insertion stands between two neighbours, such as 100_101insA")
        return GenomicName(contig, Change.INSERTION, first, first, "", change["inserted"].upper())
    start, end = first - 1, last
    if change["ref"]:
        kind, spelled, alternate = Change.SUBSTITUTION, change["ref"], change["alt"]
    elif change["put"]:
        kind, spelled, alternate = Change.DELETION_INSERTION, change["deleted"], change["put"]
    else:
        kind, spelled = Change(change["word"].lower()), change["spelled"]
        alternate = "" if kind is Change.DELETION else None
    if spelled and len(spelled) != end - start:
        raise Malformed(f"{text!r}: {len(spelled)} bases are spelled, the place holds {end - start}")
    return GenomicName(
        contig,
        kind,
        start,
        end,
        spelled.upper() or None,
        alternate.upper() if alternate is not None else None,
    )


def genomic_name(assembly: Assembly, contig: str, start: int, end: int, ref: str, alt: str) -> str | None:
    """HGVS name of a stored allele, e.g. `NC_000003.11:g.45864732T>C`.

    `[start, end)` is 0-based; ref and alt are trimmed, alt may be symbolic. None for alleles that HGVS cannot name
    from these facts alone (`<CNV>`, `<INS>`, breakends, `*`).
    """
    change = genomic_change(start, end, ref, alt)
    system = "m" if contig == "MT" else "g"
    return None if change is None else f"{accession(contig, assembly)}:{system}.{change}"


def genomic_change(start: int, end: int, ref: str, alt: str) -> str | None:
    """The part of the name after `g.`; None as for `genomic_name`."""
    if len(ref) == 1 and len(alt) == 1 and alt != "*":
        return f"{start + 1}{ref}>{alt}"
    if alt.startswith("<"):
        word = _SYMBOLS.get(alt[1:-1].split(":", 1)[0])
        return None if word is None else f"{_place(start, end)}{word}"
    if not alt.isalpha() and alt:
        return None
    if not ref:
        return f"{start}_{start + 1}ins{alt}" if alt and start > 0 else None
    return f"{_place(start, end)}{'delins' + alt if alt else 'del'}"


_SYMBOLS: Final = {"DEL": "del", "DUP": "dup", "INV": "inv"}


def _place(start: int, end: int) -> str:
    return str(end) if end == start + 1 else f"{start + 1}_{end}"
