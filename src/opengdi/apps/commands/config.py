"""`gdi config`: what is in force, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from opengdi.apps.disk import SYSFS, is_encrypted, open_to_others

if TYPE_CHECKING:
    from opengdi.apps.settings import DisclosureSettings, HubSettings, NodeSettings, Settings

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
    from opengdi.apps.preflight import check_what_start_needs
    from opengdi.apps.settings_file import load_settings

    settings = load_settings(config)
    check_what_start_needs(settings)
    for warning in warnings(settings):
        typer.echo(f"warning: {warning}", err=True)
    print("the settings can be used")


def warnings(settings: Settings, sysfs: Path = SYSFS) -> list[str]:
    """What can be used but should be thought about; `sysfs` is where the kernel describes block devices."""
    found = [*_about_places("node", settings.node, sysfs), *_about_places("hub", settings.hub, sysfs)]
    if settings.management.allow_remote:
        found.append(
            "management.allow_remote: whoever reaches that port sees metrics and health; it has no login"
        )
    if "prod" in {settings.node.environment, settings.hub.environment}:
        found += _about_production(settings)
    return [*found, *_about_disclosure(settings.disclosure)]


def _about_production(settings: Settings) -> Iterator[str]:
    if not settings.public.external_url:
        yield "public.external_url: not set, so answers will name the address listened on"
    if settings.database.url is None:
        yield "database.url: not set, so the state lies in a SQLite file; PostgreSQL can be backed up while it runs"


def _about_disclosure(section: DisclosureSettings) -> Iterator[str]:
    """About every knob that discloses more than its default does."""
    from opengdi.kernel.disclosure.policy import DisclosurePolicy

    told, default = section.policy, DisclosurePolicy()
    strictest = told.strictest(default)
    for name in type(section).model_fields:
        value, usual = getattr(told, name), getattr(default, name)
        if value != getattr(strictest, name):
            yield f"disclosure.{name}: {value} discloses more than the default, {usual} (decision 0006)"


def _about_places(role: str, home: NodeSettings | HubSettings, sysfs: Path) -> Iterator[str]:
    """About folders of the role that are there already."""
    if home.data_dir.exists() and is_encrypted(home.data_dir, sysfs) is False:
        yield f"{role}.data_dir: {home.data_dir} does not lie on an encrypted (dm-crypt) file system"
    for name, folder in (("data_dir", home.data_dir), ("keys_dir", home.keys_dir)):
        if open_to_others(folder):
            yield f"{role}.{name}: {folder} can be read by others; `chmod 700` it"
