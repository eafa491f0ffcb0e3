"""Where the bodies of a node's archive lie: one place, or several, of which the first with room takes new files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from opengdi.apps.disk import write_private
from opengdi.apps.settings import MAIN_PLACE
from opengdi.archive.places import volume_of
from opengdi.kernel.errors import Conflict, Invalid, NotFound

if TYPE_CHECKING:
    from opengdi.apps.settings import ArchiveSettings, Settings
    from opengdi.archive.registry import Waiting
    from opengdi.kernel.storage import Storage

    Volumes = Mapping[str, Storage]
    """Places by name, in the order in which they take new files."""

ARCHIVE: Final = "archive"
SERVED: Final = "archive-places.json"
"""In the data directory: the places that the process which serves, or did so last, was started with."""

MAIN: Final = ""
"""Name of the place that is `archive.storage`."""


def open_volumes(settings: Settings) -> Volumes:
    """Every place that the settings name. Raises Invalid."""
    main = open_place(settings.archive.storage, settings.node.data_dir / ARCHIVE, settings.archive)
    return {MAIN: main} | {
        name: open_place(place, Path(place), settings.archive)
        for name, place in settings.archive.volumes.items()
    }


def check_volumes(settings: Settings) -> None:
    """Raises Invalid for a folder that is not there; nothing is opened."""
    for place in (settings.archive.storage, settings.archive.inbox, *settings.archive.volumes.values()):
        if place.startswith("/"):
            _there(Path(place))


def as_one(volumes: Volumes) -> Storage:
    """The archive's storage: each object in the place that its key names."""
    if len(volumes) == 1:
        return volumes[MAIN]
    from opengdi.kernel.storage.routed import RoutedStorage

    return RoutedStorage(volumes, volume_of)


def open_place(place: str, default: Path, settings: ArchiveSettings) -> Storage:
    """A directory, `default` unless it is named, or a store by its URL. Raises Invalid."""
    if not place or place.startswith("/"):
        from opengdi.kernel.storage.directory import DirectoryStorage

        return DirectoryStorage(_there(Path(place)) if place else default)
    from opengdi.kernel.storage.object_store import ObjectStorage

    options = {name: value.get_secret_value() for name, value in settings.storage_options.items()}
    client: dict[str, Any] = {"allow_http": options.pop("allow_http", "false").lower() == "true"}
    client |= {name: options.pop(name) for name in ("timeout", "connect_timeout") if name in options}
    return ObjectStorage.at(place, options, client)


def volume_for(size_bytes: int, settings: Settings, waiting: Waiting) -> str:
    """The first place with room for so many bytes beside those that wait for it; if none has, that with the most."""
    before, closed = waiting(), {named(settings, place) for place in settings.archive.closed}
    rooms = {name: room for name, room in _free_bytes(settings).items() if name not in closed}
    free = {name: room - before.get(name, 0) - size_bytes for name, room in rooms.items()}
    least = settings.archive.least_free_bytes
    return next((name for name, left in free.items() if left >= least), max(free, key=free.__getitem__))


def without_room(settings: Settings) -> tuple[str, ...]:
    """Places that take no new files any more, but should, as people call them; none where there is only one."""
    least = settings.archive.least_free_bytes if settings.archive.volumes else 0
    full = [called(name) for name, room in _free_bytes(settings).items() if room < least]
    return tuple(place for place in full if place not in settings.archive.closed)


def has_room(settings: Settings, name: str, size_bytes: int) -> bool:
    """True if a file of that size may be moved to a place."""
    return _free_bytes(settings)[name] - size_bytes >= settings.archive.least_free_bytes


def called(name: str) -> str:
    """What people call a place."""
    return name or MAIN_PLACE


def named(settings: Settings, place: str) -> str:
    """The name of a place as people call it. Raises Invalid if there is no such place."""
    known = {called(name): name for name in (MAIN, *settings.archive.volumes)}
    if place not in known:
        raise Invalid(f"there is no place {place!r}; known are {', '.join(known)}")
    return known[place]


def tell_served(settings: Settings) -> None:
    """Note the places that this serving process knows, for commands that move files."""
    known = [called(name) for name in (MAIN, *settings.archive.volumes)]
    write_private(settings.node.data_dir / SERVED, json.dumps(known))


def check_target(settings: Settings, name: str) -> None:
    """Raises Invalid if a place is closed, Conflict if the process that serves would not find files there."""
    from opengdi.apps.process import listening_addresses

    if called(name) in settings.archive.closed:
        raise Invalid(f"{called(name)} is closed: see archive.closed")
    try:
        listening_addresses(settings.node.data_dir)
        known = json.loads((settings.node.data_dir / SERVED).read_text(encoding="utf-8"))
    except (NotFound, FileNotFoundError):
        return
    if called(name) not in known:
        raise Conflict(f"the node that serves does not know {called(name)} yet: restart it")


def _free_bytes(settings: Settings) -> dict[str, float]:
    """By name. A store is never full; a folder that is not there has no room: its disk is not mounted."""
    own = settings.node.data_dir / ARCHIVE  # made when it is first needed
    main = settings.archive.storage or str(own if own.is_dir() else own.parent)
    places = {MAIN: main, **settings.archive.volumes}
    return {name: float("inf") if "://" in place else _free_at(Path(place)) for name, place in places.items()}


def _free_at(folder: Path) -> float:
    return shutil.disk_usage(folder).free if folder.is_dir() else 0.0


def _there(folder: Path) -> Path:
    """A folder that is named is not made: where its disk is not mounted, another one would be filled."""
    if not folder.is_dir():
        raise Invalid(f"there is no folder {folder} for the archive: make it, on its own disk")
    return folder
