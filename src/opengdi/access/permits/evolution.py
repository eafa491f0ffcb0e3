"""What the events of a permit add up to, and how it looks in lists.

Never fails: an event that it does not know is nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import msgspec

from opengdi.access.ledger import Story
from opengdi.access.model import Event, Head, Purpose
from opengdi.access.permits.model import Basis, Duty, Ended, Permit, Permitted, Person, Signed, State


def evolve(permit: Permit, event: Event) -> Permit:
    """The permit after an event."""
    step = _STEPS.get(event.kind)
    if step is None or (permit.state is State.ENDED and event.kind not in _AFTER_THE_END):
        return permit
    after = step(permit, event)
    if event.kind in _UNSEEN:
        return after
    return replace(after, version=permit.version + 1, changed=event.at)


def _issued(_permit: Permit, event: Event) -> Permit:
    data = event.data
    datasets = msgspec.convert(data["datasets"], tuple[Permitted, ...])
    return Permit(
        id=event.stream.partition(":")[2],
        state=State.ACTIVE,
        application=data["application"],
        digest=data["digest"],
        title=data["title"],
        purpose=Purpose(data["purpose"]),
        duo=data["duo"],
        holder=msgspec.convert(data["holder"], Person),
        members=msgspec.convert(data["members"], tuple[Person, ...]),
        datasets=datasets,
        duties=msgspec.convert(data["duties"], tuple[Duty, ...]),
        bases=msgspec.convert(data["bases"], tuple[Basis, ...]),
        decisions=msgspec.convert(data["decisions"], tuple[Signed, ...]),
        environment=data["environment"],
        legal_basis=data["legalBasis"],
        fees=data["fees"],
        issued=event.at,
        until=_last(datasets),
        attest_by=_time(data["attestBy"]),
        nodes=frozenset(each.node for each in datasets),
    )


def _decided_anew(permit: Permit, event: Event) -> Permit:
    """Later decisions: an extension, or what was granted on appeal."""
    datasets = msgspec.convert(event.data["datasets"], tuple[Permitted, ...])
    until = _last(datasets)
    return replace(
        permit,
        datasets=datasets,
        duties=msgspec.convert(event.data["duties"], tuple[Duty, ...]),
        bases=msgspec.convert(event.data["bases"], tuple[Basis, ...]),
        decisions=msgspec.convert(event.data["decisions"], tuple[Signed, ...]),
        until=until,
        announced=permit.announced if until == permit.until else frozenset(),
        extension=None,
        nodes=permit.nodes | {each.node for each in datasets},
    )


def _last(datasets: tuple[Permitted, ...]) -> datetime:
    return max(each.until for each in datasets)


def _amended(permit: Permit, event: Event) -> Permit:
    people = frozenset(event.data.get("people", ()))
    gone = {tuple(each) for each in event.data.get("datasets", ())}
    datasets = tuple(each for each in permit.datasets if each.key not in gone)
    return replace(
        permit,
        members=tuple(person for person in permit.members if person.subject not in people),
        datasets=datasets,
        until=_last(datasets) if datasets else permit.until,
        taken_out=permit.taken_out | {(dataset, version) for dataset, version in gone},
    )


def _handed_over(permit: Permit, event: Event) -> Permit:
    """Somebody else answers for it; who did is in it no longer."""
    holder = Person(event.data["to"], event.data["organisation"])
    others = tuple(person for person in permit.members if person.subject != holder.subject)
    return replace(permit, holder=holder, members=others)


def _use_ended(permit: Permit, event: Event) -> Permit:
    names = {each[0] for each in event.data["datasets"]}
    people = event.data["people"] or permit.subjects
    ended = {(subject, dataset) for subject in people for dataset in names}
    return replace(permit, taken_back=permit.taken_back | ended)


def _suspended(permit: Permit, event: Event) -> Permit:
    return replace(permit, state=State.SUSPENDED, suspended_for=event.data["for"])


def _active(permit: Permit, _event: Event) -> Permit:
    return replace(permit, state=State.ACTIVE, suspended_for="")


def _slept(permit: Permit, _event: Event) -> Permit:
    return replace(permit, state=State.SLEEPING)


def _attested(permit: Permit, event: Event) -> Permit:
    return replace(permit, attest_by=_time(event.data["attestBy"]), attestation_announced=frozenset())


def _announced(permit: Permit, event: Event) -> Permit:
    return replace(permit, announced=permit.announced | {int(event.data["days"])})


def _attestation_announced(permit: Permit, event: Event) -> Permit:
    days = permit.attestation_announced | {int(event.data["days"])}
    return replace(permit, attestation_announced=days)


def _extension_asked(permit: Permit, event: Event) -> Permit:
    return replace(permit, extension=_time(event.data["until"]))


def _extension_refused(permit: Permit, _event: Event) -> Permit:
    return replace(permit, extension=None)


def _fulfilled(permit: Permit, event: Event) -> Permit:
    return _with_duty(permit, event.data["duty"], done=event.at)


def _overdue(permit: Permit, event: Event) -> Permit:
    return _with_duty(permit, event.data["duty"], overdue=True)


def _with_duty(permit: Permit, id_: str, **change: Any) -> Permit:
    return replace(
        permit, duties=tuple(replace(duty, **change) if duty.id == id_ else duty for duty in permit.duties)
    )


def _ends(ended: Ended) -> Callable[[Permit, Event], Permit]:
    def step(permit: Permit, event: Event) -> Permit:
        reason = str(event.data.get("for", ""))
        return replace(
            permit, state=State.ENDED, ended=event.at, ended_by=ended.value, ended_for=reason, extension=None
        )

    return step


def _time(text: object) -> datetime | None:
    return datetime.fromisoformat(str(text)) if text else None


_STEPS: Final[Mapping[str, Callable[[Permit, Event], Permit]]] = {
    "issued": _issued,
    "decided-anew": _decided_anew,
    "amended": _amended,
    "handed-over": _handed_over,
    "use-ended": _use_ended,
    "suspended": _suspended,
    "resumed": _active,
    "slept": _slept,
    "woken": _active,
    "attested": _attested,
    "expiry-announced": _announced,
    "attestation-announced": _attestation_announced,
    "extension-asked": _extension_asked,
    "extension-refused": _extension_refused,
    "duty-fulfilled": _fulfilled,
    "duty-overdue": _overdue,
    "expired": _ends(Ended.EXPIRED),
    "closed-out": _ends(Ended.CLOSED_OUT),
    "revoked": _ends(Ended.REVOKED),
}

_UNSEEN: Final = frozenset(
    {
        "expiry-announced",
        "attestation-announced",
        "extension-asked",
        "extension-refused",
        "duty-fulfilled",
        "duty-overdue",
        "use-ended",
    }
)
"""Events that change nothing that the signed object says."""

_AFTER_THE_END: Final = frozenset({"duty-fulfilled", "duty-overdue"})


def head_of(permit: Permit) -> Head:
    """How a permit looks in lists; the summary is what the public register shows, without people."""
    return Head(
        permit.state.value,
        permit.subjects | {permit.holder.organisation, *permit.nodes},
        register_entry(permit),
    )


def register_entry(permit: Permit) -> dict[str, Any]:
    """What the public may know. Spec: EHDS Art 58(1): who got access to which datasets, for what."""
    return {
        "permit": permit.id,
        "state": permit.state.value,
        "purpose": permit.purpose.value,
        "title": permit.title,
        "organisation": permit.holder.organisation,
        "organisations": sorted({person.organisation for person in permit.people}),
        "datasets": [
            {"dataset": each.dataset, "version": each.version, "node": each.node} for each in permit.datasets
        ],
        "issued": permit.issued.isoformat() if permit.issued else None,
        "until": permit.until.isoformat() if permit.until else None,
        "ended": permit.ended.isoformat() if permit.ended else None,
        "legalBasis": permit.legal_basis,
    }


STORY: Final = Story("permit", Permit(), evolve, head_of)
