"""Who may do what with a permit when, what follows from it, and what time brings. Pure: time and ids come in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from opengdi.access.model import NewEvent
from opengdi.access.permits.model import (
    Approved,
    Basis,
    CloseOut,
    Command,
    Duty,
    Found,
    Permit,
    Permitted,
    Person,
    Role,
    State,
)
from opengdi.kernel.errors import Conflict, Invalid, NotFound, NotPermitted

_HOLDING: Final = frozenset(
    {Command.AMEND, Command.EXTEND, Command.ATTEST, Command.FULFIL, Command.CLOSE_OUT}
)
_MINDING: Final = frozenset(
    {Command.AMEND, Command.REFUSE_EXTENSION, Command.FULFIL, Command.CLOSE_OUT, Command.REVOKE}
)

PERMITTED: Final[Mapping[tuple[State, Role], frozenset[Command]]] = {
    (State.ACTIVE, Role.HOLDER): _HOLDING | {Command.SLEEP},
    (State.SLEEPING, Role.HOLDER): _HOLDING | {Command.WAKE},
    (State.SUSPENDED, Role.HOLDER): _HOLDING - {Command.EXTEND},
    (State.ENDED, Role.HOLDER): frozenset({Command.FULFIL}),
    (State.ACTIVE, Role.MEMBER): frozenset({Command.LEAVE}),
    (State.SLEEPING, Role.MEMBER): frozenset({Command.LEAVE}),
    (State.SUSPENDED, Role.MEMBER): frozenset({Command.LEAVE}),
    (State.ACTIVE, Role.SIGNING_OFFICIAL): frozenset({Command.AMEND, Command.SUSPEND, Command.CLOSE_OUT}),
    (State.SLEEPING, Role.SIGNING_OFFICIAL): frozenset({Command.AMEND, Command.SUSPEND, Command.CLOSE_OUT}),
    (State.SUSPENDED, Role.SIGNING_OFFICIAL): frozenset({Command.AMEND, Command.CLOSE_OUT}),
    (State.ACTIVE, Role.COORDINATOR): _MINDING | {Command.SUSPEND},
    (State.SLEEPING, Role.COORDINATOR): _MINDING | {Command.SUSPEND},
    (State.SUSPENDED, Role.COORDINATOR): _MINDING | {Command.RESUME},
    (State.ENDED, Role.COORDINATOR): frozenset({Command.FULFIL}),
    (State.ACTIVE, Role.NODE): frozenset({Command.REVOKE}),
    (State.SLEEPING, Role.NODE): frozenset({Command.REVOKE}),
    (State.SUSPENDED, Role.NODE): frozenset({Command.REVOKE}),
}
"""What is permitted in which state to whom; what is not here is not permitted. A node takes back its own data only."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How long things last. Source: EHDS Art 61, 68; E-51.

    notices_days: before an end, and before an attestation falls due. longest: of a permit; publish_within: after
    its end.
    """

    notices_days: tuple[int, ...] = (60, 30, 7)
    attest_every: timedelta = timedelta(days=365)
    longest: timedelta = timedelta(days=3652)
    publish_within: timedelta = timedelta(days=548)
    return_within: timedelta = timedelta(days=183)


@dataclass(frozen=True, slots=True)
class Act:
    """Somebody wants something. data: what they said, texts replaced by ids. node: whose data a node takes back."""

    command: Command
    subject: str
    roles: frozenset[Role]
    data: Mapping[str, Any] = field(default_factory=dict)
    node: str = ""


def permitted(permit: Permit, roles: Iterable[Role]) -> frozenset[Command]:
    """Commands that somebody with these roles may give now."""
    return frozenset().union(*(PERMITTED.get((permit.state, role), frozenset()) for role in roles))


def decide(permit: Permit, act: Act, terms: Terms, now: datetime) -> list[NewEvent]:
    """The events of a command. Raises NotFound, NotPermitted, Conflict or Invalid: then nothing happens."""
    if permit.state is State.NOTHING:
        raise NotFound("there is no such permit")
    if act.command not in permitted(permit, act.roles):
        anybody = any(act.command in PERMITTED.get((permit.state, role), frozenset()) for role in Role)
        if any(
            act.command in PERMITTED.get((state, role), frozenset()) for state in State for role in act.roles
        ):
            raise Conflict(
                f"permit {permit.id} is {permit.state}: {act.command} is not possible",
                public=f"The permit is {permit.state}; {act.command} is not possible now.",
            )
        raise NotPermitted(f"{act.subject} may not {act.command} permit {permit.id} ({anybody=})")
    return _DECIDE[act.command](permit, act, terms, now)


def _amend(permit: Permit, act: Act, _terms: Terms, _now: datetime) -> list[NewEvent]:
    """People and datasets may be taken out; to put any in is for the bodies to decide, by an application."""
    people = _texts(act.data.get("removePeople", ()), "removePeople")
    keys = _dataset_keys(permit, act.data.get("removeDatasets", ()))
    if not people and not keys:
        raise Invalid("removePeople or removeDatasets must name somebody or something")
    if permit.holder.subject in people:
        raise Invalid("removePeople names the holder; a permit without its holder is closed out")
    if unknown := sorted(people - permit.subjects):
        raise Invalid(f"removePeople: {unknown[0]!r} is not in this permit")
    if Role.SIGNING_OFFICIAL in act.roles and not act.roles & {Role.HOLDER, Role.COORDINATOR} and keys:
        raise NotPermitted("a signing official takes out people only")
    if len(keys) == len(permit.datasets):
        raise Invalid("removeDatasets names all datasets; a permit without datasets is closed out")
    return [_amended(people, keys, "amend")]


def _amended(people: Iterable[str], keys: Iterable[tuple[str, str]], why: str, text: str = "") -> NewEvent:
    return NewEvent(
        "amended",
        {"people": sorted(people), "datasets": [list(key) for key in sorted(keys)], "for": why, "text": text},
    )


def _leave(_permit: Permit, act: Act, _terms: Terms, _now: datetime) -> list[NewEvent]:
    return [_amended([act.subject], [], "leave")]


def _extend(permit: Permit, act: Act, terms: Terms, now: datetime) -> list[NewEvent]:
    """Asks for more time; the bodies that decided must decide again."""
    until = _moment(act.data.get("until"), "until")
    if permit.until is None or permit.issued is None or until <= permit.until:
        raise Invalid("until must be later than the permit's end")
    if until > permit.issued + terms.longest * 2 or until > now + terms.longest:
        raise Invalid(f"until is further away than {terms.longest.days} days")
    if permit.extension is not None:
        raise Conflict("an extension is asked for already", public="An extension is asked for already.")
    return [NewEvent("extension-asked", {"until": until.isoformat(), "text": act.data.get("text", "")})]


def _refuse_extension(permit: Permit, act: Act, _terms: Terms, _now: datetime) -> list[NewEvent]:
    if permit.extension is None:
        raise Conflict("no extension is asked for", public="No extension is asked for.")
    return [NewEvent("extension-refused", {"text": act.data.get("text", "")})]


def _suspend(_permit: Permit, act: Act, _terms: Terms, _now: datetime) -> list[NewEvent]:
    return [NewEvent("suspended", {"for": "ordered", "text": act.data.get("text", "")})]


def _resume(permit: Permit, act: Act, _terms: Terms, now: datetime) -> list[NewEvent]:
    if permit.attest_by is not None and permit.attest_by <= now:
        raise Conflict("the holder has not attested", public="The holder must attest first.")
    return [NewEvent("resumed", {"text": act.data.get("text", "")})]


def _sleep(_permit: Permit, _act: Act, _terms: Terms, _now: datetime) -> list[NewEvent]:
    return [NewEvent("slept")]


def _wake(_permit: Permit, _act: Act, _terms: Terms, _now: datetime) -> list[NewEvent]:
    return [NewEvent("woken")]


def _attest(permit: Permit, act: Act, terms: Terms, now: datetime) -> list[NewEvent]:
    """The holder says that access is still needed; what was suspended for want of that goes on."""
    attested = NewEvent(
        "attested", {"attestBy": (now + terms.attest_every).isoformat(), "text": act.data.get("text", "")}
    )
    if permit.suspended_for == "attestation-missed":
        return [attested, NewEvent("resumed")]
    return [attested]


def _fulfil(permit: Permit, act: Act, _terms: Terms, _now: datetime) -> list[NewEvent]:
    duty = next((duty for duty in permit.duties if duty.id == act.data.get("duty")), None)
    if duty is None or not duty.must_be_done:
        known = ", ".join(duty.id for duty in permit.duties if duty.must_be_done) or "none"
        raise Invalid(f"duty must be one that is to be done: {known}")
    if duty.done is not None:
        raise Conflict(f"duty {duty.id} is done", public="This duty is done already.")
    return [NewEvent("duty-fulfilled", {"duty": duty.id, "text": act.data.get("text", "")})]


def _close_out(_permit: Permit, act: Act, _terms: Terms, _now: datetime) -> list[NewEvent]:
    try:
        reason = CloseOut(str(act.data.get("for", "")))
    except ValueError as error:
        raise Invalid(f"for must be one of {', '.join(CloseOut)}") from error
    return [NewEvent("closed-out", {"for": reason.value, "text": act.data.get("text", "")})]


def _revoke(permit: Permit, act: Act, _terms: Terms, _now: datetime) -> list[NewEvent]:
    """At once: the whole permit, or only datasets or people; a node only what it holds.

    Raises Invalid for people or datasets that are not in the permit: what was meant for some must not end all.
    """
    text, listed = act.data.get("text", ""), act.data.get("datasets", ())
    named = _texts(act.data.get("people", ()), "people")
    people = named & permit.subjects
    if act.node:
        return _taken_back(permit, act.node, people if named else None, listed)
    if unknown := sorted(named - people):
        raise Invalid(f"people: {unknown[0]!r} is not in this permit")
    keys = _dataset_keys(permit, listed)
    if people:
        if permit.holder.subject in people:
            return [NewEvent("revoked", {"for": "ordered", "text": text})]
        return [_amended(people, keys, "revoke", text)]
    if not keys or keys == {each.key for each in permit.datasets}:
        return [NewEvent("revoked", {"for": "ordered", "text": text})]
    return [_amended([], keys, "revoke", text)]


def _taken_back(
    permit: Permit, node: str, people: frozenset[str] | None, listed: Sequence[object]
) -> list[NewEvent]:
    """What a node took back of its own data. people: None: of everybody.

    Of people or datasets that left the permit before, nothing is left to end, and nobody else's use ends for them.
    """
    own = frozenset(each.key for each in permit.datasets if each.node == node)
    keys = _dataset_keys(permit, listed, known_only=False) & own if listed else own
    if people is not None:
        if not people or not keys:
            return []
        # one person's use of one node's data: the node holds that end itself
        return [NewEvent("use-ended", {"node": node, "people": sorted(people), "datasets": _lists(keys)})]
    if not keys:
        return []
    if keys == {each.key for each in permit.datasets}:
        return [NewEvent("revoked", {"for": f"node {node}", "text": ""})]
    return [_amended([], keys, "revoke")]


def _lists(keys: Iterable[tuple[str, str]]) -> list[list[str]]:
    return [list(key) for key in sorted(keys)]


def _dataset_keys(permit: Permit, told: object, *, known_only: bool = True) -> frozenset[tuple[str, str]]:
    """Releases by dataset id, or by `[dataset, version]`. Raises Invalid for one that the permit does not name."""
    if not isinstance(told, Sequence) or isinstance(told, str):
        raise Invalid("datasets must be a list of dataset ids")
    found: set[tuple[str, str]] = set()
    for each in told:
        keys = {known.key for known in permit.datasets if each in (known.dataset, [*known.key], known.key)}
        if not keys and known_only:
            raise Invalid(f"dataset {each!r} is not in this permit")
        found |= keys
    return frozenset(found)


def _texts(told: object, member: str) -> frozenset[str]:
    if (
        not isinstance(told, Sequence)
        or isinstance(told, str)
        or not all(isinstance(each, str) for each in told)
    ):
        raise Invalid(f"{member} must be a list of subjects")
    return frozenset(told)


def _moment(told: object, member: str) -> datetime:
    try:
        found = datetime.fromisoformat(str(told))
    except ValueError as error:
        raise Invalid(f"{member} must be a time such as 2027-01-31T00:00:00+00:00") from error
    if found.tzinfo is None:
        raise Invalid(f"{member} must have a time zone")
    return found


_Decide = Callable[[Permit, Act, Terms, datetime], list[NewEvent]]
_DECIDE: Final[Mapping[Command, _Decide]] = {
    Command.AMEND: _amend,
    Command.LEAVE: _leave,
    Command.EXTEND: _extend,
    Command.REFUSE_EXTENSION: _refuse_extension,
    Command.SUSPEND: _suspend,
    Command.RESUME: _resume,
    Command.SLEEP: _sleep,
    Command.WAKE: _wake,
    Command.ATTEST: _attest,
    Command.FULFIL: _fulfil,
    Command.CLOSE_OUT: _close_out,
    Command.REVOKE: _revoke,
}


def hand_over(permit: Permit, to: str) -> list[NewEvent]:
    """The application has another applicant, who answers for the permit from now on, if they are in it.

    Who left it meanwhile is for the bodies to let in again.
    """
    if permit.state in {State.NOTHING, State.ENDED}:
        return []
    member = next((person for person in permit.members if person.subject == to), None)
    return [_handed_over(member)] if member else []


def _handed_over(holder: Person) -> NewEvent:
    return NewEvent("handed-over", {"to": holder.subject, "organisation": holder.organisation})


# -- what it opens


def opened(permit: Permit, now: datetime) -> dict[tuple[str, str], datetime]:
    """Until when somebody may use all of a dataset, by subject and dataset; regions alone are not all of it."""
    if permit.state is not State.ACTIVE or permit.until is None:
        return {}
    ends: dict[str, datetime] = {}
    for each in permit.datasets:
        until = min(each.until, permit.until)
        if not each.regions and now < until:
            ends[each.dataset] = max(until, ends.get(each.dataset, until))
    uses = {(subject, dataset): until for subject in permit.subjects for dataset, until in ends.items()}
    return {use: until for use, until in uses.items() if use not in permit.taken_back}


# -- issuing


def decide_grant(
    permit: Permit,
    approved: Approved,
    found: Found,
    terms: Terms,
    now: datetime,
) -> list[NewEvent]:
    """Issues what was granted, or takes later decisions into a permit that still holds.

    found: by decisions whose signatures were checked. Nothing granted, nothing new: nothing happens.
    """
    kept = tuple(each for each in (_limited(each, terms, now) for each in found.datasets) if each.until > now)
    if not kept:
        return []
    facts = {
        "datasets": msgspec.to_builtins(kept),
        "duties": msgspec.to_builtins(found.duties),
        "bases": msgspec.to_builtins(found.bases),
        "decisions": msgspec.to_builtins(approved.decisions),
    }
    if permit.state is State.NOTHING:
        return [_issued(approved, facts, now + terms.attest_every)]
    if permit.state is State.ENDED:
        return []
    granted = frozenset(each.key for each in found.datasets)
    return _anew(permit, approved, kept, granted, facts)


def _issued(approved: Approved, facts: Mapping[str, Any], attest_by: datetime) -> NewEvent:
    return NewEvent(
        "issued",
        {
            **facts,
            "application": approved.application,
            "digest": approved.digest,
            "title": approved.title,
            "purpose": approved.purpose.value,
            "duo": dict(approved.duo),
            "holder": msgspec.to_builtins(approved.applicant),
            "members": msgspec.to_builtins(approved.members),
            "environment": approved.environment,
            "legalBasis": approved.legal_basis,
            "fees": approved.fees,
            "attestBy": attest_by.isoformat(),
        },
    )


def _anew(
    permit: Permit,
    approved: Approved,
    kept: tuple[Permitted, ...],
    granted: frozenset[tuple[str, str]],
    facts: dict[str, Any],
) -> list[NewEvent]:
    """Later decisions, joined with what holds of the earlier ones; what was taken out stays out.

    granted: by the decisions as they are now. What a body that decided again refuses is in the permit no longer.
    Who is applicant now answers for what is granted; more time is given to the people of the permit only.
    """
    if approved.extends and approved.applicant.subject not in permit.subjects:
        return []
    passes_on = not approved.extends and approved.applicant.subject != permit.holder.subject
    known = {each.jws for each in permit.decisions}
    if {each.jws for each in approved.decisions} <= known:
        return []
    fresh = {each.key: each for each in kept if each.key not in permit.taken_out}
    merged = {each.key: fresh.get(each.key, each) for each in permit.datasets}
    if not approved.extends:
        refused = {(each.dataset, each.version) for each in approved.datasets} - granted
        merged = {key: each for key, each in (merged | fresh).items() if key not in refused}
    if not merged:
        return []
    decisions = tuple(dict.fromkeys((*permit.decisions, *approved.decisions)))
    bases = (*permit.bases, *msgspec.convert(facts["bases"], tuple[Basis, ...]))
    duties = _still_done(msgspec.convert(facts["duties"], tuple[Duty, ...]), permit)
    return [
        *([_handed_over(approved.applicant)] if passes_on else []),
        NewEvent(
            "decided-anew",
            {
                "datasets": msgspec.to_builtins(tuple(merged.values())),
                "duties": msgspec.to_builtins(duties),
                "bases": msgspec.to_builtins(tuple(dict.fromkeys(bases))),
                "decisions": msgspec.to_builtins(decisions),
            },
        ),
    ]


def _still_done(duties: Iterable[Duty], permit: Permit) -> list[Duty]:
    """Duties, those done that were."""
    done = {duty.id: duty.done for duty in permit.duties}
    return [replace(duty, done=done.get(duty.id, duty.done)) for duty in duties]


def _limited(each: Permitted, terms: Terms, now: datetime) -> Permitted:
    return replace(each, until=min(each.until, now + terms.longest))


# -- what time brings


def due(permit: Permit, terms: Terms, now: datetime) -> list[NewEvent]:
    """What happens because of the time: announcements, a missed attestation, duties overdue, the end.

    An announcement is by the nearest notice that is reached; those before it are then not sent any more.
    """
    events: list[NewEvent] = [
        NewEvent("duty-overdue", {"duty": duty.id}) for duty in permit.duties if _is_overdue(duty, now)
    ]
    if permit.state in {State.NOTHING, State.ENDED} or permit.until is None:
        return events
    if permit.until <= now:
        return [*events, NewEvent("expired")]
    if ends := _reached(_notices_of_end(permit, terms), now):
        events.append(NewEvent("expiry-announced", {"days": min(ends)}))
    if permit.state is not State.SUSPENDED and permit.attest_by is not None and permit.attest_by <= now:
        events.append(NewEvent("suspended", {"for": "attestation-missed"}))
    elif attestations := _reached(_notices_of_attestation(permit, terms), now):
        events.append(NewEvent("attestation-announced", {"days": min(attestations)}))
    return events


def _reached(notices: Mapping[int, datetime], now: datetime) -> list[int]:
    return [days for days, moment in notices.items() if moment <= now]


def _notices_of_end(permit: Permit, terms: Terms) -> dict[int, datetime]:
    """When an end is still to be announced, by days before it."""
    return _notices(permit.until, terms.notices_days, permit.announced) if permit.until else {}


def _notices_of_attestation(permit: Permit, terms: Terms) -> dict[int, datetime]:
    """When an attestation is still to be announced, by days before it; none that the end of the permit spares."""
    at = permit.attest_by
    if permit.state is State.SUSPENDED or at is None or permit.until is None or permit.until <= at:
        return {}
    # where attestations are close together, one that was just given announces no next one
    days = [each for each in terms.notices_days if timedelta(days=each) < terms.attest_every]
    return _notices(at, days, permit.attestation_announced)


def _notices(at: datetime, days: Iterable[int], announced: frozenset[int]) -> dict[int, datetime]:
    """Notices nearer than all that were sent."""
    nearest = min(announced, default=None)
    return {each: at - timedelta(days=each) for each in days if nearest is None or each < nearest}


def _is_overdue(duty: Duty, now: datetime) -> bool:
    return (
        duty.must_be_done
        and duty.done is None
        and not duty.overdue
        and duty.due is not None
        and duty.due <= now
    )


def next_due(permit: Permit, terms: Terms) -> datetime | None:
    """When `due` is to be asked again; None: never."""
    moments = [
        duty.due
        for duty in permit.duties
        if duty.must_be_done and not duty.done and not duty.overdue and duty.due
    ]
    if permit.state not in {State.NOTHING, State.ENDED} and permit.until is not None:
        moments += _notices_of_end(permit, terms).values()
        moments += _notices_of_attestation(permit, terms).values()
        moments.append(permit.until)
        if permit.state is not State.SUSPENDED and permit.attest_by is not None:
            moments.append(permit.attest_by)
    return min(moments, default=None)
