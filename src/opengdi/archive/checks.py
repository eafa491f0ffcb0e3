"""Signed hashes of an archived body, chunk by chunk: what a scrub holds it against, without the database.

Form: a compact JWS over JSON; `chunks` are SHA-256 in hexadecimal (see `chunks` for what they are over).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec

from opengdi.archive.chunks import CHUNK_SEGMENTS
from opengdi.archive.keyring import Keyring
from opengdi.kernel.canonical import canonical_json
from opengdi.standards.faults import Malformed, Unverified

PURPOSE: Final = "opengdi-body-checks"


@dataclass(frozen=True, slots=True)
class BodyChecks:
    """What a body must look like. chunk_hashes: 32 bytes each."""

    body_bytes: int
    body_sha256: str
    chunk_hashes: tuple[bytes, ...]


class _Said(msgspec.Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    place: str
    body_bytes: int
    body_sha256: str
    chunk_segments: int
    chunks: list[str]


def signed_checks(checks: BodyChecks, place: str, keyring: Keyring) -> bytes:
    """The object that lies beside the body at `place`."""
    chunks = [digest.hex() for digest in checks.chunk_hashes]
    said = _Said(place, checks.body_bytes, checks.body_sha256, CHUNK_SEGMENTS, chunks)
    return keyring.sign(canonical_json(said), purpose=PURPOSE)


def read_checks(raw: bytes, place: str, keyring: Keyring) -> BodyChecks:
    """What the archive signed for the body at `place`. Raises Malformed; Unverified if it speaks of another place."""
    try:
        said = msgspec.json.decode(keyring.verified(raw, purpose=PURPOSE), type=_Said)
        hashes = tuple(bytes.fromhex(chunk) for chunk in said.chunks)
    except (msgspec.DecodeError, ValueError) as error:
        raise Malformed(f"the checks of {place} cannot be read: {error}") from error
    if said.place != place:
        raise Unverified(f"the checks beside {place} are those of {said.place}")
    if said.chunk_segments != CHUNK_SEGMENTS:
        raise Malformed(f"the checks of {place} are over chunks of {said.chunk_segments} segments")
    return BodyChecks(said.body_bytes, said.body_sha256, hashes)
