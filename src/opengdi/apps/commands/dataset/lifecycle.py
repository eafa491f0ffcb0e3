"""`gdi dataset publish|hide|replace|withdraw|list|show`: the life of a release at a node."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from opengdi.apps.commands.config import ConfigOption

if TYPE_CHECKING:
    from opengdi.apps.node import NodeState
    from opengdi.discovery.model import ShelvedRelease
    from opengdi.discovery.releases import Shelf

Dataset = Annotated[str, typer.Argument(help="Id of the dataset.")]
Version = Annotated[str | None, typer.Argument(help="Version; not given: the newest one.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def publish(
    dataset: Dataset, version: Version = None, config: ConfigOption = None, json: Json = False
) -> None:
    """Let queries see a release, once its files are those of its manifest. Undone by `hide`."""
    _change(dataset, version, config, json=json, act=_publish)


def replace(
    dataset: Dataset, version: Version = None, config: ConfigOption = None, json: Json = False
) -> None:
    """Publish a version in place of the one that is published: every answer is of one of them, none of both."""
    _change(dataset, version, config, json=json, act=_replace)


def hide(dataset: Dataset, version: Version = None, config: ConfigOption = None, json: Json = False) -> None:
    """Take a release out of sight. Undone by `publish`."""
    _change(dataset, version, config, json=json, act=lambda state, release: state.shelf.hide(*_name(release)))


def withdraw(
    dataset: Dataset,
    version: Version = None,
    config: ConfigOption = None,
    erase_files: Annotated[
        bool, typer.Option("--erase-files", help="Delete its files too, for good.")
    ] = False,
    json: Json = False,
) -> None:
    """Leave a tombstone in place of a release: it is never seen again, and its version is never used again."""

    def act(state: NodeState, release: ShelvedRelease) -> ShelvedRelease:
        from shutil import rmtree

        from opengdi.apps.variants import index_folder

        gone = state.shelf.withdraw(*_name(release), erase_files=erase_files)
        rmtree(index_folder(state.settings).incoming(gone.number), ignore_errors=True)
        return gone

    _change(dataset, version, config, json=json, act=act)


_WIDTH: Final = 160
"""Of a table whose ids must stay whole, whatever the terminal: they are there to be copied."""


def list_releases(config: ConfigOption = None, json: Json = False) -> None:
    """List every release of this node and its state, tombstones included."""
    with _state(config) as state:
        releases = state.shelf.all()
    if json:
        _print_json([_summary(release) for release in releases])
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in ("dataset", "version", "state", "assembly", "individuals", "alleles"):
        table.add_column(name, no_wrap=True)
    for release in releases:
        manifest = release.manifest
        people, sites = f"{manifest.individuals:,}", f"{manifest.sites:,}"
        table.add_row(manifest.dataset, manifest.version, release.state, manifest.assembly, people, sites)
    Console(width=_WIDTH).print(table)


def show(dataset: Dataset, version: Version = None, config: ConfigOption = None, json: Json = False) -> None:
    """Show a release: its state, its manifest, the disclosure policy it was loaded with."""
    with _state(config) as state:
        release = _find(state.shelf, dataset, version)
    told = _summary(release) | {"folder": str(release.folder), "manifest": _builtins(release.manifest)}
    if json:
        _print_json(told)
        return
    for name, value in told.items():
        if name != "manifest":
            print(f"{name}: {value}")
    for name, value in told["manifest"].items():
        if name != "files":
            print(f"  {name}: {value}")
    for file in told["manifest"]["files"]:
        print(f"  file {file['path']}  {file['size_bytes']:,} bytes  sha256 {file['sha256']}")


def _change(
    dataset: str,
    version: str | None,
    config: Any,
    *,
    json: bool,
    act: Callable[[NodeState, ShelvedRelease], ShelvedRelease],
) -> None:
    with _state(config) as state:
        before = _find(state.shelf, dataset, version)
        after = act(state, before)
    if json:
        _print_json(_summary(after))
    elif after.state is before.state:
        print(f"{dataset} version {after.manifest.version} was {after.state} already")
    else:
        print(f"{dataset} version {after.manifest.version}: {before.state} -> {after.state}")


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


def _find(shelf: Shelf, dataset: str, version: str | None) -> ShelvedRelease:
    """The version asked, or the newest. Raises NotFound."""
    from opengdi.kernel.errors import NotFound

    if version is not None:
        return shelf.find(dataset, version)
    found = [release for release in shelf.all() if release.manifest.dataset == dataset]
    if not found:
        raise NotFound(f"there is no {dataset} on the shelf; load it first (`gdi dataset load`)")
    return found[-1]


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


def _builtins(thing: object) -> Any:
    import msgspec

    return msgspec.to_builtins(thing)


def _print_json(thing: object) -> None:
    from json import dumps

    print(dumps(thing, indent=2))
