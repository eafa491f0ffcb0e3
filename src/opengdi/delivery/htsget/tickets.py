"""Tickets: who may have what, which parts of the file that is, and where the caller gets them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from opengdi.delivery.door import opening, reached
from opengdi.delivery.htsget import rules
from opengdi.delivery.htsget.answers import Answers
from opengdi.delivery.htsget.grants import LONGEST_ADDRESS, GrantSeal
from opengdi.delivery.htsget.layouts import Known, Layouts
from opengdi.delivery.htsget.model import Grant, Mode, Portion, packed
from opengdi.delivery.htsget.rules import Policy
from opengdi.delivery.htsget.source import Source
from opengdi.delivery.model import CRAM, HeldFile
from opengdi.delivery.named import NamedPath, named
from opengdi.delivery.ports import Files
from opengdi.kernel.audit.chain import Outcome
from opengdi.kernel.audit.ports import AuditLog
from opengdi.kernel.clock import Clock
from opengdi.kernel.doors import Reach
from opengdi.kernel.errors import NotAuthenticated, NotFound, NotPermitted
from opengdi.kernel.principal import Principal
from opengdi.standards.crypt4gh import PublicKey
from opengdi.standards.htsget.errors import BadRequest, invalid_input
from opengdi.standards.htsget.planning import (
    Numbered,
    Part,
    UnknownReference,
    coarser,
    exact_parts_of,
    numbered,
    parts_of,
)
from opengdi.standards.htsget.recoding import LARGEST_ANSWER, LARGEST_CUT, Cut, cuts_of, too_much
from opengdi.standards.htsget.request import Kind, TicketRequest
from opengdi.standards.htsget.ticket import BODY, HEADER, TicketUrl, inline, ticket_document

ISSUED: Final = "htsget.ticket"
MOST_PARTS: Final = 200
"""Of an encrypted answer, which is one whole and cannot be spread over addresses."""

RegisteredKey = Callable[[str], Awaitable[PublicKey | None]]
"""The public key that a caller (by subject) has registered, if there is one."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request for a ticket. data_base: address below which data are served. key: as the request names it."""

    kind: Kind
    file_id: str
    request: TicketRequest
    asker: Principal
    data_base: str
    key: PublicKey | None = None
    request_id: str = ""


class Tickets:
    """Issues tickets. An audit line is written before a ticket leaves."""

    def __init__(
        self,
        files: Files,
        layouts: Layouts,
        answers: Answers,
        *,
        seal: GrantSeal,
        policy: Policy,
        registered_key: RegisteredKey,
        audit: AuditLog,
        clock: Clock,
    ) -> None:
        self._files = files
        self._layouts = layouts
        self._answers = answers
        self._seal = seal
        self._policy = policy
        self._registered_key = registered_key
        self._audit = audit
        self._clock = clock

    async def issue(self, asked: Asked) -> bytes:
        """The JSON document of a ticket.

        Raises NotAuthenticated, NotPermitted, NotFound, BadRequest, DamagedFile, Unavailable.
        """
        file, reach = await self._admit(asked)
        file_format = rules.format_of(asked.kind, file, asked.request)
        mode = rules.mode_of(asked.request, reach, self._policy)
        now = self._clock.now()
        grant = Grant(
            asked.asker.subject,
            file.id,
            0,
            mode,
            Portion.WHOLE,
            exact=not reach.whole,
            made=int(now.timestamp()),
            visas=opening(asked.asker, file, now),
            datasets=tuple(sorted(reach.datasets)),
        )
        make = self._plain if mode is Mode.PLAIN else self._encrypted
        urls = await make(asked, file, grant)
        self._record(asked, file, Outcome.DONE)
        return ticket_document(file_format, urls)

    async def _admit(self, asked: Asked) -> tuple[HeldFile, Reach]:
        """The file, if the caller may have what is asked of it, and how much of it they may have."""
        file, reach = await self._reached(asked)
        if file.format not in asked.kind.formats:
            raise NotFound(f"{file.id} is no file of {asked.kind.datatype}")
        try:
            rules.check_within(asked.request, reach)
        except NotPermitted:
            self._record(asked, file, Outcome.REFUSED)
            raise
        return file, reach

    async def _reached(self, asked: Asked) -> tuple[HeldFile, Reach]:
        """What lies below a file that the caller may have is not there; all else that they may not have is refused."""
        now = self._clock.now()
        try:
            return await reached(self._files, asked.asker, asked.file_id, now)
        except (NotAuthenticated, NotPermitted) as refusal:
            file = await self._named(asked)
            if file is not None:
                return await reached(self._files, asked.asker, file.id, now)
            parent = asked.file_id[: max(asked.file_id.rfind("."), asked.file_id.rfind("/"), 0)]
            if parent and await self._is_reached(asked.asker, parent):
                raise NotFound(f"there is nothing below {parent}") from None
            if isinstance(refusal, NotPermitted):
                self._record(asked, None, Outcome.REFUSED)
            raise

    async def _named(self, asked: Asked) -> HeldFile | None:
        """The file of that path in a dataset of the caller's, where `sda-cli` asks for `dataset/path`."""
        try:
            return await named(self._files, asked.asker, NamedPath.decoded(asked.file_id), self._clock.now())
        except (NotAuthenticated, NotPermitted):
            return None

    async def _is_reached(self, asker: Principal, file_id: str) -> bool:
        try:
            await reached(self._files, asker, file_id, self._clock.now())
        except (NotAuthenticated, NotPermitted):
            return False
        return True

    async def _recipient(self, asked: Asked) -> PublicKey:
        key = asked.key or await self._registered_key(asked.asker.subject)
        if key is None:
            raise invalid_input("to encrypt for you, your public key is needed in Htsget-Context-Public-Key")
        return key

    async def _parts(
        self, file: HeldFile, known: Known, regions: Sequence[Numbered], grant: Grant
    ) -> list[Part]:
        """What the regions need of the file, where it can be cut between records."""
        if not grant.exact:
            return parts_of(known.layout, regions)
        source = await Source.open(self._files, file)
        return await source.run(exact_parts_of(known.layout, regions))

    async def _bodies(self, asked: Asked, file: HeldFile, known: Known, grant: Grant) -> list[Grant]:
        """Grants for blocks of records. Of a CRAM, the first is made now, so that what is in its way is said here."""
        regions = _numbered(asked, file, known)
        body = replace(grant, portion=Portion.BODY)
        if not _is_recoded(file, grant):
            parts = await self._parts(file, known, regions, grant)
            return [replace(body, parts=packed(block)) for block in rules.blocks_of(parts)]
        cuts = cuts_of(known.layout, regions, LARGEST_CUT)
        bodies = [replace(body, parts=packed(cut.parts), regions=cut.regions) for cut in cuts]
        if bodies:
            await self._answers.compose(file, bodies[0])
        return bodies

    async def _plain(self, asked: Asked, file: HeldFile, grant: Grant) -> list[TicketUrl]:
        """Decrypted data: one address for the whole file, else the header, the parts, and the end."""
        if asked.request.regions is None and not asked.request.header_only:
            addresses = self._addresses(asked, file, file.plain_bytes)
            return [addresses.of(span, "") for span in _spans(grant, file.plain_bytes)]
        known = await self._layouts.of(file)
        if asked.request.header_only:
            return [*_framing(asked.kind, grant, known, self._addresses(asked, file, 0), HEADER)]
        bodies = await self._bodies(asked, file, known, grant)
        size = sum(rules.about_bytes(body.wanted()) for body in bodies)
        addresses = self._addresses(asked, file, size)
        header, end = _framing(asked.kind, grant, known, addresses, BODY)
        return [header, *(addresses.of(body, BODY) for body in bodies), end]

    async def _encrypted(self, asked: Asked, file: HeldFile, grant: Grant) -> list[TicketUrl]:
        """One Crypt4GH file: its header in the ticket, its segments at addresses."""
        recipient = await self._recipient(asked)
        grant = replace(await self._extended(asked, file, grant), recipient=recipient.raw)
        answer = await self._answers.compose(file, grant)
        part = HEADER if asked.request.header_only else BODY
        addresses = self._addresses(asked, file, answer.size)
        segments = [addresses.of(span, part) for span in _spans(grant, answer.size)]
        return [TicketUrl(inline(answer.sealed_header), HEADER), *segments]

    async def _extended(self, asked: Asked, file: HeldFile, grant: Grant) -> Grant:
        """The grant with what it is for: a region, the header, or the whole file as it is."""
        if asked.request.header_only:
            return replace(grant, portion=Portion.HEADER_AND_END)
        if asked.request.regions is None:
            return grant
        known = await self._layouts.of(file)
        regions, grant = _numbered(asked, file, known), replace(grant, portion=Portion.ALL)
        if _is_recoded(file, grant):
            return _recoded_whole(grant, cuts_of(known.layout, regions, LARGEST_ANSWER))
        parts = await self._parts(file, known, regions, grant)
        if not grant.exact:
            parts = coarser(parts, MOST_PARTS)
        elif len(parts) > MOST_PARTS:
            raise _too_many()
        return replace(grant, parts=packed(parts))

    def _addresses(self, asked: Asked, file: HeldFile, size: int) -> _Addresses:
        """Makes addresses that hold as long as it takes to fetch `size` bytes."""
        lifetime = rules.lifetime(self._policy, size)
        until = rules.holds_until(asked.asker, file, self._clock.now(), lifetime)
        return _Addresses(self._seal, asked.data_base, int(until.timestamp()))

    def _record(self, asked: Asked, file: HeldFile | None, outcome: Outcome) -> None:
        objects = (f"file:{file.id}",) if file else ()
        self._audit.append(
            ISSUED, actor=asked.asker.subject, outcome=outcome, objects=objects, request=asked.request_id
        )


@dataclass(frozen=True, slots=True)
class _Addresses:
    """Makes addresses of data below `base` that hold until then, in seconds since 1970."""

    seal: GrantSeal
    base: str
    until: int

    def of(self, grant: Grant, part: str) -> TicketUrl:
        """part: `header`, `body`, or nothing. Raises BadRequest if the address would be too long."""
        sealed = self.seal.seal(replace(grant, until=self.until))
        if len(sealed) > LONGEST_ADDRESS:
            raise _too_many()
        return TicketUrl(f"{self.base}/{sealed}", part)


def _numbered(asked: Asked, file: HeldFile, known: Known) -> list[Numbered]:
    """The regions that are asked for. Raises NotFound for a reference that the file does not have."""
    try:
        return numbered(known.layout, asked.request.regions or ())
    except UnknownReference as error:
        raise NotFound(f"{file.id} has no such reference", public="There is no such reference.") from error


def _is_recoded(file: HeldFile, grant: Grant) -> bool:
    """Where single records are granted of a format that keeps them together."""
    return grant.exact and file.format == CRAM


def _recoded_whole(grant: Grant, cuts: Sequence[Cut]) -> Grant:
    """The grant of one answer that cannot be in blocks. Raises BadRequest if it would be too large."""
    match cuts:
        case []:
            return replace(grant, parts=())
        case [cut]:
            return replace(grant, parts=packed(cut.parts), regions=cut.regions)
        case _:
            raise too_much()


def _framing(
    kind: Kind, grant: Grant, known: Known, addresses: _Addresses, end_part: str
) -> tuple[TicketUrl, TicketUrl]:
    """Header and end. IGV takes no data URI in tickets for variants, so those get addresses instead."""
    header = replace(grant, portion=Portion.HEADER)
    end = replace(grant, portion=Portion.END)
    if kind is Kind.VARIANTS:
        return addresses.of(header, HEADER), addresses.of(end, end_part)
    first = addresses.of(header, HEADER) if known.header is None else TicketUrl(inline(known.header), HEADER)
    return first, TicketUrl(inline(known.layout.end_marker), end_part)


def _spans(grant: Grant, size: int) -> list[Grant]:
    """The grant for each block of an answer of `size` bytes; one of nothing is no block."""
    return [replace(grant, first=first, stop=stop) for first, stop in rules.byte_blocks(size)]


def _too_many() -> BadRequest:
    return invalid_input("too many regions apart from each other; ask for fewer at once")
