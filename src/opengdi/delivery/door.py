"""A file and how much of it a caller may have, decided before anything else is said about it."""

from __future__ import annotations

from collections.abc import Collection
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
    let_in(asker.subject, file.datasets)
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


def still_open(
    files: Files,
    file: HeldFile,
    subject: str,
    visas: Collection[str],
    *,
    taken_back: TakenBack,
    since: datetime,
) -> Holds:
    """Whether a file that was opened to somebody `since` then by those visas is still theirs while it is sent."""

    async def holds() -> bool:
        try:
            now = await files.find(file.id)
        except NotFound:
            return False
        is_there = not frozenset(now.releases).isdisjoint(file.releases)
        return is_there and not taken_back(subject, file.datasets, visas, since)

    return holds


def opening(asker: Principal, file: HeldFile, now: datetime) -> tuple[str, ...]:
    """Ids of the visas that open the file to the caller, for its address to end with them; one for each permit."""
    ids = [
        visa.id for visa in asker.visas if visa.id and visa.opens_any(file.releases) and visa.holds_at(now)
    ]
    return tuple({id_.partition(".")[0]: id_ for id_ in ids}.values())[:MOST_OPENING]
