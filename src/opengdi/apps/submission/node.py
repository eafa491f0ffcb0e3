"""The doors of a node that files are sent to: its key, resumable uploads, and where files stand."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, Self

import httpx

from opengdi.kernel.errors import (
    Conflict,
    GdiError,
    Invalid,
    NotAuthenticated,
    NotFound,
    NotPermitted,
    Unavailable,
)
from opengdi.standards import tus
from opengdi.standards.crypt4gh import PublicKey, parse_public_key
from opengdi.standards.faults import Malformed

UPLOADS: Final = "/uploads/v1"
FILES: Final = "/archive/v1/files"
LONGEST_REST_S: Final = 30.0

_KINDS: Final[Mapping[int, type[GdiError]]] = {
    HTTPStatus.UNAUTHORIZED: NotAuthenticated,
    HTTPStatus.FORBIDDEN: NotPermitted,
    HTTPStatus.NOT_FOUND: NotFound,
    HTTPStatus.GONE: NotFound,
    HTTPStatus.CONFLICT: Conflict,
}


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an upload stands. file_id: once it is a file of the archive."""

    offset: int
    file_id: str = ""


class Node:
    """A node as its provider reaches it. Requests that fail for no fault of ours are made again, for `patience_s`."""

    def __init__(self, url: str, token: str, *, patience_s: float) -> None:
        self.url: Final = url.rstrip("/")
        self._patience_s = patience_s
        headers = {"authorization": f"Bearer {token}", "tus-resumable": tus.SPEC_VERSION}
        timeout = httpx.Timeout(60.0, connect=10.0)
        self._client = httpx.Client(base_url=self.url, headers=headers, timeout=timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def key(self) -> PublicKey:
        """The key that files must be encrypted to. Raises Invalid if it is none."""
        answered = self._asked("GET", f"{UPLOADS}/key")
        try:
            return parse_public_key(answered.json()["publicKey"])
        except (ValueError, KeyError, TypeError, Malformed) as error:
            raise Invalid(f"{self.url}{UPLOADS}/key does not tell a public key: is this a node?") from error

    def begin(self, length: int, metadata: Mapping[str, str]) -> str:
        """The address of a new upload. Raises Conflict if there is a file of this path already."""
        headers = {"upload-length": str(length), "upload-metadata": tus.write_metadata(metadata)}
        return str(self._asked("POST", f"{UPLOADS}/", headers=headers).headers["location"])

    def standing(self, location: str) -> Standing:
        """Raises NotFound if the upload is gone."""
        return _standing(self._asked("HEAD", location))

    def send(self, location: str, offset: int, data: bytes, metadata: Mapping[str, str]) -> Standing:
        """Append at the offset, once; whoever calls asks for the standing after a failure.

        Raises Conflict if the upload stands elsewhere, Unavailable if the answer did not come.
        """
        headers = {"upload-offset": str(offset), "content-type": tus.CONTENT_TYPE}
        if metadata:
            headers["upload-metadata"] = tus.write_metadata(metadata)
        return _standing(self._once("PATCH", location, headers=headers, content=data))

    def give_up(self, location: str) -> None:
        """End an upload; one that is gone is no error."""
        try:
            self._asked("DELETE", location)
        except NotFound:
            return

    def file(self, file_id: str) -> dict[str, Any]:
        """A file as the node tells its provider."""
        return self._object(self._asked("GET", f"{FILES}/{file_id}"))

    def newest(self, path: str) -> dict[str, Any] | None:
        """The newest file of a path; None if there is none."""
        files = self._object(self._asked("GET", FILES, params={"path": path})).get("files") or []
        return max(files, key=lambda file: file.get("version", 0), default=None)

    def rests(self) -> Iterator[float]:
        """Pauses before one tries again, longer and longer, until patience is at its end."""
        rest, left = 0.25, self._patience_s
        while left > 0:
            yield min(rest, left)
            left -= rest
            rest = min(2 * rest, LONGEST_REST_S)

    def _asked(self, method: str, path: str, **what: Any) -> httpx.Response:
        for rest in self.rests():
            try:
                return self._once(method, path, **what)
            except Unavailable:
                time.sleep(rest)
        return self._once(method, path, **what)

    def _once(self, method: str, path: str, **what: Any) -> httpx.Response:
        try:
            answered = self._client.request(method, path, **what)
        except httpx.InvalidURL as error:
            raise Invalid(f"{self.url} is no address of a node: {error}") from error
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise Unavailable(f"{self.url} did not answer: {type(error).__name__}: {error}") from error
        if answered.status_code < HTTPStatus.BAD_REQUEST:
            return answered
        if answered.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR or answered.status_code in _PASSING:
            raise Unavailable(f"{self.url} answered {answered.status_code}: {_detail(answered)}")
        raise _KINDS.get(answered.status_code, Invalid)(_detail(answered))

    def _object(self, answered: httpx.Response) -> dict[str, Any]:
        try:
            content = answered.json()
        except ValueError:
            content = None
        if not isinstance(content, dict):
            raise Unavailable(f"{self.url} answered something that is no JSON object")
        return content


_PASSING: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})


def _standing(answered: httpx.Response) -> Standing:
    try:
        offset = tus.read_number("Upload-Offset", answered.headers.get("upload-offset"))
    except Malformed as error:
        raise Unavailable(f"the node answered as no tus server does: {error}") from error
    return Standing(offset, answered.headers.get("gdi-file-id", ""))


def _detail(answered: httpx.Response) -> str:
    """The sentence of problem details, or whatever else there is."""
    try:
        detail = answered.json()["detail"]
    except (ValueError, KeyError, TypeError):
        detail = ""
    return str(detail) or answered.reason_phrase or str(answered.status_code)
