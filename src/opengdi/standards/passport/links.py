"""LinkedIdentities: which identities are the same person, as far as visas say so.

Spec: GA4GH Passport 1.2.1, "LinkedIdentities".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple
from urllib.parse import quote, unquote

from opengdi.standards.faults import Malformed

MOST_LINKS: Final = 100


class Identity(NamedTuple):
    """A person at an issuer."""

    sub: str
    iss: str


def read_links(value: str) -> tuple[Identity, ...]:
    """Identities in the value of a visa: `sub,iss;sub,iss`, each URI-encoded. Raises Malformed."""
    pairs = value.split(";")
    if len(pairs) > MOST_LINKS:
        raise Malformed(f"the visa links {len(pairs)} identities; {MOST_LINKS} are taken at most")
    return tuple(_identity(pair) for pair in pairs)


def _identity(pair: str) -> Identity:
    try:
        sub, iss = (unquote(part, errors="strict") for part in pair.split(","))
    except ValueError as error:
        raise Malformed("a linked identity is not 'sub,iss', each URI-encoded") from error
    if not sub or not iss:
        raise Malformed("a linked identity lacks its sub or iss")
    return Identity(sub, iss)


def write_links(identities: Iterable[Identity]) -> str:
    """The value of a LinkedIdentities visa."""
    return ";".join(f"{quote(each.sub, safe='')},{quote(each.iss, safe='')}" for each in identities)


def linked(start: Identity, links: Iterable[Iterable[Identity]]) -> frozenset[Identity]:
    """All identities that are the same person as `start`; each of `links` says that its members are one.

    Links may be chained and may go in circles.
    """
    groups_of: dict[Identity, list[frozenset[Identity]]] = {}
    for members in links:
        group = frozenset(members)
        for each in group:
            groups_of.setdefault(each, []).append(group)
    found, open_ends = {start}, [start]
    while open_ends:
        for group in groups_of.pop(open_ends.pop(), ()):
            open_ends.extend(group - found)
            found |= group
    return frozenset(found)
