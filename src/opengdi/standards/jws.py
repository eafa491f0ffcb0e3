"""Compact JWS, read strictly: one spelling of each token, one value of each member. Nothing is believed here.

Two readers of one token must not see two things, so base64url must be as an encoder writes it, and JSON members must
not repeat. Who checks the signature checks `signed` and `signature`.

Spec: RFC 7515 §3.1, §4.1, §5.2 and §10.12 (JSON security); RFC 8259 §4 (names should be unique); RFC 7519 §4.
"""

from __future__ import annotations

import json
from binascii import Error, a2b_base64, b2a_base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from opengdi.standards.faults import Malformed

LONGEST_TOKEN: Final = 1024 * 1024
"""Characters of a token, unless its reader knows better."""

LONGEST_HEADER: Final = 4096
_DEEPEST: Final = 16
_TO_URL: Final = bytes.maketrans(b"+/", b"-_")
_FROM_URL: Final = bytes.maketrans(b"-_", b"+/")


@dataclass(frozen=True, slots=True)
class CompactJws:
    """The parts of a token. signed: the bytes that the signature is over."""

    header: Mapping[str, object]
    payload: bytes
    signed: bytes
    signature: bytes


def read_compact(token: str, *, longest: int = LONGEST_TOKEN) -> CompactJws:
    """The parts of a compact JWS, nothing verified. Raises Malformed."""
    if len(token) > longest:
        raise Malformed(f"the token has {len(token)} characters; {longest} are taken at most")
    parts = token.split(".", 3)
    if len(parts) != 3 or not token.isascii():
        raise Malformed("not a compact JWS (header.payload.signature)")
    signed, _, _ = token.rpartition(".")
    return CompactJws(_header(parts[0]), from_base64url(parts[1]), signed.encode(), from_base64url(parts[2]))


def write_compact(header: Mapping[str, object], payload: bytes, sign: Callable[[bytes], bytes]) -> str:
    """A compact JWS. sign: gives the signature over what it gets."""
    head = json.dumps(dict(header), separators=(",", ":")).encode()
    signed = f"{to_base64url(head)}.{to_base64url(payload)}"
    return f"{signed}.{to_base64url(sign(signed.encode()))}"


@lru_cache(maxsize=256)
def _header(part: str) -> Mapping[str, object]:
    """Cached: all tokens of one key of one issuer begin alike."""
    if len(part) > LONGEST_HEADER:
        raise Malformed(f"the header has {len(part)} characters; {LONGEST_HEADER} are taken at most")
    return MappingProxyType(read_object(from_base64url(part), "header"))


def from_base64url(text: str) -> bytes:
    """Bytes of unpadded base64url. Raises Malformed for any spelling but the one that an encoder gives."""
    encoded = text.encode()
    try:
        found = a2b_base64(encoded.translate(_FROM_URL) + b"=" * (-len(encoded) % 4), strict_mode=True)
    except Error as error:
        raise Malformed("a part of the JWS is not base64url") from error
    if _encoded(found) != encoded:  # spare bits are set, or it is the alphabet of plain base64
        raise Malformed("a part of the JWS is not base64url as an encoder writes it")
    return found


def to_base64url(content: bytes) -> str:
    """Unpadded base64url."""
    return _encoded(content).decode()


def _encoded(content: bytes) -> bytes:
    return b2a_base64(content, newline=False).rstrip(b"=").translate(_TO_URL)


def read_object(content: bytes, what: str) -> dict[str, object]:
    """A JSON object in UTF-8. Raises Malformed for a repeated member, NaN, depth over 16, or anything else."""
    try:
        found = json.loads(content.decode(), object_pairs_hook=_each_once, parse_constant=_no_number)
    except Malformed as error:
        raise Malformed(f"{what}: {error}") from None
    except (ValueError, RecursionError) as error:
        raise Malformed(f"{what} is not JSON in UTF-8") from error
    if not isinstance(found, dict):
        raise Malformed(f"{what} is not a JSON object")
    opened = content.count(b"{") + content.count(b"[")  # as deep as that at most, and hardly ever deeper
    if opened > _DEEPEST and _depth(found) > _DEEPEST:
        raise Malformed(f"{what} is nested more than {_DEEPEST} deep")
    return found


def _each_once(members: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(members)
    if len(found) != len(members):
        names = [name for name, _ in members]
        twice = next(name for name in names if names.count(name) > 1)
        raise Malformed(f"member {twice[:40]!r} occurs twice")
    return found


def _no_number(text: str) -> float:
    raise Malformed(f"{text} is no number in JSON")


def _depth(value: object) -> int:
    """How deep lists and objects lie in each other; stops where it is deep enough to be refused."""
    level: list[object] = [value]
    for depth in range(_DEEPEST + 1):
        inner: list[object] = []
        for each in level:
            if isinstance(each, dict):
                inner.extend(each.values())
            elif isinstance(each, list):
                inner.extend(each)
        level = [each for each in inner if isinstance(each, dict | list)]
        if not level:
            return depth + 1
    return _DEEPEST + 1
