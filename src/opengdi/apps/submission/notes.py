"""What is remembered of a file while it is sent: a file of mode 0600 with its data key, in lines of JSON.

The first line says what is sent where and how; each further one is written before the bytes that it covers leave: up to
which byte of the source they go, and the SHA-256 of the source up to there. So the same bytes can be made again, and
never others under the same key.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import msgspec

from opengdi.kernel.files import write_all, write_whole


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the bytes of one file are made. key: the node's public key, Base64.

    data_key, first_nonce, header: Base64; empty for a file that is encrypted already. size, modified_ns: of the source.
    batch_bytes: of the source, from mark to mark.
    """

    node: str
    source: str
    path: str
    dataset: str
    size: int
    modified_ns: int
    batch_bytes: int
    key: str
    data_key: str = field(default="", repr=False)
    first_nonce: str = ""
    header: str = ""
    location: str = ""
    file_id: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in the source up to which bytes may have left, and its SHA-256 up to there."""

    upto: int
    sha256: str


class Notes:
    """The notes of one file."""

    def __init__(self, path: Path, recipe: Recipe, marks: Sequence[Mark] = ()) -> None:
        self.path = path
        self.recipe = recipe
        self._marks = {mark.upto: mark.sha256 for mark in marks}

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """What was noted; None if nothing was, or nothing that can be understood."""
        try:
            lines = path.read_bytes().splitlines()
            recipe = msgspec.json.decode(lines[0], type=Recipe)
            return cls(path, recipe, [mark for line in lines[1:] if (mark := _mark(line)) is not None])
        except (FileNotFoundError, IndexError, msgspec.DecodeError):
            return None

    def write(self, recipe: Recipe) -> None:
        """Replace the recipe; the marks stay."""
        lines = [recipe, *(Mark(upto, sha256) for upto, sha256 in self._marks.items())]
        write_whole(self.path, b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
        self.recipe = recipe

    def agrees(self, mark: Mark) -> bool:
        """False if other bytes may have left up to this place."""
        return self._marks.get(mark.upto, mark.sha256) == mark.sha256

    def add(self, mark: Mark) -> None:
        """Note, before the bytes leave, that they may have; it is on the disk when this returns."""
        if mark.upto in self._marks:
            return
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        try:
            write_all(descriptor, msgspec.json.encode(mark) + b"\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self._marks[mark.upto] = mark.sha256

    def forget(self) -> None:
        """Nothing is remembered any more, the data key least of all."""
        self.path.unlink(missing_ok=True)


def place_of(folder: Path, node: str, source: Path, path: str) -> Path:
    """Where the notes of a file lie."""
    name = hashlib.sha256("\n".join((node, str(source), path)).encode()).hexdigest()[:32]
    return folder / f"{name}.jsonl"


def packed(raw: bytes) -> str:
    """Bytes as notes hold them."""
    return base64.b64encode(raw).decode()


def unpacked(text: str) -> bytes:
    return base64.b64decode(text)


def _mark(line: bytes) -> Mark | None:
    """A line that a crash cut off covers nothing that left."""
    try:
        found: Any = msgspec.json.decode(line, type=Mark)
    except msgspec.DecodeError:
        return None
    return found if isinstance(found, Mark) else None
