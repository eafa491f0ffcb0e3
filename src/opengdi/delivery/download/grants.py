"""Signed addresses of representations: for clients that fetch without the caller's token, such as those of DRS."""

from __future__ import annotations

from typing import Final

from opengdi.delivery.download.recipients import read_key
from opengdi.delivery.download.service import CONTENT, WHOLE, Downloads, Representation
from opengdi.delivery.model import HeldFile
from opengdi.delivery.ports import Files
from opengdi.delivery.urls import Grant, UrlSigner
from opengdi.kernel.errors import NotFound, NotPermitted
from opengdi.standards.crypt4gh import PublicKey

PURPOSE: Final = "download"


class Grants:
    """Makes and takes grants of whole representations. Who may have them was decided when they were made."""

    def __init__(self, files: Files, downloads: Downloads, signer: UrlSigner) -> None:
        self._files = files
        self._downloads = downloads
        self._signer = signer

    def content(self, subject: str, file: HeldFile) -> str:
        """A grant of the body."""
        return self._sign(subject, file, CONTENT)

    def whole(self, subject: str, file: HeldFile, recipient: PublicKey) -> str:
        """A grant of the Crypt4GH file for a recipient."""
        return self._sign(subject, file, f"{WHOLE} {recipient}")

    async def redeem(self, text: str, bearer: str | None) -> tuple[Representation, str]:
        """What was granted and to whom. bearer: who shows it, if credentials say so.

        Raises NotPermitted, also if the file is not to be had any more.
        """
        grant = self._signer.read(text, PURPOSE, bearer)
        try:
            file = await self._files.find(grant.file)
        except NotFound as error:
            raise NotPermitted(f"{grant.file} was granted and is not deliverable any more") from error
        what, _, key = grant.detail.partition(" ")
        if what == CONTENT:
            return self._downloads.content(file), grant.subject
        return await self._downloads.whole(file, read_key(key)), grant.subject

    def _sign(self, subject: str, file: HeldFile, detail: str) -> str:
        until = self._signer.until()
        return self._signer.sign(Grant(PURPOSE, subject, file.id, 0, file.body_bytes, until, detail))
