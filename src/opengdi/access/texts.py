"""What people wrote, kept apart from events so that it can be erased: events hold ids of texts, never the texts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Index,
    String,
    Table,
    Text,
    delete,
    insert,
    or_,
    select,
    update,
)

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


def reassign_texts(connection: Connection, ids: Iterable[str], about: str) -> None:
    """Texts are somebody else's from now on, and go when that person is forgotten."""
    columns = access_texts.c
    connection.execute(update(access_texts).where(columns.id.in_(sorted(set(ids)))).values(about=about))


def erase_texts(connection: Connection, about: str, *, but_of: str = "") -> int:
    """Forget all that a person wrote or that says who they are; how many texts.

    but_of: beginning of the names of streams that are left alone.
    """
    theirs = access_texts.c.about == about
    if but_of:
        theirs &= ~access_texts.c.stream.startswith(but_of)
    return connection.execute(delete(access_texts).where(theirs)).rowcount


def addresses_in(connection: Connection, about: str) -> frozenset[str]:
    """The e-mail addresses by which somebody is named as a contact."""
    bodies = connection.scalars(select(access_texts.c.body).where(access_texts.c.about == about))
    return frozenset(filter(None, map(_address_of, bodies)))


def erase_contacts(connection: Connection, addresses: Iterable[str]) -> int:
    """Forget who is named with one of these addresses as invited, or as an organisation's contact; how many."""
    columns = access_texts.c
    named = [columns.about.startswith(prefix) for prefix in ("invitation:", "contact:", "provider:")]
    wanted = {address.lower() for address in addresses}
    rows = connection.execute(select(columns.id, columns.body).where(or_(*named)))
    found = [row.id for row in rows if _address_of(row.body) in wanted]
    return connection.execute(delete(access_texts).where(columns.id.in_(found))).rowcount if found else 0


_CONTACT: Final = re.compile(r"[^<>]* <([^\s<>]+@[^\s<>]+)>")
"""How a contact is kept: `Name <address>`."""


def _address_of(text: str) -> str:
    """The address of a contact, or of an invitation (JSON with name and email); empty for any other text."""
    if (contact := _CONTACT.fullmatch(text)) is not None:
        return contact.group(1).lower()
    try:
        told = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return ""
    return str(told.get("email") or "").lower() if isinstance(told, dict) else ""


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
            return erase_texts(connection, about)
