"""Founding a node or a hub: its settings file, its keys, its database."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from opengdi.apps.disk import make_private_folder, write_private
from opengdi.apps.settings import Settings
from opengdi.apps.settings_file import DEFAULT_FILE, as_toml, load_settings, settings_with
from opengdi.kernel.clock import SystemClock
from opengdi.kernel.errors import Conflict

_HEAD: Final = """\
# Settings of an OpenGDI {role}. Every key stands here with its default; delete what you do not change.
# A variable wins over this file: GDI_NODE__NAME sets node.name. `gdi config check` explains mistakes.

"""


def found_node(folder: Path, identity: Mapping[str, str]) -> Path:
    """The settings file of a new node in `folder`, beside its keys and its database.

    Raises Conflict if the folder has a settings file; Misconfigured if the identity cannot be used.
    """
    from opengdi.apps import node

    file = write_settings(folder, "node", identity)
    with node.open_state(load_settings(file, {}), SystemClock()) as state:
        state.keys.signing_key(node.SIGNING_KEY)
    return file


def found_hub(folder: Path, identity: Mapping[str, str]) -> Path:
    """The settings file of a new hub in `folder`, beside its keys and its database; raises as `found_node`."""
    from opengdi.apps import hub

    file = write_settings(folder, "hub", identity)
    with hub.open_state(load_settings(file, {}), SystemClock()) as state:
        state.keys.signing_key(hub.SIGNING_KEY)
    return file


def write_settings(folder: Path, role: str, identity: Mapping[str, str]) -> Path:
    """A commented settings file for a node or hub with that identity, mode 0600; raises as `found_node`."""
    file = folder / DEFAULT_FILE
    if file.exists():
        raise Conflict(f"{file} is there already; settings are never overwritten")
    settings = settings_with(role, identity)
    others = {"node": {"hub"}, "hub": {"node", "beacon", "bulk", "federation", "access", "archive"}}[role]
    make_private_folder(folder)
    chosen = frozenset(set(Settings.model_fields) - others)
    write_private(file, _HEAD.format(role=role) + as_toml(settings, explained=True, only=chosen))
    return file
