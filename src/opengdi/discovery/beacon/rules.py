"""Decisions about a request before any data is read. Pure.

How much may be told, which datasets are asked, what the path restricts to, which page is meant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Final

from opengdi.discovery.beacon.model import BeaconProfile, HeldDataset, Paging
from opengdi.kernel.errors import Invalid
from opengdi.standards.beacon.questions import (
    BeaconRequest,
    EntryType,
    Granularity,
    Page,
    QuestionKind,
    VariantQuestion,
)
from opengdi.standards.beacon.variant_ids import VariantId, parse_variant_id
from opengdi.standards.coordinates import CONTIGS, Assembly
from opengdi.standards.faults import Malformed
from opengdi.standards.variant_key import POSITION_BITS, position_key, variant_key
from opengdi.standards.vcf.alleles import is_symbolic, trim

_ONE_PERSON: Final = frozenset({EntryType.INDIVIDUAL, EntryType.BIOSAMPLE, EntryType.RUN, EntryType.ANALYSIS})

INLINE_SPAN_BASES: Final = 64
"""Ranges up to this length are answered on the event loop, longer ones by a scan thread."""


@dataclass(frozen=True, slots=True)
class Restriction:
    """What the ids in a path restrict an answer to.

    datasets, cohorts: ids that must all hold. variant: the allele that is named. one_person: an individual, or
    something that belongs to a single individual, is named; what is told about that is told about one person.
    nothing: an id is none that an entry of this Beacon can have.
    """

    datasets: frozenset[str] = frozenset()
    cohorts: frozenset[str] = frozenset()
    variant: VariantId | None = None
    one_person: bool = False
    nothing: bool = False


_NO_RESTRICTION: Final = Restriction()


def restriction_of(request: BeaconRequest) -> Restriction:
    """Every id of the path, by one rule for all entry types and all nestings.

    Raises Invalid if an allele is named twice, by path and by parameters or by two ids.
    """
    if request.parent is None and request.entry_id is None:
        return _NO_RESTRICTION
    named = [each for each in (request.parent, _entry(request)) if each is not None]
    variants = [identifier for entry_type, identifier in named if entry_type is EntryType.GENOMIC_VARIANT]
    if len(variants) + (request.variant is not None) > 1:
        raise Invalid(
            "the path names an allele already; requestParameters beside it would be a second question"
        )
    variant = _variant_id(variants[0]) if variants else None
    return Restriction(
        datasets=frozenset(identifier for entry_type, identifier in named if entry_type is EntryType.DATASET),
        cohorts=frozenset(identifier for entry_type, identifier in named if entry_type is EntryType.COHORT),
        variant=variant,
        one_person=any(entry_type in _ONE_PERSON for entry_type, _ in named),
        nothing=bool(variants) and variant is None,
    )


def _entry(request: BeaconRequest) -> tuple[EntryType, str] | None:
    return None if request.entry_id is None else (request.entry_type, request.entry_id)


def _variant_id(text: str) -> VariantId | None:
    try:
        return parse_variant_id(text)
    except Malformed:
        return None


def question_of_id(named: VariantId) -> VariantQuestion:
    """The question for exactly the allele of an id; symbolic ones are told apart by where they end and their length."""
    return VariantQuestion(
        QuestionKind.SEQUENCE,
        named.assembly,
        named.contig,
        (named.start,),
        (named.end,) if is_symbolic(named.alt) else (),
        reference_bases=named.ref,
        alternate_bases=named.alt,
        min_length=named.length,
        max_length=named.length,
    )


def granularity_of(request: BeaconRequest, profile: BeaconProfile) -> tuple[Granularity, Granularity]:
    """What is requested (the profile's default if nothing is) and what is returned.

    Virtual data of a test-mode answer are told at any granularity.
    """
    requested = profile.granularity if request.granularity is None else request.granularity
    return requested, requested if request.test_mode else min(requested, profile.granularity)


def page_of(request: BeaconRequest, paging: Paging) -> Page:
    """The page that is answered: `limit` 0 and limits over the maximum mean the maximum."""
    limit = request.page.limit
    return Page(request.page.skip, min(limit, paging.max_limit) if limit else paging.max_limit)


def datasets_asked(
    held: Sequence[HeldDataset], request: BeaconRequest, restriction: Restriction
) -> Sequence[HeldDataset]:
    """Datasets that the request is about, by its own scoping and by the path."""
    if restriction is _NO_RESTRICTION and request.datasets is None:
        return held
    return [
        dataset
        for dataset in held
        if not restriction.nothing
        and (request.datasets is None or dataset.id in request.datasets)
        and restriction.datasets <= {dataset.id}
    ]


def with_assembly(
    question: VariantQuestion, held: Sequence[HeldDataset]
) -> tuple[VariantQuestion, Assembly | None]:
    """The question with its assembly, and the assembly if it was assumed.

    A question that gives no position is asked of every assembly.
    Raises Invalid if nothing tells the assembly of a position and the node serves several.
    """
    if question.assembly is not None or not question.start:
        return question, None
    served = {dataset.assembly for dataset in held}
    if len(served) > 1:
        names = " and ".join(sorted(assembly.name for assembly in served))
        raise Invalid(f"assemblyId is missing and cannot be assumed: {names} are served here")
    if not served:
        return question, None
    (assumed,) = served
    return replace(question, assembly=assumed), assumed


def note_of(assumed: Assembly | None) -> dict[str, object]:
    """What an answer says of an assembly that was assumed."""
    return {"assumedAssemblyId": assumed.name} if assumed else {}


def refuse_filters(request: BeaconRequest) -> None:
    """Raises Invalid for filters: they select individuals, of whom the aggregated Beacon tells nothing."""
    if request.filters:
        raise Invalid("filters select individuals; ask them at the subject-level Beacon of this node")


def refuse_without_contig(question: VariantQuestion) -> None:
    """Raises Invalid for a position that names no place: alleles are told of one contig at a time."""
    if question.kind is not QuestionKind.EVERYTHING and question.gene is None and question.contig is None:
        raise Invalid("referenceName is missing")


def places_of(question: VariantQuestion) -> Sequence[VariantQuestion]:
    """The question on every contig, if it names a position without one."""
    if question.contig is not None or question.gene is not None or question.kind is QuestionKind.EVERYTHING:
        return (question,)
    return [replace(question, contig=contig) for contig in CONTIGS]


def is_quick(question: VariantQuestion) -> bool:
    """True if the index answers within microseconds: one place on one contig, and no long run of wildcards."""
    if question.contig is None:
        return False
    alternate = question.alternate_bases
    if (
        alternate is not None
        and len(alternate) > INLINE_SPAN_BASES
        and "N" in alternate + (question.reference_bases or "")
    ):
        return False
    if question.kind is QuestionKind.SEQUENCE:
        return True
    return question.kind is QuestionKind.RANGE and question.end[0] - question.start[0] <= INLINE_SPAN_BASES


def question_unit(question: VariantQuestion) -> int:
    """Budget unit of a question: the allele's own key where bases name one, else a digest of what is asked."""
    reference, alternate = question.reference_bases, question.alternate_bases
    if question.kind is not QuestionKind.SEQUENCE or question.contig is None:
        return digest_unit(question)
    if reference is None or alternate is None or "N" in reference or "N" in alternate:
        return digest_unit(question)
    if alternate and not alternate.isalpha():  # `<DEL>` and its like may share a key
        return digest_unit(question)
    return variant_key(question.contig, *trim(question.start[0], reference, alternate))


def names_one_allele(question: VariantQuestion) -> bool:
    """True if its budget unit is that of one allele and of no other."""
    return question_unit(question) >= 0


def watched_place(question: VariantQuestion, unit: int) -> int:
    """Where a question about an allele, or about a place of few bases, lies for the watch; negative for others.

    unit: the question's budget unit, which is the key of the allele where it names one.
    """
    if unit >= 0 or question.contig is None or not question.start:
        return unit
    first, last = question.start[0], max(*question.start, *question.end, 0)
    if last - first > INLINE_SPAN_BASES or first >> POSITION_BITS:
        return unit
    return position_key(question.contig, first)


def digest_unit(asked: object) -> int:
    """A negative 64-bit number for anything with a faithful `repr`: never the key of an allele."""
    digest = blake2b(repr(asked).encode(), digest_size=8).digest()
    return int.from_bytes(digest) >> 1 | -(1 << 63)
