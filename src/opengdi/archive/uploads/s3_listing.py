"""Listings of what a provider has sent, page by page, as S3 groups and cuts them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from opengdi.archive.uploads.model import Protocol, Sender, Upload
from opengdi.archive.uploads.service import Inbox
from opengdi.standards.s3.documents import ListedObject, ListedUpload

_BATCH: Final = 1000
_LAST: Final = "\U0010ffff"
"""Behind every character that a path may have."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to list: keys that begin with prefix, from behind `after`; below a delimiter only their common prefix."""

    prefix: str = ""
    delimiter: str = ""
    after: str = ""
    most: int = 1000


@dataclass(frozen=True, slots=True)
class Listed:
    """A page; `next` is where the next one goes on, empty at the end."""

    objects: tuple[ListedObject, ...] = ()
    prefixes: tuple[str, ...] = ()
    next: str = ""

    @property
    def size(self) -> int:
        return len(self.objects) + len(self.prefixes)


async def list_objects(inbox: Inbox, sender: Sender, wanted: Wanted) -> Listed:
    """Files of the sender's provider that arrived whole, in order of the bytes of their names."""
    listed = Listed()
    at, including = (wanted.prefix, True) if wanted.prefix > wanted.after else (wanted.after, False)
    while True:
        batch = await inbox.completed_of(sender, at, _BATCH, including=including)
        for upload in batch:
            path = upload.wish.path
            if not path.startswith(wanted.prefix):
                return listed
            if listed.prefixes and path.startswith(listed.prefixes[-1]):
                continue
            if listed.size >= wanted.most:
                return replace(listed, next=at) if wanted.most else listed
            listed, at = _with(listed, upload, wanted)
        if len(batch) < _BATCH:
            return listed
        at, including = max(at, batch[-1].wish.path), False


async def list_objects_below(inbox: Inbox, sender: Sender, wanted: Wanted, home: str) -> Listed:
    """The same, where a client calls every key `home` + key, in what it asks and in what it is told."""
    if not wanted.prefix.startswith(home):
        return Listed()
    own = replace(wanted, prefix=wanted.prefix.removeprefix(home), after=wanted.after.removeprefix(home))
    listed = await list_objects(inbox, sender, own)
    return Listed(
        tuple(replace(entry, key=home + entry.key) for entry in listed.objects),
        tuple(home + prefix for prefix in listed.prefixes),
        listed.next and home + listed.next,
    )


def _with(listed: Listed, upload: Upload, wanted: Wanted) -> tuple[Listed, str]:
    """The page with one more entry, and behind what the next one lies."""
    path = upload.wish.path
    end = path.find(wanted.delimiter, len(wanted.prefix)) if wanted.delimiter else -1
    if end < 0:
        entry = ListedObject(path, upload.touched, upload.etag or upload.id, upload.size_bytes)
        return replace(listed, objects=(*listed.objects, entry)), path
    common = path[: end + len(wanted.delimiter)]
    return replace(listed, prefixes=(*listed.prefixes, common)), common + _LAST


async def list_uploads(
    inbox: Inbox, sender: Sender, prefix: str, after: tuple[str, str], most: int
) -> tuple[list[ListedUpload], bool]:
    """Multipart uploads that are going on, and whether there are more."""
    start = max(after, (prefix, ""))
    found = await inbox.uploads_of(sender, Protocol.S3, start, most + 1)
    listed = [
        ListedUpload(upload.wish.path, upload.id, upload.begun)
        for upload in found
        if upload.wish.path.startswith(prefix)
    ]
    return listed[:most], len(listed) > most
