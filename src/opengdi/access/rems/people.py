"""People as clients introduced them: name and e-mail address lie in the erasable table, under their subject."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec
from sqlalchemy import Engine, delete

from opengdi.access.rems.model import Kind
from opengdi.access.rems.things import Things
from opengdi.access.texts import Texts, Written, access_texts, keep_texts

_STREAM: Final = "rems:users"


class People:
    """Methods block shortly: call them from a thread."""

    def __init__(self, engine: Engine, things: Things, new_id: Callable[[], str]) -> None:
        self._engine = engine
        self._things = things
        self._texts = Texts(engine)
        self._new_id = new_id

    def introduce(self, subject: str, name: str, email: str) -> None:
        """Keep how somebody is called; what was kept before is forgotten. Again the same is nothing."""
        told = msgspec.json.encode({"name": name, "email": email}).decode()
        before = self._things.named(Kind.USER, subject)
        old = str(before.body.get("text", "")) if before else ""
        if old and self._texts.of([old])[old] == told:
            return
        written = Written(self._new_id(), subject, told)
        with self._engine.begin() as connection:
            keep_texts(connection, _STREAM, [written])
            connection.execute(delete(access_texts).where(access_texts.c.id == old))
        self._things.put(Kind.USER, subject, {"text": written.id})

    def of(self, subjects: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Who people are, as REMS tells it; of a stranger, or one who was forgotten, the id alone."""
        wanted = sorted(set(subjects))
        things = self._things.those(Kind.USER, wanted)
        ids = {subject: str(thing.body.get("text", "")) for subject, thing in things.items()}
        texts = self._texts.of(id_ for id_ in ids.values() if id_)
        return {subject: _told(subject, texts.get(ids.get(subject, ""), "")) for subject in wanted}


def _told(subject: str, text: str) -> dict[str, Any]:
    known = msgspec.json.decode(text) if text else {}
    return {"userid": subject, "name": known.get("name"), "email": known.get("email")}
