"""What a cohort's collection event tells about its members, counted from the data.

Spec: Beacon v2.2.0, `cohorts/defaultSchema.json`, CollectionEvent. Counts are exact here; the Beacon floors them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
import numpy.typing as npt

from opengdi.discovery.model import Bitmap
from opengdi.discovery.subjects.bitmaps import flags_of, size
from opengdi.discovery.subjects.catalogue import Series
from opengdi.discovery.subjects.facts import AGE
from opengdi.discovery.subjects.opened import OpenedSubjects
from opengdi.standards.beacon.questions import EntryType
from opengdi.standards.iso8601 import years_as_seconds

_PARTS: Final = (
    ("eventGenders", "genders", "sex", True),
    ("eventEthnicities", "ethnicities", "ethnicity", True),
    ("eventLocations", "locations", "geographicOrigin", True),
    ("eventDiseases", "diseases", "diseases.diseaseCode", False),
    ("eventPhenotypes", "phenotypicFeatures", "phenotypicFeatures.featureType", False),
)
"""Member of the event, name of its distribution, field, and whether each individual is in one cell at most."""
_AGE_BOUNDS: Final = tuple(range(0, 120, 10))


def collection_event(subjects: OpenedSubjects, members: Bitmap, floor: int) -> dict[str, object]:
    """Size and distributions of a cohort.

    Of a distribution whose cells overlap, a cell with fewer than `floor` members inside or outside is left out: its
    number does not follow from the others. A distribution that divides the members keeps all its cells, so that
    whoever hides one sees that the rest would tell it.
    """
    flags = flags_of(members, subjects.individuals)
    event: dict[str, object] = {"eventNum": 1, "eventSize": size(members)}
    for member, name, field, divides in _PARTS:
        series = subjects.catalogue.at_field(field, EntryType.INDIVIDUAL)
        if series:
            counted = _cells(subjects, series, flags)
            event[member] = _distribution(
                name, counted[0], counted[1], 0 if divides else floor, size(members)
            )
    ages = subjects.catalogue.at_field(AGE, EntryType.INDIVIDUAL)
    if ages:
        event["eventAgeRange"] = _ages(subjects, ages[0], flags)
    return event


def _cells(
    subjects: OpenedSubjects, series: list[Series], flags: npt.NDArray[np.bool_]
) -> tuple[dict[str, int], int]:
    """Members per label, and members with any of the labels."""
    cells: dict[str, int] = {}
    anybody = np.zeros(subjects.individuals, dtype=np.bool_)
    for one, (individuals, _) in zip(series, subjects.postings(series), strict=True):
        inside = individuals[flags[individuals]]
        anybody[inside] = True
        label = one.name.label or one.name.id
        cells[label] = cells.get(label, 0) + len(inside)
    return cells, int(anybody.sum())


def _distribution(
    name: str, cells: dict[str, int], covered: int, floor: int, members: int
) -> dict[str, object]:
    kept = {label: number for label, number in sorted(cells.items()) if floor <= number <= members - floor}
    return {"availability": covered > 0, "availabilityCount": covered, "distribution": {name: kept}}


def _ages(subjects: OpenedSubjects, series: Series, flags: npt.NDArray[np.bool_]) -> dict[str, object]:
    """Members per decade of age; the last decade takes everybody above it."""
    individuals, seconds = subjects.postings([series])[0]
    inside = flags[individuals]
    _, first = np.unique(individuals[inside], return_index=True)  # one age each: the lowest told
    decades = np.searchsorted(
        [years_as_seconds(age) for age in _AGE_BOUNDS], seconds[inside][first], side="right"
    )
    counts = np.bincount(decades, minlength=len(_AGE_BOUNDS) + 1)[1:]
    cells = dict(zip(_labels(), counts.tolist(), strict=True))
    covered = int(counts.sum())
    return _distribution(
        "ages", {label: number for label, number in cells.items() if number}, covered, 0, covered
    )


def _labels() -> Iterable[str]:
    return (f"{low}-{low + 9}" if low < _AGE_BOUNDS[-1] else f"{low}+" for low in _AGE_BOUNDS)
