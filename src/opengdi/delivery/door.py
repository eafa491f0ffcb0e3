"""A file and how much of it a caller may have, decided before anything else is said about it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from opengdi.delivery.model import HeldFile
from opengdi.delivery.ports import Files, TakenBack
from opengdi.kernel.doors import Reach, reach
from opengdi.kernel.errors import NotFound, NotPermitted
from opengdi.kernel.http.decided import let_in
from opengdi.kernel.http.running import Holds
from opengdi.kernel.principal import Principal

MOST_OPENING: Final = 20
"""Visas of as many permits may stand in an address."""


async def reached(files: Files, asker: Principal, file_id: str, now: datetime) -> tuple[HeldFile, Reach]:
    """The file and what the caller may have of it; one that is not there is told like one that may not be had.

    Raises NotAuthenticated or NotPermitted.
    """
    try:
        file = await files.find(file_id)
    except NotFound:
        reach(asker, (), now)
        raise  # nobody reaches what lies in no dataset
    found = reach(asker, file.releases, now)
    let_in(asker.subject, found.datasets)
    return file, found


async def reached_whole(files: Files, asker: Principal, file_id: str, now: datetime) -> HeldFile:
    """A file of which the caller may have every byte. Raises NotAuthenticated or NotPermitted."""
    file, found = await reached(files, asker, file_id, now)
    if not found.whole:
        raise NotPermitted(
            f"{asker.subject} may have regions of {file_id} only",
            public="Your access covers regions of this file; ask for them through htsget.",
        )
    return file


def last_moment(asker: Principal, file: HeldFile, latest: datetime, now: datetime) -> datetime:
    """Until when the caller may have the whole file, `latest` at most: the end of the visa that lasts longest."""
    ends = [
        min(visa.until or latest, latest)
        for visa in asker.visas
        if visa.opens_any(file.releases) and not visa.regions and visa.holds_at(now)
    ]
    return max(ends, default=now)


@dataclass(frozen=True, slots=True)
class Admission:
    """What opened a file to somebody. visas: their ids, one for each permit; datasets: those of the file by which.

    What becomes of other datasets in which the file lies is nothing to them.
    """

    subject: str
    file_id: str
    visas: Collection[str]
    datasets: Collection[str]
    since: datetime


def admission(asker: Principal, file: HeldFile, now: datetime) -> Admission:
    """By what the caller has a file now. Raises NotAuthenticated or NotPermitted."""
    datasets = reach(asker, file.releases, now).datasets
    return Admission(asker.subject, file.id, opening(asker, file, now), datasets, now)


async def readmitted(
    files: Files, admitted: Admission, taken_back: TakenBack, *, public: str = ""
) -> tuple[HeldFile, Holds]:
    """A file that was opened to somebody before, and whether it still is while it is sent.

    public: what is said to them if not. Raises NotPermitted.
    """
    try:
        file = await files.find(admitted.file_id)
    except NotFound as error:
        why = f"{admitted.file_id} was granted and is not deliverable any more"
        raise NotPermitted(why, public=public or None) from error
    if not _is_theirs(file, file, admitted, taken_back):
        why = f"what opened {admitted.file_id} to {admitted.subject} was taken back"
        raise NotPermitted(why, public=public or None)
    let_in(admitted.subject, admitted.datasets)
    return file, still_open(files, file, admitted, taken_back)


def still_open(files: Files, file: HeldFile, admitted: Admission, taken_back: TakenBack) -> Holds:
    """Whether a file that was opened to somebody is still theirs while it is sent."""

    async def holds() -> bool:
        try:
            now = await files.find(file.id)
        except NotFound:
            return False
        return _is_theirs(now, file, admitted, taken_back)

    return holds


def _is_theirs(now: HeldFile, then: HeldFile, admitted: Admission, taken_back: TakenBack) -> bool:
    """Whether the file lies in a release still by which it was opened then, and nothing of that was taken back."""
    if not any(each in then.releases for each in now.releases if each.dataset in admitted.datasets):
        return False
    return not taken_back(admitted.subject, admitted.datasets, admitted.visas, admitted.since)


def opening(asker: Principal, file: HeldFile, now: datetime) -> tuple[str, ...]:
    """Ids of the visas that open the file to the caller, for its address to end with them; one for each permit."""
    ids = [
        visa.id for visa in asker.visas if visa.id and visa.opens_any(file.releases) and visa.holds_at(now)
    ]
    return tuple({id_.partition(".")[0]: id_ for id_ in ids}.values())[:MOST_OPENING]
