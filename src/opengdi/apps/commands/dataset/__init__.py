"""`gdi dataset`: load, look at, publish, hide, replace and withdraw dataset releases at a node."""

from __future__ import annotations

import typer

from opengdi.apps.commands.dataset.lifecycle import hide, list_releases, publish, replace, show, withdraw
from opengdi.apps.commands.dataset.load import load
from opengdi.apps.commands.dataset.preview import preview

app = typer.Typer(no_args_is_help=True, help="Load, preview, publish, hide, replace and withdraw datasets.")
app.command()(load)
app.command()(preview)
app.command()(publish)
app.command()(hide)
app.command()(replace)
app.command()(withdraw)
app.command("list")(list_releases)
app.command()(show)
