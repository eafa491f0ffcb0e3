"""The inbox: what every protocol of uploads does, whichever it is."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

from opengdi.archive.model import Declared
from opengdi.archive.ports import Reception
from opengdi.archive.seals import new_seal, sealed
from opengdi.archive.uploads.care import Care
from opengdi.archive.uploads.clearing import Clearing
from opengdi.archive.uploads.faults import NoSuchUpload, NotEncrypted, WrongOffset
from opengdi.archive.uploads.handover import Handover
from opengdi.archive.uploads.model import (
    Part,
    PieceSlot,
    Protocol,
    Sender,
    Upload,
    UploadState,
    Wish,
)
from opengdi.archive.uploads.pieces import Counted, Stream, new_id, new_key
from opengdi.archive.uploads.ports import Gate, HeldBytes, NewGate
from opengdi.archive.uploads.rules import (
    HOW_TO_DECLARE,
    check_quota,
    checked_name,
    chosen_parts,
    etag_of,
    merged,
)
from opengdi.archive.uploads.store import UploadStore
from opengdi.kernel.clock import Clock
from opengdi.kernel.errors import Conflict, Invalid, NotFound
from opengdi.kernel.storage import Storage
from opengdi.standards.s3.documents import NamedPart

logger = logging.getLogger(__name__)

Body = AsyncIterator[bytes]
Checksums = Callable[[], dict[str, str]]
"""Checksums of a body that has been read to its end, Base64 by algorithm."""

_MIB: Final = 1024**2

_FIRST_PART_S: Final = 3.0
_LOOK_EVERY_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Options:
    """How uploads are kept. piece_s: a piece is cut after so long; idle: an upload is given up after.

    quota_of: bytes a provider may hold, 0: any. advice: what to do about a file that is not encrypted to this node.
    """

    piece_bytes: int = 16 * _MIB
    piece_s: float = 60.0
    idle: timedelta = timedelta(days=7)
    care_s: float = 300.0
    quota_of: Callable[[str], int] = field(default=lambda _provider: 0)
    advice: Callable[[], str] = field(default=lambda: "encrypt it to the key of this node")


class Inbox:
    """Takes uploads in, whichever protocol they come by, and hands them to the archive when they are complete."""

    def __init__(
        self,
        store: UploadStore,
        storage: Storage,
        reception: Reception,
        new_gate: NewGate,
        held_by_archive: HeldBytes,
        *,
        clock: Clock,
        options: Options | None = None,
    ) -> None:
        self._store = store
        self._storage = storage
        self._reception = reception
        self._clearing = Clearing(store, storage)
        self._handover = Handover(store, reception, self._clearing)
        self._new_gate = new_gate
        self._held_by_archive = held_by_archive
        self._clock = clock
        self._options = options or Options()
        idle, every_s = self._options.idle, self._options.care_s
        self.care: Final = Care(store, self._handover, self._clearing, idle=idle, every_s=every_s)

    @property
    def idle(self) -> timedelta:
        """How long an upload is kept for which nothing comes."""
        return self._options.idle

    # beginning and looking

    async def begin(self, sender: Sender, wish: Wish) -> Upload:
        """Raises Invalid, Conflict if a file of this path may not be sent now, QuotaExceeded."""
        if not wish.partial:
            await self._reception.admit(sender.provider, checked_name(wish.path))
        self._check_quota(sender.provider, await self._held(sender.provider), wish.length or 1)
        return await asyncio.to_thread(self._store.begin, new_id(), sender, wish)

    async def find(self, sender: Sender, id_: str, protocol: Protocol, path: str | None = None) -> Upload:
        """The sender's upload of that id. Raises NoSuchUpload, also for one of somebody else."""
        upload = await asyncio.to_thread(self._store.find, id_)
        is_theirs = upload.sender.provider == sender.provider and upload.wish.protocol is protocol
        if not is_theirs or (path is not None and upload.wish.path != path):
            raise NoSuchUpload(f"{sender.actor} asks for upload {id_[:80]!r}, which is not theirs")
        return upload

    async def parts(self, upload: Upload) -> dict[int, Part]:
        """Parts that arrived, by number, in order."""
        return await asyncio.to_thread(self._store.parts, upload.id)

    async def uploads_of(
        self, sender: Sender, protocol: Protocol, after: tuple[str, str], most: int
    ) -> list[Upload]:
        """Open uploads of the sender's provider by path and id, from behind `after`."""
        return await asyncio.to_thread(
            self._store.uploads_of, sender.provider, protocol, after=after, most=most
        )

    async def completed_of(
        self, sender: Sender, after: str, most: int, *, including: bool = False
    ) -> list[Upload]:
        """Completed uploads of the sender's provider by path, from behind `after` (or from it on)."""
        return await asyncio.to_thread(
            self._store.completed_of, sender.provider, after=after, most=most, including=including
        )

    async def completed(self, sender: Sender, path: str) -> Upload:
        """The completed upload of a path. Raises NotFound."""
        for upload in await self.completed_of(sender, path, 1, including=True):
            if upload.wish.path == path:
                return upload
        raise NotFound(f"{sender.provider} has sent no file {path[:200]!r}")

    # what arrives

    async def put_part(
        self, upload: Upload, number: int, body: Body, *, checksums: Checksums = dict, announced: int = 1
    ) -> Part:
        """Store one part, whole or not at all; one of the same number is replaced. Raises what the body raises.

        Raises NotEncrypted, QuotaExceeded, NoSuchUpload.
        """
        provider = upload.sender.provider
        held = await self._held(provider)
        self._check_quota(provider, held, announced)
        upload = await self._look_at_first_part(upload, number)
        attempt, md5 = new_id(), hashlib.md5(usedforsecurity=False)
        judged = self._judged(upload, body) if number == 1 else body
        stream = Stream(_hashed(judged, md5), self._clock.monotonic, keep=False)
        size_bytes = place = 0
        try:
            while await stream.more():
                slot = _new_slot(upload, number, attempt, place)
                stored = await self._write(upload, slot, stream)
                await asyncio.to_thread(self._store.keep, slot, stored)
                size_bytes, place = size_bytes + stored, place + 1
                self._check_quota(provider, held + size_bytes)
            self._check_quota(provider, await self._held(provider))
            part = Part(number, size_bytes, md5.hexdigest(), self._clock.now(), checksums())
            await asyncio.to_thread(self._store.add_part, upload.id, part, attempt)
        except BaseException:
            await asyncio.shield(self._clearing.attempt(attempt, upload.id))
            raise
        await self._clearing.garbage(upload.id)  # an older sending of the same part
        return part

    async def append(self, upload: Upload, offset: int, body: Body, *, whole: bool = False) -> int:
        """Store what comes, from `offset` on; where the upload stands then. What came before a break is kept.

        whole: keep nothing of it unless the body ends well (its checksum is known only then).
        Raises what the body raises, WrongOffset, NotEncrypted, QuotaExceeded, NoSuchUpload.
        """
        if upload.refusal:
            raise NotEncrypted(upload.refusal)
        if upload.received != offset:
            raise WrongOffset(f"the upload stands at {upload.received}, not at {offset}")
        judged = body if upload.wish.partial else self._judged(upload, body)
        stream = Stream(judged, self._clock.monotonic, keep=not whole)
        held = await self._held(upload.sender.provider)
        if whole:
            return await self._append_whole(upload, offset, stream, held)
        at = offset
        while await stream.more():
            slot = _new_slot(upload, 0, "", at)
            size_bytes = await self._write(upload, slot, stream)
            at = await asyncio.to_thread(self._store.append, slot, size_bytes, at)
            self._check_quota(upload.sender.provider, held + at - offset)
        if stream.broken is not None:
            raise stream.broken
        self._check_quota(upload.sender.provider, await self._held(upload.sender.provider))
        return at

    async def _append_whole(self, upload: Upload, offset: int, stream: Stream, held: int) -> int:
        """All that comes as pieces that count only together."""
        written: list[tuple[PieceSlot, int]] = []
        at = offset
        try:
            while await stream.more():
                slot = _new_slot(upload, 0, "", at)
                size_bytes = await self._write(upload, slot, stream)
                written.append((slot, size_bytes))
                at += size_bytes
                self._check_quota(upload.sender.provider, held + at - offset)
        except BaseException:
            for slot, _ in written:
                await asyncio.shield(self._clearing.piece(slot.key))
            raise
        for slot, size_bytes in written:
            offset = await asyncio.to_thread(self._store.append, slot, size_bytes, offset)
        return offset

    async def _write(self, upload: Upload, slot: PieceSlot, stream: Stream) -> int:
        """Store the next piece of a stream; its bytes."""
        await asyncio.to_thread(self._store.plan, slot, upload.sender.provider)
        content = Counted(stream.piece(self._options.piece_bytes, self._options.piece_s))
        try:
            await self._storage.put(slot.key, sealed(aiter(content), slot.seal))
        except BaseException:
            await asyncio.shield(self._clearing.piece(slot.key))
            raise
        return content.size_bytes

    async def _judged(self, upload: Upload, body: Body) -> Body:
        """The body, of which nothing passes before it is known that the file's header opens; at every sending of it.

        What cannot be judged yet passes as it came, if it begins as a header does.
        """
        if upload.headed and upload.received:
            async for chunk in body:
                yield chunk
            return
        gate, held = self._new_gate(), bytearray()
        if upload.received:
            await self._feed_stored(gate, upload.id)
        is_open = False
        async for piece, opened in self._refusing(upload, gate, body):
            if is_open:
                yield piece
                continue
            held += piece
            if opened is not None:
                is_open = True
                await asyncio.to_thread(self._store.note_header, upload.id)
                yield bytes(held)
        if held and not is_open:
            yield bytes(held)

    async def _refusing(
        self, upload: Upload, gate: Gate, body: Body
    ) -> AsyncIterator[tuple[bytes, object | None]]:
        """Each chunk with what the gate says of it; a refusal ends the upload."""
        opened: object | None = None
        async for chunk in body:
            if opened is None:
                try:
                    opened = await asyncio.to_thread(gate.feed, chunk)
                except Invalid as error:
                    raise await self._refuse(upload, error.public) from error
            yield chunk, opened

    async def _refuse(self, upload: Upload, why: str) -> NotEncrypted:
        """What to say of an upload that is not for us; nothing of it stays."""
        why = f"{why}; {self._options.advice()}. {HOW_TO_DECLARE[0].upper()}{HOW_TO_DECLARE[1:]}."
        with contextlib.suppress(NoSuchUpload, NotEncrypted):
            await asyncio.to_thread(self._store.refuse, upload.id, why)
        await self._clearing.garbage(upload.id)
        return NotEncrypted(why)

    async def _feed_stored(self, gate: Gate, id_: str) -> object | None:
        """What the gate says of what is stored of an upload."""
        for piece in await asyncio.to_thread(self._store.pieces, id_):
            async for chunk in sealed(self._storage.get(piece.key), piece.seal):
                opened = await asyncio.to_thread(gate.feed, chunk)
                if opened is not None:
                    return opened
        return None

    async def _look_at_first_part(self, upload: Upload, number: int) -> Upload:
        """The upload as it is once its first part was judged, or after a short wait: clients send parts side by side.

        Raises NotEncrypted.
        """
        until = self._clock.monotonic() + _FIRST_PART_S
        while True:
            if upload.refusal:
                raise NotEncrypted(upload.refusal)
            if number == 1 or upload.headed or self._clock.monotonic() >= until:
                return upload
            await asyncio.sleep(_LOOK_EVERY_S)
            upload = await asyncio.to_thread(self._store.find, upload.id)

    async def _held(self, provider: str) -> int:
        """Bytes that a provider holds in inbox and archive; 0 if it may hold any.

        The database adds up all that the provider has: asked where a request begins and ends, not for each piece.
        """
        if not self._options.quota_of(provider):
            return 0
        held = await asyncio.to_thread(self._store.held_bytes, provider)
        return held + await self._held_by_archive(provider)

    def _check_quota(self, provider: str, held: int, more: int = 0) -> None:
        """Raises QuotaExceeded."""
        check_quota(provider, held=held, more=more, quota=self._options.quota_of(provider))

    # what becomes of it

    async def declare(self, upload: Upload, declared: Declared) -> None:
        """Add to what was declared at the beginning: digests are known at the end. Raises Invalid if they differ."""
        both = merged(upload.wish.declared, declared)
        if both != upload.wish.declared:
            await asyncio.to_thread(self._store.declare, upload.id, both)

    async def complete_parts(self, upload: Upload, named: Sequence[NamedPart]) -> Upload:
        """Make the object of the named parts and hand it over. Once more after it is done, the same is told.

        Raises WrongParts, Conflict, NotEncrypted, Unavailable.
        """
        if upload.state is UploadState.OPEN:
            arrived = await self.parts(upload)
            if (await asyncio.to_thread(self._store.find, upload.id)).state is not UploadState.OPEN:
                return await self._handover.settle(
                    upload.id
                )  # another process was faster, and took the parts
            parts = chosen_parts(named, arrived)
            size_bytes = sum(part.size_bytes for part in parts)
            single = upload.wish.length is not None  # PutObject: one part, whose length was told
            etag = parts[0].etag if single else etag_of(parts)
            return await self._claim_and_settle(upload, size_bytes, etag, parts)
        return await self._handover.settle(upload.id)

    async def complete(self, upload: Upload) -> Upload:
        """Hand over an upload that came one byte after the other. Raises Conflict, NotEncrypted, Unavailable."""
        if upload.state is UploadState.OPEN:
            return await self._claim_and_settle(upload, upload.received, "", ())
        return await self._handover.settle(upload.id)

    async def _claim_and_settle(
        self, upload: Upload, size_bytes: int, etag: str, parts: Sequence[Part]
    ) -> Upload:
        headed = (await asyncio.to_thread(self._store.find, upload.id)).headed
        if not headed:
            raise await self._refuse(upload, "the file ends within its Crypt4GH header, or part 1 is missing")
        try:
            await asyncio.to_thread(
                self._store.claim, upload.id, size_bytes=size_bytes, etag=etag, parts=parts
            )
        except NoSuchUpload:  # another process was faster
            logger.info("upload %s is being completed elsewhere too", upload.id)
        return await self._handover.settle(upload.id)

    async def concatenate(self, sender: Sender, wish: Wish, ids: Sequence[str]) -> Upload:
        """Put a file together from partial uploads, which end by that, and hand it over. Once more, the same is told.

        Raises NoSuchUpload, Invalid if one of them is no partial upload or not complete, Conflict, NotEncrypted.
        """
        try:
            whole = await self._joined(sender, wish, ids)
        except (NoSuchUpload, Conflict):  # they may have ended by that: the sender did not hear of it
            known = await asyncio.to_thread(self._store.joined, sender.provider, wish)
            if known is None:
                raise
            whole = known
        return await self.complete(whole)

    async def _joined(self, sender: Sender, wish: Wish, ids: Sequence[str]) -> Upload:
        """A new upload in the place of partial ones. Nothing has changed unless all of it has."""
        partials = [await self.find(sender, id_, Protocol.TUS) for id_ in ids]
        for each in partials:
            if each.refusal:
                raise NotEncrypted(each.refusal)
        are_whole = all(each.wish.partial and each.received == each.wish.length for each in partials)
        if not are_whole or len(set(ids)) < len(ids):
            raise Invalid("only partial uploads that are complete can be concatenated, each once")
        await self._reception.admit(sender.provider, checked_name(wish.path))
        await self._judge_stored(partials)
        wish = replace(wish, length=sum(each.received for each in partials))
        return await asyncio.to_thread(self._store.join, new_id(), sender, wish, ids)

    async def _judge_stored(self, partials: Sequence[Upload]) -> None:
        """Look at the header of what is stored. Raises NotEncrypted, NoSuchUpload if others joined it meanwhile."""
        gate, why = self._new_gate(), "the file ends within its Crypt4GH header"
        try:
            for partial in partials:
                if await self._feed_stored(gate, partial.id) is not None:
                    return
        except NotFound:
            pass  # taken by the archive while we read: they are joined, as is found out next
        except Invalid as error:
            why = error.public
        for partial in partials:
            await asyncio.to_thread(self._store.find, partial.id)
        refusals = [await self._refuse(partial, why) for partial in partials]
        raise refusals[0]

    async def give_up(self, upload: Upload) -> None:
        """The sender does not go on. Raises NoSuchUpload if it is not open."""
        await asyncio.to_thread(self._store.give_up, upload.id)
        await self._clearing.garbage(upload.id)

    async def abandon(self, id_: str) -> None:
        """The same after a failure: an upload that is gone or being handed over is left alone."""
        with contextlib.suppress(NoSuchUpload):
            await asyncio.shield(asyncio.to_thread(self._store.give_up, id_))
            await asyncio.shield(self._clearing.garbage(id_))


def _new_slot(upload: Upload, part: int, attempt: str, place: int) -> PieceSlot:
    return PieceSlot(new_key(), upload.id, part, attempt, place, new_seal())


async def _hashed(body: Body, digest: hashlib._Hash) -> Body:
    async for chunk in body:
        await asyncio.to_thread(digest.update, chunk)
        yield chunk
