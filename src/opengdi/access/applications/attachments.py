"""Attachments: looked at, scanned, encrypted, kept. Nothing of them lies in the clear on a disk.

At rest: 12 bytes of nonce, then AES-256-GCM with the attachment's id as associated data, under a key derived for it.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import io
import logging
import os
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from opengdi.access.applications.deletions import Deletions
from opengdi.access.applications.model import Attachment
from opengdi.access.each import do_each
from opengdi.kernel.errors import GdiError, Invalid, NotFound, Unavailable
from opengdi.kernel.http.faults import BodyTooLarge
from opengdi.kernel.keys import Secret
from opengdi.kernel.storage import Storage, put_whole

logger = logging.getLogger(__name__)

LONGEST_NAME: Final = 200
_NONCE_BYTES: Final = 12

_ZIPS: Final[Mapping[str, str]] = {
    "docx": "word/",
    "xlsx": "xl/",
    "pptx": "ppt/",
    "odt": "mimetype",
    "ods": "mimetype",
}
MEDIA_TYPES: Final[Mapping[str, str]] = {
    "pdf": "application/pdf",
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "txt": "text/plain",
    "csv": "text/csv",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "odt": "application/vnd.oasis.opendocument.text",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
}
"""Kinds of files that are taken, by the end of their name; what is in them must agree."""

_MAGIC: Final[Mapping[str, bytes]] = {
    "pdf": b"%PDF-",
    "png": b"\x89PNG\r\n\x1a\n",
    "jpg": b"\xff\xd8\xff",
    "jpeg": b"\xff\xd8\xff",
}


class Unwanted(Invalid):
    """A file of a kind that is not taken (HTTP 415 for clients of the field)."""


class Scan(Protocol):
    """Looks for malware."""

    async def __call__(self, content: bytes, /) -> None:
        """Raises Unwanted if the content is bad, Unavailable if that cannot be told: then it is not taken either."""
        ...


async def no_scan(_content: bytes) -> None:
    """For hubs without a scanner."""


@dataclass(frozen=True, slots=True)
class CommandScan:
    """A command that reads the file on stdin: exit code 0 good, 1 bad, any other: could not tell."""

    command: Sequence[str]
    patience_s: float = 60.0

    async def __call__(self, content: bytes) -> None:
        try:
            code = await asyncio.wait_for(self._run(content), self.patience_s)
        except (OSError, TimeoutError) as error:
            raise Unavailable(f"the scanner {self.command[0]} gave no answer: {error}") from error
        if code == 1:
            raise Unwanted("the scanner refuses this file")
        if code != 0:
            raise Unavailable(f"the scanner {self.command[0]} ended with exit code {code}")

    async def _run(self, content: bytes) -> int:
        null = asyncio.subprocess.DEVNULL
        process = await asyncio.create_subprocess_exec(
            *self.command, stdin=asyncio.subprocess.PIPE, stdout=null, stderr=null
        )
        try:
            await process.communicate(content)
            return process.returncode or 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


class AttachmentStore:
    """secret: from which the key of each attachment follows. limit_bytes: longest that is taken.

    deletions: what is kept and named by no event is in them, and what is to go.
    """

    def __init__(
        self,
        storage: Storage,
        secret: Secret,
        deletions: Deletions,
        *,
        limit_bytes: int,
        scan: Scan = no_scan,
        new_id: Callable[[], str],
    ) -> None:
        self._storage = storage
        self._secret = secret
        self._deletions = deletions
        self._scan = scan
        self._new_id = new_id
        self.limit_bytes = limit_bytes

    async def keep(self, name: str, content: bytes, by: str) -> Attachment:
        """A file, kept encrypted, for as long as `UPLOAD` unless an event names it.

        Raises Invalid (name, size), Unwanted (kind), Unavailable.
        """
        if len(content) > self.limit_bytes:
            raise BodyTooLarge(f"an attachment has {self.limit_bytes} bytes at most")
        media_type = media_type_of(name, content)
        await self._scan(content)
        id_ = self._new_id()
        await asyncio.to_thread(self._deletions.expect, id_)
        await put_whole(self._storage, _place(id_), self._seal(id_, content), fresh=True)
        digest = hashlib.sha256(content).hexdigest()
        return Attachment(id_, self._new_id(), digest, len(content), media_type, by)

    async def read(self, attachment: Attachment) -> bytes:
        """The content. Raises NotFound if it was redacted, Unavailable if what is kept is not what was handed in."""
        if attachment.redacted:
            raise NotFound(f"attachment {attachment.id} was redacted", public="The attachment was redacted.")
        pieces = [piece async for piece in self._storage.get(_place(attachment.id))]
        content = self._open(attachment.id, b"".join(pieces))
        if hashlib.sha256(content).hexdigest() != attachment.sha256:
            raise Unavailable(f"attachment {attachment.id} is not what was handed in")
        return content

    def sweep(self) -> int:
        """Delete the contents that are to be, for good; how many. To be called from a thread.

        Raises Unavailable as `do_each` does; what is not deleted then is to be still.
        """
        return do_each("the deletion of an attachment", self._deletions.due(), self._delete)

    async def try_sweep(self) -> None:
        """The same as far as it can be done now, for who does not wait for it: it is done again anyway."""
        try:
            await asyncio.to_thread(self.sweep)
        except Unavailable as error:
            logger.warning("attachments stay for now: %s", error)

    def _delete(self, id_: str) -> int:
        asyncio.run(self._storage.delete(_place(id_)))
        self._deletions.done(id_)
        return 1

    def _key(self, id_: str) -> bytes:
        return hmac.new(self._secret.reveal(), f"attachment\0{id_}".encode(), hashlib.sha256).digest()

    def _seal(self, id_: str, content: bytes) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + AESGCM(self._key(id_)).encrypt(nonce, content, id_.encode())

    def _open(self, id_: str, sealed: bytes) -> bytes:
        try:
            return AESGCM(self._key(id_)).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], id_.encode())
        except (InvalidTag, ValueError) as error:
            raise Unavailable(f"attachment {id_} does not open") from error


def _place(id_: str) -> str:
    return f"attachments/{id_[:2]}/{id_}"


def checked_name(name: str) -> str:
    """The name without folders. Raises Invalid for none, a long one or control characters."""
    plain = name.replace("\\", "/").rpartition("/")[2].strip()
    if not plain or len(plain) > LONGEST_NAME or not plain.isprintable():
        raise Invalid(f"the file needs a name of {LONGEST_NAME} printable characters at most")
    return plain


def media_type_of(name: str, content: bytes) -> str:
    """What kind of file it is, by name and content together. Raises Unwanted if it is none that is taken."""
    end = name.rpartition(".")[2].lower()
    if end not in MEDIA_TYPES:
        raise Unwanted(f"files must be of these kinds: {', '.join(sorted(MEDIA_TYPES))}")
    if not content:
        raise Unwanted(f"{name} is empty")
    if not _is(end, content):
        raise Unwanted(f"{name} does not hold what its name says")
    return MEDIA_TYPES[end]


def _is(end: str, content: bytes) -> bool:
    if end in _MAGIC:
        return content.startswith(_MAGIC[end])
    if end in _ZIPS:
        return _is_office(end, content)
    try:
        return "\0" not in content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return False


def _is_office(end: str, content: bytes) -> bool:
    """An office document of that kind, without macros."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, GdiError):
        return False
    macros = any(name.lower().endswith("vbaproject.bin") for name in names)
    return not macros and any(name.startswith(_ZIPS[end]) for name in names)
