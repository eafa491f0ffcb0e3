"""All versions of all forms that were ever in use. A version is what it was when it came; old ones stay readable."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Final

import msgspec
from sqlalchemy import Column, Engine, Integer, String, Table, Text, insert, select
from sqlalchemy.exc import IntegrityError

from opengdi.access.forms.model import Form
from opengdi.access.forms.reading import form_as_json, read_form
from opengdi.kernel.canonical import canonical_json
from opengdi.kernel.database import metadata, reading
from opengdi.kernel.errors import Invalid, NotFound

access_forms: Final = Table(
    "access_forms",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("sha256", String(64), nullable=False),
    Column("body", Text, nullable=False),
)

_SUFFIXES: Final = frozenset({".toml", ".json"})


class FormLibrary:
    """current: the forms that new applications are asked, the newest version of each."""

    def __init__(self, engine: Engine, current: Iterable[Form]) -> None:
        """Keep the forms. Raises Invalid if a version says something else than when it came first."""
        self._engine = engine
        self._known: dict[tuple[str, int], Form] = {}
        newest: dict[str, Form] = {}
        for form in sorted(current, key=lambda form: (form.id, form.version)):
            self._keep(form)
            newest[form.id] = form
        self._current = tuple(newest.values())

    def find(self, id_: str, version: int) -> Form:
        """That version of a form. Raises NotFound."""
        found = self._known.get((id_, version))
        if found is None:
            found = self._known[(id_, version)] = self._read(id_, version)
        return found

    def current(self, purpose: str) -> tuple[Form, ...]:
        """What is asked for a purpose today, in the order of their ids."""
        return tuple(form for form in self._current if not form.purposes or purpose in form.purposes)

    def all(self) -> tuple[Form, ...]:
        """The newest version of each form."""
        return self._current

    def _read(self, id_: str, version: int) -> Form:
        columns = access_forms.c
        query = select(columns.body).where(columns.id == id_, columns.version == version)
        with reading(self._engine) as connection:
            body = connection.scalar(query)
        if body is None:
            raise NotFound(f"there is no version {version} of form {id_}")
        return read_form(body.encode(), id_)

    def _keep(self, form: Form) -> None:
        body = canonical_json(form_as_json(form))
        digest = hashlib.sha256(body).hexdigest()
        if self._digest(form) is None:
            row = {"id": form.id, "version": form.version, "sha256": digest, "body": body.decode()}
            try:
                with self._engine.begin() as connection:
                    connection.execute(insert(access_forms), row)
            except IntegrityError:
                pass  # another process was faster; what it kept is looked at below
        if self._digest(form) != digest:
            raise Invalid(
                f"form {form.id} version {form.version} is not what it was when it came into use; "
                "give the new text a new version"
            )
        self._known[(form.id, form.version)] = form

    def _digest(self, form: Form) -> str | None:
        columns = access_forms.c
        query = select(columns.sha256).where(columns.id == form.id, columns.version == form.version)
        with reading(self._engine) as connection:
            return connection.scalar(query)


def builtin_forms() -> list[Form]:
    """The forms that come with the package: one for all purposes, and one more for each."""
    folder = files("opengdi.access.forms") / "builtin"
    return [
        read_form(file.read_bytes(), file.name) for file in folder.iterdir() if file.name.endswith(".toml")
    ]


def forms_in(folder: Path) -> list[Form]:
    """The definitions in a folder of an operator. Raises Invalid, naming the file."""
    paths = sorted(path for path in folder.iterdir() if path.suffix in _SUFFIXES)
    return [read_form(path.read_bytes(), path.name) for path in paths]


def encoded(form: Form) -> bytes:
    """A form as JSON, for callers."""
    return msgspec.json.encode(form_as_json(form))
