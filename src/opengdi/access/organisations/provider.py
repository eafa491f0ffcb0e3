"""How a data provider is brought on: identified, contacted, funded, reviewed, bound, onboarded. Source: P01."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from typing import Any, Final

from opengdi.access.ledger import Story
from opengdi.access.model import Event, Head, NewEvent
from opengdi.access.organisations import commands as c
from opengdi.access.organisations.facts import day
from opengdi.access.organisations.means import Means
from opengdi.access.organisations.model import (
    Agreement,
    Capacity,
    DocumentKind,
    Provider,
    ProviderState,
)
from opengdi.access.organisations.permitted import PROVIDER, require
from opengdi.access.organisations.ror import ror_id
from opengdi.kernel.errors import Conflict, Invalid, NotFound
from opengdi.kernel.ids import country_code

AGREEMENT_KINDS: Final = frozenset(
    {
        DocumentKind.SHARING,
        DocumentKind.PROVIDERS_JOINT_CONTROLLERSHIP,
        DocumentKind.DATA_PROCESSING,
        DocumentKind.PLATFORM_PROVISION,
    }
)
"""Source: P01 step 7."""


def identified(
    state: Provider, command: c.Identify, capacities: frozenset[Capacity], means: Means
) -> list[NewEvent]:
    """A provider begins. Raises NotPermitted, Conflict, Invalid."""
    require(PROVIDER, state.state, capacities, "identify")
    return [NewEvent("identified", {"id": command.id, **_facts(command.id, command, means)})]


def decide(
    state: Provider,
    name: str,
    command: c.Command,
    asker: str,
    capacities: frozenset[Capacity],
    means: Means,
    now: datetime,
) -> list[NewEvent]:
    """What a command comes to. Raises NotPermitted, Conflict, NotFound, Invalid."""
    require(PROVIDER, state.state, capacities, name)
    return _DECISIONS[name](state, command, asker, means, now)


def _kept(kind: str, member: str) -> Callable[..., list[NewEvent]]:
    """A step that is told in words. member: of the command, which holds them."""

    def decide_it(
        state: Provider, command: c.Command, _asker: str, means: Means, _now: datetime
    ) -> list[NewEvent]:
        return [NewEvent(kind, {"text": means.keep(f"provider:{state.id}", getattr(command, member))})]

    return decide_it


def _correct(
    state: Provider, command: c.CorrectProvider, _asker: str, means: Means, _now: datetime
) -> list[NewEvent]:
    return [NewEvent("corrected", _facts(state.id, command, means))]


def _review(
    state: Provider, command: c.ReviewLegalBasis, _asker: str, means: Means, _now: datetime
) -> list[NewEvent]:
    report = means.keep(f"provider:{state.id}", command.report)
    return [NewEvent("legal-basis-reviewed", {"basis": command.basis, "report": report})]


def _record_agreement(
    state: Provider, command: c.RecordAgreement, _asker: str, means: Means, now: datetime
) -> list[NewEvent]:
    if command.kind not in AGREEMENT_KINDS:
        raise Invalid(f"kind {command.kind} must be {' or '.join(sorted(AGREEMENT_KINDS))}")
    if any(each.id == command.id for each in state.agreements):
        raise Conflict(f"agreement {command.id} is there", public="An agreement of that id is recorded.")
    if command.signed_on > now.date():
        raise Invalid(f"signedOn {command.signed_on} is in the future")
    if command.until is not None and command.until < command.signed_on:
        raise Invalid(f"until {command.until} is before signedOn {command.signed_on}")
    data = {
        "id": command.id,
        "kind": command.kind,
        "sha256": command.sha256,
        "version": command.version,
        "parties": list(command.parties),
        "signedOn": command.signed_on.isoformat(),
        "until": command.until.isoformat() if command.until else None,
        "evidence": means.keep(f"provider:{state.id}", command.evidence),
    }
    events = [NewEvent("agreement-recorded", data)]
    sharing = command.kind is DocumentKind.SHARING
    if sharing and state.state is ProviderState.LEGAL_BASIS_REVIEWED:
        events.append(NewEvent("agreements-signed"))
    return events


def _end_agreement(
    state: Provider, command: c.EndAgreement, _asker: str, means: Means, _now: datetime
) -> list[NewEvent]:
    found = next((each for each in state.agreements if each.id == command.id), None)
    if found is None:
        raise NotFound(f"there is no agreement {command.id}")
    if command.on < found.signed_on:
        raise Invalid(f"on {command.on} is before {found.signed_on}, when it was signed")
    reason = means.keep(f"provider:{state.id}", command.reason)
    return [NewEvent("agreement-ended", {"id": command.id, "on": command.on.isoformat(), "reason": reason})]


def _link_plan(
    _state: Provider, command: c.LinkPlan, _asker: str, _means: Means, _now: datetime
) -> list[NewEvent]:
    return [NewEvent("plan-linked", {"url": command.url})]


def _onboard(state: Provider, _command: c.Plain, _asker: str, _means: Means, now: datetime) -> list[NewEvent]:
    if not may_share(state, now.date()):
        raise Conflict("no sharing agreement holds", public="No sharing agreement holds today.")
    return [NewEvent("onboarded")]


def may_share(state: Provider, today: date) -> bool:
    """True if a sharing agreement with the provider holds."""
    return any(each.kind is DocumentKind.SHARING and each.holds_on(today) for each in state.agreements)


def may_include(state: Provider, today: date) -> bool:
    """True if the provider may bring data in today. Spec: E-01 (`agreement.signed ∧ legalBasis.reviewed`)."""
    return state.state is ProviderState.ONBOARDED and may_share(state, today)


_DECISIONS: Final[dict[str, Callable[..., list[NewEvent]]]] = {
    "correct": _correct,
    "contact": _kept("contacted", "requirements"),
    "fund": _kept("funded", "scheme"),
    "review-legal-basis": _review,
    "record-agreement": _record_agreement,
    "end-agreement": _end_agreement,
    "link-plan": _link_plan,
    "onboard": _onboard,
    "suspend": _kept("suspended", "reason"),
    "reinstate": _kept("reinstated", "reason"),
}


def _facts(id_: str, command: c.Identify | c.CorrectProvider, means: Means) -> dict[str, Any]:
    contact = command.contact
    return {
        "name": command.name,
        "country": country_code(command.country),
        "ror": ror_id(command.ror) if command.ror else "",
        "contact": means.keep(f"provider:{id_}", f"{contact.name} <{contact.email}>") if contact else "",
    }


def evolve(state: Provider, event: Event) -> Provider:
    """The state after an event; one that is not known changes nothing."""
    tell = _TELLING.get(event.kind)
    return tell(state, event) if tell else state


def _told_facts(state: Provider, event: Event) -> Provider:
    data = event.data
    return replace(
        state, name=data["name"], country=data["country"], ror=data["ror"], contact=data["contact"]
    )


def _told_identified(state: Provider, event: Event) -> Provider:
    return replace(_told_facts(state, event), id=event.data["id"], state=ProviderState.IDENTIFIED)


def _told_reviewed(state: Provider, event: Event) -> Provider:
    return replace(state, state=ProviderState.LEGAL_BASIS_REVIEWED, legal_basis=event.data["basis"])


def _told_agreement(state: Provider, event: Event) -> Provider:
    data = event.data
    agreement = Agreement(
        data["id"],
        DocumentKind(data["kind"]),
        data["sha256"],
        data["version"],
        tuple(data["parties"]),
        date.fromisoformat(data["signedOn"]),
        day(data["until"]),
        data["evidence"],
    )
    return replace(state, agreements=(*state.agreements, agreement))


def _told_agreement_ended(state: Provider, event: Event) -> Provider:
    ended = tuple(
        replace(each, ended=day(event.data["on"])) if each.id == event.data["id"] else each
        for each in state.agreements
    )
    return replace(state, agreements=ended)


_TELLING: Final[dict[str, Callable[[Provider, Event], Provider]]] = {
    "identified": _told_identified,
    "corrected": _told_facts,
    "contacted": lambda state, event: replace(
        state, state=ProviderState.CONTACTED, requirements=event.data["text"]
    ),
    "funded": lambda state, event: replace(state, state=ProviderState.FUNDED, funding=event.data["text"]),
    "legal-basis-reviewed": _told_reviewed,
    "agreement-recorded": _told_agreement,
    "agreement-ended": _told_agreement_ended,
    "agreements-signed": lambda state, _: replace(state, state=ProviderState.AGREEMENTS_SIGNED),
    "plan-linked": lambda state, event: replace(state, plan=event.data["url"]),
    "onboarded": lambda state, _: replace(state, state=ProviderState.ONBOARDED),
    "suspended": lambda state, event: replace(
        state, state=ProviderState.SUSPENDED, before=state.state, reason=event.data["text"]
    ),
    "reinstated": lambda state, event: replace(state, state=state.before, reason=event.data["text"]),
}


def head(state: Provider) -> Head:
    """What lists say of a provider."""
    return Head(
        state.state, frozenset({state.id}), {"name": state.name, "country": state.country, "ror": state.ror}
    )


PROVIDER_STORY: Final = Story("provider", Provider(), evolve, head)
