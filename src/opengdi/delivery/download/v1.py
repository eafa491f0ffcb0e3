"""What version 1 of the field's download API says otherwise than version 2: lists without pages, parts by coordinates.

Its paths are routes to the same files through the same gate, and no decrypted byte leaves by them: what that API calls
the decrypted file (`/s3/…`, `/files/…`) comes encrypted for the caller's key as well, as its later releases have it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

from opengdi.delivery.download.faults import Code, PastTheEnd, Refused
from opengdi.delivery.http import encode
from opengdi.delivery.model import HeldFile
from opengdi.delivery.named import NamedPath, file_path
from opengdi.kernel.principal import Principal

_MOST_DIGITS: Final = 19


@dataclass(frozen=True, slots=True)
class Coordinates:
    """`startCoordinate` and `endCoordinate`: bytes [first, stop) of the decrypted file; a stop of 0 is its end."""

    first: int = 0
    stop: int = 0

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> Self:
        """Raises Refused."""
        found = cls(*(_coordinate(query, name) for name in ("startCoordinate", "endCoordinate")))
        if 0 < found.stop < found.first:
            raise Refused(Code.RANGE_INVALID, "endCoordinate must not be less than startCoordinate.")
        return found

    def within(self, file: HeldFile) -> tuple[int, int] | None:
        """The part that is meant; None: all of the file. Raises PastTheEnd."""
        size = file.plain_bytes
        if self.first > 0 and self.first >= size:
            raise PastTheEnd(size)
        stop = min(self.stop or size, size)
        return None if (self.first, stop) == (0, size) else (self.first, stop)


def _coordinate(query: Mapping[str, str], name: str) -> int:
    text = query.get(name, "0")
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
        raise Refused(Code.RANGE_INVALID, f"{name} must be a whole number of bytes, 0 or more.")
    return int(text)


def dataset_in(asker: Principal, segments: Sequence[str], scheme: str = "") -> str:
    """The dataset that segments of a path name. scheme: of an id that is an address, if it was sent apart.

    Raises Malformed.
    """
    prefix = f"{scheme}://" if scheme else ""
    wanted = NamedPath.from_segments([*segments, ""])
    for visa in asker.visas:
        if visa.dataset.startswith(prefix) and wanted.below(visa.dataset.removeprefix(prefix)) == "":
            return visa.dataset
    return prefix + wanted.text.removesuffix("/")


async def as_array(pages: AsyncIterator[Sequence[HeldFile]], dataset: str) -> AsyncIterator[bytes]:
    """Pages of files as one JSON array, in pieces: however many there are, those of one page are in memory."""
    before = b"["
    async for page in pages:
        yield before + b",".join(encode(_document(file, dataset)) for file in page)
        before = b","
    yield b"]" if before == b"," else b"[]"


def _document(file: HeldFile, dataset: str) -> dict[str, str | int]:
    path = file_path(file)
    return {
        "fileId": file.id,
        "datasetId": dataset,
        "displayFileName": path.rpartition("/")[2],
        "filePath": _kept_path(path),
        "fileName": path,
        "fileSize": file.body_bytes,
        "decryptedFileSize": file.plain_bytes,
        "decryptedFileChecksum": file.plain_sha256,
        "decryptedFileChecksumType": "SHA256",
        "fileStatus": "READY",
        "createdAt": file.created.isoformat(),
        "lastModified": file.updated.isoformat(),
    }


def _kept_path(path: str) -> str:
    """The path so that `sda-cli` keeps it: it takes a first folder with `_` for a provider's, and cuts it off."""
    folder, slash, _ = path.partition("/")
    return f"./{path}" if slash and "_" in folder else path
