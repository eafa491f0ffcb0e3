"""`gdi config`: what is in force, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from opengdi.apps.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Show the effective settings and explain mistakes in them.")

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", help="Settings file (TOML); else the one in GDI_CONFIG, else ./gdi.toml."),
]


@app.command()
def show(
    config: ConfigOption = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object instead of TOML.")] = False,
) -> None:
    """Print the effective settings: defaults, file, environment. Secrets print as ***."""
    from json import dumps

    from opengdi.apps.settings_file import as_toml, effective, load_settings

    settings = load_settings(config)
    print(dumps(effective(settings), indent=2) if json else as_toml(settings).rstrip())


@app.command()
def check(config: ConfigOption = None) -> None:
    """Explain every mistake by its path and leave with 2, or say that the settings can be used."""
    from opengdi.apps.settings_file import load_settings

    settings = load_settings(config)
    for warning in warnings(settings):
        typer.echo(f"warning: {warning}", err=True)
    print("the settings can be used")


def warnings(settings: Settings) -> list[str]:
    """What can be used but should be thought about."""
    from opengdi.apps.disk import is_encrypted, open_to_others

    node, found = settings.node, []
    if is_encrypted(node.data_dir) is False:
        found.append(f"node.data_dir: {node.data_dir} does not lie on an encrypted (dm-crypt) file system")
    found += [
        f"node.{name}: {folder} can be read by others; `chmod 700` it"
        for name, folder in (("data_dir", node.data_dir), ("keys_dir", node.keys_dir))
        if open_to_others(folder)
    ]
    if settings.management.allow_remote:
        found.append(
            "management.allow_remote: whoever reaches that port sees metrics and health; it has no login"
        )
    if not settings.public.external_url and node.environment == "prod":
        found.append("public.external_url: not set, so answers will name the address listened on")
    return found
