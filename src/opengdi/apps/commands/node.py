"""`gdi node`: set up, start and look at a node."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from opengdi.apps.commands.config import ConfigOption

app = typer.Typer(no_args_is_help=True, help="Set up, start and look at a node.")


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Folder of the node; made if it is not there.")],
    node_id: Annotated[
        str, typer.Option("--id", help="Reverse domain name of the node.")
    ] = "org.example.node",
    name: Annotated[str, typer.Option(help="Name of the node, for people.")] = "OpenGDI node",
    country: Annotated[str, typer.Option(help="Two-letter country code.")] = "XX",
) -> None:
    """Write a commented gdi.toml, make the keys and the database. Changes nothing that is already there."""
    from opengdi.apps.founding import found_node

    file = found_node(folder, {"id": node_id, "name": name, "country": country})
    print(
        f"wrote {file}\nnext: edit it, `gdi config check --config {file}`, `gdi node start --config {file}`"
    )


@app.command()
def start(config: ConfigOption = None) -> None:
    """Serve the node until SIGTERM or Ctrl-C."""
    from opengdi.apps.node import run_node
    from opengdi.apps.settings_file import load_settings_of
    from opengdi.kernel.clock import SystemClock
    from opengdi.kernel.logging import write_log_lines

    settings = load_settings_of("node", config)
    write_log_lines(settings.log.level, settings.log.format)
    run_node(settings, SystemClock())


@app.command()
def status(
    config: ConfigOption = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object instead of lines.")] = False,
) -> None:
    """Ask the running node how it is. Leaves with 3 if none runs, 8 if it is not ready."""
    from opengdi.apps.settings_file import load_settings_of
    from opengdi.apps.status import print_status

    print_status(load_settings_of("node", config).node.data_dir, as_json=json)


@app.command()
def key(config: ConfigOption = None) -> None:
    """Print the node's public key as a JSON Web Key, for the hub's registry."""
    import json

    from opengdi.apps.node import SIGNING_KEY
    from opengdi.apps.settings_file import load_settings_of
    from opengdi.kernel.keys import KeyFolder

    node = load_settings_of("node", config).node
    keys = KeyFolder(node.keys_dir, data_dir=node.data_dir)
    print(json.dumps(keys.signing_key(SIGNING_KEY).public.as_jwk()))


@app.command()
def reindex(config: ConfigOption = None) -> None:
    """Rebuild the serving index from the truth; what is served goes on, and changes over when it is complete."""
    from opengdi.apps.node import open_state
    from opengdi.apps.settings_file import load_settings_of
    from opengdi.apps.variants import rebuild_index
    from opengdi.kernel.clock import SystemClock

    with open_state(load_settings_of("node", config), SystemClock()) as state:
        print(f"rebuilt the index of {rebuild_index(state)} releases")
