"""`gdi dataset publish|hide|replace|withdraw|list|show`: the life of a release at a node."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opengdi.apps.commands.config import ConfigOption
from opengdi.apps.commands.dataset.naming import Dataset, find, find_newest, find_only

if TYPE_CHECKING:
    from opengdi.apps.node import NodeState
    from opengdi.discovery.model import ShelvedRelease
    from opengdi.discovery.releases import Shelf

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def publish(dataset: Dataset, config: ConfigOption = None, json: Json = False) -> None:
    """Let queries see a release, once its files are those of its manifest. Undone by `hide`.

    Without a version the newest one that is loaded is meant, or else the one that is hidden.
    """
    _change(dataset, config, json=json, find=_first_of("loaded", "hidden", "published"), act=_publish)


def replace(dataset: Dataset, config: ConfigOption = None, json: Json = False) -> None:
    """Publish a version in place of the one that is published: every answer is of one of them, none of both.

    Without a version the newest one that is loaded is meant.
    """
    _change(dataset, config, json=json, find=_first_of("loaded"), act=_replace)


def hide(dataset: Dataset, config: ConfigOption = None, json: Json = False) -> None:
    """Take a release out of sight. Undone by `publish`. Without a version the one that is published is meant."""
    _change(dataset, config, json=json, find=_first_of("published", "hidden"), act=_hide)


def withdraw(
    dataset: Dataset,
    config: ConfigOption = None,
    erase_files: Annotated[
        bool, typer.Option("--erase-files", help="Delete its files too, for good.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; needed where nobody can be asked.")] = False,
    json: Json = False,
) -> None:
    """Leave a tombstone in place of a release: it is never seen again, and its version is never used again.

    Where a dataset has several versions, one must be named.
    """

    def act(state: NodeState, release: ShelvedRelease) -> ShelvedRelease:
        from shutil import rmtree

        from opengdi.apps.variants import index_folder

        if not yes:
            _ask_whether(release)
        gone = state.shelf.withdraw(*_name(release), erase_files=erase_files)
        rmtree(index_folder(state.settings).incoming(gone.number), ignore_errors=True)
        return gone

    _change(dataset, config, json=json, find=find_only, act=act)


def list_releases(config: ConfigOption = None, json: Json = False) -> None:
    """List every release of this node and its state, tombstones included."""
    with _state(config) as state:
        releases = state.shelf.all()
    if json:
        _print_json([_summary(release) for release in releases])
        return
    from opengdi.apps.terminal import plain_table, print_table

    table = plain_table()
    for name in ("dataset", "version", "state", "assembly", "individuals", "alleles"):
        table.add_column(name)
    for release in releases:
        manifest = release.manifest
        people, sites = f"{manifest.individuals:,}", f"{manifest.sites:,}"
        table.add_row(manifest.dataset, manifest.version, release.state, manifest.assembly, people, sites)
    print_table(table)


def show(dataset: Dataset, config: ConfigOption = None, json: Json = False) -> None:
    """Show a release: its state, its manifest, the disclosure policy it was loaded with.

    Without a version the newest one is meant.
    """
    with _state(config) as state:
        release = find_newest(state.shelf, dataset)
    told = _summary(release) | {"folder": str(release.folder), "manifest": _builtins(release.manifest)}
    if json:
        _print_json(told)
        return
    for name, value in told.items():
        if name != "manifest":
            print(f"{name}: {value}")
    for name, value in told["manifest"].items():
        if name != "files":
            print(f"  {name}: {_in_words(value)}")
    for file in told["manifest"]["files"]:
        print(f"  file {file['path']}  {file['size_bytes']:,} bytes  sha256 {file['sha256']}")


def _change(
    dataset: str,
    config: Any,
    *,
    json: bool,
    find: Callable[[Shelf, str], ShelvedRelease],
    act: Callable[[NodeState, ShelvedRelease], ShelvedRelease],
) -> None:
    with _state(config) as state:
        before = find(state.shelf, dataset)
        after = act(state, before)
    if json:
        _print_json(_summary(after))
        return
    name, version = _name(after)
    if after.state is before.state:
        print(f"{name} version {version} was {after.state} already")
    else:
        print(f"{name} version {version}: {before.state} -> {after.state}")


def _first_of(*states: str) -> Callable[[Shelf, str], ShelvedRelease]:
    """How a command finds its release where no version is named."""
    return lambda shelf, named: find(shelf, named, *states)


def _ask_whether(release: ShelvedRelease) -> None:
    """Have somebody at the terminal confirm a withdrawal. Raises Invalid if there is no terminal."""
    import sys

    from opengdi.kernel.errors import Invalid

    dataset, version = _name(release)
    if not sys.stdin.isatty():
        raise Invalid(
            f"withdrawing {dataset} version {version} ({release.state}) is for ever: confirm with --yes"
        )
    typer.confirm(f"Withdraw {dataset} version {version} ({release.state}) for ever?", abort=True, err=True)


def _hide(state: NodeState, release: ShelvedRelease) -> ShelvedRelease:
    return state.shelf.hide(*_name(release))


def _publish(state: NodeState, release: ShelvedRelease) -> ShelvedRelease:
    _build_aside(state, release)
    return state.shelf.publish(*_name(release))


def _replace(state: NodeState, release: ShelvedRelease) -> ShelvedRelease:
    _build_aside(state, release)
    return state.shelf.replace(*_name(release))


def _build_aside(state: NodeState, release: ShelvedRelease) -> None:
    """Build the index files now, so that the serving process needs to take them in only."""
    from opengdi.apps.variants import index_folder
    from opengdi.discovery.variants.sst import build_index_files
    from opengdi.kernel.bulk import open_pool
    from opengdi.kernel.release import ReleaseState

    if release.state is ReleaseState.LOADED:
        state.shelf.check(release)
        bulk = state.settings.bulk
        with open_pool(workers=bulk.workers, dask_scheduler=None) as pool:
            build_index_files(release, index_folder(state.settings).incoming(release.number), pool)


@contextmanager
def _state(config: Any) -> Iterator[NodeState]:
    from opengdi.apps.node import open_state
    from opengdi.apps.settings_file import load_settings
    from opengdi.kernel.clock import SystemClock

    with open_state(load_settings(config), SystemClock()) as state:
        yield state


def _name(release: ShelvedRelease) -> tuple[str, str]:
    return release.manifest.dataset, release.manifest.version


def _summary(release: ShelvedRelease) -> dict[str, Any]:
    manifest = release.manifest
    return {
        "dataset": manifest.dataset,
        "version": manifest.version,
        "state": str(release.state),
        "number": release.number,
        "assembly": manifest.assembly,
        "individuals": manifest.individuals,
        "alleles": manifest.sites,
    }


def _in_words(value: Any) -> Any:
    """A value of a manifest as a line of text."""
    if isinstance(value, dict):
        return ", ".join(f"{name} = {one}" for name, one in value.items())
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else value


def _builtins(thing: object) -> Any:
    import msgspec

    return msgspec.to_builtins(thing)


def _print_json(thing: object) -> None:
    from json import dumps

    print(dumps(thing, indent=2))
