"""Decisions about a question about people before any data is read: who is selected, who may answer, for what. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from opengdi.discovery.beacon.model import HeldDataset, Refusal
from opengdi.discovery.beacon.rules import Restriction, digest_unit, note_of, question_of_id, with_assembly
from opengdi.discovery.beacon.selection import Selection
from opengdi.discovery.beacon.telling import NO_RECORDS, Level
from opengdi.discovery.model import Cohort
from opengdi.kernel.errors import Invalid
from opengdi.kernel.release import FileRole
from opengdi.standards.beacon.entry_types import ENTRY_TYPES
from opengdi.standards.beacon.questions import (
    BeaconRequest,
    EntryType,
    Granularity,
    QuestionKind,
    VariantQuestion,
)
from opengdi.standards.coordinates import Assembly

NO_GENOTYPES: Final = "the dataset holds no genotypes of individuals"
NO_SUBJECTS: Final = "the dataset holds no phenotypes of individuals"
_OF_FREQUENCIES: Final = frozenset({EntryType.GENOMIC_VARIANT, EntryType.DATASET})
"""What a dataset of frequencies alone has entries of."""
WITH_DOCUMENTS: Final = frozenset(
    {EntryType.INDIVIDUAL, EntryType.BIOSAMPLE, EntryType.RUN, EntryType.ANALYSIS}
)
"""What a dataset has a document of for each entry."""
_LONGEST_SPAN_BASES: Final = 1000
"""Of a question about the alleles of selected people: each allele's carriers are counted by themselves. The limit is
on the question and not on what is found, or the refusal would tell about hidden alleles."""

_LONGEST_PLACE_BASES: Final = 100_000
"""Of a question about alleles whose carriers are told."""
_NO_PLACE: Final = (
    f"alleles are told with their carriers in a gene or over up to {_LONGEST_PLACE_BASES} bases"
)


def selection_of(
    request: BeaconRequest, restriction: Restriction, asked: Sequence[HeldDataset]
) -> tuple[Selection, Assembly | None]:
    """What is selected, and the assembly if it was assumed."""
    variant, assumed = request.variant, None
    if restriction.variant is not None:
        variant = question_of_id(restriction.variant)
    if variant is not None:
        variant, assumed = with_assembly(variant, asked)
    return Selection(request.entry_type, variant, request.filters, restriction.cohorts), assumed


def datasets_with_records(
    able: Sequence[HeldDataset], levels: Mapping[str, Level], selection: Selection
) -> list[HeldDataset]:
    """Datasets that show this caller their entries: people and what is theirs, and the alleles of a place."""
    opened = [each for each in able if levels[each.id].most is Granularity.RECORD]
    if selection.entry_type in WITH_DOCUMENTS:
        return opened
    if selection.entry_type is EntryType.GENOMIC_VARIANT and _is_a_place(selection.variant):
        return [each for each in opened if each.release.manifest.genotyped]
    return []


def _is_a_place(question: VariantQuestion | None) -> bool:
    """True for an allele, a gene, or so few bases that each allele's carriers can be read."""
    if question is None:
        return False
    if question.gene is not None or question.kind is QuestionKind.SEQUENCE:
        return True
    return (
        bool(question.start and question.end) and question.end[-1] - question.start[0] <= _LONGEST_PLACE_BASES
    )


def named_entries(request: BeaconRequest) -> Sequence[tuple[EntryType, str]]:
    """Entries of single people that the path names."""
    own = () if request.entry_id is None else ((request.entry_type, request.entry_id),)
    above = () if request.parent is None else (request.parent,)
    return [each for each in (*above, *own) if each[0] in WITH_DOCUMENTS]


def within_cohort(selection: Selection, cohort: Cohort) -> Selection:
    """Those of the selection who are in the cohort as well."""
    return replace(selection, cohorts=selection.cohorts | {cohort.id})


def price_unit(selection: Selection, place: int) -> int:
    """Unit of one of the sets of people that a selection is about; of the people themselves whatever is counted."""
    has_its_own = selection.entry_type in (EntryType.GENOMIC_VARIANT, EntryType.COHORT)
    return digest_unit(((selection if has_its_own else selection.people).unit, place))


def budget_units(selection: Selection, listed: Sequence[Cohort]) -> Sequence[int]:
    """Budget units: one of the question, or one of each cohort of which is told whether it holds somebody selected."""
    return [within_cohort(selection, each).unit for each in listed] or [selection.unit]


def notes_of(
    assumed: Assembly | None,
    counted: Sequence[HeldDataset],
    levels: Mapping[str, Level],
    request: BeaconRequest,
    wanted: Granularity,
) -> Mapping[str, object]:
    """What was assumed, and which datasets told less than was asked for, and why."""
    lowered = []
    for each in counted:
        level = levels[each.id]
        told = min(level.most or Granularity.BOOLEAN, Granularity.COUNT)
        is_whole = ENTRY_TYPES[request.entry_type].is_collection and told is Granularity.COUNT
        if request.granularity is not None and told < wanted and not is_whole:
            is_of_alleles = request.entry_type is EntryType.GENOMIC_VARIANT
            reason = level.reason or (_NO_PLACE if is_of_alleles else NO_RECORDS)
            lowered.append({"id": each.id, "granularity": told.name.lower(), "reason": reason})
    return note_of(assumed) | ({"loweredGranularity": lowered} if lowered else {})


def refuse_if_wide(question: VariantQuestion) -> None:
    """Raises Invalid for a question about the alleles of selected people that covers more than a short place."""
    if question.kind is QuestionKind.SEQUENCE:
        return
    if not question.start or question.end[-1] - question.start[0] > _LONGEST_SPAN_BASES:
        raise Invalid(
            "g_variants of selected individuals are counted over up to"
            f" {_LONGEST_SPAN_BASES} bases; give referenceName, start and end"
        )


def able_to_answer(
    asked: Sequence[HeldDataset], selection: Selection
) -> tuple[list[HeldDataset], list[Refusal]]:
    """Datasets of the question's assembly that hold what it is about, and those that do not."""
    able, refusals = [], []
    assembly = selection.variant.assembly if selection.variant else None
    for dataset in asked:
        if assembly not in (None, dataset.assembly):
            continue
        lacking = _lacking(dataset, selection)
        if lacking is None:
            able.append(dataset)
        else:
            refusals.append(Refusal(dataset.id, lacking))
    return able, refusals


def _lacking(dataset: HeldDataset, selection: Selection) -> str | None:
    manifest = dataset.release.manifest
    needs_subjects = bool(selection.filters or selection.cohorts)
    needs_carriers = selection.variant is not None and (
        needs_subjects or selection.entry_type is not EntryType.GENOMIC_VARIANT
    )
    if needs_carriers and not manifest.genotyped:
        return NO_GENOTYPES
    if any(file.role is FileRole.SUBJECTS for file in manifest.files):
        return None
    holds_people = manifest.genotyped or selection.entry_type in _OF_FREQUENCIES
    return NO_SUBJECTS if needs_subjects or not holds_people else None
