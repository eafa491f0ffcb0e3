"""An application as JSON, for somebody of certain roles: only what these may see, with what they may do."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from opengdi.access.applications.cohorts import Cohort
from opengdi.access.applications.content import Content, changed_fields, read_content
from opengdi.access.applications.model import (
    REMS_STATE,
    Application,
    Asked,
    Attachment,
    CaseAt,
    Invitation,
    Member,
    Role,
    Said,
    State,
    Version,
)
from opengdi.access.applications.rules import permitted, roles_in
from opengdi.access.forms.library import FormLibrary
from opengdi.access.forms.model import Fault, Form
from opengdi.access.forms.reading import form_as_json
from opengdi.access.forms.rules import visible_fields
from opengdi.access.ledger import Listed
from opengdi.access.model import AskedDataset, Event
from opengdi.access.texts import Texts
from opengdi.kernel.principal import Principal

PRIVATE_TO = frozenset({Role.REVIEWER_BODY, Role.FORMER, Role.INVITED, Role.EVERYONE_ELSE})
"""Who does not see private answers, unless another role of theirs does."""


class Views:
    """Makes the JSON of applications."""

    def __init__(self, texts: Texts, forms: FormLibrary) -> None:
        self._texts = texts
        self._forms = forms

    def whole(self, state: Application, roles: frozenset[Role]) -> dict[str, Any]:
        """Everything that the roles may see."""
        words = self._texts.of(_texts_in(state))
        content = read_content(words.get(state.content, ""))
        return {
            "id": state.id,
            "state": state.state,
            "remsState": f"application.state/{REMS_STATE[state.state]}",
            "created": _time(state.created),
            "modified": _time(state.changed),
            "title": content.title or words.get(state.title, ""),
            "purpose": state.purpose,
            "duo": content.duo,
            "until": state.until,
            "environment": state.environment,
            "digest": state.digest,
            "cohort": _cohort(content),
            "applicant": {"subject": state.applicant, "organisation": state.organisation},
            "members": msgspec.to_builtins(state.members),
            "invited": [_invited(invitation, words, roles) for invitation in state.invitations],
            "datasets": [_dataset(asked) for asked in state.datasets],
            "forms": self.forms(state, content, roles),
            "attachments": [_attachment(file, words) for file in state.attachments],
            "acceptedTerms": {subject: sorted(terms) for subject, terms in state.accepted.items()},
            "versions": [_version(version) for version in state.versions],
            "confirmedBy": state.confirmed_by,
            "refusal": words.get(state.refusal, ""),
            "cases": [_case(at) for at in state.cases],
            "asked": [_asked(asked, words) for asked in state.asked],
            "said": [_said(said, words) for said in state.said],
            "follows": msgspec.to_builtins(state.follows),
            "followedBy": msgspec.to_builtins(state.followed_by),
            "permit": state.permit,
            "attested": _time(state.attested),
            "ended": state.ended,
            "roles": sorted(roles),
            "permitted": sorted(permitted(state.state, roles)),
        }

    def forms(self, state: Application, content: Content, roles: frozenset[Role]) -> list[dict[str, Any]]:
        """The forms with the answers that the roles may see, and which fields are visible."""
        hides = roles <= PRIVATE_TO
        found = [self._forms.find(version.form, version.version) for version in state.forms]
        return [_answered(form, content, hides=hides) for form in found]

    def version(self, state: Application, number: int, roles: frozenset[Role]) -> dict[str, Any]:
        """What was submitted as that version, and which answers changed since the one before."""
        version = state.versions[number - 1]
        before = state.versions[number - 2].content if number > 1 else ""
        words = self._texts.of([version.content, *filter(None, [before])])
        content = read_content(words[version.content])
        hides = roles <= PRIVATE_TO
        forms = [self._forms.find(one.form, one.version) for one in version.forms]
        return _version(version) | {
            "title": content.title,
            "purpose": version.purpose,
            "until": version.until,
            "environment": version.environment,
            "duo": content.duo,
            "cohort": _cohort(content),
            "applicant": {"subject": version.applicant, "organisation": version.organisation},
            "members": msgspec.to_builtins(version.members),
            "datasets": [_dataset(asked) for asked in version.datasets],
            "attachments": list(version.attachments),
            "forms": [_answered(form, content, hides=hides) for form in forms],
            "changed": [
                {"form": form, "field": field}
                for form, field in (changed_fields(read_content(words[before]), content) if before else ())
            ],
        }

    def lines(
        self, found: Sequence[Listed], asker: Principal, signs_for: Collection[str] = ()
    ) -> list[dict[str, Any]]:
        """Lines of a list, each with what the asker may do. signs_for: organisations whose official the asker is."""
        words = self._texts.of(str(line.summary["title"]) for line in found)
        return [_line(line, words, asker, signs_for) for line in found]


def _line(
    line: Listed, words: Mapping[str, str], asker: Principal, signs_for: Collection[str]
) -> dict[str, Any]:
    told, shadow = line.summary, shadow_of(line)
    roles = roles_by(line, shadow, asker, signs_for)
    return {
        "id": line.id,
        "state": line.state,
        "remsState": f"application.state/{REMS_STATE[shadow.state]}",
        "created": _time(line.created),
        "modified": _time(line.changed),
        "title": words.get(str(told["title"]), ""),
        "purpose": told["purpose"],
        "until": told["until"],
        "applicant": {"subject": shadow.applicant, "organisation": shadow.organisation},
        "members": told["members"],
        "datasets": told["datasets"],
        "bodies": told["bodies"],
        "permit": told["permit"],
        "roles": sorted(roles),
        "permitted": sorted(permitted(shadow.state, roles)),
    }


def shadow_of(line: Listed) -> Application:
    """An application as far as its line in a list tells it."""
    told = line.summary
    submitted = str(told["submitted"])
    return Application(
        line.id,
        State(line.state),
        str(told["applicant"]),
        str(told["organisation"]),
        created=line.created,
        changed=line.changed,
        title=str(told["title"]),
        members=msgspec.convert(told["members"], tuple[Member, ...]),
        former=frozenset(told["former"]),
        submitted=datetime.fromisoformat(submitted) if submitted else None,
    )


def roles_by(
    line: Listed, shadow: Application, asker: Principal, signs_for: Collection[str]
) -> frozenset[Role]:
    """What the asker is in an application, as far as its line in a list tells it."""
    officials = frozenset({asker.subject}) if shadow.organisation in signs_for else frozenset()
    roles = roles_in(shadow, asker.subject, asker.duties, officials)
    if asker.subject in line.summary["invited"]:
        roles |= {Role.INVITED}
    if roles.isdisjoint({Role.APPLICANT, Role.MEMBER}) and any(
        duty.of in line.summary["bodies"] for duty in asker.duties
    ):
        roles |= {Role.REVIEWER_BODY}
    return roles - {Role.EVERYONE_ELSE} if len(roles) > 1 else roles


def told_events(events: Sequence[Event]) -> list[dict[str, Any]]:
    """The history: what happened, when and by whom, without what was written."""
    return [
        {"number": event.number, "kind": event.kind, "at": _time(event.at), "actor": event.actor}
        for event in events
    ]


def told_faults(faults: Sequence[Fault]) -> list[dict[str, str]]:
    """All that is wrong, as the clients of the field read it."""
    return [
        {"type": fault.type, "formId": fault.form, "fieldId": fault.field, "detail": fault.detail}
        for fault in faults
    ]


def _cohort(content: Content) -> Any:
    return content.cohort.told() if isinstance(content.cohort, Cohort) else None


def _answered(form: Form, content: Content, *, hides: bool) -> dict[str, Any]:
    values = {answer.field: answer.value for answer in content.answers if answer.form == form.id}
    shown = {field.id for field in visible_fields(form, values)}  # type: ignore[arg-type]  # as in `content.answers_of`
    private = {field.id for field in form.fields if field.private}
    told = form_as_json(form)
    told["fields"] = [
        field
        | {
            "visible": field["id"] in shown,
            **({"value": values[field["id"]]} if field["id"] in values else {}),
        }
        for field in told["fields"]
        if not (hides and field["id"] in private)
    ]
    return told


def _texts_in(state: Application) -> list[str]:
    ids = [state.content, state.title, state.refusal]
    ids += [file.name for file in state.attachments]
    ids += [invitation.person for invitation in state.invitations]
    ids += [asked.text for asked in state.asked]
    ids += [said.text for said in state.said]
    return [id_ for id_ in ids if id_]


def _attachment(file: Attachment, words: Mapping[str, str]) -> dict[str, Any]:
    return {
        "id": file.id,
        "name": words.get(file.name, ""),
        "sha256": file.sha256,
        "size": file.size,
        "mediaType": file.media_type,
        "redacted": file.redacted,
    }


def _asked(asked: Asked, words: Mapping[str, str]) -> dict[str, Any]:
    return {
        "id": asked.id,
        "case": asked.case,
        "kind": asked.kind,
        "text": words.get(asked.text, ""),
        "at": _time(asked.at),
        "answered": asked.answered,
    }


def _said(said: Said, words: Mapping[str, str]) -> dict[str, Any]:
    return {
        "case": said.case,
        "answers": said.answers,
        "text": words.get(said.text, ""),
        "by": said.by,
        "at": _time(said.at),
    }


def _invited(invitation: Invitation, words: Mapping[str, str], roles: frozenset[Role]) -> dict[str, Any]:
    """Name and address of somebody who has not agreed to anything yet are for the applicant only."""
    person = words.get(invitation.person, "") if Role.APPLICANT in roles else ""
    told = {"id": invitation.id, "subject": invitation.subject, "until": _time(invitation.until)}
    return told | (msgspec.json.decode(person) if person else {})


def _dataset(asked: AskedDataset) -> dict[str, Any]:
    return {
        "dataset": asked.dataset,
        "version": asked.version,
        "node": asked.node,
        "body": asked.body,
        "type": asked.dataset_type,
    }


def _version(version: Version) -> dict[str, Any]:
    return {"version": version.number, "digest": version.digest, "at": _time(version.at)}


def _case(at: CaseAt) -> dict[str, Any]:
    opened = at.opened
    return {
        "case": opened.case,
        "kind": opened.kind,
        "node": opened.node,
        "body": opened.body,
        "state": "withdrawn" if at.withdrawn else at.state,
        "clock": dict(at.clock),
        "datasets": [
            _dataset(asked) | {"granted": at.granted.get(f"{asked.dataset}@{asked.version}")}
            for asked in opened.datasets
        ],
        "version": at.version or None,
        "decision": at.decision or None,
    }


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
