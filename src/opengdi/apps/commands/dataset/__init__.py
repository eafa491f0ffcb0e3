"""`gdi dataset`: load, look at, publish, hide, replace and withdraw dataset releases at a node."""

from __future__ import annotations

import typer

from opengdi.apps.commands.dataset.load import load

app = typer.Typer(no_args_is_help=True, help="Load, preview, publish, hide, replace and withdraw datasets.")
app.command()(load)
