"""Lists of datasets and of their files for callers who may have all of them, page by page."""

from __future__ import annotations

import base64
import hmac
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from opengdi.delivery.download.faults import Code, Refused
from opengdi.delivery.model import HeldFile
from opengdi.delivery.named import SUFFIX, file_path
from opengdi.delivery.ports import Files
from opengdi.kernel.clock import Clock
from opengdi.kernel.doors import reach
from opengdi.kernel.errors import NotAuthenticated, NotPermitted
from opengdi.kernel.http.decided import let_in
from opengdi.kernel.ids import ReleaseId
from opengdi.kernel.keys import Secret
from opengdi.kernel.principal import Principal
from opengdi.standards.drs.ids import escape_id

DEFAULT_PAGE: Final = 100
LARGEST_PAGE: Final = 1000
_MAC_BYTES: Final = 16

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Page:
    """Where a list is read. size: most items; token: what the page before ended with, empty for the first one."""

    size: int = DEFAULT_PAGE
    token: str = ""

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> Page:
        """Raises Refused."""
        text = query.get("pageSize", str(DEFAULT_PAGE))
        if not (text.isascii() and text.isdigit() and len(text) <= 9 and 1 <= int(text) <= LARGEST_PAGE):
            raise Refused(Code.INVALID_PAGE_SIZE, f"pageSize must be a number from 1 to {LARGEST_PAGE}.")
        return cls(int(text), query.get("pageToken", ""))


@dataclass(frozen=True, slots=True)
class PathFilter:
    """Which files of a dataset: the one at `path`, or those whose path begins with `prefix`; empty: all.

    Both without the `.c4gh` at the end of what is listed; a client may write it or not in `filePath`.
    """

    path: str = ""
    prefix: str = ""

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> PathFilter:
        """Raises Refused."""
        if "filePath" in query and "pathPrefix" in query:
            raise Refused(
                Code.FILTER_CONFLICT, "filePath and pathPrefix exclude each other; give at most one."
            )
        for name in ("filePath", "pathPrefix"):
            told = query.get(name)
            if told is not None and (not told.removesuffix(SUFFIX).strip() or told.startswith("/")):
                raise Refused(
                    Code.INVALID_FILE_PATH, f"{name} must be a path within the dataset, without '/' first."
                )
        return cls(query.get("filePath", "").removesuffix(SUFFIX), query.get("pathPrefix", ""))


class Listing:
    """What a caller may download. Who may have regions only gets nothing here: the digests tell of the whole."""

    def __init__(self, files: Files, clock: Clock, secret: Secret) -> None:
        self._files = files
        self._clock = clock
        self._key = hmac.digest(secret.reveal(), b"opengdi delivery pages", "sha256")

    async def datasets(self, asker: Principal, page: Page) -> dict[str, Any]:
        """Datasets that the caller may have all of; none is no error for somebody known. Raises NotAuthenticated."""
        mine = await self.whole_datasets(asker)
        scope = f"datasets {asker.subject!r} {page.size}"
        after = self._after(page, scope)
        found, token = self._cut([each for each in mine if each > after], page, str, scope)
        return {"datasets": found, "nextPageToken": token}

    async def whole_datasets(self, asker: Principal) -> Sequence[str]:
        """Ids of all of these datasets, sorted. Raises NotAuthenticated."""
        now = self._clock.now()
        if asker.is_anonymous and not asker.visas:
            raise NotAuthenticated("nobody known asks for datasets")
        return sorted({each.dataset for each in await self._files.releases() if _is_whole(asker, each, now)})

    async def dataset(self, asker: Principal, dataset: str) -> dict[str, Any]:
        """One dataset. Raises NotAuthenticated or NotPermitted."""
        found = await self._files.extent(dataset, await self._versions(asker, dataset))
        if found.updated is None:
            raise NotPermitted(f"the files of {dataset} were taken away while {asker.subject} asked for them")
        return {
            "datasetId": dataset,
            "date": found.updated.isoformat(),
            "files": found.files,
            "size": found.body_bytes,
        }

    async def files(
        self, asker: Principal, dataset: str, wanted: PathFilter, page: Page, *, base: str = ""
    ) -> dict[str, Any]:
        """Files of a dataset. base: path below which they are downloaded. Raises NotAuthenticated or NotPermitted."""
        versions = await self._versions(asker, dataset)
        scope = f"files {dataset!r} {wanted.path!r} {wanted.prefix!r} {page.size}"
        files = await self._files.page(
            dataset,
            versions,
            name=wanted.path,
            prefix=wanted.prefix,
            after=self._after(page, scope),
            most=page.size + 1,
        )
        found, token = self._cut(files, page, lambda file: file.id, scope)
        return {"files": [_document(file, base) for file in found], "nextPageToken": token}

    async def every_file(self, asker: Principal, dataset: str) -> AsyncIterator[Sequence[HeldFile]]:
        """All files of a dataset, some at a time. Raises NotAuthenticated or NotPermitted before the first of them."""
        versions, after = await self._versions(asker, dataset), ""
        while found := await self._files.page(dataset, versions, after=after, most=LARGEST_PAGE):
            yield found
            after = found[-1].id

    async def _versions(self, asker: Principal, dataset: str) -> Sequence[str]:
        """Those that the caller may have whole; never empty: a dataset without files is not there."""
        now = self._clock.now()
        held = {ReleaseId(dataset, version) for version in await self._files.versions_of(dataset)}
        whole = sorted(each.version for each in held if _is_whole(asker, each, now))
        if not whole:
            reach(asker, held, now)
            raise NotPermitted(f"{asker.subject} may have regions of {dataset} only")
        let_in(asker.subject, (dataset,))
        return whole

    def _after(self, page: Page, scope: str) -> str:
        """The key behind which a page begins. Raises Refused."""
        return self._read(page.token, scope) if page.token else ""

    def _cut(
        self, rest: Sequence[Item], page: Page, key: Callable[[Item], str], scope: str
    ) -> tuple[Sequence[Item], str | None]:
        """The items of a page, of what is left of a list, and the token of the next one."""
        found = rest[: page.size]
        return found, self._token(key(found[-1]), scope) if len(rest) > page.size else None

    def _token(self, last: str, scope: str) -> str:
        return base64.urlsafe_b64encode(self._mac(last, scope) + last.encode()).decode("ascii")

    def _read(self, token: str, scope: str) -> str:
        """The key that a page ended with. Raises Refused unless the token was given for this very list."""
        try:
            raw = base64.urlsafe_b64decode(token)
            last = raw[_MAC_BYTES:].decode()
        except ValueError as error:
            raise _wrong_token() from error
        if not hmac.compare_digest(raw[:_MAC_BYTES], self._mac(last, scope)):
            raise _wrong_token()
        return last

    def _mac(self, last: str, scope: str) -> bytes:
        return hmac.digest(self._key, f"{scope}\0{last}".encode(), "sha256")[:_MAC_BYTES]


def _is_whole(asker: Principal, release: ReleaseId, now: datetime) -> bool:
    return any(visa.opens(release) and not visa.regions and visa.holds_at(now) for visa in asker.visas)


def _wrong_token() -> Refused:
    return Refused(Code.INVALID_PAGE_TOKEN, "pageToken is not one of this list; ask again without it.")


def _document(file: HeldFile, base: str) -> dict[str, Any]:
    return {
        "fileId": file.id,
        "filePath": file_path(file),
        "size": file.body_bytes,
        "decryptedSize": file.plain_bytes,
        "checksums": [{"type": "sha256", "checksum": file.plain_sha256}],
        "downloadUrl": f"{base}/files/{escape_id(file.id)}",
    }
