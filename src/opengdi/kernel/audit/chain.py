"""Links of the audit chain: numbered, each hashed over the one before, signed at checkpoints. Pure.

A line is `{"hash":"<64 hex digits>","link":<canonical JSON>}`; the hash is SHA-256 over the hash of the line before
and the bytes of the link, so that nothing can be changed, removed, inserted or moved without the rest breaking.
A link is an event or a checkpoint; a checkpoint holds a JWS over the number and hash of the link before it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec

from opengdi.kernel.canonical import canonical_json
from opengdi.standards.faults import Malformed

CHECKPOINT_PURPOSE: Final = "opengdi-audit-checkpoint"
"""`typ` of a checkpoint's JWS."""

_GENESIS: Final = b"opengdi audit chain 1\0"
_BEFORE_HASH: Final = b'{"hash":"'
_BEFORE_LINK: Final = b'","link":'
_END: Final = b"}\n"
_HASH_AT: Final = len(_BEFORE_HASH)
_LINK_AT: Final = _HASH_AT + 64 + len(_BEFORE_LINK)


class Outcome(StrEnum):
    """How an act ended."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


# Structs, not dataclasses: one is made and encoded for every request that is answered (0.6 µs instead of 3).
class Event(msgspec.Struct, frozen=True, tag_field="kind", tag="event", forbid_unknown_fields=True):
    """Something that happened. All strings are ids; `time` is RFC 3339 in UTC."""

    seq: int
    time: str
    actor: str
    action: str
    outcome: Outcome
    objects: tuple[str, ...] = ()
    request: str = ""
    details: tuple[str, ...] = ()


class Checkpoint(msgspec.Struct, frozen=True, tag_field="kind", tag="checkpoint", forbid_unknown_fields=True):
    """A signature over everything before it; `jws` signs a `Signed`."""

    seq: int
    jws: str


class Signed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a checkpoint signs: the chain of this writer has the hash `hash` at link `seq`."""

    writer: str
    seq: int
    hash: str
    time: str


Link = Event | Checkpoint

_LINK_DECODER: Final = msgspec.json.Decoder(Link)
_SIGNED_DECODER: Final = msgspec.json.Decoder(Signed)


@dataclass(frozen=True, slots=True)
class Head:
    """Where a chain stands: number and hash (32 bytes) of its last link."""

    seq: int
    digest: bytes


def genesis(writer: str) -> Head:
    """Where the chain of a writer begins; a segment moved to another writer does not fit there."""
    return Head(0, hashlib.sha256(_GENESIS + writer.encode()).digest())


def link_digest(previous: bytes, link: bytes) -> bytes:
    """Hash of a link whose predecessor has the hash `previous`."""
    return hashlib.sha256(previous + link).digest()


def write_line(previous: bytes, link: Link) -> tuple[bytes, bytes]:
    """The line of a link, newline included, and its hash."""
    text = canonical_json(link)
    digest = link_digest(previous, text)
    return b"".join((_BEFORE_HASH, digest.hex().encode(), _BEFORE_LINK, text, _END)), digest


@dataclass(frozen=True, slots=True)
class Line:
    """A line as read: the hash it claims (as written), the bytes of its link and what they say."""

    claimed: bytes
    text: bytes
    link: Link


def read_line(line: bytes) -> Line:
    """The parts of a line; its hash is not checked here. Raises Malformed if a byte of the frame is off."""
    if not (
        line.startswith(_BEFORE_HASH)
        and line[_HASH_AT + 64 : _LINK_AT] == _BEFORE_LINK
        and line.endswith(_END)
    ):
        raise Malformed('not a line of the audit chain: {"hash":"…","link":{…}} is expected')
    text = line[_LINK_AT : -len(_END)]
    try:
        return Line(line[_HASH_AT : _HASH_AT + 64], text, _LINK_DECODER.decode(text))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(f"the link cannot be read: {error}") from error


def signed_payload(writer: str, head: Head, time: str) -> bytes:
    """What a checkpoint after `head` signs."""
    return canonical_json(Signed(writer, head.seq, head.digest.hex(), time))


def read_signed(payload: bytes) -> Signed:
    """What a checkpoint signed. Raises Malformed."""
    try:
        return _SIGNED_DECODER.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(f"the checkpoint's payload cannot be read: {error}") from error
