"""What permits need of other features and of other parts of access. Handed over by `apps`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from sqlalchemy import Connection

from opengdi.access.model import Event
from opengdi.access.permits.model import Permit
from opengdi.kernel.keys import PublicKey
from opengdi.standards.duo.statements import Statement


class BodyKeys(Protocol):
    """Knows with which keys a deciding body signs."""

    def __call__(self, body: str) -> Collection[PublicKey]:
        """None for a stranger."""
        ...


class DataUse(Protocol):
    """Knows what a dataset may be used for."""

    def __call__(self, dataset: str, version: str) -> Statement | None:
        """None if the dataset is not known."""
        ...


class TakesBack(Protocol):
    """Tells what was taken back, so that doors refuse at once: a hub tells every node, a node its own doors."""

    def __call__(
        self,
        connection: Connection,
        kind: str,
        *,
        permit: str = "",
        subject: str = "",
        dataset: str = "",
        node: str = "",
    ) -> None:
        """kind: `permit` or `dataset-subject`. Within the transaction of the connection."""
        ...


class Heard(Protocol):
    """Another part that wants to know what happened to a permit, in the same transaction."""

    def __call__(self, connection: Connection, permit: Permit, events: Sequence[Event]) -> None: ...


class Names(Protocol):
    """Knows what people and organisations are called, for prints."""

    def __call__(self, ids: Collection[str], /) -> Mapping[str, str]:
        """By id; whoever is not known is missing."""
        ...


class Officials(Protocol):
    """Knows who signs for an organisation."""

    def __call__(self, organisation: str, /) -> frozenset[str]: ...
