"""`requestParameters` into a `VariantQuestion`: every dialect, or a fault that names the parameter.

A question that cannot be answered as asked is refused: no parameter is ever left out of account.

Spec: Beacon v2.2.0, default model `genomicVariations/requestParameters`; documentation "Variant queries".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from opengdi.standards.beacon.questions import QuestionKind, VariantQuestion
from opengdi.standards.beacon.variant_types import expand
from opengdi.standards.coordinates import Assembly, NamedContig, contig_length, parse_contig
from opengdi.standards.faults import Malformed
from opengdi.standards.hgvs import Change, GenomicName, parse_genomic_name

SYNONYMS: Final = {"allele": "genomicAlleleShortForm", "geneid": "geneId"}
"""Names in the official OpenAPI document beside those of the model."""

NAMES: Final = (
    "referenceName", "start", "end", "referenceBases", "alternateBases", "assemblyId", "variantType",
    "variantMinLength", "variantMaxLength", "geneId", "genomicAlleleShortForm", "aminoacidChange", "mateName",
)  # fmt: skip

_NAMES: Final = frozenset(NAMES)
_MAX_POSITION: Final = 2**31 - 1
_BASES: Final = re.compile(r"[ACGTN]*\Z")
_LONGEST_WITH_WILDCARDS: Final = 1000
"""Letters of bases that hold an `N`: such alleles cannot be trimmed, and all the places they may start at are read."""
_AMINO_ACIDS: Final = re.compile(r"[A-Z*][1-9]\d{0,5}(?:[A-Z*]|=|fs.*|del|dup|_.*|delins.*|ins.*|ext.*)\Z")
_GENE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@:-]{0,63}\Z")
_SHORTEST_SYMBOLIC_DUP: Final = 50
"""Bases from which callers write duplications as symbolic alleles; shorter ones are stored as insertions."""

Given = Mapping[str, object]
"""Parameters by canonical name; none of them is None."""


def parse_variant_parameters(given: Given) -> VariantQuestion | None:
    """The question the parameters ask, or None for no parameters.

    `contig` stays None for a position without `referenceName`, `assembly` stays None where nothing tells it.

    Raises Malformed naming the parameter and what would be right.
    """
    if not given:
        return None
    if not given.keys() <= _NAMES:
        unknown = sorted(given.keys() - _NAMES)
        raise Malformed(f"requestParameters.{unknown[0]} is unknown; known are {', '.join(NAMES)}")
    if "mateName" in given:
        raise Malformed(
            "mateName is deprecated and not answered; ask for variantType BND at the position instead"
        )
    if "genomicAlleleShortForm" in given:
        return _by_short_form(given)
    assembly, contig = _place_names(given)
    start, end = _positions(given, "start", 0), _positions(given, "end", 1)
    change = _amino_acid_change(given)
    shortest, longest = _lengths(given)
    kind = _kind(given, start, end)
    if kind is QuestionKind.RANGE and not start:
        start, end = (0,), (_whole_contig(contig, assembly),)
    return VariantQuestion(
        kind=kind,
        assembly=assembly,
        contig=contig,
        start=start,
        end=end,
        reference_bases=_bases(given, "referenceBases"),
        alternate_bases=_bases(given, "alternateBases"),
        variant_types=expand(_text(given, "variantType")) if "variantType" in given else None,
        gene=_matching(given, "geneId", _GENE, "a gene symbol such as BRAF"),
        amino_acid_change=change,
        min_length=shortest,
        max_length=longest,
    )


def _kind(given: Given, start: tuple[int, ...], end: tuple[int, ...]) -> QuestionKind:
    """Which query type the combination of parameters is."""
    if "geneId" in given:
        if start or end or "referenceName" in given:
            raise Malformed(
                "geneId and a position exclude each other; ask for the gene or for referenceName and start"
            )
        return QuestionKind.AMINO_ACID if "aminoacidChange" in given else QuestionKind.GENE
    if len(start) == 2 or len(end) == 2:
        return _bracket(start, end)
    if start and end:
        if end[0] <= start[0]:
            raise Malformed(f"end {end[0]} must be greater than start {start[0]} (0-based, half-open)")
        return QuestionKind.RANGE
    if start:
        if "alternateBases" not in given:
            raise Malformed("start without end needs alternateBases; or give end for a range")
        return QuestionKind.SEQUENCE
    if end:
        raise Malformed("end without start is no position; give start")
    if "referenceName" not in given:
        raise Malformed("requestParameters name no place; give referenceName with start, or geneId")
    return QuestionKind.RANGE


def _bracket(start: tuple[int, ...], end: tuple[int, ...]) -> QuestionKind:
    if len(start) != 2 or len(end) != 2:
        raise Malformed("a bracket query needs two values in both start and end")
    for name, (low, high) in (("start", start), ("end", end)):
        if high <= low:
            raise Malformed(
                f"{name} [{low}, {high}] is empty; the second value must be greater than the first"
            )
    return QuestionKind.BRACKET


def _whole_contig(contig: str | None, assembly: Assembly | None) -> int:
    """Length of the contig; without an assembly the longer of both, which covers either."""
    if contig is None:
        raise Malformed("referenceName must name the contig")
    return max(contig_length(contig, each) for each in ([assembly] if assembly else Assembly))


def _place_names(given: Given) -> tuple[Assembly | None, str | None]:
    named = parse_contig(_text(given, "referenceName")) if "referenceName" in given else NamedContig("", None)
    return _agreed_assembly(given, named), named.contig or None


def _agreed_assembly(given: Given, named: NamedContig) -> Assembly | None:
    if "assemblyId" not in given:
        return named.assembly
    asked = Assembly.parse(_text(given, "assemblyId"))
    if named.assembly not in (None, asked):
        raise Malformed(
            f"assemblyId {asked.name} contradicts the accession, which is of {named.assembly.name}"
        )
    return asked


def _positions(given: Given, name: str, lowest: int) -> tuple[int, ...]:
    """One or two positions from an int, a list, or text such as `123` or `1,2`; empty if not given."""
    value = given.get(name)
    if value is None:
        return ()
    parts = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else [value]
    if len(parts) not in (1, 2):
        raise Malformed(
            f"{name} has {len(parts) or 'no'} values; one position or the two ends of a bracket are right"
        )
    return tuple(_whole_number(part, name, lowest) for part in parts)


def _whole_number(value: object, name: str, lowest: int) -> int:
    if isinstance(value, str) and len(value) <= 10:
        digits = value.strip()
        if digits.isascii() and digits.isdigit():
            value = int(digits)
    if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= _MAX_POSITION:
        raise Malformed(f"{name} {value!r} must be a whole number from {lowest} to {_MAX_POSITION}")
    return value


def _lengths(given: Given) -> tuple[int | None, int | None]:
    shortest, longest = _length(given, "variantMinLength"), _length(given, "variantMaxLength")
    if shortest is not None and longest is not None and shortest > longest:
        raise Malformed(f"variantMinLength {shortest} is greater than variantMaxLength {longest}")
    return shortest, longest


def _length(given: Given, name: str) -> int | None:
    return _whole_number(given[name], name, 0) if name in given else None


def _bases(given: Given, name: str) -> str | None:
    """Upper-case bases; "" is a trimmed allele, None was not asked."""
    value = given.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not _BASES.match(value.upper()):
        raise Malformed(f"{name} {value!r} must be of the letters A, C, G, T and the wildcard N")
    return _short_if_wild(value.upper(), name)


def _short_if_wild(bases: str, name: str) -> str:
    if len(bases) > _LONGEST_WITH_WILDCARDS and "N" in bases:
        raise Malformed(
            f"{name} has {len(bases)} letters; with the wildcard N up to {_LONGEST_WITH_WILDCARDS} are answered."
            " Ask for a range with variantType, variantMinLength and variantMaxLength"
        )
    return bases


def _text(given: Given, name: str) -> str:
    value = given[name]
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value.strip():
        raise Malformed(f"{name} must be a non-empty string")
    return value.strip()


def _matching(given: Given, name: str, form: re.Pattern[str], example: str) -> str | None:
    if name not in given:
        return None
    text = _text(given, name)
    if not form.match(text):
        raise Malformed(f"{name} {text!r} must be {example}")
    return text


def _amino_acid_change(given: Given) -> str | None:
    change = _matching(given, "aminoacidChange", _AMINO_ACIDS, "a change in one-letter form such as V600E")
    if change is not None and "geneId" not in given and "start" not in given:
        raise Malformed("aminoacidChange needs geneId (or a range): the change alone names no gene")
    return change


def _by_short_form(given: Given) -> VariantQuestion:
    if others := sorted(set(given) - {"genomicAlleleShortForm", "assemblyId"}):
        raise Malformed(f"genomicAlleleShortForm names the whole allele; {others[0]} beside it is ambiguous")
    name = parse_genomic_name(_text(given, "genomicAlleleShortForm"))
    for bases in (name.reference_bases, name.alternate_bases):
        _short_if_wild(bases or "", "genomicAlleleShortForm")
    return question_of(name, _agreed_assembly(given, name.contig))


def question_of(name: GenomicName, assembly: Assembly | None) -> VariantQuestion:
    """The exact question that a genomic name asks.

    Raises Malformed for a duplication too short to be stored as one, whose inserted bases the name does not spell.
    """
    ask = _CHANGES.get(name.change, _as_extent)
    return ask(name, assembly)


def _as_allele(name: GenomicName, assembly: Assembly | None) -> VariantQuestion:
    return VariantQuestion(
        QuestionKind.SEQUENCE,
        assembly,
        name.contig.contig,
        (name.start,),
        reference_bases=name.reference_bases,
        alternate_bases=name.alternate_bases,
    )


def _as_extent(name: GenomicName, assembly: Assembly | None) -> VariantQuestion:
    """A precise bracket: starts and ends exactly there, whatever the source spells of its bases."""
    if name.change is Change.DUPLICATION and name.end - name.start < _SHORTEST_SYMBOLIC_DUP:
        raise Malformed(
            f"a duplication of {name.end - name.start} bases is stored as an insertion; ask for it with its bases,"
            " such as 100_101insACG"
        )
    return VariantQuestion(
        QuestionKind.BRACKET,
        assembly,
        name.contig.contig,
        (name.start, name.start + 1),
        (name.end, name.end + 1),
        alternate_bases=name.alternate_bases or None,
        variant_types=_EXTENT_TYPES.get(name.change),
    )


def _as_deletion(name: GenomicName, assembly: Assembly | None) -> VariantQuestion:
    return (_as_extent if name.reference_bases is None else _as_allele)(name, assembly)


_CHANGES: Final[dict[Change, Callable[[GenomicName, Assembly | None], VariantQuestion]]] = {
    Change.SUBSTITUTION: _as_allele,
    Change.INSERTION: _as_allele,
    Change.DELETION: _as_deletion,
}
_EXTENT_TYPES: Final = {
    Change.DELETION: expand("DEL"),
    Change.DUPLICATION: expand("DUP"),
    Change.INVERSION: expand("INV"),
}
