"""`gdi hub`: set up, start and look at a hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from opengdi.apps.commands.config import ConfigOption

app = typer.Typer(no_args_is_help=True, help="Set up, start and look at a hub.")


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Folder of the hub; made if it is not there.")],
    hub_id: Annotated[str, typer.Option("--id", help="Reverse domain name of the hub.")] = "org.example.hub",
    name: Annotated[str, typer.Option(help="Name of the hub, for people.")] = "OpenGDI hub",
) -> None:
    """Write a commented gdi.toml, make the keys and the database. Changes nothing that is already there."""
    from opengdi.apps.founding import found_hub

    file = found_hub(folder, {"id": hub_id, "name": name})
    print(
        f"wrote {file}\nnext: edit it, `gdi registry add …`, `gdi registry sign`, `gdi hub start --config {file}`"
    )


@app.command()
def start(config: ConfigOption = None) -> None:
    """Serve the hub until SIGTERM or Ctrl-C."""
    from opengdi.apps.hub import run_hub
    from opengdi.apps.settings_file import load_settings_of
    from opengdi.kernel.clock import SystemClock
    from opengdi.kernel.logging import write_log_lines

    settings = load_settings_of("hub", config)
    write_log_lines(settings.log.level, settings.log.format)
    run_hub(settings, SystemClock())


@app.command()
def status(
    config: ConfigOption = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object instead of lines.")] = False,
) -> None:
    """Ask the running hub how it is. Leaves with 3 if none runs, 8 if it is not ready."""
    from opengdi.apps.settings_file import load_settings_of
    from opengdi.apps.status import print_status

    print_status(load_settings_of("hub", config).hub.data_dir, as_json=json)


@app.command()
def key(config: ConfigOption = None) -> None:
    """Print the hub's public key as a JSON Web Key, for the nodes to pin."""
    import json

    from opengdi.apps.networks import SIGNING_KEY, open_keys
    from opengdi.apps.settings_file import load_settings_of

    print(json.dumps(open_keys(load_settings_of("hub", config).hub).signing_key(SIGNING_KEY).public.as_jwk()))
