"""Where people belong, as hubs say in `person.standing`: who decides must not decide on colleagues."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Connection, Engine, String, Table, delete, insert, select

from opengdi.access.kinds import PERSON_STANDING
from opengdi.kernel.database import metadata, reading
from opengdi.kernel.errors import Invalid
from opengdi.kernel.feed import Notice

access_belonging: Final = Table(
    "access_belonging",
    metadata,
    Column("hub", String(200), primary_key=True),
    Column("subject", String(200), primary_key=True),
    Column("organisation", String(200), nullable=False),
)


def take_standing(connection: Connection, notice: Notice, hub: str) -> None:
    """Note the organisation of a person as this hub says it; an empty one: none. Raises Invalid."""
    subject, organisation = notice.body.get("subject"), notice.body.get("organisation") or ""
    if not isinstance(subject, str) or not isinstance(organisation, str) or not subject:
        raise Invalid(f"{PERSON_STANDING}: subject and organisation must be texts")
    columns = access_belonging.c
    connection.execute(delete(access_belonging).where(columns.hub == hub, columns.subject == subject))
    if organisation:
        row = {"hub": hub, "subject": subject, "organisation": organisation}
        connection.execute(insert(access_belonging), row)


def organisations_of(engine: Engine, subject: str, hub: str) -> frozenset[str]:
    """Where somebody belongs, as far as this hub said: its organisations are known to it alone."""
    columns = access_belonging.c
    query = select(columns.organisation).where(columns.hub == hub, columns.subject == subject)
    with reading(engine) as connection:
        return frozenset(connection.scalars(query))
