"""How a release is named on the command line: `DATASET` or `DATASET@VERSION`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from opengdi.discovery.model import ShelvedRelease
    from opengdi.discovery.releases import Shelf

Dataset = Annotated[
    str, typer.Argument(metavar="DATASET[@VERSION]", help="Id of the dataset, and the version that is meant.")
]


def split(named: str) -> tuple[str, str | None]:
    """Id and version; None where no version is named."""
    dataset, _, version = named.partition("@")
    return dataset, version or None


def find(shelf: Shelf, named: str, *states: str) -> ShelvedRelease:
    """The version named; else the newest in the first of `states` that any version has.

    Raises NotFound if there is no such release, Conflict if none is in such a state.
    """
    from opengdi.kernel.errors import Conflict

    dataset, version = split(named)
    if version is not None:
        return shelf.find(dataset, version)
    versions = _versions(shelf, dataset)
    for state in states:
        if found := [release for release in versions if release.state == state]:
            return found[-1]
    raise Conflict(f"{dataset} has no version that is {' or '.join(states)}: {_choice(versions)}")


def find_only(shelf: Shelf, named: str) -> ShelvedRelease:
    """The version named, or the only one that is not withdrawn. Raises NotFound, Invalid if there are several."""
    from opengdi.kernel.errors import Invalid

    dataset, version = split(named)
    if version is not None:
        return shelf.find(dataset, version)
    versions = _versions(shelf, dataset)
    standing = [release for release in versions if release.state != "withdrawn"]
    if len(standing) > 1:
        raise Invalid(f"{dataset} has several versions: {_choice(standing)}")
    return (standing or versions)[-1]


def find_newest(shelf: Shelf, named: str) -> ShelvedRelease:
    """The version named, or the newest. Raises NotFound."""
    dataset, version = split(named)
    return _versions(shelf, dataset)[-1] if version is None else shelf.find(dataset, version)


def _versions(shelf: Shelf, dataset: str) -> list[ShelvedRelease]:
    """Every version, oldest first. Raises NotFound if there is none."""
    from opengdi.kernel.errors import NotFound

    found = [release for release in shelf.all() if release.manifest.dataset == dataset]
    if not found:
        raise NotFound(f"there is no {dataset} on the shelf; load it first (`gdi dataset load`)")
    return found


def _choice(versions: list[ShelvedRelease]) -> str:
    told = ", ".join(f"{release.manifest.version} ({release.state})" for release in versions)
    newest = versions[-1].manifest
    return f"{told}; say which one, such as {newest.dataset}@{newest.version}"
