"""Sequences of a FASTA file, one piece at a time, however long they are."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, cast

from opengdi.kernel.errors import Invalid

PIECE_BYTES: Final = 1024 * 1024
_GZIP_MAGIC: Final = b"\x1f\x8b"
_LONGEST_TITLE: Final = 64 * 1024


@contextmanager
def open_fasta(path: Path) -> Iterator[BinaryIO]:
    """The file's text, decompressed if it is gzip or BGZF. Raises Invalid."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise Invalid(f"{path}: cannot be read: {error.strerror}") from error
    with file:
        is_compressed = file.read(2) == _GZIP_MAGIC
        file.seek(0)
        if not is_compressed:
            yield file
            return
        with gzip.open(file) as text:
            yield cast("BinaryIO", text)


def read_fasta(file: BinaryIO, name: str) -> Iterator[str | bytes]:
    """For each sequence its title (the line after `>`) as text, then its lines in pieces as they are, as bytes.

    name: of the file, for messages. Raises Invalid if it is not FASTA or breaks off.
    """
    rest = b""
    for piece, is_last in _pieces(file, name):
        rest += piece
        while rest:
            taken, rest = _take(rest, name, is_last=is_last)
            if taken is None:
                break
            yield taken


def _take(rest: bytes, name: str, *, is_last: bool) -> tuple[str | bytes | None, bytes]:
    """A title or some bases from the front, and what is left; None if more must be read before."""
    if rest.startswith(b">"):
        end = rest.find(b"\n")
        if end < 0 and not is_last:
            if len(rest) > _LONGEST_TITLE:
                raise Invalid(f"{name}: a title of more than {_LONGEST_TITLE} bytes")
            return None, rest
        end = len(rest) if end < 0 else end
        return rest[1:end].decode("utf-8", "replace").strip(), b"\n" + rest[end + 1 :]
    end = rest.find(b"\n>")
    if end >= 0:
        return rest[:end], rest[end + 1 :]
    keep = 1 if rest.endswith(b"\n") and not is_last else 0  # a title may begin with the next piece
    if keep == len(rest):
        return None, rest
    return rest[: len(rest) - keep], rest[len(rest) - keep :]


def _pieces(file: BinaryIO, name: str) -> Iterator[tuple[bytes, bool]]:
    """Each with whether it is the last one."""
    try:
        piece = file.read(PIECE_BYTES)
        if not piece.startswith(b">"):
            raise Invalid(f"{name}: is not FASTA: it does not begin with '>'")
        while piece:
            following = file.read(PIECE_BYTES)
            yield piece, not following
            piece = following
    except (OSError, EOFError, zlib.error) as error:
        raise Invalid(f"{name}: breaks off or cannot be read: {error}") from error
