"""What cases need of others. Handed over by `apps`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection

from opengdi.access.decision import Ruling
from opengdi.kernel.principal import Duty


class People(Protocol):
    """Knows who was given which role here, and where people belong. Methods block shortly."""

    def duties(self, subject: str) -> frozenset[Duty]:
        """The roles of a person; none for a stranger."""
        ...

    def organisations(self, subject: str, hub: str) -> frozenset[str]:
        """Ids of the organisations of that hub to which a person belongs, as far as this is known here."""
        ...


class Tells(Protocol):
    """Tells the hub `to` of an event, if the transaction of the connection is committed."""

    def __call__(
        self, connection: Connection, kind: str, subject: str, data: Mapping[str, Any], *, to: str
    ) -> None: ...


class HearsWord(Protocol):
    """Another part that lives by what cases say, in the transaction in which they say it."""

    def __call__(self, connection: Connection, people: Collection[str], /) -> None:
        """people: whom the application names."""
        ...


class Matching(Protocol):
    """What the use conditions of a dataset say to the purpose of an application; None: nothing is known."""

    def __call__(
        self, application: Mapping[str, Any], dataset: str, version: str
    ) -> Mapping[str, Any] | None: ...


class Automatic(Protocol):
    """Decides without people where the holders of all datasets want it and every condition of use is met."""

    def __call__(
        self, offer: Mapping[str, Any], until: datetime | None, now: datetime
    ) -> Sequence[Ruling] | None:
        """Grants of every dataset of the case; None: people decide."""
        ...
