"""Decisions about tickets. Pure: no file is read, no address is made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from opengdi.delivery.htsget.model import Mode
from opengdi.delivery.model import HeldFile
from opengdi.kernel.doors import Reach
from opengdi.kernel.errors import NotPermitted
from opengdi.kernel.principal import Principal
from opengdi.standards.coordinates import Interval, parse_contig
from opengdi.standards.faults import Malformed
from opengdi.standards.htsget.errors import invalid_input, unsupported_format
from opengdi.standards.htsget.planning import Part
from opengdi.standards.htsget.request import Kind, Region, TicketRequest
from opengdi.standards.htsget.ticket import LARGEST_BLOCK_BYTES
from opengdi.standards.vcf.records import MAX_POSITION

SCHEME: Final = "encryptionScheme"
MODE: Final = "encryptionMode"
"""Parameters that the standard does not know; the first is what the field's servers and clients use."""

CRYPT4GH: Final = "c4gh"
MOST_PARTS_IN_ADDRESS: Final = 64
SLOWEST_BYTES_S: Final = 2_000_000
"""A ticket for much data holds longer: its last address may be used only when the others are read, at this speed."""

LONGEST: Final = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Policy:
    """What a node's operator decided. ttl_s: seconds for which a small ticket holds."""

    ttl_s: int = 600
    allow_plain: bool = True
    encryption_mode: Mode = Mode.EDIT_LIST


def format_of(kind: Kind, file: HeldFile, request: TicketRequest) -> str:
    """The format of the answer, which is the file's own. Raises BadRequest if another one was asked for."""
    if request.format not in {None, file.format}:
        raise unsupported_format(f"this id has {file.format}, not {request.format}")
    assert file.format in kind.formats
    return file.format


def mode_of(request: TicketRequest, reach: Reach, policy: Policy) -> Mode:
    """How to deliver. Who may have regions only never gets a key of the file. Raises BadRequest."""
    scheme = request.others.get(SCHEME, "")
    if not scheme:
        if not policy.allow_plain:
            raise invalid_input(
                f"this node delivers encrypted only: give {SCHEME}={CRYPT4GH} and your public key"
            )
        return Mode.PLAIN
    if scheme.lower() != CRYPT4GH:
        raise invalid_input(f"the only {SCHEME} is {CRYPT4GH}")
    asked = request.others.get(MODE, policy.encryption_mode.value).lower()
    if asked not in {Mode.EDIT_LIST, Mode.FILLED, Mode.FRESH}:
        raise invalid_input(f"{MODE} must be A (edit list), B (filled segments) or C (a fresh key)")
    return Mode(asked) if reach.whole else Mode.FRESH


def check_within(request: TicketRequest, reach: Reach) -> None:
    """Raises NotPermitted if the request asks for more than the regions that the caller may have."""
    if reach.whole or request.header_only:
        return
    if request.regions is None:
        raise _beyond("all of it")
    for region in request.regions:
        if not _is_covered(region, reach.regions):
            raise _beyond("a region")


def _beyond(what: str) -> NotPermitted:
    return NotPermitted(
        f"{what} was asked for by a caller with regions only",
        public="Your access covers regions of this file only; ask for regions that lie within them.",
    )


def _is_covered(region: Region, allowed: Iterable[Interval]) -> bool:
    """True if the allowed intervals together hold every base of the region; an empty one stands for its one base."""
    try:
        contig = parse_contig(region.reference).contig
    except Malformed:
        return False
    end = MAX_POSITION if region.end is None else max(region.end, region.start + 1)
    reached = region.start
    for interval in sorted((i for i in allowed if i.contig == contig), key=lambda i: i.start):
        if interval.start > reached:
            return False
        reached = max(reached, interval.end)
        if reached >= end:
            return True
    return False


def holds_until(asker: Principal, file: HeldFile, now: datetime, lifetime: timedelta) -> datetime:
    """When a ticket ends: after its lifetime, or with the visas by which the file was opened.

    Visas for all of it need no other: the last of them counts. Where there are only visas for regions, the ticket may
    need each of them: it ends with the first.
    """
    latest = now + min(lifetime, LONGEST)
    visas = [visa for visa in asker.visas if visa.opens_any(file.releases) and visa.holds_at(now)]
    whole = [min(visa.until or latest, latest) for visa in visas if not visa.regions]
    return max(whole) if whole else min((min(visa.until or latest, latest) for visa in visas), default=now)


def lifetime(policy: Policy, size_bytes: int) -> timedelta:
    """For how long a ticket over so many bytes holds."""
    return timedelta(seconds=policy.ttl_s + size_bytes // SLOWEST_BYTES_S)


def about_bytes(parts: Iterable[Part]) -> int:
    """Compressed bytes of the parts, to within a block each."""
    return sum((part.end >> 16) - (part.begin >> 16) for part in parts)


def blocks_of(parts: Iterable[Part]) -> list[Sequence[Part]]:
    """Parts in groups that each make one data block of at most about 1 GB and one address of a bearable length."""
    groups: list[list[Part]] = []
    size = 0
    for part in _small(parts):
        part_size = about_bytes([part])
        if not groups or len(groups[-1]) >= MOST_PARTS_IN_ADDRESS or size + part_size > LARGEST_BLOCK_BYTES:
            groups.append([])
            size = 0
        groups[-1].append(part)
        size += part_size
    return list(groups)


def _small(parts: Iterable[Part]) -> Iterator[Part]:
    """Parts of at most 1 GB; a long one is cut anywhere, which joins again without a seam."""
    for part in parts:
        begin = part.begin
        while part.only is None and (part.end >> 16) - (begin >> 16) > LARGEST_BLOCK_BYTES:
            middle = (begin >> 16) + LARGEST_BLOCK_BYTES << 16
            yield Part(begin, middle)
            begin = middle
        yield Part(begin, part.end, part.only)


def byte_blocks(size: int) -> list[tuple[int, int]]:
    """[0, size) in spans of at most 1 GB."""
    return [(first, min(first + LARGEST_BLOCK_BYTES, size)) for first in range(0, size, LARGEST_BLOCK_BYTES)]
