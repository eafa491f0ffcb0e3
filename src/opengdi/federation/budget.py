"""One budget per person and dataset over all nodes that serve it: booked at the hub, before anything is told.

Nodes book too, under a pseudonym per node; only the hub knows that two pseudonyms are one person. A dataset whose
node does not say how many people are behind it has no budget here: there is nothing to tie it to. Nor has open data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import Final

import msgspec

from opengdi.federation.model import Json, ResultSet
from opengdi.federation.pooling import allele_of
from opengdi.federation.serving import Served
from opengdi.federation.translation import filter_document, path_of
from opengdi.kernel.disclosure.ledger import UNLIMITED_FACTOR, BudgetAccount, BudgetLedger
from opengdi.kernel.disclosure.policy import DisclosurePolicy
from opengdi.kernel.principal import Principal
from opengdi.standards.beacon.questions import BeaconRequest
from opengdi.standards.coordinates import Assembly
from opengdi.standards.faults import Malformed
from opengdi.standards.variant_key import variant_key

_BASES: Final = frozenset("ACGT")


class HubBudget:
    """Asks the ledger what may be told. global_factor: budget of all anonymous callers together, per individual."""

    def __init__(self, ledger: BudgetLedger, *, global_factor: float) -> None:
        self._ledger = ledger
        self._global_factor = global_factor

    async def within(
        self, request: BeaconRequest, asker: Principal, served: Sequence[Served]
    ) -> list[Served]:
        """The same result sets in the same order; those over budget say nothing, hit or miss.

        Raises Unavailable if nothing can be booked.
        """
        accounts = [self._account(item.found) for item in served]
        charges = [
            (account, units_of(request, item.found))
            for account, item in zip(accounts, served, strict=True)
            if account is not None
        ]
        verdicts = iter(await self._ledger.charge(asker, charges) if charges else [])
        return [
            item if account is None or next(verdicts) else _refused(item)
            for account, item in zip(accounts, served, strict=True)
        ]

    def _account(self, found: ResultSet) -> BudgetAccount | None:
        told = found.dataset
        if told.individuals == 0 or told.af_budget_factor >= UNLIMITED_FACTOR:
            return None
        policy = DisclosurePolicy(
            af_budget_factor=told.af_budget_factor,
            global_budget_factor=max(self._global_factor, told.af_budget_factor),
            min_update_batch=0,  # whether a version adds enough people is for its node to say
        )
        return BudgetAccount(found.id, told.version, told.individuals, policy)


def units_of(request: BeaconRequest, found: ResultSet) -> list[int]:
    """What the result set tells: a unit for each allele on it, else that of the question, hit or miss alike."""
    assembly = request.variant.assembly if request.variant else None
    units = [_unit_of(record, assembly) for record in found.results]
    return [question_key(request) if unit is None else unit for unit in units or [None]]


def _unit_of(record: Json, assembly: Assembly | None) -> int | None:
    """The key of an allele of bases; of another a digest of its record, for `N` stands for many of one place."""
    allele = allele_of(record, assembly)
    if allele is None:
        return None
    if not _BASES.issuperset(allele.ref + allele.alt):
        return _digest([record.get("variantInternalId"), record["variation"]])
    try:
        return variant_key(allele.contig, allele.start, allele.ref, allele.alt)
    except Malformed:
        return None


def question_key(request: BeaconRequest) -> int:
    """The same signed 64-bit number for the same question, however it is paged, ordered or put."""
    filters = sorted(msgspec.json.encode(filter_document(item)) for item in request.filters)
    return _digest([path_of(request), repr(request.variant), [item.decode() for item in filters]])


def _digest(told: object) -> int:
    text = msgspec.json.encode(told, order="deterministic")
    return int.from_bytes(blake2b(text, digest_size=8).digest(), signed=True)


def _refused(item: Served) -> Served:
    document = {
        "id": item.found.id, "setType": item.found.set_type, "exists": False, "resultsCount": 0,
        "countPrecision": "imprecise",
    }  # fmt: skip
    return replace(
        item, refused=True, found=ResultSet(item.found.id, exists=False, count=0, document=document)
    )
