"""Which files to list, and a page of the list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, false, select

from opengdi.archive.model import UNDER_WAY, ArchivedFile, FileState
from opengdi.archive.tables import FACTS, archive_files, archive_release_files, holdable, lies_in
from opengdi.kernel.ids import FileId


@dataclass(frozen=True, slots=True)
class Selection:
    """Which files to list; an empty field means any.

    dataset: that they are mapped to; sent_for: for which the provider sent them. dead: only those that our side gave up
    on. unindexed: only ready ones whose format has an index, and they have none. volume: in which they lie, or are to
    lie; empty: in none that has a name.
    """

    provider: str = ""
    path: str = ""
    state: FileState | None = None
    dataset: str = ""
    sent_for: str = ""
    dead: bool = False
    unindexed: bool = False
    volume: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Files in order of arrival. `after`: the last of them, if there are more; None: this was the last page."""

    files: tuple[ArchivedFile, ...]
    after: FileId | None


def selected(selection: Selection) -> Select[Any]:
    """The question for the files that are meant, in no order."""
    columns = archive_files.c
    query = select(*FACTS)
    if selection.provider:
        query = query.where(columns.provider == selection.provider)
    told = (selection.path, selection.dataset, selection.sent_for)
    if any(holdable(text) != text for text in told):
        query = query.where(false())
    if selection.path:
        query = query.where(columns.path == selection.path)
    if selection.sent_for:
        query = query.where(columns.dataset == selection.sent_for)
    if selection.state is not None:
        query = query.where(columns.state == selection.state)
    if selection.dead:
        query = query.where(columns.state.in_(UNDER_WAY), columns.due_at.is_(None))
    if selection.unindexed:
        query = query.where(columns.state == FileState.READY, columns.format != "", columns.index_kind == "")
    if selection.volume is not None:
        query = query.where(lies_in(selection.volume))
    if selection.dataset:
        pairs = archive_release_files.c
        query = query.where(columns.id.in_(select(pairs.file).where(pairs.dataset == selection.dataset)))
    return query
