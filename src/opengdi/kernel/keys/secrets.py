"""Secrets that do not print, and pseudonyms made with them."""

from __future__ import annotations

import hashlib
import hmac
from ipaddress import IPv6Address, ip_address, ip_network


class Secret:
    """Bytes that print as `***`; `reveal()` is said where they are used."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = value

    def reveal(self) -> bytes:
        return self._value

    def __repr__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value, other._value)

    def __hash__(self) -> int:
        raise TypeError("a secret is no dictionary key")

    def __reduce__(self) -> str:
        raise TypeError("a secret does not leave its process")


def pseudonym(key: Secret, purpose: str, text: str) -> str:
    """32 hex digits that stand for `text`: the same each time, different per key and purpose, not invertible."""
    return hmac.new(key.reveal(), f"{purpose}\0{text}".encode(), hashlib.sha256).hexdigest()[:32]


def address_pseudonym(key: Secret, address: str) -> str:
    """Pseudonym of a network address; an IPv6 caller is its /64 network, because it owns all of it.

    A text that is no address gets a pseudonym of its own.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return pseudonym(key, "address", address)
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return pseudonym(key, "address", str(parsed.ipv4_mapped))
        return pseudonym(key, "address", str(ip_network((parsed, 64), strict=False)))
    return pseudonym(key, "address", str(parsed))
