"""Records out of files, each with its place: JSON arrays, single JSON objects and JSON lines, plain or gzipped."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, cast

import msgspec

from opengdi.kernel.errors import Invalid
from opengdi.standards.beacon.questions import EntryType
from opengdi.standards.faults import Malformed

_GZIP_MAGIC: Final = b"\x1f\x8b"
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class RawRecord:
    """JSON text of one record and where it stood: `record 17` of an array or `line 17` of JSON lines, from 1."""

    place: str
    text: bytes


@dataclass(frozen=True, slots=True)
class SourceEntry:
    """One entry as a source gives it, before it is checked; a Malformed is what was wrong with its text.

    changes: what of the source it does not hold.
    """

    file: str
    place: str
    kind: EntryType
    document: dict[str, object] | Malformed
    changes: tuple[str, ...] = ()


def lines(path: Path) -> Iterator[bytes]:
    """Lines of a plain or gzipped file without their ends.

    Raises Invalid, naming the file, if it cannot be read or its compression is damaged or cut short.
    """
    try:
        with _opened(path) as stream:
            yield from (line.rstrip(b"\r\n") for line in stream)
    except EOFError as fault:
        raise Invalid(f"{path.name}: the gzip data end early; the file is truncated") from fault
    except (gzip.BadGzipFile, zlib.error) as fault:
        raise Invalid(f"{path.name}: the gzip data are damaged ({fault})") from fault
    except OSError as fault:
        raise Invalid(f"{path.name}: cannot be read ({fault.strerror or fault})") from fault


def delimiter_in(header: str) -> str:
    """The tab, the semicolon or the comma: the first of them that the header of a table holds."""
    return next((sign for sign in "\t;" if sign in header), ",")


def json_records(path: Path) -> Iterator[RawRecord]:
    """Records of a file in any of the three forms. Raises Invalid, naming the file, if it is none of them."""
    stream = lines(path)
    first = next((line for line in stream if line.strip()), b"").removeprefix(_BYTE_ORDER_MARK)
    if not first:
        raise Invalid(f"{path.name}: is empty; expected a JSON array, an object or JSON lines")
    if first.lstrip().startswith(b"[") or not _is_json(first):
        yield from _whole_file(path, b"\n".join([first, *stream]))
    else:
        yield from _json_lines(path)


def _opened(path: Path) -> BinaryIO:
    """The file's content, decompressed if it begins as gzip does, whatever its name."""
    with path.open("rb") as raw:
        is_gzip = raw.read(2) == _GZIP_MAGIC
    return cast("BinaryIO", gzip.open(path, "rb")) if is_gzip else path.open("rb")


def _is_json(text: bytes) -> bool:
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def _json_lines(path: Path) -> Iterator[RawRecord]:
    for number, line in enumerate(lines(path), start=1):
        if text := line.strip().removeprefix(_BYTE_ORDER_MARK):
            yield RawRecord(f"line {number}", text)


def _whole_file(path: Path, text: bytes) -> Iterator[RawRecord]:
    try:
        if text.lstrip().startswith(b"{"):
            msgspec.json.decode(text)
            slices = [text]
        else:
            slices = [bytes(item) for item in msgspec.json.decode(text, type=list[msgspec.Raw])]
    except (msgspec.DecodeError, RecursionError) as fault:
        raise Invalid(
            f"{path.name}: is not JSON ({fault}); expected an array, an object or JSON lines"
        ) from fault
    for number, item in enumerate(slices, start=1):
        yield RawRecord(f"record {number}", item)
