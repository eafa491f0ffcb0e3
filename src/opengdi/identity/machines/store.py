"""The table of programs' keys. Methods block shortly on the database.

A key is never deleted, so that audits can say whose it was.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import Column, DateTime, Engine, Integer, String, Table, Text, insert, select, update

from opengdi.identity.machines.model import KeyTerms, MachineKey
from opengdi.identity.machines.rules import (
    ID_CHARACTERS,
    ID_LENGTH,
    check_rotation,
    check_terms,
    last_days,
    renewed,
)
from opengdi.kernel.audit.ports import AuditLog
from opengdi.kernel.clock import Clock
from opengdi.kernel.database import aware, metadata, reading
from opengdi.kernel.errors import Conflict, NotFound
from opengdi.kernel.principal import Duty, Role, Tier

machine_keys: Final = Table(
    "machine_keys",
    metadata,
    Column("id", String(12), primary_key=True),
    Column("name", String(64), nullable=False),
    Column("duties", Text, nullable=False),
    Column("tier", Integer, nullable=False),
    Column("paths", Text, nullable=False),
    Column("methods", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("created_by", String(200), nullable=False),
    Column("until", DateTime(timezone=True), nullable=True),
    Column("revoked_at", DateTime(timezone=True), nullable=True),
    Column("last_used_at", DateTime(timezone=True), nullable=True),
)


def new_id() -> str:
    """An id that was never given before."""
    return "".join(secrets.choice(ID_CHARACTERS) for _ in range(ID_LENGTH))


class MachineKeys:
    """Every key of this node or hub; each change leaves an audit line, or it does not happen."""

    def __init__(
        self, engine: Engine, clock: Clock, audit: AuditLog, make_id: Callable[[], str] = new_id
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._audit = audit
        self._make_id = make_id

    def new(self, terms: KeyTerms, actor: str) -> MachineKey:
        """A new key. Raises Invalid, and Conflict if a key of that name is in use."""
        now = self._clock.now()
        check_terms(terms, now)
        key = MachineKey(self._make_id(), terms, now, actor)
        with self._engine.begin() as connection:
            in_use = select(machine_keys.c.until).where(
                machine_keys.c.name == terms.name, machine_keys.c.revoked_at.is_(None)
            )
            for (until,) in connection.execute(in_use):
                if until is None or aware(until) > now:
                    raise Conflict(f"there is a key {terms.name!r} already; revoke it, or take another name")
            connection.execute(insert(machine_keys), _row(key))
            self._audit.append("key.new", actor=actor, objects=(f"key:{key.id}",))
        return key

    def revoke(self, id_: str, actor: str) -> MachineKey:
        """Take a key back, for ever; doing it twice is no error. Raises NotFound."""
        columns, now = machine_keys.c, self._clock.now()
        with self._engine.begin() as connection:
            this = update(machine_keys).where(columns.id == id_, columns.revoked_at.is_(None))
            if connection.execute(this.values(revoked_at=now)).rowcount:
                self._audit.append("key.revoke", actor=actor, objects=(f"key:{id_}",))
        return self.find(id_)

    def rotate(self, id_: str, overlap: timedelta, actor: str) -> MachineKey:
        """A new key for the same, while the one before holds for `overlap` more. Raises NotFound, Invalid, Conflict."""
        old, now = self.find(id_), self._clock.now()
        check_rotation(old, [each for each in self.all() if each.terms.name == old.terms.name], overlap, now)
        ending = last_days(old, overlap, now)
        key = MachineKey(self._make_id(), renewed(old, now), now, actor)
        columns = machine_keys.c
        with self._engine.begin() as connection:
            # Of two who rotate it at once the second finds another end than the one it saw.
            seen = columns.until.is_(None) if old.terms.until is None else columns.until == old.terms.until
            this = update(machine_keys).where(columns.id == id_, columns.revoked_at.is_(None), seen)
            if not connection.execute(this.values(until=ending.until)).rowcount:
                raise Conflict(f"key {id_} was changed meanwhile; look at gdi key list")
            connection.execute(insert(machine_keys), _row(key))
            self._audit.append("key.rotate", actor=actor, objects=(f"key:{id_}", f"key:{key.id}"))
        return key

    def note_use(self, id_: str) -> None:
        """Remember that a key was used now."""
        with self._engine.begin() as connection:
            this = update(machine_keys).where(machine_keys.c.id == id_)
            connection.execute(this.values(last_used_at=self._clock.now()))

    def find(self, id_: str) -> MachineKey:
        """Raises NotFound."""
        with reading(self._engine) as connection:
            row = connection.execute(select(machine_keys).where(machine_keys.c.id == id_)).one_or_none()
        if row is None:
            raise NotFound(f"there is no key {id_}")
        return _key(row)

    def all(self) -> tuple[MachineKey, ...]:
        """Every key, those taken back too, in the order of their making."""
        with reading(self._engine) as connection:
            rows = connection.execute(
                select(machine_keys).order_by(machine_keys.c.created_at, machine_keys.c.id)
            )
            return tuple(map(_key, rows))


def _row(key: MachineKey) -> dict[str, Any]:
    terms = key.terms
    return {
        "id": key.id,
        "name": terms.name,
        "duties": msgspec.json.encode(sorted([duty.role, duty.of] for duty in terms.duties)).decode(),
        "tier": int(terms.tier),
        "paths": msgspec.json.encode(terms.paths).decode(),
        "methods": msgspec.json.encode(terms.methods).decode(),
        "created_at": key.created,
        "created_by": key.created_by,
        "until": terms.until,
        "revoked_at": key.revoked,
        "last_used_at": key.last_used,
    }


def _key(row: Any) -> MachineKey:
    duties = frozenset(Duty(Role(role), of) for role, of in msgspec.json.decode(row.duties))
    paths, methods = (tuple(msgspec.json.decode(text)) for text in (row.paths, row.methods))
    terms = KeyTerms(row.name, duties, Tier(row.tier), paths, methods, _time(row.until))
    created, revoked, last_used = aware(row.created_at), _time(row.revoked_at), _time(row.last_used_at)
    return MachineKey(row.id, terms, created, row.created_by, revoked, last_used)


def _time(stored: datetime | None) -> datetime | None:
    return None if stored is None else aware(stored)
