"""What a case is told of an application, and when. The same words go to nodes and to the hub's own bodies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

import msgspec
from sqlalchemy import Connection, select

from opengdi.access.applications.cohorts import Cohort
from opengdi.access.applications.content import Content, read_content
from opengdi.access.applications.model import Application, CaseAt, FormVersion, Version
from opengdi.access.applications.outcome import case_of
from opengdi.access.forms.library import FormLibrary
from opengdi.access.kinds import (
    APPLICATION_CHANGED,
    APPLICATION_HANDED_OVER,
    APPLICATION_MESSAGE,
    CASE_APPEALED,
    CASE_OFFERED,
    CASE_WITHDRAWN,
)
from opengdi.access.model import Event
from opengdi.access.texts import Texts, access_texts


class Tell(Protocol):
    """Tells a node (by id; the hub's own id: its own cases) something of a kind, if the transaction is committed."""

    def __call__(
        self, connection: Connection, audience: str, kind: str, body: Mapping[str, Any], /, *, about: str = ""
    ) -> None:
        """about: the person, or the application (`words_of`), whose words these are."""
        ...


def words_of(application: str) -> str:
    """Whose words an offer is: the application's, as it stays when its applicant changes."""
    return f"application:{application}"


_ENDS: Final = frozenset({"withdrawn", "closed", "closed-out", "deleted", "expired", "revoked"})
_SAID: Final = frozenset({"answered", "remarked", "appealed"})


class Offers:
    """hub: id of this hub, where nodes find attachments and send their events."""

    def __init__(self, hub: str, texts: Texts, forms: FormLibrary, tell: Tell) -> None:
        self._hub = hub
        self._texts = texts
        self._forms = forms
        self._tell = tell

    def follow(self, connection: Connection, application: Application, events: Sequence[Event]) -> None:
        """Tell the cases what new events mean for them."""
        for event in events:
            if event.kind == "cases-opened":
                self._opened(connection, application, event)
            elif event.kind == "applicant-changed":
                self._handed_over(connection, application)
            elif event.kind in _ENDS:
                self._ended(connection, application, event)
            elif event.kind in _SAID:
                self._said(connection, application, event)

    def _opened(self, connection: Connection, application: Application, event: Event) -> None:
        version = application.version
        if version is None:
            return
        common = self._application(application, version)
        told = set(event.data.get("told", ()))
        gone = set(event.data.get("withdrawn", ()))
        fresh = {opened["case"] for opened in event.data["opened"]}
        for at in application.cases:
            case, node = at.opened.case, at.opened.node
            if case in gone:
                self._tell(connection, node, CASE_WITHDRAWN, {"case": case, "reason": "datasets-changed"})
            elif case in fresh or case in told:
                kind = CASE_OFFERED if case in fresh else APPLICATION_CHANGED
                offer = self._offer(at, common, event)
                self._tell(connection, node, kind, offer, about=words_of(application.id))
        if application.applicant != version.applicant:  # handed over between submission and confirmation
            self._handed_over(connection, application)

    def _handed_over(self, connection: Connection, application: Application) -> None:
        person = {"subject": application.applicant, "organisation": application.organisation}
        for at in application.cases:
            if not at.withdrawn:
                notice = {"case": at.opened.case, "applicant": person}
                self._tell(connection, at.opened.node, APPLICATION_HANDED_OVER, notice)

    def _offer(self, at: CaseAt, common: Mapping[str, Any], event: Event) -> dict[str, Any]:
        return {
            "case": at.opened.case,
            "round": at.opened.round,
            "kind": at.opened.kind,
            "body": at.opened.body,
            "hub": self._hub,
            "application": _for_case(common, at),
            "datasets": [
                {"dataset": asked.dataset, "version": asked.version, "type": asked.dataset_type}
                for asked in at.opened.datasets
            ],
            "offered": event.at.isoformat(),
        }

    def _application(self, application: Application, version: Version) -> dict[str, Any]:
        names = [file for file in application.attachments if file.id in version.attachments]
        texts = self._texts.of([version.content, *(file.name for file in names)])
        content = read_content(texts[version.content])
        return {
            "id": application.id,
            "version": version.number,
            "digest": version.digest,
            "title": content.title,
            "purpose": version.purpose,
            "duo": content.duo,
            "applicant": {"subject": version.applicant, "organisation": version.organisation},
            "members": msgspec.to_builtins(version.members),
            "forms": [self._form(form, content) for form in version.forms],
            "attachments": [
                {"id": file.id, "name": texts[file.name], "sha256": file.sha256, "size": file.size}
                for file in names
            ],
            "environment": version.environment,
            "until": version.until,
            "signedBy": application.confirmed_by,
            "follows": msgspec.to_builtins(application.follows),
            "cohort": content.cohort,
        }

    def _form(self, asked: FormVersion, content: Content) -> dict[str, Any]:
        """Answers with the questions, as nodes do not have the forms."""
        form = self._forms.find(asked.form, asked.version)
        fields = {field.id: field for field in form.fields}
        answers = [
            {
                "field": answer.field,
                "title": dict(fields[answer.field].title),
                "value": answer.value,
                "private": fields[answer.field].private,
            }
            for answer in content.answers
            if answer.form == asked.form and answer.field in fields
        ]
        return {"form": form.id, "version": form.version, "title": dict(form.title), "answers": answers}

    def _ended(self, connection: Connection, application: Application, event: Event) -> None:
        for at in application.cases:
            if not (at.withdrawn or at.is_decided):
                notice = {"case": at.opened.case, "reason": event.kind}
                self._tell(connection, at.opened.node, CASE_WITHDRAWN, notice)

    def _said(self, connection: Connection, application: Application, event: Event) -> None:
        one = case_of(application, str(event.data.get("case", "")))
        said = _text(connection, str(event.data["text"]))
        for at in [one] if one else [at for at in application.cases if not at.withdrawn]:
            notice = {
                "case": at.opened.case,
                "kind": event.kind,
                "answers": event.data.get("answers", ""),
                "text": said,
                "at": event.at.isoformat(),
            }
            kind = CASE_APPEALED if event.kind == "appealed" else APPLICATION_MESSAGE
            self._tell(connection, at.opened.node, kind, notice, about=event.actor)


def _for_case(common: Mapping[str, Any], at: CaseAt) -> dict[str, Any]:
    """What a case is told: of a cohort the counts of its own data, as the others' are not its body's to judge."""
    told = {name: value for name, value in common.items() if name != "cohort"}
    cohort = common["cohort"]
    if isinstance(cohort, Cohort):
        told["cohort"] = cohort.told(at.opened.datasets)
    return told


def _text(connection: Connection, id_: str) -> str:
    """A text that this very transaction may have written."""
    return connection.scalar(select(access_texts.c.body).where(access_texts.c.id == id_)) or ""
