"""One spelling for one value: the bytes that are hashed and signed."""

from __future__ import annotations

from typing import Final

import msgspec

_ENCODER: Final = msgspec.json.Encoder(order="sorted")


def canonical_json(value: object) -> bytes:
    """JSON with members sorted by name, no spaces, UTF-8 without escapes that are not needed.

    For values of strings, integers, booleans, None, lists, mappings with string names, and structs of them; it then
    equals RFC 8785 (JCS). Do not sign floats: their spelling is not settled here.
    """
    return _ENCODER.encode(value)
