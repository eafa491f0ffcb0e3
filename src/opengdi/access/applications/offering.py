"""The node's side of what can be asked for: its hubs are told what it publishes, and what it does not any longer.

What was told is compared with what is published, again and again: so nothing is missed, whoever changed it and when.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from sqlalchemy import Column, Connection, Engine, String, Table, delete, insert, select

from opengdi.access.applications.catalogue import OFFERED, WITHDRAWN, offer_of
from opengdi.access.each import do_each
from opengdi.access.ports import OfferedDataset
from opengdi.kernel.canonical import canonical_json
from opengdi.kernel.database import metadata, reading

access_offers: Final = Table(
    "access_offers",
    metadata,
    Column("hub", String(200), primary_key=True),
    Column("dataset", String(128), primary_key=True),
    Column("version", String(60), primary_key=True),
    Column("sha256", String(64), nullable=False),
)


class TellsHub(Protocol):
    """Tells a hub of an event, if the transaction is committed."""

    def __call__(
        self, connection: Connection, kind: str, subject: str, data: Mapping[str, Any], *, to: str
    ) -> None: ...


class Offering:
    """hubs: ids of those that are told."""

    def __init__(self, engine: Engine, hubs: Sequence[str], tell: TellsHub) -> None:
        self._engine = engine
        self._hubs = hubs
        self._tell = tell

    def reconcile(self, published: Sequence[OfferedDataset]) -> int:
        """Tell each hub what changed since it was told last; how many events. Raises Unavailable as `do_each` does."""
        return do_each("what may be asked for", self._hubs, lambda hub: self._for_hub(hub, published))

    def _for_hub(self, hub: str, published: Sequence[OfferedDataset]) -> int:
        told = self._told(hub)
        now = {(one.dataset, one.version): one for one in published}
        gone = [key for key in told if key not in now]
        fresh = {
            key: digest for key, one in now.items() if told.get(key) != (digest := _digest(offer_of(one)))
        }
        if not (gone or fresh):
            return 0
        with self._engine.begin() as connection:
            for dataset, version in gone:
                self._remember(connection, hub, dataset, version, "")
                data = {"dataset": dataset, "version": version}
                self._tell(connection, WITHDRAWN, dataset, data, to=hub)
            for key, digest in fresh.items():
                self._remember(connection, hub, *key, digest)
                self._tell(connection, OFFERED, key[0], offer_of(now[key]), to=hub)
        return len(gone) + len(fresh)

    def _told(self, hub: str) -> dict[tuple[str, str], str]:
        columns = access_offers.c
        query = select(columns.dataset, columns.version, columns.sha256).where(columns.hub == hub)
        with reading(self._engine) as connection:
            return {(row.dataset, row.version): row.sha256 for row in connection.execute(query)}

    @staticmethod
    def _remember(connection: Connection, hub: str, dataset: str, version: str, digest: str) -> None:
        columns = access_offers.c
        same = (columns.hub == hub) & (columns.dataset == dataset) & (columns.version == version)
        connection.execute(delete(access_offers).where(same))
        if digest:
            row = {"hub": hub, "dataset": dataset, "version": version, "sha256": digest}
            connection.execute(insert(access_offers), row)


def _digest(told: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical_json(told)).hexdigest()
