"""What an allele must be like to answer a question, apart from where it lies. Pure.

Spec: Beacon v2.2.0, default model `genomicVariations/requestParameters`; documentation "Variant queries".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile
from typing import Final

from opengdi.discovery.variants.rows import Allele, Notes
from opengdi.standards.beacon.questions import QuestionKind, VariantQuestion
from opengdi.standards.vcf.alleles import trim

_ANY: Final = "N"


def is_sequence(allele: str) -> bool:
    """True for bases, or none; symbolic alleles all hold a sign that is no letter. Faster than asking `is_symbolic`."""
    return not allele or allele.isalpha()


def same_bases(pattern: str, bases: str) -> bool:
    """True if `bases` is what `pattern` asks for, where `N` asks for any base."""
    if _ANY not in pattern:
        return pattern == bases
    return len(pattern) == len(bases) and all(
        asked == base or (asked == _ANY and base.isalpha())
        for asked, base in zip(pattern, bases, strict=True)
    )


@dataclass(frozen=True, slots=True)
class AlleleForm:
    """REF and ALT as asked; None where one is not asked. Without wildcards both are maximally trimmed."""

    reference: str | None
    alternate: str | None

    @property
    def longest_shift(self) -> int:
        """How many bases after the asked start a matching allele may start at most."""
        if self.reference is None or self.alternate is None or _ANY not in self.reference + self.alternate:
            return 0
        return min(len(self.reference), len(self.alternate))

    def fits(self, allele: Allele, shift: int | None = None) -> bool:
        """True if a stored allele that starts `shift` bases (None: some) after the asked start is what is asked.

        Stored alleles are trimmed and asked ones with wildcards cannot be: "CN" > "C" may be a deletion of "T" that
        starts one base later. An allele fits if the wildcards can be filled so that trimming gives it.
        """
        reference, alternate = self.reference, self.alternate
        if reference is None or alternate is None or not is_sequence(alternate):
            return (
                not shift
                and (reference is None or same_bases(reference, allele.ref))
                and (alternate is None or same_bases(alternate, allele.alt))
            )
        slack = len(reference) - len(allele.ref)
        if slack < 0 or slack != len(alternate) - len(allele.alt) or not is_sequence(allele.alt):
            return False
        shifts = range(slack + 1) if shift is None else range(shift, min(shift, slack) + 1)
        return any(_fills(reference, alternate, allele, each) for each in shifts)


def _fills(reference: str, alternate: str, allele: Allele, shift: int) -> bool:
    """True if the wildcards can be filled so that trimming leaves `allele` after `shift` bases."""
    ref_end, alt_end = shift + len(allele.ref), shift + len(allele.alt)
    before, after = _shared(reference, alternate)
    if shift > before or len(reference) - ref_end > after:
        return False
    if not same_bases(reference[shift:ref_end], allele.ref) or not same_bases(
        alternate[shift:alt_end], allele.alt
    ):
        return False
    if shift == 0 or (allele.ref and allele.alt):
        return True
    # The end is trimmed first, so the base before an insertion or deletion differs from its last base.
    last = (allele.ref or allele.alt)[-1]
    return last not in {reference[shift - 1], alternate[shift - 1]}


@lru_cache(maxsize=64)
def _shared(reference: str, alternate: str) -> tuple[int, int]:
    """How many bases the two may have in common at the start and at the end; once for all alleles of a question."""
    return _alike(zip(reference, alternate, strict=False)), _alike(
        zip(reversed(reference), reversed(alternate), strict=False)
    )


def _alike(pairs: Iterable[tuple[str, str]]) -> int:
    """How many of the first pairs may be equal."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1] or _ANY in pair, pairs))


def asked_form(question: VariantQuestion) -> tuple[AlleleForm, int]:
    """The alleles as asked, trimmed where they can be, and by how many bases trimming moves the start."""
    reference, alternate = question.reference_bases, question.alternate_bases
    if reference is None or alternate is None or _ANY in reference + alternate or not is_sequence(alternate):
        return AlleleForm(reference, alternate), 0
    shift, reference, alternate = trim(0, reference, alternate)
    return AlleleForm(reference, alternate), shift


@dataclass(frozen=True, slots=True)
class Condition:
    """What is asked beyond the place; None where nothing is asked. Positions are 0-based, ends exclusive."""

    form: AlleleForm | None = None
    at: int | None = None
    end_from: int | None = None
    end_to: int | None = None
    types: frozenset[str] | None = None
    min_length: int | None = None
    max_length: int | None = None
    gene: str | None = None
    amino_acid_change: str | None = None

    @property
    def asks_place(self) -> bool:
        return self.at is not None or self.end_from is not None or self.end_to is not None

    @property
    def asks_notes(self) -> bool:
        return self.gene is not None or self.amino_acid_change is not None

    def allows(self, start: int, allele: Allele) -> bool:
        """True if an allele starting at `start` is as asked, its annotation apart."""
        return (
            (self.types is None or allele.variant_type in self.types)
            and (self.min_length is None or allele.length >= self.min_length)
            and (self.max_length is None or allele.length <= self.max_length)
            and (self.end_from is None or start + allele.span >= self.end_from)
            and (self.end_to is None or start + allele.span < self.end_to)
            and (self.form is None or self._has_form(start, allele))
        )

    def allows_notes(self, notes: Notes) -> bool:
        """True if the annotation is as asked."""
        if self.gene is not None and (notes.gene or "").upper() != self.gene:
            return False
        return self.amino_acid_change is None or self.amino_acid_change in notes.amino_acid_changes

    def _has_form(self, start: int, allele: Allele) -> bool:
        assert self.form is not None
        if self.at is None:
            return self.form.fits(allele)
        return start >= self.at and self.form.fits(allele, start - self.at)


def condition_of(question: VariantQuestion, *, gene: str | None = None) -> Condition | None:
    """The condition of a question, None if it asks for a place only; `gene` asks for the annotated gene."""
    form: AlleleForm | None = None
    at: int | None = None
    if question.reference_bases is not None or question.alternate_bases is not None:
        form, shift = asked_form(question)
        at = question.start[0] + shift if question.kind is QuestionKind.SEQUENCE else None
    end_from, end_to = question.end if question.kind is QuestionKind.BRACKET else (None, None)
    if question.kind is QuestionKind.SEQUENCE and question.end:
        end_from, end_to = question.end[0], question.end[0] + 1
    types = question.variant_types
    condition = Condition(
        form,
        at,
        end_from,
        end_to,
        None if types is None else frozenset(types),
        question.min_length,
        question.max_length,
        gene.upper() if gene else None,
        question.amino_acid_change,
    )
    return None if condition == Condition() else condition
