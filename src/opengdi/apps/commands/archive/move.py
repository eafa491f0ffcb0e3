"""`gdi archive move`: files to another place of the archive."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opengdi.apps.commands.archive.care import Json, leave, opened_care, operator, print_json
from opengdi.apps.commands.archive.meant import Files, every_file
from opengdi.apps.commands.config import ConfigOption

if TYPE_CHECKING:
    from opengdi.apps.archive_care import Care
    from opengdi.archive.model import ArchivedFile

app = typer.Typer(help="Move what is archived.")


@dataclass
class _Report:
    """What became of the files. stayed: with why. waiting: how many are still to be stored in the place they leave."""

    moved: list[str] = field(default_factory=list)
    stayed: list[tuple[str, str]] = field(default_factory=list)
    waiting: int = 0

    def note(self, file: str, why: str, *, loud: bool) -> None:
        """One file: it was moved, or stayed."""
        if why:
            self.stayed.append((file, why))
        else:
            self.moved.append(file)
        if loud:
            print(f"{file}: stayed: {why}" if why else f"{file}: moved")

    def told(self, to: str) -> dict[str, Any]:
        stayed = [{"file": file, "why": why} for file, why in self.stayed]
        return {"to": to, "moved": self.moved, "stayed": stayed, "waiting": self.waiting}


@app.command()
def move(
    *,
    files: Files = None,
    to: Annotated[str, typer.Option("--to", help="Where to: name of a volume, or archive.storage.")],
    from_: Annotated[str, typer.Option("--from", help="Every file in this place, to empty it.")] = "",
    config: ConfigOption = None,
    json: Json = False,
) -> None:
    """Move archived files to another place of the archive; they are delivered meanwhile.

    Each is copied, read again and compared before its old bytes go. Stopped, it goes on when run again. Leaves with 1
    if a file stayed, or is still to be stored in the place that is to be emptied.
    """
    from opengdi.apps.volumes import check_target, named
    from opengdi.kernel.errors import Invalid

    with opened_care(config) as care, care.alone():
        target = named(care.state.settings, to)
        source = named(care.state.settings, from_) if from_ else None
        if source == target:
            raise Invalid(f"the files lie in {to} already")
        check_target(care.state.settings, target)
        wanted, waiting = _wanted(care, files, source)
        report = _Report(waiting=waiting)
        asyncio.run(_move_all(care, wanted, target, partial(report.note, loud=not json)))
        if source is not None:
            asyncio.run(care.moving.sweep(source))
    if json:
        print_json(report.told(to))
    else:
        waits = f", {waiting:,} are still to be stored in {from_}" if waiting else ""
        print(f"{len(report.moved):,} files moved to {to}, {len(report.stayed):,} stayed{waits}")
    leave(bad=bool(report.stayed or waiting))


def _wanted(care: Care, files: Sequence[str] | None, source: str | None) -> tuple[list[ArchivedFile], int]:
    """The files that are meant, and how many are still to be stored in the place that is to be emptied."""
    from opengdi.archive.listing import Selection
    from opengdi.archive.model import FileState
    from opengdi.kernel.errors import Invalid
    from opengdi.kernel.ids import file_id

    registry = care.records.registry
    if bool(files) == (source is not None):
        raise Invalid("name files, or by --from the place that is to be emptied; see --help")
    if source is None:
        return [registry.find(file_id(text)) for text in files or ()], 0
    there = list(every_file(care.records, Selection(volume=source)))
    over = [file for file in there if file.state in {FileState.READY, FileState.DISABLED}]
    return [file for file in over if not registry.is_given_up(file.id)], len(there) - len(over)


async def _move_all(
    care: Care, files: Sequence[ArchivedFile], target: str, heard: Callable[[str, str], None]
) -> None:
    """heard: is told of each file, and why it stayed if it did."""
    from opengdi.apps.commands.crypt4gh.progress import progress_on_stderr
    from opengdi.apps.volumes import called
    from opengdi.kernel.clock import SystemClock
    from opengdi.kernel.errors import Conflict, NotFound

    size_bytes = sum(file.stored.body_bytes for file in files if file.stored)
    moving = care.moving
    with progress_on_stderr(Path(called(target)), size_bytes, SystemClock()) as advance:
        for file in files:
            try:
                _check_room(care, file, target)
                await moving.run(file.id, target, operator(), heard=advance)
                heard(file.id, "")
            except (Conflict, NotFound) as error:
                heard(file.id, str(error))


def _check_room(care: Care, file: ArchivedFile, target: str) -> None:
    """Raises Conflict."""
    from opengdi.apps.volumes import called, has_room
    from opengdi.archive.places import volume_of_place
    from opengdi.kernel.errors import Conflict

    size_bytes = file.stored.body_bytes if file.stored else 0
    if volume_of_place(file.place) != target and not has_room(care.state.settings, target, size_bytes):
        raise Conflict(f"{called(target)} has no room for {file.id}")
