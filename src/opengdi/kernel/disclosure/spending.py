"""What one purse has spent in one dataset, over all of its versions. Pure: booking is somebody else's transaction.

A budget belongs to the dataset and is never refilled: an attacker's notebook keeps the answers of old versions.
An allele told again in a new version is told anew and costs again, and two frequencies of one allele from two
versions make one about the people between them. So the alleles told in both are held to the size of that batch.
Decision 0006.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from opengdi.kernel.disclosure.policy import DisclosurePolicy
from opengdi.kernel.disclosure.power import budget
from opengdi.kernel.disclosure.units import UnitSet

_OWN_BYTES: Final = 576
"""Memory of a purse that has spent nothing."""


@dataclass(slots=True)
class Told:
    """Units of one version: booked for good, or reserved until a transaction commits; and how many people it held."""

    individuals: int
    booked: UnitSet = field(default_factory=UnitSet)
    reserved: set[int] = field(default_factory=set)


@dataclass(slots=True)
class Spending:
    """Units by version; `spent` is the number of those booked or reserved."""

    versions: dict[str, Told] = field(default_factory=dict)
    spent: int = 0

    @property
    def size_bytes(self) -> int:
        """Memory taken, about."""
        return _OWN_BYTES + sum(
            told.booked.size_bytes + 72 * len(told.reserved) for told in self.versions.values()
        )

    def is_replay(self, version: str, units: Collection[int]) -> bool:
        """True if all of the units were booked for this version."""
        told = self.versions.get(version)
        return told is not None and told.booked.issuperset(units)

    def fresh(self, version: str, units: Collection[int]) -> set[int]:
        """The distinct units that are neither booked nor reserved for this version."""
        told = self.versions.get(version)
        if told is None:
            return set(units)
        missing = told.booked.missing(units)
        return missing - told.reserved if told.reserved else missing

    def afforded(
        self, version: str, individuals: int, units: Collection[int], factor: float, policy: DisclosurePolicy
    ) -> Collection[int] | None:
        """The units that are fresh, or None if the version with that many people cannot afford them."""
        if (
            len(units) == 1 and len(self.versions) == 1 and version in self.versions
        ):  # a single allele, as a rule
            told = self.versions[version]
            (unit,) = units
            if unit in told.reserved or unit in told.booked:
                return ()
            return units if self.spent < budget(individuals, factor) else None
        fresh = self.fresh(version, units)
        return fresh if not fresh or self.affords(version, individuals, fresh, factor, policy) else None

    def affords(
        self, version: str, individuals: int, fresh: Collection[int], factor: float, policy: DisclosurePolicy
    ) -> bool:
        """True if the fresh units, told of a version with that many people, stay within `factor` per person."""
        if self.spent + len(fresh) > budget(individuals, factor):
            return False
        if policy.min_update_batch == 0 or self.versions.keys() <= {version}:
            return True
        # Versions with as many people hold the same ones: the shelf lets no others through while batches are on.
        others = [
            told
            for name, told in self.versions.items()
            if name != version and told.individuals != individuals
        ]
        told = self.versions.get(version)
        mine = set(fresh).union(told.booked.as_list(), told.reserved) if told else set(fresh)
        return all(
            other.booked.shared(mine) + len(other.reserved & mine)
            <= budget(abs(individuals - other.individuals), factor)
            for other in others
        )

    def reserve(self, version: str, individuals: int, fresh: Collection[int]) -> None:
        """Count fresh units as spent; they are told only once `settle` has booked them."""
        told = self.versions.get(version)
        if told is None:
            told = self.versions[version] = Told(individuals)
        told.reserved.update(fresh)
        self.spent += len(fresh)

    def reserved(self) -> Iterator[tuple[str, int, set[int]]]:
        """Version, its number of people, and units of all that is reserved."""
        for version, told in self.versions.items():
            if told.reserved:
                yield version, told.individuals, told.reserved

    def settle(self) -> None:
        """Book what is reserved."""
        for told in self.versions.values():
            if told.reserved:
                told.booked.update_new(told.reserved)
                told.reserved = set()

    def book(self, version: str, individuals: int, units: Iterable[int]) -> None:
        """Book units that a journal holds; those known already change nothing."""
        told = self.versions.setdefault(version, Told(individuals))
        told.booked.update(units)
        if told.reserved:
            told.reserved = told.booked.missing(told.reserved)
        self.spent = sum(len(told.booked) + len(told.reserved) for told in self.versions.values())
