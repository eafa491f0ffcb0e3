"""`gdi archive`: look at archived files, drive them on, map them to datasets; keep them whole and readable."""

from __future__ import annotations

import typer

from opengdi.apps.commands.archive import care, files, move

app = typer.Typer(
    no_args_is_help=True, help="Look at archived files, drive them on, keep them, map them to datasets."
)
app.add_typer(files.app)
app.add_typer(care.app)
app.add_typer(move.app)
