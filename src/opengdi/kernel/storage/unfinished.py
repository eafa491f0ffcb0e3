"""Multipart uploads that nobody completed: an S3 store keeps (and bills) their parts until it is told to end them.

`obstore` ends those of its own that fail, but not those of a process that was killed, and it can neither list them nor
end them by their id. So this asks the store itself, with the address and the access key that `obstore` was given.

Spec: Amazon S3 API Reference, ListMultipartUploads, AbortMultipartUpload.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import quote, urlsplit

import httpx
from obstore.store import ObjectStore, S3Store

from opengdi.kernel.errors import Unavailable
from opengdi.standards.faults import Malformed
from opengdi.standards.s3.documents import ListedUpload, UploadsPage, read_list_of_uploads
from opengdi.standards.s3.signature import EMPTY_SHA256, Request, authorize, time_of

_TIMEOUT_S: Final = 60.0
_PAGE: Final = 1000
"""Uploads of a page, as many as S3 tells at a time."""

_LARGEST_PAGE: Final = 16 * 1024 * 1024
"""Bytes of a page: a limit of ours."""


@dataclass(frozen=True, slots=True)
class _Bucket:
    """Where a bucket answers, and who asks. url: with the bucket, without a slash at its end. token: empty if none."""

    url: str
    region: str
    access_key: str
    secret: bytes
    token: str


class UnfinishedUploads:
    """The multipart uploads below one prefix of a bucket that nobody completed."""

    def __init__(self, bucket: _Bucket, prefix: str, now: Callable[[], datetime]) -> None:
        self._bucket = bucket
        self._prefix = prefix
        self._now = now

    async def drop(self, folder: str, before: datetime, *, spare: Collection[str] = ()) -> int:
        """End those of keys below `folder` that were begun before that time, but for the keys to spare; how many.

        Raises Unavailable.
        """
        ended = 0
        async with httpx.AsyncClient(timeout=_TIMEOUT_S) as client:
            async for upload in self._listed(client, self._prefix + folder):
                is_spared = upload.key.removeprefix(self._prefix) in spare
                if upload.initiated < before and not is_spared:
                    await self._end(client, upload)
                    ended += 1
        return ended

    async def _listed(self, client: httpx.AsyncClient, prefix: str) -> AsyncIterator[ListedUpload]:
        """Those whose keys begin with the prefix, whatever else the store may tell."""
        markers: tuple[str, str] | None = ("", "")
        while markers is not None:
            page = await self._page(client, prefix, markers)
            for upload in page.uploads:
                if upload.key.startswith(prefix):
                    yield upload
            if page.next is not None and page.next <= markers:
                raise Unavailable("the store lists its multipart uploads in circles")
            markers = page.next

    async def _page(self, client: httpx.AsyncClient, prefix: str, markers: tuple[str, str]) -> UploadsPage:
        asked = {"uploads": "", "prefix": prefix, "max-uploads": str(_PAGE)}
        if markers[0]:
            asked |= {"key-marker": markers[0], "upload-id-marker": markers[1]}
        answer = await self._ask(client, "GET", "", asked)
        try:
            return read_list_of_uploads(answer)
        except Malformed as error:
            raise Unavailable(f"the store's list of multipart uploads cannot be read: {error}") from error

    async def _end(self, client: httpx.AsyncClient, upload: ListedUpload) -> None:
        """One that is gone by now is no failure."""
        await self._ask(client, "DELETE", f"/{_quoted(upload.key)}", {"uploadId": upload.upload_id})

    async def _ask(
        self, client: httpx.AsyncClient, method: str, path: str, query: Mapping[str, str]
    ) -> bytes:
        """The body of the answer; empty if there is no such thing. Raises Unavailable."""
        url = f"{self._bucket.url}{path}?" + "&".join(
            f"{name}={quote(value, safe='-._~')}" for name, value in query.items()
        )
        try:
            async with client.stream(method, url, headers=self._signed(method, url)) as answer:
                body = bytearray()
                async for piece in answer.aiter_bytes():
                    body += piece
                    if len(body) > _LARGEST_PAGE:
                        raise Unavailable("the store's list of multipart uploads is too long to be one")
        except httpx.HTTPError as error:
            raise Unavailable(f"the store failed: {error}") from error
        if method == "DELETE" and answer.status_code == httpx.codes.NOT_FOUND:
            return b""
        if not answer.is_success:
            what = "list" if method == "GET" else "end"
            raise Unavailable(
                f"the store does not {what} multipart uploads (status {answer.status_code}): let this access key do "
                "s3:ListBucketMultipartUploads and s3:AbortMultipartUpload"
            )
        return bytes(body)

    def _signed(self, method: str, url: str) -> dict[str, str]:
        parts, bucket = urlsplit(url), self._bucket
        headers = {
            "host": parts.netloc,
            "x-amz-content-sha256": EMPTY_SHA256,
            "x-amz-date": time_of(self._now()),
        }
        if bucket.token:
            headers["x-amz-security-token"] = bucket.token
        request = Request(method, parts.path, parts.query, headers)
        signed = authorize(request, bucket.access_key, bucket.secret, region=bucket.region)
        return headers | {"authorization": signed}


def unfinished_uploads(store: ObjectStore, now: Callable[[], datetime]) -> UnfinishedUploads | None:
    """Those below the prefix of a store; None if it is no S3 store, or was not told bucket and access key."""
    if not isinstance(store, S3Store):
        return None
    told: Mapping[str, object] = {**store.config}
    if not all(told.get(name) for name in ("access_key_id", "secret_access_key", "bucket")):
        return None
    region = str(told.get("region") or told.get("default_region") or "us-east-1")
    bucket = _Bucket(
        _url(told, region),
        region,
        str(told["access_key_id"]),
        str(told["secret_access_key"]).encode(),
        str(told.get("session_token") or ""),
    )
    prefix = str(store.prefix or "").strip("/")
    return UnfinishedUploads(bucket, f"{prefix}/" if prefix else "", now)


def _url(told: Mapping[str, object], region: str) -> str:
    """Where obstore finds the bucket: an endpoint holds its name already if the requests are virtual-hosted."""
    endpoint = str(told.get("endpoint") or "").rstrip("/")
    is_virtual = str(told.get("virtual_hosted_style_request") or "").lower() == "true"
    bucket = _quoted(str(told["bucket"]))
    if is_virtual:
        return endpoint or f"https://{bucket}.s3.{region}.amazonaws.com"
    return f"{endpoint or f'https://s3.{region}.amazonaws.com'}/{bucket}"


def _quoted(text: str) -> str:
    return quote(text, safe="-._~/")
