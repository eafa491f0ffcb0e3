"""Ids of the visas that were signed, so that those of a permit, a dataset or a person can be named and taken back."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Column, DateTime, Engine, Index, String, Table, delete, insert, select

from opengdi.identity.issuer.model import IssuedVisa
from opengdi.kernel.database import aware, metadata, reading

KEPT: Final = timedelta(days=1)
"""How long the id of a visa is kept after its end. The audit chain holds them for good."""

issued_visas: Final = Table(
    "issued_visas",
    metadata,
    Column("jti", String(64), primary_key=True),
    Column("subject", String(255), nullable=False),
    Column("type", String(40), nullable=False),
    Column("dataset", String(128), nullable=False),
    Column("permit", String(40), nullable=False),
    Column("issued_at", DateTime(timezone=True), nullable=False),
    Column("until", DateTime(timezone=True), nullable=False),
    Index("ix_issued_visas_permit", "permit"),
    Index("ix_issued_visas_dataset", "dataset"),
    Index("ix_issued_visas_subject", "subject"),
    Index("ix_issued_visas_until", "until"),
)


class IssuedVisas:
    """What the issuer remembers."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def remember(self, visas: Iterable[IssuedVisa], now: datetime) -> None:
        """Keep their ids, and forget what ended long ago."""
        rows = [
            {
                "jti": each.jti,
                "subject": each.subject,
                "type": each.type,
                "dataset": each.dataset,
                "permit": each.permit,
                "issued_at": each.issued,
                "until": each.until,
            }
            for each in visas
        ]
        if rows:
            with self._engine.begin() as connection:
                connection.execute(delete(issued_visas).where(issued_visas.c.until < now - KEPT))
                connection.execute(insert(issued_visas), rows)

    def living(
        self, now: datetime, *, permit: str = "", dataset: str = "", subject: str = ""
    ) -> list[IssuedVisa]:
        """Visas that have not ended, of a permit, a dataset, a person, or of several of these together."""
        columns = issued_visas.c
        query = select(issued_visas).where(columns.until > now).order_by(columns.issued_at, columns.jti)
        for column, wanted in (
            (columns.permit, permit),
            (columns.dataset, dataset),
            (columns.subject, subject),
        ):
            if wanted:
                query = query.where(column == wanted)
        with reading(self._engine) as connection:
            return [
                IssuedVisa(
                    row.jti,
                    row.subject,
                    row.type,
                    row.dataset,
                    row.permit,
                    aware(row.issued_at),
                    aware(row.until),
                )
                for row in connection.execute(query)
            ]
