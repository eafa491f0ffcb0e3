"""Digests of a sequence, and ids written in any of them.

Spec: GA4GH refget 2.0.0, "Checksum calculation", "refget Checksum Algorithm", "Checksum Identifier Identification".
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from typing import Final

ALGORITHMS: Final = ("md5", "ga4gh", "trunc512")

_BASES_KEPT: Final = bytes(range(ord("A"), ord("Z") + 1))
_UPPER: Final = bytes(range(256)).upper()
_DROPPED: Final = bytes(set(range(256)) - set(_BASES_KEPT) - set(_BASES_KEPT.lower()))
_TRUNCATED_BYTES: Final = 24

_MD5: Final = re.compile(r"[0-9a-f]{32}\Z")
_TRUNC512: Final = re.compile(r"[0-9a-f]{48}\Z")
_GA4GH: Final = re.compile(r"SQ\.[A-Za-z0-9_-]{32}\Z")


@dataclass(frozen=True, slots=True)
class SequenceDigests:
    """The digests of one sequence; `ga4gh` is `SQ.` and 32 characters, the others are lower-case hex."""

    md5: str
    ga4gh: str
    trunc512: str


@dataclass(frozen=True, slots=True)
class SequenceId:
    """An id as a caller gave it. kind: `md5`, `ga4gh`, `trunc512`, or a naming authority in lower case."""

    kind: str
    value: str


def normalised(text: bytes) -> bytes:
    r"""The bases of a sequence as they are digested.

    "All non-base symbols (\n, spaces, etc) must be removed and then uppercase the rest"; A to Z are allowed.

    >>> normalised(b"ac g\nT-N*")
    b'ACGTN'
    """
    return text.translate(_UPPER, _DROPPED)


class Digester:
    """Digests of a sequence that comes in pieces, normalised already."""

    def __init__(self) -> None:
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sha512 = hashlib.sha512()
        self.length = 0

    def feed(self, bases: bytes) -> None:
        self._md5.update(bases)
        self._sha512.update(bases)
        self.length += len(bases)

    def digests(self) -> SequenceDigests:
        """Of what was fed so far."""
        truncated = self._sha512.digest()[:_TRUNCATED_BYTES]
        return SequenceDigests(
            self._md5.hexdigest(),
            f"SQ.{base64.urlsafe_b64encode(truncated).decode('ascii')}",
            truncated.hex(),
        )


def parse_id(text: str) -> SequenceId | None:
    """The id that `text` is, with or without its namespace; None if it can be none of any sequence.

    >>> parse_id("MD5:6681AC2F62509CFC220D78751B8DC524").value
    '6681ac2f62509cfc220d78751b8dc524'
    >>> parse_id("insdc:CM000663.2")
    SequenceId(kind='insdc', value='CM000663.2')
    """
    namespace, colon, value = text.rpartition(":")
    namespace = namespace.lower()
    for kind, shape, digest in (
        ("md5", _MD5, value.lower()),
        ("trunc512", _TRUNC512, value.lower()),
        ("ga4gh", _GA4GH, value),
    ):
        if namespace in {"", kind} and shape.match(digest):
            return SequenceId(kind, digest)
    if not colon or not namespace or namespace in ALGORITHMS or not value:
        return None
    return SequenceId(namespace, value)
