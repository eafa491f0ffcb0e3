"""Resumable uploads by tus: what the headers of a request say, and what those of an answer must.

Spec: tus resumable upload protocol 1.0.0, "Core Protocol" and the extensions Creation, Creation With Upload,
Expiration, Checksum, Termination and Concatenation.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from opengdi.standards.faults import Malformed

SPEC_VERSION: Final = "1.0.0"
EXTENSIONS: Final = (
    "creation",
    "creation-with-upload",
    "expiration",
    "checksum",
    "termination",
    "concatenation",
)
CONTENT_TYPE: Final = "application/offset+octet-stream"
CHECKSUM_MISMATCH: Final = 460
""""the Server MUST respond with a 460 Checksum Mismatch status and the upload chunk MUST be discarded"."""

ALGORITHMS: Final[Mapping[str, Callable[[], Any]]] = {
    "sha1": lambda: hashlib.sha1(usedforsecurity=False),  # "MUST support at least the SHA1 algorithm"
    "sha256": hashlib.sha256,
    "md5": lambda: hashlib.md5(usedforsecurity=False),
}
MOST_CONCATENATED: Final = 10_000
_KEY: Final = re.compile(r"[\x21-\x2b\x2d-\x7e]{1,128}\Z")
_MOST_BYTES: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Checksum:
    """What `Upload-Checksum` says of one request's body."""

    algorithm: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Concatenation:
    """What `Upload-Concat` says. paths: of the partial uploads that a final one is made of, in order."""

    is_final: bool
    paths: tuple[str, ...] = ()


def read_metadata(text: str) -> dict[str, str]:
    """`Upload-Metadata`: keys and values, the values decoded. Raises Malformed.

    Spec: "one or more comma-separated key-value pairs. The key and value MUST be separated by a space. The key MUST NOT
    contain spaces and commas and MUST NOT be empty. The key SHOULD be ASCII encoded and the value MUST be Base64
    encoded. All keys MUST be unique."
    """
    found: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        key, _, encoded = pair.partition(" ")
        if not _KEY.match(key) or key in found:
            raise Malformed("Upload-Metadata: each key must be ASCII without spaces, and be there once")
        try:
            found[key] = base64.b64decode(encoded.strip(), validate=True).decode()
        except (binascii.Error, ValueError):
            raise Malformed(f"Upload-Metadata: the value of {key!r} must be UTF-8 text in Base64") from None
    return found


def write_metadata(values: Mapping[str, str]) -> str:
    """The header that says `values`."""
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in values.items())


def read_number(name: str, text: str | None) -> int:
    """`Upload-Offset` or `Upload-Length`: "The value MUST be a non-negative integer." Raises Malformed."""
    if text is None:
        raise Malformed(f"{name} is missing")
    if not (text.isascii() and text.isdigit() and len(text) < 20) or int(text) > _MOST_BYTES:
        raise Malformed(f"{name} must be a non-negative integer")
    return int(text)


def read_checksum(text: str | None) -> Checksum | None:
    """`Upload-Checksum`: algorithm and digest. Raises Malformed for an algorithm that is not known."""
    if text is None:
        return None
    algorithm, _, encoded = text.strip().partition(" ")
    if algorithm not in ALGORITHMS:
        raise Malformed(f"Upload-Checksum: {algorithm[:40]!r} is not known; {', '.join(ALGORITHMS)} are")
    try:
        digest = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise Malformed("Upload-Checksum: the digest must be in Base64") from None
    return Checksum(algorithm, digest)


def read_concatenation(text: str | None) -> Concatenation | None:
    """`Upload-Concat`: `partial`, or `final;` and the addresses of the parts. Raises Malformed."""
    if text is None:
        return None
    kind, _, rest = text.strip().partition(";")
    if kind == "partial" and not rest:
        return Concatenation(is_final=False)
    addresses = rest.split()
    if kind != "final" or not 1 <= len(addresses) <= MOST_CONCATENATED:
        raise Malformed("Upload-Concat must be `partial`, or `final;` and the addresses of partial uploads")
    try:
        return Concatenation(is_final=True, paths=tuple(urlsplit(address).path for address in addresses))
    except ValueError:
        raise Malformed("Upload-Concat: an address is malformed") from None
