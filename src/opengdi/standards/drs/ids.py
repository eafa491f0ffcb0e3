"""Ids of objects as they travel in paths and in `drs://` URIs.

Spec: GA4GH DRS 1.5.0, "DRS IDs", "Hostname-based DRS URIs", "Encoding DRS IDs".
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from opengdi.standards.faults import Malformed

LONGEST_ID: Final = 1024
"""Characters of an id before it is encoded; the specification names no limit."""

_SCHEME: Final = "drs://"
_HOST: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?\Z")
_BROKEN: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_NOT_PORTABLE: Final = re.compile(r"[^A-Za-z0-9._-]+")


def escape_id(object_id: str) -> str:
    """The id as one path segment: `[A-Za-z0-9.-_~]` stay, all else is percent-encoded, also `/` and `:`."""
    return quote(object_id, safe="")


def unescape(text: str) -> str:
    """Percent-encoded text as it is meant. Raises Malformed for a broken escape, or no UTF-8."""
    if _BROKEN.search(text):
        raise Malformed("an id has a '%' that is not followed by two hexadecimal digits")
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError as error:
        raise Malformed("an id is not UTF-8") from error


def unescape_id(segment: str) -> str:
    """The id that a path segment names. Raises Malformed for what is none, or a length beyond reason."""
    object_id = unescape(segment)
    if not object_id or len(object_id) > LONGEST_ID:
        raise Malformed(f"an id must have 1 to {LONGEST_ID} characters")
    return object_id


def self_uri(host: str, object_id: str) -> str:
    """Hostname-based URI. "The protocol is always https and the port is always the standard 443 SSL port."

    Raises Malformed if `host` is no host name without a port.
    """
    if not _HOST.match(host):
        raise Malformed(f"{host!r} is no host name; a drs:// URI holds no port and no path")
    return f"{_SCHEME}{host}/{escape_id(object_id)}"


def read_uri(uri: str) -> tuple[str, str]:
    """Host and id of a hostname-based URI. Raises Malformed, also for a compact identifier (it has a ':')."""
    host, slash, segment = uri.removeprefix(_SCHEME).partition("/")
    if not uri.startswith(_SCHEME) or not slash or not _HOST.match(host) or {"/", ":"} & set(segment):
        raise Malformed("a DRS URI must be drs://<hostname>/<id> with the id percent-encoded")
    return host, unescape_id(segment)


def portable_name(name: str) -> str:
    """The last part of a path in the characters `[A-Za-z0-9.-_]` that a name may have; the others become `_`."""
    return _NOT_PORTABLE.sub("_", name.rsplit("/", 1)[-1]) or "_"
