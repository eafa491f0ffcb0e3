"""Objects as a caller may see them: files, datasets, and where their bytes are."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from opengdi.delivery.door import reached_whole
from opengdi.delivery.download.grants import Grants
from opengdi.delivery.download.recipients import RecipientKeys, recipient_of
from opengdi.delivery.model import BAM, BCF, CRAM, VCF, HeldFile
from opengdi.delivery.ports import Files
from opengdi.kernel.audit.ports import AuditLog
from opengdi.kernel.clock import Clock
from opengdi.kernel.doors import Reach, reach
from opengdi.kernel.errors import GdiError, NotAuthenticated, NotFound, NotPermitted
from opengdi.kernel.http.decided import let_in, refused_a_part
from opengdi.kernel.http.faults import status_of
from opengdi.kernel.logging import current_request_id
from opengdi.kernel.principal import Principal
from opengdi.standards.drs.ids import escape_id, portable_name, self_uri
from opengdi.standards.drs.objects import (
    AccessMethod,
    AccessUrl,
    Authorizations,
    Checksum,
    Content,
    DrsObject,
    bundle_checksum,
    distinct_names,
)

CONTENT: Final = "content"
"""Access id of the body: the very bytes that size and checksum describe."""

CRYPT4GH: Final = "crypt4gh"
"""Access id of the body behind a header for the caller's key: a whole Crypt4GH file.

It has no `access_url`, for size and digest are those of the bytes there, and these are others for each key.
"""

_MIME_TYPE: Final = "application/octet-stream"
_HTSGET: Final = {BAM: "reads", CRAM: "reads", VCF: "variants", BCF: "variants"}
_BEARER: Final = Authorizations(("BearerAuth",))
_NOBODY: Final = Authorizations(("None",))

Asked = TypeVar("Asked")


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where things are, as the caller reaches them.

    host: of `drs://` URIs, without a port. downloads, htsget: base addresses; `htsget` is empty where there is none.
    """

    host: str
    downloads: str
    htsget: str = ""

    def uri(self, object_id: str) -> str:
        return self_uri(self.host, object_id)

    def file(self, file_id: str, part: str = "") -> str:
        return f"{self.downloads}/files/{escape_id(file_id)}{part}"


class Objects:
    """Answers about objects. Absent and forbidden ones are told alike."""

    def __init__(
        self, files: Files, grants: Grants, keys: RecipientKeys, *, clock: Clock, audit: AuditLog
    ) -> None:
        self._files = files
        self._grants = grants
        self._keys = keys
        self._clock = clock
        self._audit = audit

    async def describe(self, asker: Principal, object_id: str, at: Addresses) -> DrsObject:
        """A file or a dataset. Raises NotAuthenticated or NotPermitted."""
        try:
            file = await self._files.find(object_id)
        except NotFound:
            return await self._bundle(asker, object_id, at)
        found = reach(asker, file.releases, self._clock.now())
        let_in(asker.subject, found.datasets)
        return _blob(file, found, asker, at)

    async def access(
        self, asker: Principal, object_id: str, access_id: str, headers: Mapping[str, str], at: Addresses
    ) -> AccessUrl:
        """An address for the bytes that works for a short while and without further credentials.

        headers: of the request, names in lower case; they may name the recipient's key.
        Raises NotAuthenticated, NotPermitted; NotFound for an access id that a reached file does not have.
        """
        file = await reached_whole(self._files, asker, object_id, self._clock.now())
        if access_id == CONTENT:
            grant = self._grants.content(asker, file)
        elif access_id == CRYPT4GH:
            recipient = await recipient_of(headers, asker.subject, self._keys)
            grant = self._grants.whole(asker, file, recipient)
        else:
            raise NotFound(f"{object_id} has no access id {access_id!r}")
        self._audit.append(
            "drs.access",
            actor=asker.subject,
            objects=(f"file:{file.id}", f"what:{access_id}"),
            request=current_request_id.get(),
        )
        return AccessUrl(f"{at.downloads}/granted/{grant}")

    async def totals(self) -> tuple[int, int]:
        """Number of files, and bytes of their bodies."""
        found = await self._files.extent_of_all()
        return found.files, found.body_bytes

    async def _bundle(self, asker: Principal, dataset: str, at: Addresses) -> DrsObject:
        """The files of the versions that the caller may have."""
        members = await self._opened(asker, dataset)
        names = distinct_names([_name(file) for file in members])
        return DrsObject(
            id=dataset,
            self_uri=at.uri(dataset),
            size=sum(file.body_bytes for file in members),
            created=min(file.created for file in members),
            updated=max(file.updated for file in members),
            checksums=(bundle_checksum(file.body_sha256 for file in members),),
            name=portable_name(dataset),
            description="The released files of a dataset.",
            contents=tuple(
                Content(name, file.id, at.uri(file.id)) for name, file in zip(names, members, strict=True)
            ),
        )

    async def _opened(self, asker: Principal, dataset: str) -> Sequence[HeldFile]:
        """Never empty. Raises NotAuthenticated or NotPermitted."""
        files, now = await self._files.in_dataset(dataset), self._clock.now()
        reach(asker, {release for file in files for release in file.within(dataset)}, now)
        let_in(asker.subject, (dataset,))
        held = [visa for visa in asker.visas if visa.holds_at(now)]
        return [file for file in files if any(visa.opens_any(file.within(dataset)) for visa in held)]


async def each(
    wanted: Iterable[Asked], ask: Callable[[Asked], Awaitable[dict[str, Any]]], asker: Principal
) -> tuple[list[dict[str, Any]], list[tuple[Asked, int]]]:
    """What was answered, and what was not with the status that it alone would have got.

    Raises NotAuthenticated if nobody knows who asks, and nothing is for everybody.
    """
    resolved: list[dict[str, Any]] = []
    unresolved: list[tuple[Asked, int]] = []
    for one in wanted:
        try:
            resolved.append(await ask(one))
        except GdiError as error:
            unresolved.append((one, int(status_of(error))))
            if isinstance(error, NotAuthenticated | NotPermitted):
                refused_a_part()
    if asker.is_anonymous and unresolved and not resolved:
        raise NotAuthenticated("nobody known asks for objects")
    return resolved, unresolved


def _blob(file: HeldFile, found: Reach, asker: Principal, at: Addresses) -> DrsObject:
    methods = _methods(file, found, asker, at)
    if not methods:
        raise NotPermitted(f"{asker.subject} may have regions only of {file.id}, which has none")
    return DrsObject(
        id=file.id,
        self_uri=at.uri(file.id),
        size=file.body_bytes,
        created=file.created,
        updated=file.updated,
        checksums=(Checksum(file.body_sha256),),
        name=_name(file),
        mime_type=_MIME_TYPE,
        description=(
            "Encrypted segments of a Crypt4GH file; size and checksum are theirs. The header for your key is at "
            f"{at.file(file.id, '/header')}; {at.file(file.id)} gives both as one file, which is longer."
        ),
        aliases=(file.name,),
        access_methods=methods,
    )


def _methods(file: HeldFile, found: Reach, asker: Principal, at: Addresses) -> tuple[AccessMethod, ...]:
    """Ways to the bytes that the caller may go; for regions there is htsget alone.

    Spec: DRS 1.5, AccessMethod: "An `AccessURL` that can be used to fetch the actual object bytes": the first way.
    """
    how = _NOBODY if asker.is_anonymous else _BEARER
    methods = []
    if found.whole:
        methods += [
            AccessMethod("https", AccessUrl(at.file(file.id, "/content")), CONTENT, how),
            AccessMethod("https", None, CRYPT4GH, how),
        ]
    if at.htsget and file.format in _HTSGET:
        url = f"{at.htsget}/{_HTSGET[file.format]}/{escape_id(file.id)}"
        methods.append(AccessMethod("htsget", AccessUrl(url), authorizations=how))
    return tuple(methods)


def _name(file: HeldFile) -> str:
    return f"{portable_name(file.name)}.c4gh"


def authorizations(issuers: Sequence[str]) -> Authorizations:
    """How callers prove who they are; the same for every id, so that it tells nothing of what is there."""
    if not issuers:
        return _BEARER
    return Authorizations(("BearerAuth", "PassportAuth"), tuple(issuers))
