"""Test mode: the same questions, answered about one invented dataset at any granularity, to anybody.

A request in test mode is read and checked as any other, and its parameters, filters and ids are applied, to people
who do not exist (`subjects/virtual.py`). Counts are exact: there is nobody to protect.

Spec: Beacon v2.2.0, beaconCommonComponents.json, TestMode: "MUST respond the request but it SHOULD use virtual or
non-sensitive data".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
import numpy as np

from opengdi.discovery.beacon.model import Findings, Outcome
from opengdi.discovery.beacon.records import RecordBuilder
from opengdi.discovery.beacon.rules import places_of, question_of_id, refuse_without_contig, restriction_of
from opengdi.discovery.model import Bitmap, SiteRecord, SiteRef
from opengdi.discovery.subjects.virtual import (
    AMINO_ACID_CHANGES,
    DATASET,
    GENES,
    VirtualRelease,
    virtual_release,
)
from opengdi.discovery.variants.conditions import Condition
from opengdi.discovery.variants.genes import GeneTable
from opengdi.discovery.variants.plan import Everything, Point, Reading, plan
from opengdi.discovery.variants.rows import Allele, Notes
from opengdi.kernel.disclosure.counts import publish_items
from opengdi.kernel.errors import Invalid
from opengdi.standards.beacon.entry_types import ENTRY_TYPES
from opengdi.standards.beacon.negotiation import with_former_names
from opengdi.standards.beacon.questions import BeaconRequest, EntryType, Page, VariantQuestion
from opengdi.standards.variant_key import variant_key

_NOTE: Final = "testMode: these data are invented; nobody in them exists"
_SPAN_CAP: Final = 10_000_000
_GENES: Final = GeneTable(GENES)

Record = Mapping[str, object]


class VirtualData:
    """Answers in test mode. needs_contig: a position without a contig is refused, as it is by the aggregated Beacon."""

    def __init__(self, *, needs_contig: bool = False) -> None:
        self._needs_contig = needs_contig

    def find(self, request: BeaconRequest, page: Page, *, with_records: bool) -> Findings:
        """One page of virtual entries of the type asked for. Raises Invalid as a question about real data does."""
        if self._needs_contig and request.variant is not None:
            refuse_without_contig(request.variant)
        records = _records(request) if request.datasets is None or DATASET in request.datasets else []
        records = with_former_names(request.entry_type, request.api_version, records)
        first = page.skip * page.limit
        collected = ENTRY_TYPES[request.entry_type].is_collection
        shown = records[first : first + page.limit] if with_records or collected else None
        outcome = Outcome(DATASET, publish_items(len(records)), shown)
        return Findings([outcome], notes={"testMode": _NOTE}, more=len(records) > first + page.limit)


def virtual_id(entry_type: EntryType) -> str:
    """Id of the first virtual entry of a type, for trying the paths that hold one."""
    record = _records(BeaconRequest(entry_type))[0]
    return str(record.get("id", record.get("variantInternalId")))


def _records(request: BeaconRequest) -> Sequence[Record]:
    """All entries that answer a request, in storage order."""
    virtual, restriction = virtual_release(), restriction_of(request)
    if restriction.nothing:
        return []
    question = request.variant if restriction.variant is None else question_of_id(restriction.variant)
    sites = virtual.sites if question is None else _sites_matching(virtual, question)
    carried = None if question is None else [SiteRef(site.contig, site.genotype_row) for site in sites]
    asks_sites = request.entry_type is EntryType.GENOMIC_VARIANT
    people = virtual.store.matching(virtual.release, request.filters, None if asks_sites else carried)
    for entry_type, identifier in _people_named(request):
        behind = virtual.store.individuals_behind(virtual.release, entry_type, identifier)
        people = np.zeros_like(people) if behind is None else np.bitwise_and(people, behind)
    if not asks_sites:
        return _entries(virtual, request, people)
    if request.filters or _people_named(request):
        sites = [site for site in sites if _carries(virtual, site, people)]
    builder = RecordBuilder(virtual.release, 0)
    return [msgspec.to_builtins(builder.build(site)) for site in sites]


def _people_named(request: BeaconRequest) -> list[tuple[EntryType, str]]:
    """Ids in the path that stand for people: all but those of alleles."""
    named = [request.parent] if request.parent else []
    if request.entry_id is not None:
        named.append((request.entry_type, request.entry_id))
    return [each for each in named if each[0] is not EntryType.GENOMIC_VARIANT]


def _entries(virtual: VirtualRelease, request: BeaconRequest, people: Bitmap) -> Sequence[Record]:
    if request.entry_type is EntryType.DATASET:
        manifest = virtual.release.manifest
        record = {
            "id": DATASET,
            "name": manifest.title,
            "description": manifest.description,
            "version": manifest.version,
        }
        return [record] if people.any() else []
    entries = virtual.store.documents(
        virtual.release, request.entry_type, people, skip=0, limit=virtual.release.manifest.individuals
    )
    return [one for one in entries if request.entry_id in (None, one["id"])]


def _carries(virtual: VirtualRelease, site: SiteRecord, people: Bitmap) -> bool:
    carriers = virtual.store.matching(virtual.release, (), [SiteRef(site.contig, site.genotype_row)])
    return bool((carriers & people).any())


def _sites_matching(virtual: VirtualRelease, question: VariantQuestion) -> Sequence[SiteRecord]:
    if question.gene is not None and not _GENES.find(question.gene):
        raise Invalid(f"geneId {question.gene!r} is unknown to the virtual data; {', '.join(GENES)} is there")
    if question.assembly not in (None, virtual.release.assembly):
        return []
    readings = [reading for place in places_of(question) for reading in plan(place, _GENES.find, _SPAN_CAP)]
    notes = (Notes(None, AMINO_ACID_CHANGES.get(place, ())) for place in range(len(virtual.sites)))
    return [
        site
        for site, noted in zip(virtual.sites, notes, strict=True)
        if any(_is_read(reading, site, noted) for reading in readings)
    ]


def _is_read(reading: Reading, site: SiteRecord, notes: Notes) -> bool:
    """True if a reading of the index would find the site."""
    if isinstance(reading, Everything):
        return True
    if isinstance(reading, Point):
        key = variant_key(site.contig, site.start, site.ref, site.alt)
        return key == reading.key and _is_allowed(reading.condition, site, notes)
    reaches = reading.overlaps and reading.after <= site.start < reading.first < site.end
    lies_in = site.contig == reading.contig and (reaches or reading.first <= site.start < reading.stop)
    is_before = reading.overlaps and site.start == site.end == reading.first
    return lies_in and not is_before and _is_allowed(reading.condition, site, notes)


def _is_allowed(condition: Condition | None, site: SiteRecord, notes: Notes) -> bool:
    if condition is None:
        return True
    allele = Allele(site.ref, site.alt, site.variant_type, site.length, site.end - site.start)
    return condition.allows(site.start, allele) and condition.allows_notes(notes)
