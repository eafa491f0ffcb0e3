"""`gdi`: the one command. Each group of commands is a module of `apps.commands` that brings its own `app`."""

from __future__ import annotations

import typer

from opengdi.apps.commands import dataset

app = typer.Typer(
    no_args_is_help=True,
    help="A country's genome node and the European hub in one command.",
    pretty_exceptions_enable=False,
)
app.add_typer(dataset.app, name="dataset")


def main() -> None:
    """Run the command line."""
    app()
