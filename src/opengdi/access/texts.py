"""What people wrote, kept apart from events so that it can be erased: events hold ids of texts, never the texts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Column, Connection, Engine, Index, String, Table, Text, delete, insert, select

from opengdi.kernel.database import metadata, reading

access_texts: Final = Table(
    "access_texts",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("stream", String(120), nullable=False),
    Column("about", String(200), nullable=False),
    Column("body", Text, nullable=False),
    Index("ix_access_texts_stream", "stream"),
    Index("ix_access_texts_about", "about"),
)

ERASED: Final = ""
"""What is read where a text was erased."""


@dataclass(frozen=True, slots=True)
class Written:
    """A text on its way into the table. id: fresh and unguessable; about: the subject whose text it is."""

    id: str
    about: str
    body: str


def keep_texts(connection: Connection, stream: str, texts: Sequence[Written]) -> None:
    """Keep what a stream's newest events refer to."""
    if texts:
        rows = [{"id": text.id, "stream": stream, "about": text.about, "body": text.body} for text in texts]
        connection.execute(insert(access_texts), rows)


def forget_texts(connection: Connection, stream: str, ids: Sequence[str] | None = None) -> None:
    """Erase texts of a stream, all or those, in the transaction in which they became useless."""
    columns = access_texts.c
    chosen = columns.stream == stream if ids is None else (columns.stream == stream) & columns.id.in_(ids)
    connection.execute(delete(access_texts).where(chosen))


class Texts:
    """The erasable table, as readers and those who erase see it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of(self, ids: Iterable[str]) -> dict[str, str]:
        """The texts by id; those that were erased are `ERASED`."""
        wanted = sorted(set(ids))
        columns = access_texts.c
        with reading(self._engine) as connection:
            found = connection.execute(select(columns.id, columns.body).where(columns.id.in_(wanted))).all()
        return dict.fromkeys(wanted, ERASED) | {row.id: row.body for row in found}

    def erase(self, about: str) -> int:
        """Forget all that a person wrote or that says who they are; how many texts."""
        with self._engine.begin() as connection:
            return connection.execute(delete(access_texts).where(access_texts.c.about == about)).rowcount
