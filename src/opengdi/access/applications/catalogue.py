"""What can be asked for: releases that the hub's settings name, and those that nodes offered."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Column, Connection, DateTime, Engine, String, Table, Text, delete, insert, select

from opengdi.access.ports import OfferedDataset
from opengdi.kernel.clock import Clock
from opengdi.kernel.database import metadata, reading
from opengdi.kernel.errors import Invalid
from opengdi.kernel.reception import Handle, ReceivedEvent

OFFERED: Final = "eu.gdi.dataset.offered"
WITHDRAWN: Final = "eu.gdi.dataset.withdrawn"

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}\Z", re.ASCII)

access_datasets: Final = Table(
    "access_datasets",
    metadata,
    Column("dataset", String(128), primary_key=True),
    Column("version", String(60), primary_key=True),
    Column("node", String(200), nullable=False),
    Column("offered_at", DateTime(timezone=True), nullable=False),
    Column("body", Text, nullable=False),
)


class Catalogue:
    """settings: releases that an operator named; they win over what a node says of the same one."""

    def __init__(self, engine: Engine, clock: Clock, settings: Iterable[OfferedDataset] = ()) -> None:
        self._engine = engine
        self._clock = clock
        self._named: dict[str, list[OfferedDataset]] = {}
        for offered in settings:
            self._named.setdefault(offered.dataset, []).append(offered)

    def find(self, dataset: str, version: str = "") -> OfferedDataset | None:
        known = {**self._offered(dataset), **{one.version: one for one in self._named.get(dataset, ())}}
        return known.get(version) if version else next(reversed(known.values()), None)

    def all(self) -> Sequence[OfferedDataset]:
        newest = {one.dataset: one for one in self._rows(select(access_datasets).order_by(_BY_TIME))}
        newest |= {dataset: releases[-1] for dataset, releases in self._named.items()}
        return [newest[dataset] for dataset in sorted(newest)]

    def take(self, connection: Connection, offered: OfferedDataset) -> None:
        """Keep a release that a node offers; again is as good as once.

        Raises Invalid for a dataset of another node, in whatever version: else a node could draw to itself what people
        ask of others.
        """
        if any(one.node != offered.node for one in self._named.get(offered.dataset, ())):
            raise Invalid(f"{offered.dataset} is another node's by the settings")
        self.drop(connection, offered.node, offered.dataset, offered.version)
        row = {
            "dataset": offered.dataset,
            "version": offered.version,
            "node": offered.node,
            "offered_at": self._clock.now(),
            "body": msgspec.json.encode(offered).decode(),
        }
        columns = access_datasets.c
        others = select(columns.node).where(columns.dataset == offered.dataset, columns.node != offered.node)
        if connection.scalar(others.limit(1)) is not None:
            raise Invalid(f"{offered.dataset} is offered by another node")
        connection.execute(insert(access_datasets), row)

    def drop(self, connection: Connection, node: str, dataset: str, version: str) -> None:
        """Forget a release of a node."""
        columns = access_datasets.c
        connection.execute(
            delete(access_datasets).where(
                columns.node == node, columns.dataset == dataset, columns.version == version
            )
        )

    def handlers(self) -> dict[str, Handle]:
        """By kind of event, for whoever receives events of nodes. A node offers and withdraws only its own."""

        def offered(connection: Connection, event: ReceivedEvent) -> None:
            self.take(connection, read_offer(event.sender, event.data))

        def withdrawn(connection: Connection, event: ReceivedEvent) -> None:
            told = read_offer(event.sender, event.data)
            self.drop(connection, event.sender, told.dataset, told.version)

        return {OFFERED: offered, WITHDRAWN: withdrawn}

    def _offered(self, dataset: str) -> dict[str, OfferedDataset]:
        query = select(access_datasets).where(access_datasets.c.dataset == dataset).order_by(_BY_TIME)
        return {offered.version: offered for offered in self._rows(query)}

    def _rows(self, query: Any) -> list[OfferedDataset]:
        with reading(self._engine) as connection:
            bodies = [row.body for row in connection.execute(query)]
        return [msgspec.json.decode(body, type=OfferedDataset) for body in bodies]


_BY_TIME: Final = access_datasets.c.offered_at


def read_offer(node: str, data: Mapping[str, Any]) -> OfferedDataset:
    """An offer in an event: {dataset, version, body, type, title?, duo?, url?}. Raises Invalid, naming the field."""
    told = {("dataset_type" if name == "type" else name): value for name, value in data.items()}
    try:
        offered = msgspec.convert({"body": "", **told, "node": node}, OfferedDataset)
    except msgspec.ValidationError as error:
        raise Invalid(f"the offer of a dataset is not as it should be: {error}") from error
    if not (_NAME.match(offered.dataset) and _NAME.match(offered.version)):
        raise Invalid(
            "the offer of a dataset must name dataset and version, of letters, digits, '.', '_', '-'"
        )
    return offered


def offer_of(offered: OfferedDataset) -> dict[str, Any]:
    """What a node tells the hub of a release."""
    told = dict(msgspec.to_builtins(offered))
    del told["node"]
    return {("type" if name == "dataset_type" else name): value for name, value in told.items()}
