"""Signed addresses of representations: for clients that fetch without the caller's token, such as those of DRS."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from opengdi.delivery.door import Admission, admission, last_moment, readmitted
from opengdi.delivery.download.recipients import read_key
from opengdi.delivery.download.service import CONTENT, WHOLE, Downloads, Representation
from opengdi.delivery.model import HeldFile
from opengdi.delivery.ports import Files, TakenBack, nothing_taken_back
from opengdi.delivery.urls import Grant, UrlSigner
from opengdi.kernel.http.running import Holds
from opengdi.kernel.principal import Principal
from opengdi.standards.crypt4gh import PublicKey

PURPOSE: Final = "download"


@dataclass(frozen=True, slots=True)
class Redeemed:
    """What an address opened and to whom. holds: false once it does no more."""

    found: Representation
    subject: str
    holds: Holds


class Grants:
    """Makes and takes grants of whole representations. Who may have them was decided when they were made."""

    def __init__(
        self,
        files: Files,
        downloads: Downloads,
        signer: UrlSigner,
        taken_back: TakenBack = nothing_taken_back,
    ) -> None:
        self._files = files
        self._downloads = downloads
        self._signer = signer
        self._taken_back = taken_back

    def content(self, asker: Principal, file: HeldFile) -> str:
        """A grant of the body."""
        return self._sign(asker, file, CONTENT)

    def whole(self, asker: Principal, file: HeldFile, recipient: PublicKey) -> str:
        """A grant of the Crypt4GH file for a recipient."""
        return self._sign(asker, file, f"{WHOLE} {recipient}")

    async def redeem(self, text: str, bearer: str | None) -> Redeemed:
        """What was granted. bearer: who shows it, if credentials say so.

        Raises NotPermitted, also if the file is not to be had any more, or what opened it was taken back.
        """
        grant = self._signer.read(text, PURPOSE, bearer)
        made = datetime.fromtimestamp(grant.made, UTC)
        admitted = Admission(grant.subject, grant.file, grant.visas, grant.datasets, made)
        file, holds = await readmitted(self._files, admitted, self._taken_back)
        what, _, key = grant.detail.partition(" ")
        if what == CONTENT:
            return Redeemed(self._downloads.content(file), grant.subject, holds)
        return Redeemed(await self._downloads.whole(file, read_key(key)), grant.subject, holds)

    def _sign(self, asker: Principal, file: HeldFile, detail: str) -> str:
        """A grant ends with the visa that opened the file, if that is sooner."""
        now = self._signer.now()
        admitted = admission(asker, file, now)
        return self._signer.sign(
            Grant(
                PURPOSE,
                asker.subject,
                file.id,
                0,
                file.body_bytes,
                last_moment(asker, file, self._signer.until(), now),
                detail,
                made=int(now.timestamp()),
                visas=tuple(admitted.visas),
                datasets=tuple(sorted(admitted.datasets)),
            )
        )
