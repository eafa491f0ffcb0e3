"""The provider's view: where its files stand, as JSON. Names and paging follow the field's download API (version 2).

What a provider may not see is told like what is not there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Scope

from opengdi.archive.listing import Selection
from opengdi.archive.model import ArchivedFile, Companion, Digests, FileEvent, FileState
from opengdi.archive.service import ArchiveService
from opengdi.kernel.doors import submitting
from opengdi.kernel.errors import Invalid, NotFound
from opengdi.kernel.ids import FileId, file_id
from opengdi.kernel.principal import Principal

ARCHIVE_BASE: Final = "/archive/v1"

DEFAULT_PAGE: Final = 100
LONGEST_PAGE: Final = 1000

_CHECKSUMS: Final = {
    "body_sha256": ("archived", "sha256"),
    "plain_sha256": ("unencrypted", "sha256"),
    "plain_md5": ("unencrypted", "md5"),
    "sha256": ("uploaded", "sha256"),
    "md5": ("uploaded", "md5"),
}
"""Field of `Digests` → (of what, kind), as the field's archives name them."""

_PARAMETERS: Final = frozenset({"path", "state", "dataset", "pageSize", "pageToken"})


def archive_routes(service: ArchiveService, identify: Callable[[Scope], Principal]) -> list[Route]:
    """`GET /archive/v1/files` by pages and `GET /archive/v1/files/{id}`, of the caller's own files."""

    async def files(request: Request) -> Response:
        provider = submitting(identify(request.scope))
        selection, after, most = _asked(provider, request)
        page = await service.page(selection, after, most)
        beside = await service.companions(page.files)
        told: dict[str, Any] = {
            "files": [
                told_file(file, service.taken_bytes(file.id), beside.get(file.id, ())) for file in page.files
            ]
        }
        return _json(told | {"nextPageToken": page.after} if page.after else told)

    async def one(request: Request) -> Response:
        provider = submitting(identify(request.scope))
        try:
            id_ = file_id(request.path_params["id"])
        except Invalid as error:
            raise NotFound(str(error)) from error
        file, events = await service.find(provider, id_)
        beside = await service.companions([file])
        return _json(
            told_file(file, service.taken_bytes(file.id), beside.get(file.id, ()))
            | {"events": [told_event(event) for event in events]}
        )

    return [
        Route(f"{ARCHIVE_BASE}/files", files, methods=["GET"]),
        Route(f"{ARCHIVE_BASE}/files/{{id}}", one, methods=["GET"]),
    ]


def told_file(
    file: ArchivedFile, taken_bytes: int | None = None, beside: Sequence[Companion] = ()
) -> dict[str, Any]:
    """A file in the provider's words: what our side has trouble with is our affair, that it waits is not.

    taken_bytes: how much of the upload was read, while it is taken in. beside: as the service has it.
    """
    told: dict[str, Any] = {
        "fileId": file.id,
        "filePath": file.path,
        "version": file.version,
        "state": file.state,
        "uploadedBytes": file.size_bytes,
        "created": file.created.isoformat(),
        "changed": file.changed.isoformat(),
        "datasets": list(file.datasets),
    }
    told |= {"dataset": file.dataset} if file.dataset else {}
    told |= {"reason": file.reason} if file.reason else {}
    told |= {"isStalled": True} if file.is_dead else {}
    told |= {} if taken_bytes is None else {"takenBytes": taken_bytes}
    told |= {"indexChecks": [told_companion(companion) for companion in beside]} if beside else {}
    if file.stored is not None:
        told |= {
            "size": file.stored.body_bytes,
            "decryptedSize": file.stored.plain_bytes,
            "checksums": _checksums(file.stored.digests),
        }
        told |= {"format": file.stored.format} if file.stored.format else {}
        told |= {"index": file.stored.index} if file.stored.index else {}
        told |= {"withoutIndex": file.stored.unindexed} if file.stored.unindexed else {}
    return told


def told_companion(companion: Companion) -> dict[str, str]:
    """An index file that the provider sent, the file it lies beside, and whether it fits."""
    told = {
        "indexFileId": companion.index,
        "indexPath": companion.index_path,
        "fileId": companion.data,
        "filePath": companion.data_path,
        "check": companion.judgement,
    }
    return told | ({"note": companion.note} if companion.note else {})


def _checksums(digests: Digests) -> list[dict[str, str]]:
    found = {field.name: getattr(digests, field.name) for field in fields(Digests)}
    return [
        {"of": of, "type": kind, "checksum": found[name]}
        for name, (of, kind) in _CHECKSUMS.items()
        if found[name]
    ]


def told_event(event: FileEvent) -> dict[str, Any]:
    """One transition, without who did it."""
    told = {"state": event.after, "at": event.at.isoformat()}
    return told | {"reason": event.reason} if event.reason else told


def _asked(provider: str, request: Request) -> tuple[Selection, FileId | None, int]:
    query = request.query_params
    unknown = sorted(set(query) - _PARAMETERS)
    if unknown:
        raise Invalid(f"parameter {unknown[0]!r} is not known; known are {', '.join(sorted(_PARAMETERS))}")
    selection = Selection(
        provider=provider,
        path=query.get("path", ""),
        state=_state(query["state"]) if "state" in query else None,
        dataset=query.get("dataset", ""),
    )
    token = query.get("pageToken")
    return selection, file_id(token) if token else None, _page_size(query.get("pageSize"))


def _state(text: str) -> FileState:
    try:
        return FileState(text)
    except ValueError as error:
        raise Invalid(f"state {text!r} is not known; known are {', '.join(FileState)}") from error


def _page_size(text: str | None) -> int:
    if text is None:
        return DEFAULT_PAGE
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and 1 <= int(text) <= LONGEST_PAGE):
        raise Invalid(f"pageSize {text[:20]!r} must be a number from 1 to {LONGEST_PAGE}")
    return int(text)


def _json(content: object) -> Response:
    return Response(msgspec.json.encode(content), media_type="application/json")
