"""One address for two APIs: `/s3` takes uploads, and there clients of the field's download API ask for files too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from starlette.types import ASGIApp, Receive, Scope, Send

from opengdi.delivery.http import segments_below
from opengdi.kernel.http.callers import CALLER

if TYPE_CHECKING:
    from opengdi.apps.process import Part

FIELD_S3: Final = "/s3"
"""Where those clients ask, below the address of the download API."""


class SharedS3:
    """The inbox, but for what it never answers: a person who asks with a bearer token for what lies at a path.

    S3 clients sign their requests, and programs have no visas: they are the inbox's in any case.
    """

    def __init__(self, inbox: ASGIApp, downloads: ASGIApp) -> None:
        self._inbox = inbox
        self._downloads = downloads
        self.served: Mapping[str, str] = getattr(inbox, "served", {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = self._downloads if _asks_for_a_file(scope) else self._inbox
        await asked(scope, receive, send)


def _asks_for_a_file(scope: Scope) -> bool:
    caller = scope.get(CALLER)
    return (
        scope["method"] == "GET"
        and caller is not None
        and not caller.is_program
        and any(segments_below(scope, FIELD_S3)[1:])
        and any(
            name == b"authorization" and value[:7].lower() == b"bearer " for name, value in scope["headers"]
        )
        and b"uploadId" not in scope["query_string"]
    )


def sharing_s3(uploads: Part, downloads: Part) -> tuple[Part, Part]:
    """Both parts, where both would answer at `/s3` with one app there, which tells them apart by what is asked."""
    if FIELD_S3 not in uploads.mounts or FIELD_S3 not in downloads.mounts:
        return uploads, downloads
    shared = SharedS3(uploads.mounts[FIELD_S3], downloads.mounts[FIELD_S3])
    rest = {base: app for base, app in downloads.mounts.items() if base != FIELD_S3}
    shapes = {base: shape for base, shape in downloads.shapes.items() if base != FIELD_S3}
    return (
        replace(uploads, mounts={**uploads.mounts, FIELD_S3: shared}),
        replace(downloads, mounts=rest, shapes=shapes),
    )
