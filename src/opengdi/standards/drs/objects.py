"""What a server says of an object: one blob, or a bundle of others.

Spec: GA4GH DRS 1.5.0, schemas DrsObject, AccessMethod, AccessURL, Authorizations, Checksum, ContentsObject.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, Literal

from opengdi.standards.faults import Malformed

SHA_256: Final = "sha-256"
"""Name of the digest in the IANA Named Information Hash Algorithm Registry."""

AccessType = Literal["s3", "gs", "ftp", "gsiftp", "globus", "htsget", "https", "file"]
AuthorizationType = Literal["None", "BasicAuth", "BearerAuth", "PassportAuth"]


@dataclass(frozen=True, slots=True)
class Checksum:
    """Digest of an object's bytes, in lower-case hex."""

    checksum: str
    type: str = SHA_256

    def as_document(self) -> dict[str, Any]:
        return {"checksum": self.checksum, "type": self.type}


@dataclass(frozen=True, slots=True)
class AccessUrl:
    """Where bytes are fetched; `headers` are lines `Name: value` to send along."""

    url: str
    headers: tuple[str, ...] = ()

    def as_document(self) -> dict[str, Any]:
        return {"url": self.url} | ({"headers": list(self.headers)} if self.headers else {})


@dataclass(frozen=True, slots=True)
class Authorizations:
    """How a caller proves who it is. Passport issuers must be named where passports are taken."""

    types: tuple[AuthorizationType, ...]
    passport_issuers: tuple[str, ...] = ()
    object_id: str | None = None

    def __post_init__(self) -> None:
        if "PassportAuth" in self.types and not self.passport_issuers:
            raise Malformed("passport_auth_issuers is required with PassportAuth")

    def as_document(self) -> dict[str, Any]:
        document: dict[str, Any] = {"supported_types": list(self.types)}
        if self.object_id is not None:
            document["drs_object_id"] = self.object_id
        if self.passport_issuers:
            document["passport_auth_issuers"] = list(self.passport_issuers)
        return document

    def of(self, object_id: str) -> Authorizations:
        """The same, said of one object."""
        return replace(self, object_id=object_id)


@dataclass(frozen=True, slots=True)
class AccessMethod:
    """One way to the bytes. "At least one of `access_url` and `access_id` must be provided"."""

    type: AccessType
    url: AccessUrl | None = None
    access_id: str = ""
    authorizations: Authorizations | None = None
    available: bool = True

    def __post_init__(self) -> None:
        if self.url is None and not self.access_id:
            raise Malformed("an access method needs an access_url or an access_id")

    def as_document(self) -> dict[str, Any]:
        document: dict[str, Any] = {"type": self.type, "available": self.available}
        if self.url is not None:
            document["access_url"] = self.url.as_document()
        if self.access_id:
            document["access_id"] = self.access_id
        if self.authorizations is not None:
            document["authorizations"] = self.authorizations.as_document()
        return document


@dataclass(frozen=True, slots=True)
class Content:
    """One member of a bundle; `name` is unique in it."""

    name: str
    id: str
    uri: str

    def as_document(self) -> dict[str, Any]:
        return {"name": self.name, "id": self.id, "drs_uri": [self.uri]}


@dataclass(frozen=True, slots=True)
class DrsObject:
    """A blob if `contents` is None, else a bundle, whose size is the sum of its members. Bytes; times are aware."""

    id: str
    self_uri: str
    size: int
    created: datetime
    checksums: tuple[Checksum, ...]
    updated: datetime | None = None
    name: str = ""
    mime_type: str = ""
    description: str = ""
    aliases: tuple[str, ...] = ()
    access_methods: tuple[AccessMethod, ...] = ()
    contents: tuple[Content, ...] | None = None

    def __post_init__(self) -> None:
        if not self.checksums:
            raise Malformed("at least one checksum must be provided")
        if self.contents is None and not self.access_methods:
            raise Malformed("access_methods are required for single blobs")

    def as_document(self) -> dict[str, Any]:
        """The JSON object; members that are not known are left out."""
        document: dict[str, Any] = {
            "id": self.id,
            "self_uri": self.self_uri,
            "size": self.size,
            "created_time": _rfc3339(self.created),
            "checksums": [checksum.as_document() for checksum in self.checksums],
        }
        if self.updated is not None:
            document["updated_time"] = _rfc3339(self.updated)
        for name in ("name", "mime_type", "description"):
            if value := getattr(self, name):
                document[name] = value
        if self.aliases:
            document["aliases"] = list(self.aliases)
        if self.access_methods:
            document["access_methods"] = [method.as_document() for method in self.access_methods]
        if self.contents is not None:
            document["contents"] = [content.as_document() for content in self.contents]
        return document


def bundle_checksum(members: Iterable[str]) -> Checksum:
    """SHA-256 of a bundle whose members have these hex digests.

    "The list of checksums is sorted alphabetically (hex-code) before concatenation and a further checksum is performed
    on the concatenated checksum value."
    """
    return Checksum(hashlib.sha256("".join(sorted(members)).encode()).hexdigest())


def distinct_names(names: Sequence[str]) -> list[str]:
    """The names, those that were there before made unique by a number: "unique within the containing bundle"."""
    taken: set[str] = set()
    found = []
    for name in names:
        stem, number = name, 2
        while name in taken:
            name, number = f"{number}-{stem}", number + 1  # noqa: PLW2901  # tried until it is free
        taken.add(name)
        found.append(name)
    return found


def _rfc3339(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
