"""What hubs say of people belongs to the hub that said it; permits are found by the people whom they name.

Which hub said what a node kept before was not noted. A node that follows one hub had it of that one. What a node of
several hubs heard opens nothing any more until its hub says it again; that people are colleagues is kept for each.

Cases are found by their application, lists say when an application was submitted, titles of permits can be erased.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    hubs = _hubs()
    _standings(hubs)
    _belonging(hubs)
    _people_of_permits()
    _applications_of_revocations()
    _cases_of_applications()
    _submitted_applications()
    _titles_of_permits()


def downgrade() -> None:
    connection = op.get_bind()
    connection.execute(sa.text("DELETE FROM access_concerned WHERE who LIKE 'application:%'"))
    op.drop_table("held_permit_people")
    op.drop_table("own_revoked_applications")
    for name, rest in (("heard_standings", _standing_columns), ("access_belonging", _belonging_columns)):
        rows = _taken(name, rest())
        table = op.create_table(
            name, _subject(), *rest(), sa.PrimaryKeyConstraint("subject", name=f"pk_{name}")
        )
        _insert(table, list({row["subject"]: row for row in rows}.values()))


def _hubs() -> list[str]:
    """Hubs whose feed this node follows; at a hub, and where cases are, those that offered cases."""
    connection = op.get_bind()
    found = set(connection.scalars(sa.text("SELECT source FROM feed_cursors")))
    opened = "SELECT data FROM access_events WHERE kind = 'opened' AND stream LIKE 'case:%'"
    return sorted(found | {json.loads(data)["hub"] for data in connection.scalars(sa.text(opened))})


def _standings(hubs: list[str]) -> None:
    rows = _taken("heard_standings", _standing_columns())
    table = op.create_table(
        "heard_standings",
        sa.Column("hub", sa.String(200), nullable=False),
        _subject(),
        *_standing_columns(),
        sa.PrimaryKeyConstraint("hub", "subject", name="pk_heard_standings"),
    )
    if len(hubs) == 1:
        _insert(table, [{"hub": hubs[0], **row} for row in rows])


def _belonging(hubs: list[str]) -> None:
    rows = _taken("access_belonging", _belonging_columns())
    table = op.create_table(
        "access_belonging",
        sa.Column("hub", sa.String(200), nullable=False),
        _subject(),
        *_belonging_columns(),
        sa.PrimaryKeyConstraint("hub", "subject", name="pk_access_belonging"),
    )
    _insert(table, [{"hub": hub, **row} for hub in hubs for row in rows])


def _people_of_permits() -> None:
    table = op.create_table(
        "held_permit_people",
        _subject(),
        sa.Column("permit", sa.String(40), nullable=False),
        sa.PrimaryKeyConstraint("subject", "permit", name="pk_held_permit_people"),
    )
    op.create_index("ix_held_permit_people_permit", "held_permit_people", ["permit"])
    held = sa.text("SELECT permit, jws FROM held_permits WHERE state <> 'ended' AND jws <> ''")
    rows = [
        {"subject": subject, "permit": permit}
        for permit, jws in op.get_bind().execute(held)
        for subject in sorted({person["subject"] for person in _payload(jws)["people"]})
    ]
    _insert(table, rows)


def _applications_of_revocations() -> None:
    table = op.create_table(
        "own_revoked_applications",
        sa.Column("application", sa.String(200), nullable=False),
        sa.Column("permit", sa.String(40), nullable=False),
        sa.PrimaryKeyConstraint("application", "permit", name="pk_own_revoked_applications"),
    )
    held = sa.text(
        "SELECT permit, jws FROM held_permits WHERE jws <> '' AND permit IN (SELECT permit FROM own_revocations)"
    )
    rows = [
        {"application": application, "permit": permit}
        for permit, jws in op.get_bind().execute(held)
        for application in sorted({basis["application"] for basis in _payload(jws)["bases"]})
    ]
    _insert(table, rows)


def _cases_of_applications() -> None:
    """Cases are found by their application."""
    connection = op.get_bind()
    heads = connection.execute(sa.text("SELECT stream, summary FROM access_heads WHERE story = 'case'"))
    rows = [
        {"who": f"application:{json.loads(summary)['application']}", "stream": stream}
        for stream, summary in heads
    ]
    _insert(sa.table("access_concerned", sa.column("who"), sa.column("stream")), rows)


def _submitted_applications() -> None:
    """Lists say when an application was submitted first."""
    connection = op.get_bind()
    stream, kind = sa.column("stream", sa.String), sa.column("kind", sa.String)
    at = sa.column("at", sa.DateTime(timezone=True))
    events = sa.table("access_events", stream, kind, at)
    first = sa.select(stream, sa.func.min(at, type_=at.type)).where(kind == "submitted").group_by(stream)
    submitted = {row[0]: row[1] for row in connection.execute(first.select_from(events))}
    heads = connection.execute(
        sa.text("SELECT stream, summary FROM access_heads WHERE story = 'application'")
    )
    write = sa.text("UPDATE access_heads SET summary = :summary WHERE stream = :stream")
    for name, summary in heads.all():
        when = submitted.get(name)
        told = json.loads(summary) | {"submitted": _utc(when).isoformat() if when else ""}
        connection.execute(write, {"stream": name, "summary": _json(told)})


def _titles_of_permits() -> None:
    """What an applicant called a permit goes where it can be erased; events and lists name it by an id."""
    connection = op.get_bind()
    texts = sa.table("access_texts", *map(sa.column, ("id", "stream", "about", "body")))
    issued = sa.text(
        "SELECT stream, data FROM access_events WHERE kind = 'issued' AND stream LIKE 'permit:%'"
    )
    for stream, data in connection.execute(issued).all():
        told = json.loads(data)
        if not told["title"]:
            continue
        text = {
            "id": token_hex(16),
            "stream": stream,
            "about": told["holder"]["subject"],
            "body": told["title"],
        }
        _insert(texts, [text])
        where = {"stream": stream}
        change = "UPDATE access_events SET data = :told WHERE stream = :stream AND kind = 'issued'"
        connection.execute(sa.text(change), where | {"told": _json(told | {"title": text["id"]})})
        head = "SELECT summary FROM access_heads WHERE stream = :stream"
        summary = json.loads(connection.scalar(sa.text(head), where) or "{}") | {"title": text["id"]}
        change = "UPDATE access_heads SET summary = :told WHERE stream = :stream"
        connection.execute(sa.text(change), where | {"told": _json(summary)})


def _json(told: Any) -> str:
    return json.dumps(told, separators=(",", ":"), ensure_ascii=False)


def _utc(time: datetime) -> datetime:
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _payload(jws: str) -> Any:
    part = jws.split(".")[1]
    return json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def _subject() -> sa.Column[Any]:
    return sa.Column("subject", sa.String(200), nullable=False)


def _standing_columns() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("organisation", sa.String(60), nullable=False),
        sa.Column("terms", sa.Text(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True)),
        sa.Column("good", sa.Boolean(), nullable=False),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=False),
    )


def _belonging_columns() -> tuple[sa.Column[Any], ...]:
    return (sa.Column("organisation", sa.String(200), nullable=False),)


def _taken(name: str, columns: tuple[sa.Column[Any], ...]) -> list[dict[str, Any]]:
    """The rows of a table, which is gone afterwards."""
    table = sa.Table(name, sa.MetaData(), _subject(), *columns)
    rows = [dict(row) for row in op.get_bind().execute(sa.select(table)).mappings()]
    op.drop_table(name)
    return rows


def _insert(table: Any, rows: list[dict[str, Any]]) -> None:
    if rows:
        op.bulk_insert(table, rows)
