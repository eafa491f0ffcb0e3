"""A file and how much of it a caller may have, decided before anything else is said about it."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from opengdi.delivery.model import HeldFile
from opengdi.delivery.ports import Files
from opengdi.kernel.doors import Reach, reach
from opengdi.kernel.errors import NotFound, NotPermitted
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
    return file, reach(asker, file.datasets, now)


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
        if visa.dataset in file.datasets and not visa.regions and visa.holds_at(now)
    ]
    return max(ends, default=now)


def opening(asker: Principal, file: HeldFile, now: datetime) -> tuple[str, ...]:
    """Ids of the visas that open the file to the caller, for its address to end with them; one for each permit."""
    ids = [
        visa.id for visa in asker.visas if visa.id and visa.dataset in file.datasets and visa.holds_at(now)
    ]
    return tuple({id_.partition(".")[0]: id_ for id_ in ids}.values())[:MOST_OPENING]
