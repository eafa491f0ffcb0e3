"""Applications, forms, items and entitlements as REMS writes them. Names carry their namespace: `application/id`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import msgspec

from opengdi.access.applications.content import Content, answers_of, read_content
from opengdi.access.applications.evolution import evolve
from opengdi.access.applications.model import REMS_STATE, Application, Role, State
from opengdi.access.applications.rules import is_outside, permitted, roles_in
from opengdi.access.applications.service import Around
from opengdi.access.applications.view import PRIVATE_TO, roles_by, shadow_of
from opengdi.access.forms.model import Field, Form
from opengdi.access.forms.rules import values_of, visible_fields
from opengdi.access.ledger import Listed
from opengdi.access.model import Event
from opengdi.access.ports import OfferedDataset
from opengdi.access.rems.model import Entitlement, Kind, Thing
from opengdi.access.rems.people import People
from opengdi.access.rems.things import Things
from opengdi.access.rems.values import write_value
from opengdi.access.rems.words import COMMANDS, ROLES, event_type
from opengdi.kernel.principal import Principal

Json = dict[str, Any]

WORKFLOW = "opengdi"
"""Name of the one workflow that applications follow: by their purpose, decided by each body."""

OWNER = {
    "organization/id": "gdi",
    "organization/short-name": {"en": "GDI"},
    "organization/name": {"en": "GDI"},
}


@dataclass(frozen=True, slots=True)
class _Known:
    """What several applications need, looked up once. asked: datasets as applications name them."""

    numbers: Mapping[str, int]
    people: Mapping[str, Json]
    asked: Mapping[str, Json]
    workflow: Json


@dataclass(frozen=True, slots=True)
class Shapes:
    """Writes what clients read. Blocks on the database."""

    around: Around
    things: Things
    people: People

    # --- applications ----------------------------------------------------------------------------------------------

    def lines(self, found: Sequence[Listed], asker: Principal, signs_for: Collection[str] = ()) -> list[Json]:
        """Lines of a list, by what the list tells of them. signs_for: organisations whose official the asker is."""
        shadows = [shadow_of(line) for line in found]
        known = self._known(shadows, chain.from_iterable(line.summary["datasets"] for line in found))
        titles = self.around.texts.of(shadow.title for shadow in shadows if shadow.title)
        return [
            self._line(line, shadow, roles_by(line, shadow, asker, signs_for), titles, known)
            for line, shadow in zip(found, shadows, strict=True)
        ]

    def _line(
        self,
        line: Listed,
        shadow: Application,
        roles: frozenset[Role],
        titles: Mapping[str, str],
        known: _Known,
    ) -> Json:
        """As `applications.rules.shown_to`: who is invited sees what it is about, nobody outside what is written."""
        if not is_outside(roles):
            return self._overview(
                shadow, titles.get(shadow.title, ""), line.summary["datasets"], roles, known
            )
        invited = Role.INVITED in roles
        seen = shadow if invited else replace(shadow, members=())
        return self._overview(seen, "", line.summary["datasets"] if invited else (), roles, known)

    def _known(self, states: Sequence[Application], datasets: Iterable[str]) -> _Known:
        people = {subject for state in states for subject in (state.applicant, *state.member_subjects)}
        return _Known(
            self.things.numbers(Kind.APPLICATION, [state.id for state in states]),
            self.people.of(people),
            {dataset: self._asked(dataset) for dataset in set(datasets)},
            self._workflow(),
        )

    def _overview(
        self,
        state: Application,
        title: str,
        datasets: Iterable[str],
        roles: frozenset[Role],
        known: _Known,
    ) -> Json:
        """A line of a list: an application without its forms and events."""
        return {
            "application/id": known.numbers[state.id],
            "application/external-id": state.id,
            "application/generated-external-id": state.id,
            "application/state": f"application.state/{REMS_STATE[state.state]}",
            "application/created": time_of(state.created),
            "application/modified": time_of(state.changed),
            "application/last-activity": time_of(state.changed),
            "application/first-submitted": time_of(state.submitted),
            "application/description": title,
            "application/todo": None,
            "application/applicant": known.people[state.applicant],
            "application/members": [known.people[member.subject] for member in state.members],
            "application/resources": [known.asked[dataset] for dataset in datasets],
            "application/workflow": known.workflow,
            "application/permissions": _permissions(state, roles),
            "application/roles": sorted({ROLES[role] for role in roles}),
        }

    def whole(self, state: Application, events: Sequence[Event], roles: frozenset[Role]) -> Json:
        """An application as `GET /api/applications/{id}` tells it to somebody of these roles."""
        names = [file.name for file in state.attachments]
        invited = [each.person for each in state.invitations if each.person]
        texts = self.around.texts.of([each for each in (state.content, *names, *invited) if each])
        content = read_content(texts.get(state.content, ""))
        numbers = self.things.numbers(Kind.ATTACHMENT, [file.id for file in state.attachments])
        licenses = self.licenses()
        by_term = {each["license/external-id"]: each["license/id"] for each in licenses}
        datasets = [asked.dataset for asked in state.datasets]
        known = self._known([state], datasets)
        return self._overview(state, content.title, datasets, roles, known) | {
            "application/invited-members": [
                {"name": told.get("name", ""), "email": told.get("email", "")}
                for told in (_person(texts.get(person, "")) for person in invited)
            ]
            if Role.APPLICANT in roles
            else [],
            "application/forms": self._forms(state, content, roles),
            "application/attachments": [
                {
                    "attachment/id": numbers[file.id],
                    "attachment/filename": texts.get(file.name, ""),
                    "attachment/type": file.media_type,
                    "attachment/redacted": file.redacted,
                }
                for file in state.attachments
            ],
            "application/licenses": licenses,
            "application/accepted-licenses": {
                subject: sorted(by_term[term] for term in terms if term in by_term)
                for subject, terms in state.accepted.items()
            },
            "application/events": self.events(events),
            "application/user-roles": self._user_roles(state),
        }

    def events(self, events: Sequence[Event]) -> list[Json]:
        """What happened, in the words of REMS; what it has no word for is left out."""
        people = self.people.of({event.actor for event in events})
        return [
            {
                "event/id": event.position,
                "event/type": type_,
                "event/time": time_of(event.at),
                "event/actor": event.actor,
                "event/actor-attributes": people[event.actor],
                "application/id": self.things.number(Kind.APPLICATION, _id_of(event)),
            }
            for event, type_ in typed(events)
        ]

    def _forms(self, state: Application, content: Content, roles: frozenset[Role]) -> list[Json]:
        forms = [self.around.forms.find(one.form, one.version) for one in state.forms]
        hides = roles <= PRIVATE_TO
        return [self._form(form, content, hides=hides) for form in forms]

    def _form(self, form: Form, content: Content, *, hides: bool) -> Json:
        values = values_of(form.id, answers_of(content))
        shown = {field.id for field in visible_fields(form, values)}
        told = self.form(form)
        told["form/fields"] = [
            _field(field)
            | {
                "field/visible": field.id in shown,
                "field/value": write_value(field, values.get(field.id), self._attachment),
            }
            for field in form.fields
            if not (hides and field.private)
        ]
        return told

    def _attachment(self, id_: str) -> int:
        return self.things.number(Kind.ATTACHMENT, id_)

    def _user_roles(self, state: Application) -> Json:
        people = [state.applicant, *(member.subject for member in state.members)]
        return {
            subject: sorted({ROLES[role] for role in roles_in(state, subject)})
            for subject in people
            if subject
        }

    def _asked(self, dataset: str) -> Json:
        offered = self.around.datasets.find(dataset)
        title = offered.title if offered and offered.title else dataset
        return {
            "catalogue-item/id": self.things.number(Kind.CATALOGUE_ITEM, dataset),
            "catalogue-item/title": {"en": title},
            "catalogue-item/infourl": {"en": offered.url} if offered and offered.url else {},
            "catalogue-item/start": None,
            "catalogue-item/end": None,
            "catalogue-item/enabled": offered is not None,
            "catalogue-item/expired": False,
            "catalogue-item/archived": offered is None,
            "resource/id": self.things.number(Kind.RESOURCE, dataset),
            "resource/ext-id": dataset,
        }

    def _workflow(self) -> Json:
        return {
            "workflow/id": self.things.number(Kind.WORKFLOW, WORKFLOW),
            "workflow/type": "workflow/default",
            "workflow.dynamic/handlers": [],
        }

    # --- what can be asked for, and how ----------------------------------------------------------------------------

    def catalogue_item(self, offered: OfferedDataset, *, archived: bool = False) -> Json:
        """A dataset that may be asked for."""
        form = self.around.forms.all()[0]
        return {
            "id": self.things.number(Kind.CATALOGUE_ITEM, offered.dataset),
            "resource-id": self.things.number(Kind.RESOURCE, offered.dataset),
            "resid": offered.dataset,
            "formid": self.form_number(form),
            "form-name": _english(form.title),
            "wfid": self.things.number(Kind.WORKFLOW, WORKFLOW),
            "workflow-name": WORKFLOW,
            "resource-name": offered.dataset,
            "localizations": {
                "en": {
                    "langcode": "en",
                    "title": offered.title or offered.dataset,
                    "infourl": offered.url or None,
                }
            },
            "organization": OWNER,
            "start": None,
            "end": None,
            "enabled": not archived,
            "archived": archived,
            "expired": False,
        }

    def resource(self, dataset: str) -> Json:
        """What is behind a catalogue item."""
        return {
            "id": self.things.number(Kind.RESOURCE, dataset),
            "resid": dataset,
            "organization": OWNER,
            "licenses": self.licenses(),
            "enabled": True,
            "archived": False,
        }

    def form(self, form: Form) -> Json:
        """The definition of a form."""
        return {
            "form/id": self.form_number(form),
            "form/internal-name": f"{form.id} {form.version}",
            "form/external-title": dict(form.title),
            "form/title": f"{form.id} {form.version}",
            "form/fields": [_field(field) for field in form.fields],
            "organization": OWNER,
            "enabled": True,
            "archived": False,
        }

    def form_number(self, form: Form) -> int:
        """Each version of a form has a number of its own."""
        return self.things.number(Kind.FORM, f"{form.id}@{form.version}")

    def licenses(self) -> list[Json]:
        """Terms of use."""
        return [
            {
                "license/id": self.things.number(Kind.LICENSE, terms.id),
                "license/external-id": terms.id,
                "license/type": "link",
                "license/title": {"en": terms.title},
                "license/link": {"en": terms.url},
                "license/enabled": True,
                "license/archived": False,
            }
            for terms in self.around.terms
        ]

    def workflow(self) -> Json:
        """The workflow that applications follow."""
        return {
            "id": self.things.number(Kind.WORKFLOW, WORKFLOW),
            "title": WORKFLOW,
            "workflow": {"type": "workflow/default", "handlers": [], "forms": [], "licenses": []},
            "organization": OWNER,
            "enabled": True,
            "archived": False,
        }

    def entitlements(self, found: Iterable[Entitlement]) -> list[Json]:
        """Entitlements as REMS lists them."""
        entitlements = list(found)
        people = self.people.of({each.subject for each in entitlements})
        numbers = self.things.numbers(Kind.APPLICATION, sorted({each.application for each in entitlements}))
        return [
            {
                "resource": each.dataset,
                "user": people[each.subject],
                "userid": each.subject,
                "application-id": numbers[each.application],
                "start": time_of(each.start),
                "end": time_of(each.end),
                "mail": people[each.subject]["email"],
            }
            for each in entitlements
        ]


def typed(events: Iterable[Event]) -> list[tuple[Event, str]]:
    """Events that REMS has a word for, with it."""
    state, found = Application(), []
    for event in events:
        after = evolve(state, event)
        type_ = event_type(event, state, after)
        if type_:
            found.append((event, type_))
        state = after
    return found


def made(thing: Thing) -> Json:
    """A thing as the client that made it said it, with its number."""
    return {"id": thing.number, "archived": False, "enabled": True, **thing.body}


def time_of(at: datetime | None) -> str | None:
    """A time as clients of the field read it: UTC, milliseconds, `Z`."""
    if at is None:
        return None
    return f"{at.astimezone(UTC).isoformat(timespec='milliseconds').removesuffix('+00:00')}Z"


def _permissions(state: Application, roles: frozenset[Role]) -> list[str]:
    commands = permitted(state.state, roles) if state.state is not State.DELETED else frozenset()
    return sorted({f"application.command/{COMMANDS[command]}" for command in commands if command in COMMANDS})


def _field(field: Field) -> Json:
    told: Json = {
        "field/id": field.id,
        "field/type": field.type,
        "field/title": dict(field.title),
        "field/optional": field.optional,
        "field/private": field.private,
        "field/privacy": "private" if field.private else "public",
    }
    if field.max_length is not None:
        told["field/max-length"] = field.max_length
    if field.placeholder:
        told["field/placeholder"] = dict(field.placeholder)
    if field.info:
        told["field/info-text"] = dict(field.info)
    for name, choices in (("options", field.options), ("columns", field.columns)):
        if choices:
            told[f"field/{name}"] = [{"key": each.key, "label": dict(each.label)} for each in choices]
    if field.visible_if is not None:
        told["field/visibility"] = {
            "visibility/type": "only-if",
            "visibility/field": {"field/id": field.visible_if.field},
            "visibility/values": sorted(field.visible_if.values),
        }
    return told


def _person(text: str) -> Mapping[str, Any]:
    return msgspec.json.decode(text) if text else {}


def _english(words: Mapping[str, str]) -> str:
    return words.get("en", "")


def _id_of(event: Event) -> str:
    return event.stream.partition(":")[2]
