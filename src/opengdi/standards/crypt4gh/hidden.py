"""Key bytes that never show: not in a repr, not in a pickle, and not in the time that comparing them takes."""

from __future__ import annotations

import hmac
from typing import Final

from opengdi.standards.faults import Malformed

KEY_BYTES: Final = 32


class Hidden:
    """32 bytes that print as `***`; `reveal()` is said where they are used."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        """Raises Malformed unless there are 32 bytes."""
        if len(value) != KEY_BYTES:
            raise Malformed(f"a key of {len(value)} bytes; {KEY_BYTES} are needed")
        self._value = bytes(value)

    def reveal(self) -> bytes:
        return self._value

    def __repr__(self) -> str:
        return f"{type(self).__name__}(***)"

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and hmac.compare_digest(self._value, other._value)

    def __hash__(self) -> int:
        raise TypeError("a secret is no dictionary key")

    def __reduce__(self) -> str:
        raise TypeError("a secret does not leave its process")


class DataKey(Hidden):
    """Symmetric key of data segments ("K_data")."""

    __slots__ = ()
