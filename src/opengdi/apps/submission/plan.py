"""Which files are sent, and by which names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from opengdi.kernel.errors import Invalid, NotFound
from opengdi.standards.crypt4gh.header import MAGIC

SUFFIX: Final = ".c4gh"
_SIDE_FILE: Final = re.compile(r"\.(md5|sha1|sha256|sha512|sums?)\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Item:
    """One file to send. path: its name at the node. encrypted: it is a Crypt4GH file already, and goes as it is."""

    source: Path
    path: str
    encrypted: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """What is sent, and what is left out: hidden files, and files of digests, which are declared instead."""

    items: tuple[Item, ...]
    left_out: tuple[Path, ...]


def plan(places: Sequence[Path], prefix: str = "") -> Plan:
    """All files in folders, by their path below the folder, and single files by their name.

    Raises NotFound for what is not there, Invalid if nothing is left or two files would have the same name.
    """
    found = [pair for place in places for pair in _files(place)]
    sent = [(source, name) for source, name in found if not _is_left_out(Path(name))]
    items = tuple(_item(source, f"{prefix.strip('/')}/{name}".lstrip("/")) for source, name in sent)
    twice = [path for path, times in Counter(item.path for item in items).items() if times > 1]
    if twice:
        raise Invalid(f"several files would be {twice[0]!r} at the node; submit them one after the other")
    if not items:
        raise Invalid("there is no file to submit: hidden files and files of digests are left out")
    return Plan(items, tuple(source for source, name in found if _is_left_out(Path(name))))


def _files(place: Path) -> Iterator[tuple[Path, str]]:
    if place.is_dir():
        yield from _below(place)
    elif place.is_file():
        yield place.resolve(), place.name
    else:
        raise NotFound(f"{place}: there is no such file or folder")


def _below(folder: Path) -> Iterable[tuple[Path, str]]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return [(path.resolve(), path.relative_to(folder).as_posix()) for path in paths]


def _is_left_out(name: Path) -> bool:
    return any(part.startswith(".") for part in name.parts) or bool(_SIDE_FILE.search(name.name))


def _item(source: Path, path: str) -> Item:
    with source.open("rb") as file:
        encrypted = file.read(len(MAGIC)) == MAGIC
    return Item(source, path if path.endswith(SUFFIX) else path + SUFFIX, encrypted)
