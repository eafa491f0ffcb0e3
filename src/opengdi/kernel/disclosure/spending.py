"""What one purse has spent in all datasets, over all of their versions. Pure: booking is somebody else's transaction.

A budget belongs to the dataset and is never refilled: an attacker's notebook keeps the answers of old versions.
An allele told again in a new version is told anew and costs again, and two frequencies of one allele from two
versions make one about the people between them. So the alleles told in both are held to the size of that batch.
What any one individual can have lost is a purse of its own in each dataset, of all versions together, where a unit
costs its loss; it holds no versions apart. Decision 0006.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from opengdi.kernel.disclosure.ledger import BudgetAccount
from opengdi.kernel.disclosure.power import budget
from opengdi.kernel.disclosure.units import MarkedUnits, mark, marked

_OWN_BYTES: Final = 2048
"""Memory of a purse that has spent nothing."""
_VERSION_BYTES: Final = 640
"""Memory for each version of a dataset, besides units."""


@dataclass(eq=False, slots=True)
class Told:
    """A version of a dataset with that many people, and its mark on the units told of it, booked or reserved.

    loss: what each of these units cost its carriers; 0: they are answers. price: of a unit; an answer costs one.
    shared: units told of both this version and another one, by the other's mark.
    """

    dataset: str
    version: str
    loss: int
    individuals: int
    mark: int
    spent: Spent
    price: int
    shared: Counter[int] = field(default_factory=Counter)


@dataclass(eq=False, slots=True)
class Spent:
    """Units booked or reserved of the versions of one dataset, each at its price.

    versions: those that are held apart; none in a purse of losses.
    """

    units: int = 0
    versions: list[Told] = field(default_factory=list)


class Spending:
    """The units that were told, marked with the versions of datasets they were told of.

    Marks of what is reserved stand apart until a transaction commits: that counts as spent, but is not told yet.
    """

    def __init__(self, *, is_public: bool = False) -> None:
        self._is_public = is_public
        self._told: dict[tuple[str, str, int], Told] = {}
        self._spent: defaultdict[str, Spent] = defaultdict(Spent)
        self._lost: defaultdict[str, Spent] = defaultdict(Spent)
        self._booked = MarkedUnits()
        self._reserved: dict[int, int] = {}

    @property
    def size_bytes(self) -> int:
        """Memory taken, about."""
        return _OWN_BYTES + _VERSION_BYTES * len(self._told) + self._booked.size_bytes

    def spent(self, dataset: str) -> int:
        """Units booked or reserved of a dataset."""
        return self._spent[dataset].units

    def lost(self, dataset: str) -> int:
        """What any one individual of a dataset can have lost, booked or reserved, in millionths of a nat."""
        return self._lost[dataset].units

    def verdict(self, account: BudgetAccount, units: Collection[int]) -> bool | None:
        """True for a replay, False for what can never be afforded, None if that is a matter of booking."""
        told = self._told.get(account.release)
        if told is None:
            return False if account.loss and self._has_lost_all(account) else None
        if len(units) == 1:  # a single allele, as a rule
            (unit,) = units
            if self._booked.marks(unit) & told.mark:
                return True
            fresh: Collection[int] = () if self._reserved.get(unit, 0) & told.mark else units
        else:
            missing = self._booked.without(told.mark, units)
            if not missing:
                return True
            fresh = self._unreserved(told.mark, missing)
        return None if not fresh or self._affords(account, told, fresh) else False

    def afforded(self, account: BudgetAccount, units: Collection[int]) -> Collection[int] | None:
        """The distinct units that are neither booked nor reserved, or None if the account cannot afford them."""
        told = self._told.get(account.release) or self._begin(account.release, account.individuals)
        fresh = self._without(told.mark, units)
        return fresh if not fresh or self._affords(account, told, fresh) else None

    def reserve(self, account: BudgetAccount, fresh: Collection[int]) -> None:
        """Count units that are fresh as spent; they are told only once `settle` has booked them."""
        self._spend(self._told[account.release], fresh)

    def afforded_each(self, accounts: Sequence[BudgetAccount], unit: int) -> list[Told | bool]:
        """`afforded` for one unit told of several datasets, each of them named once, which is looked up only once.

        Per account: True for a replay, False for what it cannot afford, else the version that is told of the unit.
        """
        found: list[Told | bool] = []
        marks, fresh = self._booked.marks(unit) | self._reserved.get(unit, 0), (unit,)
        for account in accounts:
            told = self._told.get(account.release) or self._begin(account.release, account.individuals)
            if marks & told.mark:
                found.append(True)
            else:
                found.append(told if self._affords(account, told, fresh) else False)
        return found

    def reserve_each(self, versions: Iterable[Told], unit: int) -> None:
        """`reserve` for the versions that are told of one unit."""
        marks, fresh = 0, (unit,)
        for told in versions:
            marks |= told.mark
            if len(told.spent.versions) > 1:
                self._spend(told, fresh)
            else:
                told.spent.units += told.price
        if marks:
            self._reserved[unit] = self._reserved.get(unit, 0) | marks

    def reserved(self) -> Iterator[tuple[list[Told], list[int]]]:
        """Units that are reserved of the same versions, with these."""
        alike: defaultdict[int, list[int]] = defaultdict(list)
        for unit, marks in self._reserved.items():
            alike[marks].append(unit)
        for marks, units in alike.items():
            yield [told for told in self._told.values() if marks & told.mark], units

    def settle(self) -> None:
        """Book what is reserved."""
        self._booked.add(self._reserved)
        self._reserved = {}

    def book(self, release: tuple[str, str, int], individuals: int, units: Collection[int]) -> None:
        """Book units that a journal holds of a version; those known already change nothing."""
        told = self._told.get(release) or self._begin(release, individuals)
        self._spend(told, self._without(told.mark, units))
        self.settle()

    def _begin(self, release: tuple[str, str, int], individuals: int) -> Told:
        dataset, _, loss = release
        spent = self._lost[dataset] if loss else self._spent[dataset]
        told = self._told[release] = Told(*release, individuals, 1 << len(self._told), spent, loss or 1)
        if not loss:
            spent.versions.append(told)
        return told

    def _has_lost_all(self, account: BudgetAccount) -> bool:
        """True if not even one unit more can be afforded: known without booking, as fast as that nothing is there."""
        lost = self._lost.get(account.dataset)
        return (lost.units if lost else 0) + account.loss > self._most(account)

    def _most(self, account: BudgetAccount) -> int:
        return account.public_budget if self._is_public else account.own_budget

    def _without(self, mark: int, units: Collection[int]) -> Collection[int]:
        """The distinct units that are neither booked nor reserved under a mark."""
        if len(units) == 1:  # a single allele, as a rule
            (unit,) = units
            marks = self._booked.marks(unit) | self._reserved.get(unit, 0)
            return () if marks & mark else units
        return self._unreserved(mark, self._booked.without(mark, units))

    def _unreserved(self, mark: int, units: set[int]) -> set[int]:
        return units - marked(self._reserved, mark, units) if self._reserved else units

    def _affords(self, account: BudgetAccount, told: Told, fresh: Collection[int]) -> bool:
        """True if the fresh units stay within the budget, and within that of the people between two versions."""
        most = account.public_budget if self._is_public else account.own_budget
        if told.spent.units + len(fresh) * told.price > most:
            return False
        return len(told.spent.versions) <= 1 or self._keeps_versions_apart(account, told, fresh)

    def _keeps_versions_apart(self, account: BudgetAccount, told: Told, fresh: Collection[int]) -> bool:
        """True if what is told of two versions stays within the budget of the people between them."""
        policy = account.policy
        if policy.min_update_batch == 0:
            return True
        factor = policy.global_budget_factor if self._is_public else policy.af_budget_factor
        # Versions with as many people hold the same ones: the shelf lets no others through while batches are on.
        return all(
            told.shared[other.mark] + self._shared(other, fresh)
            <= budget(abs(account.individuals - other.individuals), factor)
            for other in told.spent.versions
            if other is not told and other.individuals != account.individuals
        )

    def _shared(self, other: Told, fresh: Collection[int]) -> int:
        return len(fresh) - len(self._without(other.mark, fresh))

    def _spend(self, told: Told, fresh: Collection[int]) -> None:
        spent = told.spent
        spent.units += len(fresh) * told.price
        mark(self._reserved, told.mark, fresh)
        if len(spent.versions) > 1:
            for other in spent.versions:
                if other is not told:
                    shared = self._shared(other, fresh)
                    told.shared[other.mark] += shared
                    other.shared[told.mark] += shared
