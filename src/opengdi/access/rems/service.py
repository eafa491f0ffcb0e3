"""What clients ask of applications, in the words of applications. Methods block: call them from a thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from opengdi.access.applications import commands as ours
from opengdi.access.applications.content import WireAnswer
from opengdi.access.applications.model import Application, Attachment, Command, Role, State
from opengdi.access.applications.service import Applications, Done
from opengdi.access.applications.story import APPLICATIONS
from opengdi.access.forms.model import Field
from opengdi.access.ledger import Listed
from opengdi.access.model import Event
from opengdi.access.rems import bodies
from opengdi.access.rems.entitlements import entitlements_of, permitted_of
from opengdi.access.rems.model import Entitlement, Kind
from opengdi.access.rems.people import People
from opengdi.access.rems.ports import Opens
from opengdi.access.rems.shapes import Json, Shapes
from opengdi.access.rems.things import Things
from opengdi.access.rems.values import duo_purpose, read_value
from opengdi.kernel.doors import known
from opengdi.kernel.errors import Invalid, NotFound
from opengdi.kernel.principal import Principal
from opengdi.kernel.principal import Role as Held

_LONGEST_TITLE: Final = 200
_PAGE: Final = 500

_ENDED: Final = (State.APPROVED, State.PARTLY_APPROVED, State.CLOSED, State.REVOKED)
"""States in which there may be entitlements, or were."""


@dataclass(frozen=True, slots=True)
class Defaults:
    """What an application needs and these clients do not ask for. days: for how long data are wanted."""

    days: int = 365
    environment: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is wanted. most: lines at most, 0: all of them; after: what the page before ended with."""

    most: int = 0
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Paged:
    """Lines of a list. after: what to ask next with, if there are more."""

    lines: list[Json]
    after: str | None


@dataclass(frozen=True, slots=True)
class Rems:
    """Applications as these clients use them. opens: what permits open; None: applications alone tell (in tests)."""

    applications: Applications
    things: Things
    people: People
    shapes: Shapes
    defaults: Defaults = field(default_factory=Defaults)
    opens: Opens | None = None

    # --- applications ----------------------------------------------------------------------------------------------

    def create(self, asker: Principal, body: bodies.Create) -> int:
        """The number of a new draft. It may span deciding bodies. Raises NotFound, Invalid."""
        datasets = [self._dataset(number) for number in body.catalogue_item_ids]
        title = f"Request for {', '.join(datasets)}"[:_LONGEST_TITLE]
        wanted = [ours.Wanted(dataset=dataset) for dataset in datasets]
        done = self.applications.create(asker, ours.Create(datasets=wanted, title=title))
        self._save_defaults(asker, done.application.id)
        return self.things.number(Kind.APPLICATION, done.application.id)

    def copy(self, asker: Principal, number: int) -> int:
        """The number of a copy."""
        done = self.applications.do(asker, self._id(number), Command.COPY_AS_NEW, ours.Body())
        self._save_defaults(asker, done.application.id)
        return self.things.number(Kind.APPLICATION, done.application.id)

    def _save_defaults(self, asker: Principal, id_: str) -> None:
        until = (self.applications.around.clock.now() + timedelta(days=self.defaults.days)).date()
        save = ours.Save(until=until.isoformat(), environment=self.defaults.environment)
        self.applications.do(asker, id_, Command.SAVE_DRAFT, save)

    def save(self, asker: Principal, body: bodies.SaveDraft) -> None:
        """Answers, all of them, and perhaps the purpose in DUO codes. Raises as commands do."""
        id_ = self._id(body.application_id)
        state, _ = self.applications.seen(asker, id_)
        fields = self._fields(state)
        answers = []
        for said in body.field_values:
            form, one = fields.get((said.form, said.field), ("", None))
            if one is None:
                raise Invalid(f"field-values: form {said.form} of this application has no field {said.field}")
            answers.append(WireAnswer(form, said.field, read_value(one, said.value, self._attachment)))
        purpose = None if body.duo_codes is None else duo_purpose(body.duo_codes)
        self.applications.do(asker, id_, Command.SAVE_DRAFT, ours.Save(answers=answers, duo=purpose))

    def _fields(self, state: Application) -> dict[tuple[int, str], tuple[str, Field]]:
        forms = self.applications.forms_of(state.forms)
        return {
            (self.shapes.form_number(form), one.id): (form.id, one) for form in forms for one in form.fields
        }

    def submit(self, asker: Principal, number: int) -> None:
        """Submit, or answer a request for change by submitting again."""
        id_ = self._id(number)
        state, _ = self.applications.seen(asker, id_)
        command = Command.RESUBMIT if state.state is State.RETURNED else Command.SUBMIT
        self.applications.do(asker, id_, command, ours.Body())

    def check(self, asker: Principal, number: int) -> None:
        """Raise what `submit` would raise."""
        id_ = self._id(number)
        state, _ = self.applications.seen(asker, id_)
        command = Command.RESUBMIT if state.state is State.RETURNED else Command.SUBMIT
        self.applications.check(asker, id_, command, ours.Body())

    def accept_licenses(self, asker: Principal, body: bodies.AcceptLicenses) -> None:
        terms = [self.things.find(Kind.LICENSE, number).name for number in body.accepted_licenses]
        if terms:
            self._do(asker, body.application_id, Command.ACCEPT_TERMS, ours.OfTerms(terms=terms))

    def invite(self, asker: Principal, body: bodies.OfMember) -> str:
        """The token of an invitation, told once."""
        invite = ours.Invite(name=body.member.name, email=body.member.email)
        done = self._do(asker, body.application_id, Command.INVITE_MEMBER, invite)
        invitation, token = done.extra["invitation"], done.extra["token"]
        return f"{done.application.id}:{invitation}:{token}"

    def uninvite(self, asker: Principal, body: bodies.OfMember) -> None:
        state, _ = self.applications.seen(asker, self._id(body.application_id))
        texts = self.applications.around.texts.of([each.person for each in state.invitations if each.person])
        for each in state.invitations:
            if each.person and body.member.email and f'"{body.member.email}"' in texts[each.person]:
                invitation = ours.OfInvitation(invitation=each.id)
                self.applications.do(asker, state.id, Command.UNINVITE_MEMBER, invitation)
                return
        raise NotFound("nobody with this address is invited", public="Nobody with this address is invited.")

    def accept_invitation(self, asker: Principal, text: str) -> int:
        """The number of the application that a token brings somebody to."""
        parts = text.split(":")
        if len(parts) != 3:
            raise NotFound("this is no token of an invitation", public="This invitation does not hold.")
        id_, invitation, token = parts
        said = ours.OfInvitation(invitation=invitation, token=token)
        self.applications.do(asker, id_, Command.ACCEPT_INVITATION, said)
        return self.things.number(Kind.APPLICATION, id_)

    def remove_member(self, asker: Principal, body: bodies.OfMember) -> None:
        self._do(asker, body.application_id, Command.REMOVE_MEMBER, ours.OfPerson(subject=body.member.userid))

    def change_resources(self, asker: Principal, body: bodies.ChangeResources) -> None:
        wanted = [ours.Wanted(dataset=self._dataset(number)) for number in body.catalogue_item_ids]
        self._do(asker, body.application_id, Command.CHANGE_DATASETS, ours.ChangeDatasets(datasets=wanted))

    def close(self, asker: Principal, body: bodies.Commented) -> None:
        """Close, as whoever cares for it, or withdraw as its applicant."""
        state, roles = self.applications.seen(asker, self._id(body.application_id))
        closes = Role.COORDINATOR in roles or state.state is State.REJECTED
        command = Command.CLOSE if closes else Command.WITHDRAW
        self._do(asker, body.application_id, command, ours.Noted(text=body.comment))

    def remark(self, asker: Principal, body: bodies.Commented) -> None:
        self._do(asker, body.application_id, Command.REMARK, ours.Remark(text=body.comment))

    def delete(self, asker: Principal, number: int) -> None:
        self._do(asker, number, Command.DELETE, ours.Body())

    def may_attach(self, asker: Principal, number: int) -> str:
        """Our id of the application, if the asker may attach something."""
        id_ = self._id(number)
        self.applications.may(asker, id_, Command.ADD_ATTACHMENT)
        return id_

    def attach(self, asker: Principal, id_: str, attachment: Attachment, name: str) -> int:
        """The number of an attachment whose content is kept already."""
        self.applications.attach(asker, id_, attachment, name)
        return self.things.number(Kind.ATTACHMENT, attachment.id)

    def attachment(self, asker: Principal, number: int) -> tuple[Attachment, str]:
        """An attachment of an application that the asker sees, and its name. Raises NotFound."""
        wanted = self.things.find(Kind.ATTACHMENT, number).name
        for state in self._mine(asker):
            for file in state.attachments:
                if file.id == wanted:
                    return file, self.applications.around.texts.of([file.name])[file.name]
        raise NotFound(f"attachment {number} does not concern {asker.subject}")

    def whole(self, asker: Principal, number: int) -> Json:
        """An application as the asker sees it. Raises NotFound."""
        state, roles = self.applications.seen(asker, self._id(number))
        return self.shapes.whole(state, self._events(state.id), roles)

    def mine(self, asker: Principal, page: Page) -> Paged:
        """Applications in which the asker takes part, newest change first."""
        return self._paged(asker, page, {known(asker)}, set(State) - {State.NOTHING, State.DELETED})

    def all(self, asker: Principal, page: Page) -> Paged:
        """Applications that the asker may see: all that were submitted, for those who care for them."""
        if not asker.holds(Held.COORDINATOR):
            return self.mine(asker, page)
        return self._paged(asker, page, None, set(State) - {State.NOTHING, State.DRAFT, State.DELETED})

    def _paged(self, asker: Principal, page: Page, concerning: set[str] | None, states: set[State]) -> Paged:
        """A page, or all of it; by what lists know of applications, however much happened to each."""
        found, after = list[Json](), page.after
        while True:
            listing = self.applications.around.ledger.list(
                APPLICATIONS, concerning=concerning, states=states, after=after, most=page.most or _PAGE
            )
            found += self.shapes.lines(listing.lines, asker, self._signs_for(asker, listing.lines))
            after = listing.after
            if page.most or after is None:
                return Paged(found, after)

    def _signs_for(self, asker: Principal, lines: Sequence[Listed]) -> frozenset[str]:
        """Organisations, among those of these lines, for which the asker signs."""
        standings = self.applications.around.standings
        applicants = {str(line.summary["organisation"]): str(line.summary["applicant"]) for line in lines}
        return frozenset(
            organisation
            for organisation, applicant in applicants.items()
            if organisation and asker.subject in standings.of(applicant).signing_officials
        )

    # --- entitlements ----------------------------------------------------------------------------------------------

    def entitlements(
        self,
        asker: Principal,
        *,
        subject: str = "",
        dataset: str = "",
        expired: bool = False,
    ) -> list[Entitlement]:
        """Entitlements that the asker may see: their own, or anybody's for those on duty.

        What is for regions of a dataset is none: these clients take an entitlement for the whole.
        expired: also those that ended, or whose holder may not use data now.
        """
        me = known(asker)
        wanted = subject if sees_everybody(asker) else me
        if subject and subject != wanted:
            return []
        now, standings = self.applications.around.clock.now(), self.applications.around.standings
        found = self._entitlements(wanted, expired=expired)
        return [
            each
            for each in found
            if (not wanted or each.subject == wanted)
            and (not dataset or each.dataset == dataset)
            and (expired or (each.holds_at(now) and standings.of(each.subject).may_request))
        ]

    def _entitlements(self, subject: str, *, expired: bool) -> list[Entitlement]:
        terms, found = frozenset(terms.id for terms in self.applications.around.terms), list[Entitlement]()
        for state in self._listed({subject} if subject else None, set(_ENDED)):
            led_to = entitlements_of(self._events(state.id), terms)
            if self.opens is not None:
                led_to = permitted_of(led_to, self.opens(state.permit), expired=expired)
            found += led_to
        return found

    # --- what all of it needs --------------------------------------------------------------------------------------

    def _do(self, asker: Principal, number: int, command: Command, body: ours.Body) -> Done:
        return self.applications.do(asker, self._id(number), command, body)

    def _id(self, number: int) -> str:
        return self.things.find(Kind.APPLICATION, number).name

    def _dataset(self, number: int) -> str:
        return self.things.find(Kind.CATALOGUE_ITEM, number).name

    def _attachment(self, number: int) -> str:
        return self.things.find(Kind.ATTACHMENT, number).name

    def _events(self, id_: str) -> Sequence[Event]:
        return self.applications.around.ledger.events(APPLICATIONS, id_)

    def _mine(self, asker: Principal) -> list[Application]:
        states = set(State) - {State.NOTHING, State.DELETED}
        return self._listed({known(asker)}, states)

    def _listed(self, concerning: set[str] | None, states: set[State]) -> list[Application]:
        found, after = list[Application](), None
        while True:
            page = self.applications.around.ledger.list(
                APPLICATIONS, concerning=concerning, states=states, after=after, most=_PAGE
            )
            found += [self.applications.state(line.id) for line in page.lines]
            after = page.after
            if after is None:
                return found

    def form_numbers(self, number: int) -> dict[str, int]:
        """Numbers of an application's forms by our id; of one that is not there, none."""
        try:
            state = self.applications.state(self._id(number))
        except NotFound:
            return {}
        return {form.id: self.shapes.form_number(form) for form in self.applications.forms_of(state.forms)}


def sees_everybody(asker: Principal) -> bool:
    """True for those who may read anybody's entitlements."""
    return any(asker.holds(role) for role in (Held.COORDINATOR, Held.AUDITOR, Held.BROKER))
