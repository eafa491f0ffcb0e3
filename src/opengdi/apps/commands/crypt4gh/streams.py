"""Reading and writing of the commands: files and pipes in large pieces, targets that appear whole or not at all."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO, RawIOBase
from pathlib import Path
from stat import S_ISREG
from typing import Final

from opengdi.kernel.errors import Conflict, Invalid
from opengdi.kernel.files import create_private, sync_folder
from opengdi.standards.crypt4gh import (
    BATCH_SEGMENTS,
    CIPHER_SEGMENT,
    NONCE_BYTES,
    SEGMENT,
    EditList,
    HeaderReader,
    SegmentCipher,
)
from opengdi.standards.faults import Malformed, Unverified

STREAM: Final = Path("-")
"""Standard input or output."""

Advance = Callable[[int], object]
"""Told how many bytes were read."""

_COPY_BYTES: Final = 8 * 1024 * 1024


@dataclass(frozen=True)
class Input:
    """A file or a pipe, read without a buffer."""

    name: Path
    file: FileIO
    size: int | None
    """None for what is no regular file."""

    def fill(self, buffer: memoryview) -> int:
        """Read until `buffer` is full, however little comes at a time; how many bytes, fewer only at the end."""
        filled = self.file.readinto(buffer)
        while 0 < filled < len(buffer):
            more = self.file.readinto(buffer[filled:])
            if not more:
                break
            filled += more
        return filled

    def header(self) -> bytes:
        """The raw Crypt4GH header at the start, and not a byte more is read. Raises Malformed."""
        reader = HeaderReader()
        while (missing := reader.needed) > 0:
            piece = bytearray(missing)
            found = self.fill(memoryview(piece))
            reader.feed(memoryview(piece)[:found])
            if found < missing:
                raise Malformed("the file ends within the Crypt4GH header")
        return reader.raw


@contextmanager
def open_input(path: Path) -> Iterator[Input]:
    """What to read; a fault in it names it."""
    given = FileIO(sys.stdin.fileno(), "rb", closefd=False) if path == STREAM else FileIO(path, "rb")
    with given as file, naming(path):
        status = os.fstat(file.fileno())
        whole = S_ISREG(status.st_mode) and file.tell() == 0  # of redirected input some may be gone
        yield Input(path, file, status.st_size if whole else None)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """A fault of a standard raised inside becomes Invalid and names the file."""
    try:
        yield
    except (Malformed, Unverified) as error:
        raise Invalid(f"{called(path)}: {error}") from error


def called(path: Path) -> str:
    """What to call a source."""
    return "standard input" if path == STREAM else str(path)


@contextmanager
def output(path: Path, *, force: bool) -> Iterator[RawIOBase]:
    """What to write: mode 0600, under another name until it is whole and on the disk; removed after an error.

    A device or a pipe that has a name is written to as it is.
    Raises Conflict if it is there and `force` is not given.
    """
    if path == STREAM or _is_special(path):
        with FileIO(sys.stdout.fileno() if path == STREAM else path, "wb", closefd=path != STREAM) as file:
            yield file
        return
    refuse_existing(path, force=force)
    draft = path.with_name(f".{path.name}.{os.urandom(6).hex()}")
    try:
        with FileIO(create_private(draft), "wb") as file:
            yield file
            os.fsync(file.fileno())
        if force:
            draft.replace(path)
        else:
            _appear(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)


def refuse_existing(path: Path, *, force: bool) -> None:
    """Raises Conflict if `path` is there and must not be replaced."""
    if not force and path != STREAM and path.exists() and not _is_special(path):
        raise Conflict(f"{path} exists; --force replaces it")


def write_all(file: RawIOBase, data: memoryview) -> None:
    """All of `data`, however little a pipe takes at a time."""
    while data:
        data = data[file.write(data) or 0 :]


def encrypt_stream(source: Input, target: RawIOBase, cipher: SegmentCipher, advance: Advance) -> None:
    """The body of everything in `source`."""
    plain, sealed = _buffers()
    while size := source.fill(plain):
        nonces = os.urandom(-(-size // SEGMENT) * NONCE_BYTES)
        written = cipher.encrypt_into(plain[:size], sealed, nonces)
        write_all(target, sealed[:written])
        advance(size)


def decrypt_stream(
    source: Input,
    target: RawIOBase,
    cipher: SegmentCipher,
    advance: Advance,
    *,
    at: int,
    edits: EditList | None,
) -> None:
    """The plaintext of the rest of `source`, which begins at byte `at` of its file. Raises Malformed, Unverified."""
    _decrypt(_pieces(source, None, at), target, cipher, advance, edits)


def decrypt_ranges(
    source: Input,
    target: RawIOBase,
    cipher: SegmentCipher,
    advance: Advance,
    *,
    ranges: Iterable[tuple[int, int]],
    edits: EditList | None,
) -> None:
    """The plaintext of whole segments in `ranges` of a regular file, `edits` applied to all of it together."""
    pieces = (piece for start, stop in ranges for piece in _pieces(source, (start, stop), start))
    _decrypt(pieces, target, cipher, advance, edits)


def copy_range(source: Input, target: RawIOBase, start: int, stop: int | None, advance: Advance) -> None:
    """Bytes of `source` unchanged, by the kernel where it can; to the end if `stop` is None.

    A pipe is read from where it is. Raises Malformed if it ends before `stop`.
    """
    if source.size is not None:
        source.file.seek(start)
    copied = 0
    step = _copy_in_kernel
    while stop is None or start + copied < stop:
        wanted = _COPY_BYTES if stop is None else min(_COPY_BYTES, stop - start - copied)
        try:
            size = step(source, target, wanted)
        except OSError:
            if step is _copy_here:
                raise
            step = (
                _copy_here  # another file system, a terminal, an old kernel: nothing was copied in this step
            )
            continue
        if size == 0:
            break
        copied += size
        advance(size)
    if stop is not None and start + copied < stop:
        raise Malformed(f"byte {start + copied}: the file ends here; it was longer before")


def _copy_in_kernel(source: Input, target: RawIOBase, size: int) -> int:
    return os.copy_file_range(source.file.fileno(), target.fileno(), size)


def _copy_here(source: Input, target: RawIOBase, size: int) -> int:
    buffer = memoryview(bytearray(size))
    found = source.fill(buffer)
    write_all(target, buffer[:found])
    return found


def _buffers() -> tuple[memoryview, memoryview]:
    """For a batch of plaintext and of segments."""
    return memoryview(bytearray(BATCH_SEGMENTS * SEGMENT)), memoryview(
        bytearray(BATCH_SEGMENTS * CIPHER_SEGMENT)
    )


def _pieces(source: Input, span: tuple[int, int] | None, at: int) -> Iterator[tuple[int, memoryview]]:
    """Batches of whole segments with their offsets; the same buffer each time."""
    sealed = _buffers()[1]
    if span is not None:
        source.file.seek(span[0])
    while span is None or at < span[1]:
        wanted = sealed if span is None else sealed[: span[1] - at]
        size = source.fill(wanted)
        if span is not None and size < len(wanted):
            raise Malformed(f"byte {at + size}: the file ends here; it was longer before")
        if size == 0:
            return
        yield at, sealed[:size]
        at += size


def _decrypt(
    pieces: Iterable[tuple[int, memoryview]],
    target: RawIOBase,
    cipher: SegmentCipher,
    advance: Advance,
    edits: EditList | None,
) -> None:
    plain, done = _buffers()[0], 0
    for at, sealed in pieces:
        size = cipher.decrypt_into(sealed, plain, at=at)
        if edits is None:
            write_all(target, plain[:size])
        else:
            for start, stop in edits.kept_within(done, done + size):
                write_all(target, plain[start - done : stop - done])
        done += size
        advance(len(sealed))


def _is_special(path: Path) -> bool:
    """True for what cannot be replaced by a file, such as /dev/null."""
    return path.exists() and not path.is_file()


def _appear(draft: Path, path: Path) -> None:
    """Give the draft its name, unless somebody else took it in the meantime."""
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        raise Conflict(f"{path} exists; --force replaces it") from None
