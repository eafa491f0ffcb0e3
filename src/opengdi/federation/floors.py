"""The strictest floor any member sets for a dataset, applied to what any other member says about it.

A dataset that lies at two nodes is as open as the stricter of them, also while that one does not answer: the hub
remembers the floors it has been told.

Nodes tell theirs beside each result, see `standards.beacon.dataset_info`. Decision 0011.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import reduce
from typing import Final

from opengdi.federation.model import SUBJECT_LEVEL, Json, ResultSet
from opengdi.federation.reading import bounds_of, frequencies_of, listed
from opengdi.kernel.disclosure.floors import TOTAL, Layout, Visibility, visibility
from opengdi.standards.beacon.dataset_info import DatasetInfo
from opengdi.standards.beacon.questions import EntryType
from opengdi.standards.faults import Malformed

_BOTH_ENDS: Final = 2
_GENOTYPES: Final = frozenset({"alleleCountHomozygous", "alleleCountHeterozygous", "alleleCountHemizygous"})


@dataclass(frozen=True, slots=True)
class Floors:
    """What one dataset may show: fewest alleles in a cell, fewest people in a count, and the step of such a count."""

    alleles: int = 0
    individuals: int = 0
    rounding: int = 1

    def strictest(self, other: Floors) -> Floors:
        """The floors that satisfy both."""
        return Floors(
            max(self.alleles, other.alleles),
            max(self.individuals, other.individuals),
            max(self.rounding, other.rounding),
        )


NO_FLOORS: Final = Floors()

MOST_DATASETS: Final = 10_000
"""That one Beacon may name over the years: floors are remembered for ever, so there must be an end to them."""


def floors_of(told: DatasetInfo) -> Floors:
    """The floors under which a member says it answered; none for a foreign Beacon that says nothing."""
    return Floors(told.k_alleles, told.k_individuals, told.count_rounding)


class FloorBook:
    """The strictest floors heard of, by dataset id, and which members serve it. Floors only ever rise.

    Datasets of one content are the same people under two ids: what holds for one of them holds for the other.
    """

    def __init__(self) -> None:
        self._floors: dict[str, Floors] = {}
        self._servers: dict[str, set[str]] = {}
        self._digests: dict[str, set[str]] = {}
        self._holders: dict[str, set[str]] = {}
        self._named: Counter[str] = Counter()

    def hear(self, dataset: str, service: str, floors: Floors, digest: str = "") -> bool:
        """Note what a member says about a dataset that it serves; True if that was news.

        digest: of its content, empty if it is not told. Raises Malformed if the member has named too many datasets.
        """
        if not self.names(dataset, service):
            if self._named[service] >= MOST_DATASETS:
                raise Malformed(f"it has named more than {MOST_DATASETS} datasets")
            self._named[service] += 1
        servers, digests = self._servers.setdefault(dataset, set()), self._digests.setdefault(dataset, set())
        before = self._floors.get(dataset), len(servers), len(digests)
        self._floors[dataset] = self._floors.get(dataset, NO_FLOORS).strictest(floors)
        servers.add(service)
        if digest:
            digests.add(digest)
            self._holders.setdefault(digest, set()).add(dataset)
        return before != (self._floors[dataset], len(servers), len(digests))

    def floors(self, dataset: str) -> Floors:
        """The strictest of the dataset and of those of the same content."""
        return reduce(Floors.strictest, (self._floors.get(each, NO_FLOORS) for each in self._alike(dataset)))

    def servers(self, dataset: str) -> frozenset[str]:
        """Ids of the Beacons that are known to serve the dataset, or one of the same content."""
        return frozenset(service for each in self._alike(dataset) for service in self._servers.get(each, ()))

    def names(self, dataset: str, service: str) -> bool:
        """True if that Beacon serves the dataset under this very id."""
        return service in self._servers.get(dataset, ())

    def shared(self) -> Iterable[frozenset[str]]:
        """The Beacons that serve one dataset, for each that several do."""
        return (frozenset(services) for services in self._servers.values() if len(services) > 1)

    def entries(self) -> Iterable[tuple[str, str, Floors, str]]:
        """(dataset, service, floors, digest) for storing; `hear` takes each of them back."""
        for dataset, services in sorted(self._servers.items()):
            for service in sorted(services):
                for digest in sorted(self._digests[dataset]) or [""]:
                    yield dataset, service, self._floors[dataset], digest

    def _alike(self, dataset: str) -> set[str]:
        digests = self._digests.get(dataset, ())
        return {dataset}.union(*(self._holders[digest] for digest in digests))


def under_floors(found: ResultSet, floors: Floors, entry_type: EntryType) -> ResultSet:
    """The result set as a node with these floors would have let it out, or less."""
    stated = floors_of(found.dataset)
    if entry_type is EntryType.GENOMIC_VARIANT:
        if stated.alleles < floors.alleles:
            return _under_allele_floor(found, floors.alleles)
        return found if stated.individuals >= floors.individuals else _without_genotypes(found)
    if stated.individuals >= floors.individuals and (found.count is None or _is_opened(found, entry_type)):
        return found  # as few as they are: the node with the strictest floor let them out by a visa
    floored = _under_people_floor(found, floors.individuals, entry_type)
    return floored if stated.rounding >= floors.rounding else _in_steps(floored, floors)


def _is_opened(found: ResultSet, entry_type: EntryType) -> bool:
    """True if a member shows the asker the people themselves; where none were asked for, `capped` dropped them."""
    return entry_type in SUBJECT_LEVEL and found.exists and bool(found.results)


def _under_people_floor(found: ResultSet, floor: int, entry_type: EntryType) -> ResultSet:
    """The count by the rule of nodes; of people on both sides, where the member tells how many there are in all."""
    cohort = found.dataset.individuals if entry_type is EntryType.INDIVIDUAL else 0
    if found.count is None:
        return _hidden(found, f"<{floor}") if found.exists else found
    if floor > 1 and 0 < cohort < 2 * floor:
        return _hidden(found, f"<{2 * floor}")
    if found.count < floor:
        return _hidden(found, f"<{floor}")
    if floor > 1 and 0 < cohort - floor < found.count:
        return _coarser(found, cohort, f">{cohort - floor}", exists=True)
    return found


def _in_steps(found: ResultSet, floors: Floors) -> ResultSet:
    """A count that lies between the floors, as the nearest multiple of the step.

    Its bounds lie around that and not around the number that a member told, which they would tell again.
    """
    bounds = bounds_of(found.document) or (found.count, found.count)
    if not found.exists or found.count is None or len(bounds) != _BOTH_ENDS:
        return found
    step, numbers = floors.rounding, [found.count, *(end for end in bounds if isinstance(end, int))]
    slack = max(found.count - min(numbers), max(numbers) - found.count)
    nearest = (found.count + step // 2) // step * step
    low = nearest - step // 2 - slack
    lowest = max(floors.individuals, 1)
    document = found.document | {
        "resultsCount": max(nearest, lowest),
        "countPrecision": "rounded",
        "countAdjustedTo": [max(low, lowest), low + step - 1 + 2 * slack],
    }
    return replace(found, count=max(nearest, lowest), document=document)


def _under_allele_floor(found: ResultSet, floor: int) -> ResultSet:
    """Only rows that show on the page are told of: whether others pass the floor cannot be known here."""
    rows = [row for row in (_row_under_floor(record, floor) for record in found.results) if row is not None]
    document = found.document | {
        "exists": bool(rows), "resultsCount": len(rows), "results": rows, "countPrecision": "imprecise",
    }  # fmt: skip
    document.pop("countAdjustedTo", None)
    return replace(found, exists=bool(rows), count=len(rows), document=document)


def _row_under_floor(record: Json, floor: int) -> Json | None:
    """The record with the cells that may be seen, or None if none may."""
    cells = list(frequencies_of(record))
    labels = [str(cell["population"]) for cell in cells]
    counts, numbers = _numbers(cells, "alleleCount"), _numbers(cells, "alleleNumber")
    if counts is None or numbers is None:
        return None  # without counts nobody can tell whether the floor holds
    match visibility(counts, numbers, Layout.of(labels), floor):
        case Visibility.ALL:
            return _cells_kept(record, lambda _: True)
        case Visibility.TOTAL_ONLY:
            return _cells_kept(record, lambda population: population == TOTAL)
        case Visibility.NOTHING:
            return None


def _numbers(cells: list[Json], name: str) -> list[int] | None:
    found = [cell.get(name) for cell in cells]
    numbers = [number for number in found if isinstance(number, int)]
    return numbers if len(numbers) == len(cells) else None


def _without_genotypes(found: ResultSet) -> ResultSet:
    """The rows without counts that may tell of fewer people than another node lets be seen."""
    rows = [_cells_kept(record, lambda _: True) for record in found.results]
    return replace(found, document=found.document | {"results": rows}) if rows else found


def _cells_kept(record: Json, is_kept: Callable[[str], bool]) -> Json:
    """The record with some of its cells, and in these nothing about genotypes: no floor is known to hold there."""
    blocks = record.get("frequencyInPopulations")
    if not isinstance(blocks, list):
        return record
    kept = (
        block
        | {
            "frequencies": [
                {name: value for name, value in cell.items() if name not in _GENOTYPES}
                for cell in listed(block.get("frequencies"))
                if is_kept(str(cell["population"]))
            ]
        }
        for block in blocks
    )
    return record | {"frequencyInPopulations": [block for block in kept if block["frequencies"]]}


def _hidden(found: ResultSet, bound: str) -> ResultSet:
    return _coarser(found, 0, bound, exists=False)


def _coarser(found: ResultSet, count: int, bound: str, *, exists: bool) -> ResultSet:
    """A count by which nobody can tell how many there are beyond a bound."""
    document = found.document | {
        "exists": exists, "resultsCount": count, "countPrecision": "imprecise", "countAdjustedTo": [bound],
    }  # fmt: skip
    if "results" in document:
        document["results"] = []
    return replace(found, exists=exists, count=count, document=document)
