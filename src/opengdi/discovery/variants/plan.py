"""A question as what must be read of the index: one allele, or spans of a contig with a condition. Pure.

Spec: Beacon v2.2.0, documentation "Variant queries".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from opengdi.discovery.variants.conditions import Condition, asked_form, condition_of
from opengdi.kernel.errors import Invalid
from opengdi.standards.beacon.questions import QuestionKind, VariantQuestion
from opengdi.standards.coordinates import CONTIG_CODES, CONTIGS, Assembly, Interval
from opengdi.standards.variant_key import POSITION_BITS, is_hashed, position_key, variant_key

_POSITIONS: Final = 1 << POSITION_BITS

FindGene = Callable[[str], Sequence[Interval]]


@dataclass(frozen=True, slots=True)
class Point:
    """One exact allele. `condition` is None where the key tells all that is asked: no hash, and nothing but bases."""

    key: int
    condition: Condition | None


@dataclass(frozen=True, slots=True)
class Span:
    """The alleles of a contig that start in `[first, stop)`.

    With `overlaps`, also those that start before `first` and reach over it, but not those that start before `after`;
    and an insertion exactly at `first`, which lies before the span's first base, is not among them.
    """

    contig: str
    first: int
    stop: int
    condition: Condition | None = None
    overlaps: bool = False
    after: int = 0

    @property
    def stop_key(self) -> int:
        """The first variant key past the span."""
        if self.stop >= _POSITIONS:
            return (CONTIG_CODES[self.contig] + 1) << POSITION_BITS + 30
        return position_key(self.contig, self.stop)


@dataclass(frozen=True, slots=True)
class Everything:
    """All alleles of a release."""


Reading = Point | Span | Everything


def plan(question: VariantQuestion, find_gene: FindGene, span_cap: int) -> list[Reading]:
    """What to read for a question in one assembly, in genome order; no allele is met twice.

    find_gene: loci of a symbol, none if it is unknown. span_cap: longest span of one question, in bases.

    Raises Invalid for a question that cannot be answered as asked.
    """
    return _PLANS[question.kind](question, find_gene, span_cap)


def _everything(question: VariantQuestion, _: FindGene, __: int) -> list[Reading]:
    if condition_of(question) is not None or question.start or question.end or question.contig is not None:
        raise Invalid(
            "a type, length or allele without a place would search whole genomes; give referenceName and start"
        )
    return [Everything()]


def _sequence(question: VariantQuestion, _: FindGene, span_cap: int) -> list[Reading]:
    start = _one(question, "start")
    form, shift = asked_form(question)
    if form.alternate is None:
        raise Invalid("start without end needs alternateBases; or give end for a range")
    reference, alternate = form.reference, form.alternate
    contigs = CONTIGS if question.contig is None else (question.contig,)
    if reference is not None and "N" not in reference and "N" not in alternate:
        return [_point(contig, start + shift, reference, alternate, question) for contig in contigs]
    _check_span(form.longest_shift, span_cap)
    stop = start + form.longest_shift + 1
    return [Span(contig, start, stop, condition_of(question)) for contig in contigs]


def _point(contig: str, start: int, ref: str, alt: str, question: VariantQuestion) -> Point:
    key = variant_key(contig, _position(start), ref, alt)
    return Point(key, condition_of(question) if is_hashed(key) or _asks_more(question) else None)


def _asks_more(question: VariantQuestion) -> bool:
    """True if a sequence question asks for more than its alleles."""
    return bool(question.end) or any(
        asked is not None
        for asked in (
            question.variant_types,
            question.min_length,
            question.max_length,
            question.amino_acid_change,
        )
    )


def _range(question: VariantQuestion, _: FindGene, span_cap: int) -> list[Reading]:
    contig = _contig(question)
    start, end = _one(question, "start"), _one(question, "end")
    if end < start:
        raise Invalid(f"end {end} lies before start {start}")
    _check_span(end - start, span_cap)
    return [Span(contig, start, end, condition_of(question), overlaps=True)]


def _bracket(question: VariantQuestion, _: FindGene, span_cap: int) -> list[Reading]:
    contig = _contig(question)
    if len(question.start) != 2 or len(question.end) != 2:
        raise Invalid("a bracket needs two values in both start and end")
    first, stop = question.start
    _check_span(stop - first, span_cap)
    return [Span(contig, _position(first), max(first, stop), condition_of(question))]


def _gene(question: VariantQuestion, find_gene: FindGene, span_cap: int) -> list[Reading]:
    if question.gene is None:
        if question.kind is QuestionKind.AMINO_ACID and question.start and question.end:
            return _range(question, find_gene, span_cap)
        raise Invalid("aminoacidChange needs geneId or a range: the change alone names no gene")
    readings: list[Reading] = []
    last: Interval | None = None
    for locus in find_gene(question.gene):
        _check_span(locus.length, span_cap)
        after = last.end if last is not None and last.contig == locus.contig else 0
        condition = condition_of(question)
        readings.append(Span(locus.contig, locus.start, locus.end, condition, overlaps=True, after=after))
        last = locus
    return readings


_PLANS: Final = {
    QuestionKind.EVERYTHING: _everything,
    QuestionKind.SEQUENCE: _sequence,
    QuestionKind.RANGE: _range,
    QuestionKind.BRACKET: _bracket,
    QuestionKind.GENE: _gene,
    QuestionKind.AMINO_ACID: _gene,
}


def _contig(question: VariantQuestion) -> str:
    if question.contig is None:
        raise Invalid("a range needs referenceName: a position alone names no place")
    if question.contig not in CONTIG_CODES:
        raise Invalid(
            f"referenceName {question.contig!r} is not a contig of this node; expected 1-22, X, Y, MT"
        )
    return question.contig


def _one(question: VariantQuestion, name: str) -> int:
    values: tuple[int, ...] = getattr(question, name)
    if len(values) != 1:
        raise Invalid(f"{name} needs one position here, {len(values)} were given")
    return _position(values[0])


def _position(position: int) -> int:
    """Positions past every contig match nothing; they are moved to where nothing is, so that keys can hold them."""
    if position < 0:
        raise Invalid(f"position {position} is negative; positions are 0-based")
    return min(position, _POSITIONS - 1)


def _check_span(bases: int, span_cap: int) -> None:
    if bases > span_cap:
        raise Invalid(
            f"the question spans {bases} bases; this node answers up to {span_cap} (beacon.span_cap_bases)"
        )


def annotated_only(question: VariantQuestion, loci: Sequence[Interval]) -> list[Reading]:
    """A gene question where only annotation tells where the gene lies: the alleles annotated with it, and no others.

    An insertion behind the last base that is annotated starts where its extent ends.
    """
    condition = condition_of(question, gene=question.gene)
    return [Span(locus.contig, locus.start, locus.end + 1, condition) for locus in loci]


def assemblies_of(question: VariantQuestion) -> tuple[Assembly, ...]:
    """The assemblies a question may be answered in; all, each by its own coordinates, if it names none."""
    return tuple(Assembly) if question.assembly is None else (question.assembly,)
