"""Sequences on disk: one file of bases each, named by digest, and one catalogue that says what is there.

A load writes files aside and renames them, the catalogue last: whoever serves meanwhile sees the old or the new one.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from opengdi.delivery.refget.catalogue import Alias, Catalogue, Known
from opengdi.delivery.refget.fasta import open_fasta, read_fasta
from opengdi.kernel.errors import Conflict, Invalid, Unavailable
from opengdi.kernel.files import create_private, opened_in_thread, sync_folder, write_all, write_whole
from opengdi.standards.refget.digests import Digester, SequenceId, normalised

PIECE_BYTES: Final = 1024 * 1024
_CATALOGUE: Final = "catalogue.json"
_SEQUENCES: Final = "sequences"
_LOCK: Final = "lock"

_decode = msgspec.json.Decoder(tuple[Known, ...]).decode
_encode = msgspec.json.Encoder().encode

Heard = Callable[[Known], object]
"""Is told of each sequence when it is stored."""


@dataclass(frozen=True, slots=True)
class Naming:
    """What a load says of the sequences of a file, which are known there by the first word of their titles.

    authority: who gave those names; empty: they are not kept. aliases: further ones by name. circular: names of
    sequences without an end.
    """

    authority: str = ""
    aliases: Mapping[str, Sequence[Alias]] = field(default_factory=dict)
    circular: frozenset[str] = frozenset()

    def of(self, name: str) -> tuple[Alias, ...]:
        given = (Alias(name, self.authority),) if self.authority and name else ()
        return tuple(sorted({*given, *self.aliases.get(name, ())}))


class SequenceShelf:
    """The sequences of a folder, which is made when something is first stored in it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: tuple[int, int] | None = None
        self._catalogue = Catalogue()

    def catalogue(self) -> Catalogue:
        """What is there now; read again if a load has changed it. Raises Unavailable if it is damaged."""
        path = self._folder / _CATALOGUE
        try:
            facts = path.stat()
            seen = (facts.st_ino, facts.st_mtime_ns)
            if seen != self._seen:
                self._catalogue, self._seen = Catalogue(_decode(path.read_bytes())), seen
        except FileNotFoundError:
            return Catalogue()
        except (OSError, msgspec.DecodeError) as error:
            raise Unavailable(f"{path}: cannot be read: {error}") from error
        return self._catalogue

    @property
    def folder(self) -> Path:
        """Where the files of bases are."""
        return self._folder / _SEQUENCES

    def name_of(self, md5: str) -> str | None:
        """The name of the file of the sequence with that MD5 (lower-case hex), if it is here. Raises Unavailable."""
        found = self.catalogue().find(SequenceId("md5", md5))
        return found[0].trunc512 if found else None

    async def read(self, one: Known, spans: Sequence[tuple[int, int]]) -> AsyncIterator[bytes]:
        """Bases of the spans [first, stop), one after the other, in pieces. Raises Unavailable."""
        path = self.folder / one.trunc512
        try:
            descriptor = await opened_in_thread(partial(os.open, path, os.O_RDONLY | os.O_CLOEXEC), os.close)
        except OSError as error:
            raise Unavailable(f"{path}: cannot be read: {error.strerror}") from error
        try:
            for first, stop in spans:
                for at in range(first, stop, PIECE_BYTES):
                    wanted = min(PIECE_BYTES, stop - at)
                    piece = await asyncio.to_thread(os.pread, descriptor, wanted, at)
                    if len(piece) != wanted:
                        raise Unavailable(f"{path}: is shorter than the catalogue says")
                    yield piece
        finally:
            os.close(descriptor)

    def load(self, path: Path, naming: Naming, heard: Heard) -> int:
        """Store the sequences of a FASTA file beside those that are there; returns how many it has.

        Raises Invalid if the file is not FASTA, has a sequence without bases, or lacks one that `naming` names;
        Conflict while another load runs. What is wrong leaves the catalogue as it was.
        """
        with self._alone():
            before = self.catalogue()
            with open_fasta(path) as file:
                found = list(self._stored(read_fasta(file, path.name), naming, path.name, heard))
            names = {name for name, _ in found}
            missing = sorted((naming.circular | naming.aliases.keys()) - names)
            if missing:
                raise Invalid(f"{path.name}: has no sequence named {', '.join(missing)}")
            sync_folder(self.folder)
            catalogue = before.with_these(known for _, known in found)
            write_whole(self._folder / _CATALOGUE, _encode(catalogue.known))
        return len(found)

    def _stored(
        self, parts: Iterator[str | bytes], naming: Naming, file_name: str, heard: Heard
    ) -> Iterator[tuple[str, Known]]:
        first = next(parts)
        assert isinstance(first, str), "FASTA begins with a title"
        title: str | None = first
        while title is not None:
            name = (title.split() or [""])[0]
            with self._draft() as draft:
                known, following = _write(draft, parts)
                if not known.length:
                    raise Invalid(f"{file_name}: sequence {name!r} has no bases")
                known = msgspec.structs.replace(
                    known, circular=name in naming.circular, aliases=naming.of(name)
                )
                os.fsync(draft)
                self._draft_path.rename(self.folder / known.trunc512)
            heard(known)
            yield name, known
            title = following

    @property
    def _draft_path(self) -> Path:
        return self._folder / ".draft"

    @contextmanager
    def _draft(self) -> Iterator[int]:
        self._draft_path.unlink(missing_ok=True)
        descriptor = create_private(self._draft_path)
        try:
            yield descriptor
        finally:
            os.close(descriptor)
            self._draft_path.unlink(missing_ok=True)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError:
            raise Conflict(f"another process loads sequences into {self._folder}") from None
        finally:
            os.close(descriptor)


def _write(draft: int, parts: Iterator[str | bytes]) -> tuple[Known, str | None]:
    """Bases up to the next title, and that title."""
    digester = Digester()
    following = None
    for part in parts:
        if isinstance(part, str):
            following = part
            break
        bases = normalised(part)
        digester.feed(bases)
        write_all(draft, bases)
    digests = digester.digests()
    return Known(digests.md5, digests.ga4gh, digests.trunc512, digester.length), following
