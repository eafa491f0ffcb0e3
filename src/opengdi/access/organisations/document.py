"""How terms and agreements are published in versions that never change."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from opengdi.access.ledger import Story
from opengdi.access.model import Event, Head, Json, NewEvent
from opengdi.access.organisations import commands as c
from opengdi.access.organisations.facts import moment
from opengdi.access.organisations.model import Document, DocumentKind, Version
from opengdi.kernel.errors import Conflict, Invalid

MEDIA_TYPES: Final = frozenset(
    {"text/plain; charset=utf-8", "text/markdown; charset=utf-8", "application/pdf"}
)
MOST_BYTES: Final = 8 * 1024 * 1024


def published(state: Document, command: c.Publish, sha256: str, now: datetime) -> list[NewEvent]:
    """A version; the same bytes as the newest again are nothing new. Raises Invalid, Conflict."""
    _check_content(command)
    if state.kind not in {None, command.kind}:
        raise Conflict(
            f"{command.id} is {state.kind}, not {command.kind}",
            public=f"The document {command.id} is {state.kind}; another kind needs another id.",
        )
    if state.versions and state.versions[-1].sha256 == sha256:
        return []
    binding = command.binding_from or now
    if binding.tzinfo is None:
        raise Invalid("bindingFrom must tell its time zone, such as 2027-01-01T00:00:00Z")
    if binding < now:
        raise Invalid(f"bindingFrom {binding.isoformat()} is in the past")
    if state.versions and binding < state.versions[-1].binding:
        raise Invalid("bindingFrom is before that of the version before")
    data = {
        "id": command.id,
        "kind": command.kind,
        "title": command.title,
        "version": len(state.versions) + 1,
        "sha256": sha256,
        "mediaType": command.media_type,
        "size": len(command.content),
        "binding": binding.isoformat(),
    }
    return [NewEvent("version-published", data)]


def retired(state: Document) -> list[NewEvent]:
    """Nobody needs to sign it any more."""
    return [] if state.retired else [NewEvent("retired")]


def _check_content(command: c.Publish) -> None:
    if command.media_type not in MEDIA_TYPES:
        raise Invalid(f"mediaType {command.media_type[:60]!r} must be {' or '.join(sorted(MEDIA_TYPES))}")
    if not 0 < len(command.content) <= MOST_BYTES:
        raise Invalid(f"content has {len(command.content)} bytes; 1 to {MOST_BYTES} are possible")
    if command.media_type == "application/pdf":
        if not command.content.startswith(b"%PDF-"):
            raise Invalid("content is no PDF: it does not begin with %PDF-")
        return
    try:
        command.content.decode()
    except UnicodeDecodeError as error:
        raise Invalid(f"content is not UTF-8 at byte {error.start}") from error


def evolve(state: Document, event: Event) -> Document:
    """The state after an event; one that is not known changes nothing."""
    if event.kind == "version-published":
        return _with_version(state, event.data)
    if event.kind == "retired":
        return replace(state, retired=True)
    return state


def _with_version(state: Document, data: Json) -> Document:
    version = Version(
        data["version"], data["sha256"], data["mediaType"], data["size"], moment(data["binding"])
    )
    return Document(
        data["id"], DocumentKind(data["kind"]), data["title"], (*state.versions, version), retired=False
    )


def head(state: Document) -> Head:
    """All of a document, so that one question finds them all."""
    return Head("retired" if state.retired else "published", frozenset(), summary(state))


def summary(state: Document) -> dict[str, Any]:
    """A document as JSON."""
    versions = [
        {
            "version": each.number,
            "sha256": each.sha256,
            "mediaType": each.media_type,
            "size": each.size,
            "binding": each.binding.isoformat(),
        }
        for each in state.versions
    ]
    return {"id": state.id, "kind": state.kind, "title": state.title, "versions": versions}


def of_summary(told: Json, state: str) -> Document:
    """The document that a list tells of."""
    versions = tuple(
        Version(each["version"], each["sha256"], each["mediaType"], each["size"], moment(each["binding"]))
        for each in told["versions"]
    )
    return Document(told["id"], DocumentKind(told["kind"]), told["title"], versions, state == "retired")


DOCUMENT_STORY: Final = Story("document", Document(), evolve, head)
