"""Applications as people use them: looks up what a decision needs, decides, keeps, and lets others hear of it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import Connection

from opengdi.access.applications import commands
from opengdi.access.applications.checks import Circumstances, Terms, redirect_text, submission_faults
from opengdi.access.applications.content import (
    Content,
    answers_of,
    checked_content,
    digest_of,
    read_content,
    version_document,
    wire_answers,
    write_content,
)
from opengdi.access.applications.decisions import Act, Faulty, decide, invites
from opengdi.access.applications.deletions import keep_upload, note_deletions
from opengdi.access.applications.model import Application, Attachment, Command, FormVersion, Role, State
from opengdi.access.applications.rules import refusal_of, roles_in, sees, shown_to
from opengdi.access.applications.splitting import split
from opengdi.access.applications.story import APPLICATIONS
from opengdi.access.forms.library import FormLibrary
from opengdi.access.forms.model import Fault, Form
from opengdi.access.forms.rules import kept_answers, shape_faults
from opengdi.access.ledger import Ledger
from opengdi.access.model import Event, NewEvent, Purpose
from opengdi.access.ports import Datasets, OfferedDataset, Standings
from opengdi.access.texts import Texts, Written, forget_texts, reassign_texts
from opengdi.kernel.clock import Clock
from opengdi.kernel.doors import known
from opengdi.kernel.errors import Conflict, Invalid, NotFound
from opengdi.kernel.principal import Principal
from opengdi.kernel.release import DatasetType

INVITATION_DAYS: Final = 30

_ID: Final = re.compile(r"[A-Za-z0-9-]{1,60}\Z", re.ASCII)

Follower = Callable[[Connection, Application, Sequence[Event]], None]
"""Hears of new events of an application within their transaction."""


@dataclass(frozen=True, slots=True)
class Around:
    """What applications need. new_name: a fresh application id; new_id: an unguessable text; code_of: an invitation's.

    hub, central_body: who decides about cohorts here. followers: who hears of new events.
    """

    ledger: Ledger
    clock: Clock
    texts: Texts
    forms: FormLibrary
    standings: Standings
    datasets: Datasets
    new_name: Callable[[], str]
    new_id: Callable[[], str]
    code_of: Callable[[str], str]
    hub: str
    central_body: str
    terms: tuple[Terms, ...] = ()
    followers: tuple[Follower, ...] = ()


@dataclass(slots=True)
class Wish:
    """One command on its way. texts: to be kept with its events; extra: what only the asker is told."""

    asker: Principal
    command: Command
    body: commands.Body
    texts: list[Written] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Done:
    """What a command led to. extra: what only the asker is told, such as the token of an invitation."""

    application: Application
    extra: Mapping[str, Any] = field(default_factory=dict)


class Applications:
    """Methods block shortly: call them from a thread."""

    def __init__(self, around: Around) -> None:
        self._around = around
        self._prepare: Mapping[Command, Callable[[Application, Wish], dict[str, Any]]] = {
            Command.SAVE_DRAFT: self._saved,
            Command.CHANGE_DATASETS: self._other_datasets,
            Command.INVITE_MEMBER: self._invitation,
            Command.REDACT_ATTACHMENT: self._redaction,
            Command.CLOSE_OUT: self._close_out,
        }

    @property
    def around(self) -> Around:
        return self._around

    # -- asking

    def create(self, asker: Principal, body: commands.Create) -> Done:
        """A new draft. Raises NotAuthenticated, Invalid if a dataset is unknown or all are governed elsewhere."""
        subject = known(asker)
        content = checked_content(Content(title=body.title, purpose=body.purpose))
        datasets, redirects = self._find(body.datasets)
        created = {"datasets": msgspec.to_builtins([offered.asked for offered in datasets])}
        application = self._begin(subject, content, created)
        return Done(application, {"redirects": redirects})

    def do(self, asker: Principal, id_: str, command: Command, body: commands.Body) -> Done:
        """The application after a command. Raises NotFound, NotPermitted, Conflict, Invalid; then nothing happened."""
        known(asker)
        if not _ID.match(id_):
            raise NotFound(f"there is no application {id_!r}")
        if command in {Command.COPY_AS_NEW, Command.AMEND, Command.EXTEND}:
            return self._follow_up(asker, id_, command, body)
        wish = Wish(asker, command, body)

        def decided(state: Application, now: datetime) -> Sequence[NewEvent]:
            wish.texts.clear()
            wish.extra.clear()
            return self._decide(id_, state, wish, now)

        application = self._around.ledger.change(
            APPLICATIONS, id_, decided, actor=asker.subject, texts=wish.texts, follow=self._follow
        )
        return Done(application, wish.extra)

    def check(self, asker: Principal, id_: str, command: Command, body: commands.Body) -> Application:
        """What `do` would raise, without doing it."""
        known(asker)
        state, now = self.state(id_), self._now()
        if command in {Command.COPY_AS_NEW, Command.AMEND, Command.EXTEND}:
            refusal = refusal_of(state, self._roles(state, asker), command)
            if refusal is not None:
                raise refusal
        else:
            self._decide(id_, state, Wish(asker, command, body), now)
        return state

    def attach(self, asker: Principal, id_: str, attachment: Attachment, name: str) -> Done:
        """The application with one more attachment, whose content is kept already."""
        texts = [Written(attachment.name, asker.subject, name)]
        data = {"attachment": msgspec.to_builtins(attachment)}

        def decided(state: Application, now: datetime) -> Sequence[NewEvent]:
            act = Act(Command.ADD_ATTACHMENT, asker.subject, self._roles(state, asker), data)
            return decide(_begun(state, id_), act, now)

        application = self._around.ledger.change(
            APPLICATIONS, id_, decided, actor=asker.subject, texts=texts, follow=self._follow
        )
        return Done(application, {"attachment": attachment.id})

    def may(self, asker: Principal, id_: str, command: Command) -> Application:
        """The application, if the asker may do that now. Raises as `do`."""
        known(asker)
        state = self.state(id_)
        refusal = refusal_of(state, self._roles(state, asker), command)
        if refusal is not None:
            raise refusal
        return state

    def seen(self, asker: Principal, id_: str) -> tuple[Application, frozenset[Role]]:
        """An application as far as the asker may see it, and what the asker is in it.

        Raises NotAuthenticated, NotFound if it is none of theirs.
        """
        known(asker)
        state = self.state(id_)
        roles = self._roles(state, asker)
        if not sees(roles) or state.state is State.DELETED:
            raise NotFound(f"application {id_} does not concern {asker.subject}")
        return shown_to(state, roles, asker.subject), roles

    def state(self, id_: str) -> Application:
        """Raises NotFound."""
        if not _ID.match(id_):
            raise NotFound(f"there is no application {id_!r}")
        return self._around.ledger.state(APPLICATIONS, id_)

    def content(self, text: str) -> Content:
        """What was written, by the id of the text."""
        return read_content(self._around.texts.of([text])[text] if text else "")

    def forms_of(self, versions: Iterable[FormVersion]) -> list[Form]:
        return [self._around.forms.find(one.form, one.version) for one in versions]

    def faults(self, state: Application) -> list[Fault]:
        """What a submission would meet now."""
        return self._faults(state, self.content(state.content), self._now())

    def record(
        self,
        connection: Connection,
        id_: str,
        decided: Callable[[Application, datetime], Sequence[NewEvent]],
        *,
        actor: str,
        texts: Sequence[Written] = (),
    ) -> Application:
        """Something that others tell of an application, in the transaction in which they tell it."""
        return self._around.ledger.change_within(
            connection, APPLICATIONS, id_, decided, actor=actor, texts=texts, follow=self._follow
        )

    def note_permit(self, connection: Connection, id_: str, permit: str) -> None:
        """A permit was issued for the application."""
        self.record(connection, id_, lambda *_: [NewEvent("permit-issued", {"permit": permit})], actor=permit)

    def note_end(self, connection: Connection, id_: str, kind: str, reason: str, actor: str) -> None:
        """Its permit ended. kind: `expired` or `revoked`."""

        def decided(state: Application, _now: datetime) -> Sequence[NewEvent]:
            over = state.state in {State.CLOSED, State.REVOKED}
            return [] if over else [NewEvent(kind, {"reason": reason})]

        self.record(connection, id_, decided, actor=actor)

    # -- deciding

    def _decide(self, id_: str, state: Application, wish: Wish, now: datetime) -> Sequence[NewEvent]:
        state = _begun(state, id_)
        roles = self._roles(state, wish.asker, wish.body)
        refusal = refusal_of(state, roles, wish.command)
        if refusal is not None:
            raise refusal
        prepare = self._prepare.get(wish.command, self._plain)
        act = Act(wish.command, wish.asker.subject, roles, prepare(state, wish))
        if wish.command in {Command.SUBMIT, Command.RESUBMIT, Command.CONFIRM}:
            act = self._submission(state, act, now)
        elif wish.command is Command.ACCEPT_INVITATION:
            act = replace(act, standing=self._around.standings.of(wish.asker.subject))
        return decide(state, act, now)

    def _submission(self, state: Application, act: Act, now: datetime) -> Act:
        content = self.content(state.content)
        standing = self._around.standings.of(state.applicant)
        document = version_document(state, content, standing.organisation)
        return replace(
            act,
            faults=tuple(self._faults(state, content, now)),
            standing=standing,
            digest=digest_of(document),
            split=lambda datasets: split(
                state.id, datasets, hub=self._around.hub, central_body=self._around.central_body
            ),
        )

    def _faults(self, state: Application, content: Content, now: datetime) -> list[Fault]:
        people = {state.applicant, *state.member_subjects}
        around = Circumstances(
            self.forms_of(state.forms),
            {subject: self._around.standings.of(subject) for subject in people},
            [self._around.datasets.find(asked.dataset, asked.version) for asked in state.datasets],
            self._around.terms,
        )
        return submission_faults(state, content, around, now)

    def _roles(
        self, state: Application, asker: Principal, body: commands.Body | None = None
    ) -> frozenset[Role]:
        officials = (
            self._around.standings.of(state.applicant).signing_officials if state.applicant else frozenset()
        )
        roles = roles_in(state, asker.subject, asker.duties, officials)
        if isinstance(body, commands.OfInvitation) and body.token:
            roles = roles | _by_token(state, body)
        return roles

    # -- what commands say, texts replaced by ids

    def _plain(self, _state: Application, wish: Wish) -> dict[str, Any]:
        data = dict(msgspec.to_builtins(wish.body))
        if "text" in data:
            data["text"] = self._write(wish, data["text"]) if data["text"] else ""
        return data

    def _redaction(self, _state: Application, wish: Wish) -> dict[str, Any]:
        data = dict(msgspec.to_builtins(wish.body))
        return {
            "attachment": data["attachment"],
            "text": self._write(wish, data["reason"]) if data["reason"] else "",
        }

    def _close_out(self, _state: Application, wish: Wish) -> dict[str, Any]:
        assert isinstance(wish.body, commands.CloseOutBody)
        text = self._write(wish, wish.body.text) if wish.body.text else ""
        return {"reason": wish.body.reason, "text": text}

    def _write(self, wish: Wish, text: str, about: str = "") -> str:
        id_ = self._around.new_id()
        wish.texts.append(Written(id_, about or wish.asker.subject, text))
        return id_

    def _saved(self, state: Application, wish: Wish) -> dict[str, Any]:
        assert isinstance(wish.body, commands.Save)
        body, old = wish.body, self.content(state.content)
        said = {
            name: value
            for name in ("title", "purpose", "duo", "answers", "environment", "until")
            if (value := getattr(body, name)) is not None
        }
        if isinstance(body, commands.SaveCohort):
            said["cohort"] = body.cohort
        content = checked_content(msgspec.structs.replace(old, **said))
        same = content.purpose is state.purpose
        versions = state.forms if same else self._versions(content.purpose)
        forms = self.forms_of(versions)
        if body.answers is not None and (faults := shape_faults(forms, answers_of(content))):
            raise Faulty(faults)
        kept = wire_answers(kept_answers(forms, answers_of(content)))
        content = msgspec.structs.replace(content, answers=kept)
        if content.digest == state.digest:
            return {"digest": state.digest, "base": body.base}
        return self._kept(wish, state, content, versions, same_title=content.title == old.title) | {
            "base": body.base
        }

    def _kept(
        self,
        wish: Wish,
        state: Application,
        content: Content,
        versions: Sequence[FormVersion],
        *,
        same_title: bool,
    ) -> dict[str, Any]:
        title = state.title if same_title else self._write(wish, content.title, state.applicant)
        return {
            "purpose": content.purpose,
            "content": self._write(wish, write_content(content), state.applicant),
            "digest": content.digest,
            "title": title,
            "until": content.until,
            "environment": content.environment,
            "forms": msgspec.to_builtins(versions),
        }

    def _other_datasets(self, _state: Application, wish: Wish) -> dict[str, Any]:
        assert isinstance(wish.body, commands.ChangeDatasets)
        datasets, redirects = self._find(wish.body.datasets)
        wish.extra["redirects"] = redirects
        return {"datasets": msgspec.to_builtins([offered.asked for offered in datasets])}

    def _invitation(self, _state: Application, wish: Wish) -> dict[str, Any]:
        """An invitation; the token for an address is told to the inviter once, and kept nowhere."""
        assert isinstance(wish.body, commands.Invite)
        body, id_ = wish.body, self._around.new_id()
        if bool(body.subject) == bool(body.email):
            raise Invalid("an invitation names either a subject or an e-mail address (with a name)")
        until = (self._now() + timedelta(days=INVITATION_DAYS)).isoformat()
        told: dict[str, Any] = {"id": id_, "until": until, "subject": body.subject}
        if body.email:
            token = self._around.code_of(id_)
            person = msgspec.json.encode({"name": body.name, "email": body.email}).decode()
            told |= {
                "person": self._write(wish, person, f"invitation:{id_}"),
                "token_sha256": hashlib.sha256(token.encode()).hexdigest(),
            }
            wish.extra["token"] = token
        wish.extra["invitation"] = id_
        return {"invitation": told}

    # -- beginning

    def _find(self, wanted: Sequence[commands.Wanted]) -> tuple[list[OfferedDataset], list[dict[str, str]]]:
        """What can be asked for here, and where the rest is asked for. Raises Invalid, naming the dataset."""
        found: dict[str, OfferedDataset] = {}
        redirects = []
        for number, one in enumerate(wanted):
            offered = self._around.datasets.find(one.dataset, one.version)
            if offered is None:
                raise Invalid(f"datasets[{number}]: {one.dataset} {one.version} is not offered here".strip())
            if offered.dataset_type is DatasetType.EXTERNALLY_GOVERNED:
                text = redirect_text(offered)
                redirects.append({"dataset": offered.dataset, "url": offered.url, "text": text})
            else:
                found[offered.dataset] = offered
        if redirects and not found:
            raise Invalid("; ".join(redirect["text"] for redirect in redirects))
        return list(found.values()), redirects

    def _versions(self, purpose: Purpose) -> tuple[FormVersion, ...]:
        return tuple(FormVersion(form.id, form.version) for form in self._around.forms.current(purpose))

    def _begin(
        self, subject: str, content: Content, data: Mapping[str, Any], connection: Connection | None = None
    ) -> Application:
        """A new draft of that content, kept; in a transaction of its own unless one is handed in."""
        id_, texts = self._around.new_name(), [self._around.new_id(), self._around.new_id()]
        created = NewEvent(
            "created",
            {
                **data,
                "organisation": self._around.standings.of(subject).organisation,
                "purpose": content.purpose,
                "content": texts[0],
                "title": texts[1],
                "digest": content.digest,
                "until": content.until,
                "environment": content.environment,
                "forms": msgspec.to_builtins(self._versions(content.purpose)),
            },
        )
        written = (
            Written(texts[0], subject, write_content(content)),
            Written(texts[1], subject, content.title),
        )

        def begun(state: Application, _now: datetime) -> Sequence[NewEvent]:
            if state.state is not State.NOTHING:
                raise Conflict(f"there is an application {id_} already", public="Please try again.")
            return [created]

        ledger = self._around.ledger
        if connection is None:
            return ledger.change(APPLICATIONS, id_, begun, actor=subject, texts=written, follow=self._follow)
        return ledger.change_within(
            connection, APPLICATIONS, id_, begun, actor=subject, texts=written, follow=self._follow
        )

    def _follow_up(self, asker: Principal, id_: str, command: Command, body: commands.Body) -> Done:
        """A new draft that copies, amends or extends an application; both know of each other. Attachments stay."""
        old = self.may(asker, id_, command)
        kind = _LINKS[command]
        content = self._copied(old, body)
        data = {
            "datasets": msgspec.to_builtins(old.datasets),
            "follows": {"kind": kind, "of": old.id},
        }
        if command is Command.COPY_AS_NEW:
            return Done(self._begin(asker.subject, content, data))
        with self._around.ledger.engine.begin() as connection:
            fresh = self._begin(asker.subject, content, data, connection)
            by = {"by": {"kind": kind, "of": fresh.id}}

            def decided(state: Application, now: datetime) -> Sequence[NewEvent]:
                act = Act(command, asker.subject, self._roles(state, asker), by)
                return decide(state, act, now)

            self.record(connection, id_, decided, actor=asker.subject)
        return Done(fresh)

    def _copied(self, old: Application, body: commands.Body) -> Content:
        content = self.content(old.content)
        if isinstance(body, commands.Extend):
            if body.until <= old.until:
                raise Invalid(f"until {body.until} must be later than {old.until}")
            content = msgspec.structs.replace(content, until=body.until)
        forms = self.forms_of(self._versions(content.purpose))
        known_fields = {
            (form.id, one.id) for form in forms for one in form.fields if one.type != "attachment"
        }
        answers = [answer for answer in answers_of(content) if (answer.form, answer.field) in known_fields]
        kept = wire_answers(kept_answers(forms, answers))
        anew = msgspec.structs.replace(content, answers=kept, cohort=msgspec.UNSET)
        return checked_content(anew)  # people are counted when they are asked for, not when somebody once did

    def _follow(self, connection: Connection, state: Application, events: Sequence[Event]) -> None:
        stream = APPLICATIONS.stream(state.id)
        if state.state is State.DELETED:
            forget_texts(connection, stream)
        elif state.superseded:
            forget_texts(connection, stream, state.superseded)
        if any(event.kind == "applicant-changed" for event in events):
            reassign_texts(connection, _written_for(state), state.applicant)
        self._follow_files(connection, state, events)
        for follower in self._around.followers:
            follower(connection, state, events)

    @staticmethod
    def _follow_files(connection: Connection, state: Application, events: Sequence[Event]) -> None:
        """What an event names is kept; what nobody may read any longer is to be deleted."""
        gone = [str(event.data["attachment"]) for event in events if event.kind in _DROPPING]
        if state.state is State.DELETED:
            gone += [file.id for file in state.attachments if not file.redacted]
        note_deletions(connection, gone, events[-1].at)
        for event in events:
            if event.kind == "attachment-added":
                keep_upload(connection, str(event.data["attachment"]["id"]), event.at)

    def _now(self) -> datetime:
        return self._around.clock.now()


_DROPPING: Final = frozenset({"attachment-removed", "attachment-redacted"})

_LINKS: Final = {
    Command.COPY_AS_NEW: "copy",
    Command.AMEND: "amendment",
    Command.EXTEND: "extension",
}


def _written_for(state: Application) -> set[str]:
    """Texts of what is asked for, whoever is applicant."""
    versions = {text for version in state.versions for text in (version.content, version.title)}
    return {state.content, state.title, *versions}


def _begun(state: Application, id_: str) -> Application:
    """The state itself. Raises NotFound if there is no such application."""
    if state.state is State.NOTHING:
        raise NotFound(f"there is no application {id_}")
    return state


def _by_token(state: Application, body: commands.OfInvitation) -> frozenset[Role]:
    held = any(
        invitation.id == body.invitation and invites(invitation, "", body.token)
        for invitation in state.invitations
    )
    return frozenset({Role.INVITED}) if held else frozenset()
