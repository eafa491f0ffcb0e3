"""Which files a command means: those that are named, or all that an option says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from opengdi.apps.archive import Records
    from opengdi.archive.listing import Selection
    from opengdi.archive.model import ArchivedFile
    from opengdi.kernel.ids import FileId

Files = Annotated[
    list[str] | None, typer.Argument(metavar="[FILE]...", help="Accessions, such as GDIF-EE-0123456789.")
]


def files_meant(records: Records, files: Sequence[str] | None, otherwise: Selection | None) -> list[FileId]:
    """The files that were named, or those that the option means. Raises Invalid if neither was given."""
    from opengdi.kernel.errors import Invalid
    from opengdi.kernel.ids import file_id

    if bool(files) == (otherwise is not None):
        raise Invalid("name files, or say by the option which are meant; see --help")
    if otherwise is not None:
        return [file.id for file in every_file(records, otherwise)]
    return [file_id(text) for text in files or ()]


def every_file(records: Records, selection: Selection) -> Iterator[ArchivedFile]:
    """The files of a selection, read by pages."""
    after: FileId | None = None
    while True:
        page = records.registry.page(selection, after=after, most=1000)
        yield from page.files
        if page.after is None:
            return
        after = page.after
