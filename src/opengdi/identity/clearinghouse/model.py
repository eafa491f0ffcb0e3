"""Whom a clearinghouse believes, and in what."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, NamedTuple

from opengdi.standards.passport import By, VisaType
from opengdi.standards.passport.tokens import LEEWAY


class Pair(NamedTuple):
    """An issuer with the address of its keys. Nothing is fetched, nobody believed, unless settings name the pair."""

    iss: str
    jku: str


@dataclass(frozen=True, slots=True)
class Issuer:
    """A visa issuer that is believed.

    types: visas that are taken from it; sources: organisations it may speak for, none: any.
    datasets: ids for which it is the authority, `*` at the end stands for any ending.
    subjects_of: the broker whose people its `sub` names; empty: people of its own.
    accepts_bare_values: it may name a dataset by its id alone, or by a URL that is not its own.
    means_every_version: its visas that name no version open each one, also those that are released later.
    """

    pair: Pair
    types: frozenset[str] = frozenset({VisaType.CONTROLLED_ACCESS})
    datasets: tuple[str, ...] = ()
    sources: frozenset[str] = frozenset()
    subjects_of: str = ""
    accepts_bare_values: bool = False
    means_every_version: bool = False

    def authority(self, dataset: str) -> int:
        """How closely this issuer is named for a dataset: the length of what names it, -1 if it is not."""
        return max((_closeness(name, dataset) for name in self.datasets), default=-1)


def _closeness(name: str, dataset: str) -> int:
    if name == dataset:
        return len(name) + 1
    if name.endswith("*") and dataset.startswith(name[:-1]):
        return len(name) - 1
    return -1


@dataclass(frozen=True, slots=True)
class Trust:
    """Brokers by their `iss`, with the address of their keys; issuers of visas by pair."""

    brokers: tuple[Pair, ...] = ()
    issuers: tuple[Issuer, ...] = ()
    _brokers: dict[str, Pair] = field(init=False, repr=False, compare=False)
    _issuers: dict[tuple[str, str], Issuer] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_brokers", {pair.iss: pair for pair in self.brokers})
        object.__setattr__(self, "_issuers", {tuple(issuer.pair): issuer for issuer in self.issuers})

    def broker(self, iss: str) -> Pair | None:
        """The broker of exactly that name; addresses are compared as they are written."""
        return self._brokers.get(iss)

    def issuer(self, iss: object, jku: object) -> Issuer | None:
        """The visa issuer of exactly that pair."""
        return self._issuers.get((iss, jku)) if isinstance(iss, str) and isinstance(jku, str) else None

    def is_authority(self, issuer: Issuer, dataset: str) -> bool:
        """True if no other issuer is named more closely for the dataset (E-37: a dataset's own authority grants)."""
        own = issuer.authority(dataset)
        return own >= 0 and all(
            own >= other.authority(dataset) for other in self.issuers if other is not issuer
        )


REGISTERED_BY: Final = frozenset({By.SIGNING_OFFICIAL, By.SYSTEM})
"""Whose word that somebody is a researcher is taken. A visa that does not say whose word it is proves nothing."""


@dataclass(frozen=True, slots=True)
class Policy:
    """audiences: what a token may be for; bona_fide_by: whose ResearcherStatus counts.

    oldest_assertion: how long after `asserted` a visa counts, whatever its `exp` says.
    """

    audiences: Collection[str] = ()
    bona_fide_by: frozenset[str] = REGISTERED_BY
    oldest_assertion: timedelta = timedelta(days=3660)
    leeway: timedelta = LEEWAY
