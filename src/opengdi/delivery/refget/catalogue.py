"""Which sequences there are, found by any of their digests and names. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from opengdi.standards.refget.digests import SequenceId


class Alias(msgspec.Struct, frozen=True, order=True):
    """A name that an authority gave; `naming_authority` as `INSDC`, `UCSC`, `RefSeq`, `Ensembl`."""

    alias: str
    naming_authority: str


class Known(msgspec.Struct, frozen=True):
    """One sequence. length in bases; `ga4gh` is `SQ.…`, the other digests are lower-case hex."""

    md5: str
    ga4gh: str
    trunc512: str
    length: int
    circular: bool = False
    aliases: tuple[Alias, ...] = ()


class Catalogue:
    """An immutable set of sequences."""

    def __init__(self, known: Iterable[Known] = ()) -> None:
        self.known: Final = tuple(sorted(known, key=lambda one: one.trunc512))
        self._by_id: dict[tuple[str, str], list[Known]] = {}
        for one in self.known:
            for kind, value in _ids(one):
                self._by_id.setdefault((kind, value), []).append(one)

    def find(self, wanted: SequenceId) -> Sequence[Known]:
        """Sequences of that id: none, one, or several for a name that was given more than once."""
        return self._by_id.get((wanted.kind, wanted.value), ())

    def naming_authorities(self) -> list[str]:
        """Those whose names are known, sorted, in lower case as they stand before a name."""
        return sorted({alias.naming_authority.lower() for one in self.known for alias in one.aliases})

    def with_these(self, added: Iterable[Known]) -> Catalogue:
        """With more sequences; one that was there keeps its names and gets the new ones."""
        merged = {one.trunc512: one for one in self.known}
        for one in added:
            before = merged.get(one.trunc512, one)
            aliases = tuple(sorted({*before.aliases, *one.aliases}))
            merged[one.trunc512] = msgspec.structs.replace(one, aliases=aliases)
        return Catalogue(merged.values())


def _ids(one: Known) -> Iterable[tuple[str, str]]:
    yield "md5", one.md5
    yield "ga4gh", one.ga4gh
    yield "trunc512", one.trunc512
    yield from {(alias.naming_authority.lower(), alias.alias) for alias in one.aliases}
