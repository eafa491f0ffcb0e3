"""What follows from a command on a case: events, or an error that says what is missing. Pure: time comes in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from opengdi.access.calendar import add_working_days, working_days_between
from opengdi.access.cases.clockwork import enter, iso, later, resumed_clock, step_after, text_of
from opengdi.access.cases.model import (
    STEPS,
    Act,
    Actor,
    Case,
    Command,
    Criterion,
    EthicsOutcome,
    Note,
    RulingWish,
    State,
    Vote,
)
from opengdi.access.cases.rules import admit
from opengdi.access.cases.story import fold_new
from opengdi.access.cases.voting import counted, is_settled, supporters, tally
from opengdi.access.model import NewEvent
from opengdi.kernel.errors import Conflict, Invalid
from opengdi.kernel.principal import Role


def decide(case: Case, act: Act, actor: Actor, now: datetime) -> list[NewEvent]:
    """What follows from a command.

    Raises NotPermitted if this person may never do that, Conflict if not now, Invalid naming what the command lacks.
    """
    admit(case, act.command, actor)
    return _DECIDE[act.command](case, act, actor, now)


def _declare_interest(case: Case, act: Act, actor: Actor, now: datetime) -> list[NewEvent]:
    if act.conflict and not act.text:
        raise Invalid("text: say in a sentence what the conflict of interest is")
    events = [NewEvent("interest-declared", {"conflict": act.conflict, **text_of(act.text)})]
    again = _undone_by(case, actor.subject) if act.conflict else None
    return [*events, enter(case, again, now)] if again else events


def _undone_by(case: Case, subject: str) -> State | None:
    """The step that must be gone through again because somebody with a conflict took part in it."""
    if case.state not in STEPS:
        return None
    if subject == case.checked_by:
        return State.CONFORMITY
    if subject == case.ethics_by:
        return State.ETHICS
    return State.VOTE if case.state is State.DECISION and subject in case.ballots else None


def _assign_reviewers(_case: Case, act: Act, _actor: Actor, _now: datetime) -> list[NewEvent]:
    if not act.members:
        raise Invalid("members: name the subject of one member of this body at least")
    if strangers := sorted(member for member, roles in act.members.items() if not roles):
        raise Invalid(
            f"members: {strangers[0]!r} is no member of this body; reviewers are picked among its own"
        )
    return [NewEvent("reviewers-assigned", {"members": sorted(act.members)})]


def _check_conformity(case: Case, act: Act, _actor: Actor, now: datetime) -> list[NewEvent]:
    if missing := [name for name in Criterion if name not in act.criteria]:
        raise Invalid(f"criteria: {', '.join(missing)} not judged; say true or false of each of the eight")
    failed = [name for name, holds in act.criteria.items() if not holds]
    if unexplained := [name for name in failed if not act.reasons.get(name)]:
        raise Invalid(f"reasons: {', '.join(sorted(unexplained))} judged false without a reason")
    data = {
        "criteria": dict(act.criteria),
        "reasons": {name: note.id for name, note in act.reasons.items() if note},
        "conforms": not failed,
    }
    checked = NewEvent("conformity-checked", data)
    if case.state is State.APPEAL:
        return [checked]
    return [checked, enter(case, State.DECISION if failed else step_after(case, State.CONFORMITY), now)]


def _check_ethics(case: Case, act: Act, _actor: Actor, now: datetime) -> list[NewEvent]:
    if act.ethics is not EthicsOutcome.CLEARED and not act.text:
        raise Invalid("text: say in a sentence what the ethical issue is")
    if act.ethics is EthicsOutcome.BOARD and case.ethics is EthicsOutcome.BOARD:
        raise Invalid("outcome: the board has it already; it says 'cleared' or 'refused'")
    checked = NewEvent("ethics-checked", {"outcome": act.ethics, **text_of(act.text)})
    if act.ethics is EthicsOutcome.BOARD or case.state is State.APPEAL:
        return [checked]
    refused = act.ethics is EthicsOutcome.REFUSED
    return [checked, enter(case, State.DECISION if refused else step_after(case, State.ETHICS), now)]


def _give_opinion(case: Case, act: Act, actor: Actor, now: datetime) -> list[NewEvent]:
    given = NewEvent("opinion-given", {"favours": act.favours, **text_of(act.text)})
    step = case.workflow.step(State.OPINION)
    whole = len({*case.opinions, actor.subject}) >= (step.needed if step else 1)
    return [given, enter(case, step_after(case, State.OPINION), now)] if whole else [given]


def _cast_ballot(case: Case, act: Act, actor: Actor, now: datetime) -> list[NewEvent]:
    if strange := sorted(set(act.votes) - case.names):
        raise Invalid(f"datasets: {strange[0]!r} is not in this case")
    votes = {name: act.votes.get(name, act.vote) for name in sorted(case.names)}
    cast = NewEvent(
        "ballot-cast", {"votes": votes, "chair": Role.DAC_CHAIR in actor.roles, **text_of(act.text)}
    )
    if case.state is State.VOTE and is_settled(after := fold_new(case, [cast], actor.subject, now)):
        return [cast, *_closed(after, now)]
    return [cast]


def _close_vote(case: Case, _act: Act, _actor: Actor, now: datetime) -> list[NewEvent]:
    if len(counted(case)) < case.workflow.quorum:
        reason = f"{len(counted(case))} ballots count so far; {case.workflow.quorum} are needed"
        raise Conflict(f"{case.id}: {reason}", public=f"The quorum is not there: {reason}.")
    return _closed(case, now)


def _closed(case: Case, now: datetime) -> list[NewEvent]:
    found = {each.dataset: tally(case, each.dataset) for each in case.datasets}
    results = {
        name: {
            "ballots": each.ballots,
            "grants": each.grants,
            "denials": each.denials,
            "carried": each.carried,
        }
        for name, each in found.items()
    }
    return [NewEvent("vote-closed", {"results": results}), enter(case, State.DECISION, now)]


def _decide(case: Case, act: Act, actor: Actor, now: datetime) -> list[NewEvent]:
    wished = {wish.dataset: wish for wish in act.rulings}
    if set(wished) != case.names or len(act.rulings) != len(wished):
        raise Invalid(
            f"datasets: decide on each of {', '.join(sorted(case.names))} once; "
            f"{', '.join(sorted(set(wished) ^ case.names)) or 'one is named twice'} does not fit"
        )
    for wish in act.rulings:
        check_ruling(case, wish, actor.subject, now)
    return [decided(case, [wished[each.dataset] for each in case.datasets])]


def check_ruling(case: Case, wish: RulingWish, by: str, now: datetime) -> None:
    """Nothing, if this may be decided. Raises Invalid for what is said wrongly, Conflict for what may not be."""
    if not wish.granted:
        if not wish.reasons:
            raise Invalid(f"datasets: say why {wish.dataset} is denied, and how that could be mended")
        return
    if reason := why_not(case, wish.dataset, by):
        raise Conflict(f"{case.id}: {reason}", public=f"{wish.dataset} cannot be granted: {reason}.")
    until, latest = wish.until or case.application.until, case.application.until
    if until is None:
        raise Invalid(f"datasets: say until when {wish.dataset} is granted")
    if until <= now or (latest is not None and until > latest):
        raise Invalid(
            f"datasets: until of {wish.dataset} must lie ahead"
            + (f", and not after {latest.isoformat()}, which is what was asked for" if latest else "")
        )


def why_not(case: Case, dataset: str, by: str) -> str:
    """Why a dataset may not be granted by formal decision; empty: it may."""
    return next(_obstacles(case, dataset, by), "")


def _obstacles(case: Case, dataset: str, by: str) -> Iterator[str]:
    if dataset in case.vetoes:
        yield "a national veto stands against it"
    if case.conforms is not True:
        yield "the application was not found to conform"
    if case.workflow.step(State.ETHICS) and case.ethics is not EthicsOutcome.CLEARED:
        yield "the ethics check has not cleared it"
    if case.state is State.WAITING:
        yield "the applicant was asked to change the application"
    found = tally(case, dataset)
    if found.ballots < case.workflow.quorum:
        yield f"{found.ballots} ballots were cast, {case.workflow.quorum} are needed"
    if not found.carried:
        yield f"the committee voted {found.grants} for and {found.denials} against it"
    if len(supporters(case, dataset) | ({by} if by else set())) < case.workflow.people:
        yield f"{case.workflow.people} different people must stand behind it"


def decided(
    case: Case, wishes: Sequence[RulingWish], *, tacit: bool = False, automatic: bool = False
) -> NewEvent:
    """The formal decision. Whoever records it signs it and adds where the signed one is kept."""
    versions = {each.dataset: each.version for each in case.datasets}
    rulings = [
        {
            "dataset": wish.dataset,
            "version": versions[wish.dataset],
            "granted": wish.granted,
            "reasons": wish.reasons.id,
            "conditions": [note.id for note in wish.conditions],
            "until": iso(wish.until or case.application.until) if wish.granted else None,
            "regions": list(wish.regions),
        }
        for wish in wishes
    ]
    how = {"tacit": tacit, "appeal": case.is_appeal, "automatic": automatic}
    return NewEvent("decided", {"datasets": rulings, **how})


def _countersign(case: Case, act: Act, actor: Actor, now: datetime) -> list[NewEvent]:
    votes = dict.fromkeys(sorted(case.names), Vote.GRANT)
    cast = NewEvent(
        "ballot-cast", {"votes": votes, "chair": Role.DAC_CHAIR in actor.roles, **text_of(act.text)}
    )
    after = fold_new(case, [cast], actor.subject, now)
    if len(counted(after)) < case.workflow.quorum:
        return [cast]
    wishes = [_as_countersigned(case, each.dataset, act) for each in case.datasets]
    for wish in wishes:
        if wish.granted:
            _check_until(case, wish, now)
    return [cast, decided(case, wishes)]


def _as_countersigned(case: Case, dataset: str, act: Act) -> RulingWish:
    wish = next((each for each in act.rulings if each.dataset == dataset), RulingWish(dataset, granted=True))
    return RulingWish(
        dataset,
        granted=dataset not in case.vetoes,
        reasons=act.text,
        conditions=wish.conditions,
        until=wish.until,
    )


def _check_until(case: Case, wish: RulingWish, now: datetime) -> None:
    until = wish.until or case.application.until
    if until is None or until <= now:
        raise Invalid(f"datasets: say until when {wish.dataset} is granted; it must lie ahead")


def _veto(case: Case, act: Act, _actor: Actor, now: datetime) -> list[NewEvent]:
    if not act.text:
        raise Invalid("text: a veto needs a justification")
    named = frozenset(act.datasets) or case.names
    if strange := sorted(named - case.names):
        raise Invalid(f"datasets: {strange[0]!r} is not in this case")
    events = [NewEvent("vetoed", {"datasets": sorted(named), "final": act.final, **text_of(act.text)})]
    if case.state is State.CONSENSUS and not act.final:
        return events
    if not act.final:
        if case.state is State.WAITING:
            raise Conflict(f"{case.id}: the applicant's change is awaited; consensus is sought after it")
        return [*events, _seek(case, now)]
    if named | set(case.vetoes) >= case.names:
        wishes = [RulingWish(each.dataset, granted=False, reasons=act.text) for each in case.datasets]
        events.append(decided(case, wishes))
    elif case.state is State.CONSENSUS:
        events.append(enter(case, case.before, now))
    return events


def _lift_veto(case: Case, act: Act, _actor: Actor, _now: datetime) -> list[NewEvent]:
    named = frozenset(act.datasets) or frozenset(case.vetoes)
    if strange := sorted(named - set(case.vetoes)):
        raise Invalid(f"datasets: no veto stands against {strange[0]!r}")
    if not act.text:
        raise Invalid("text: say why the veto is lifted")
    return [NewEvent("veto-lifted", {"datasets": sorted(named), **text_of(act.text)})]


def _seek_consensus(case: Case, act: Act, _actor: Actor, now: datetime) -> list[NewEvent]:
    event = _seek(case, now)
    return [NewEvent(event.kind, {**event.data, **text_of(act.text)})]


def _seek(case: Case, now: datetime) -> NewEvent:
    country, days = case.workflow.country, case.workflow.consensus_working_days
    deadline = case.clock.deadline
    if deadline is not None:  # the time for consensus comes on top
        left = working_days_between(now, max(now, deadline), country)
        deadline = add_working_days(now, left + days, country)
    due = add_working_days(now, days, country)
    return NewEvent("consensus-sought", {"due": iso(due), "deadline": iso(deadline)})


def _conclude_consensus(case: Case, act: Act, _actor: Actor, now: datetime) -> list[NewEvent]:
    if not act.text:
        raise Invalid("text: say in a sentence what was agreed, or what was not")
    if act.reached and case.vetoes:
        reason = (
            f"a veto stands against {', '.join(sorted(case.vetoes))}; whoever may do so must lift it first"
        )
        raise Conflict(f"{case.id}: {reason}", public=f"Not yet: {reason}.")
    return concluded(case, reached=act.reached, reason=act.text, now=now)


def concluded(
    case: Case, *, reached: bool, reason: Note, now: datetime, tacit: bool = False
) -> list[NewEvent]:
    """The end of a search for consensus: without one, the data concerned are not released (VII.5.2)."""
    event = NewEvent("consensus-concluded", {"reached": reached, **text_of(reason)})
    if reached:
        return [event, enter(case, _where_agreement_leads(case), now, fresh=True)]
    if case.vetoes and set(case.vetoes) < case.names:
        return [event, enter(case, case.before, now)]
    wishes = [RulingWish(each.dataset, granted=False, reasons=reason) for each in case.datasets]
    return [event, decided(case, wishes, tacit=tacit)]


def _where_agreement_leads(case: Case) -> State:
    """Back to where it stood; what failed before an agreement is gone through again."""
    if case.before is not State.DECISION:
        return case.before
    if case.conforms is not True:
        return State.CONFORMITY
    has_ethics = case.workflow.step(State.ETHICS) is not None
    return State.ETHICS if has_ethics and case.ethics is not EthicsOutcome.CLEARED else State.VOTE


def _ask(case: Case, act: Act, now: datetime, kind: str) -> list[NewEvent]:
    if not act.text:
        raise Invalid("text: say what the applicant is asked")
    stopped = case.clock.stopped or now
    return [NewEvent("asked", {"kind": kind, "stopped": iso(stopped), **text_of(act.text)})]


def _ask_question(case: Case, act: Act, _actor: Actor, now: datetime) -> list[NewEvent]:
    return _ask(case, act, now, "question")


def _request_change(case: Case, act: Act, _actor: Actor, now: datetime) -> list[NewEvent]:
    return _ask(case, act, now, "change")


def _resume(case: Case, act: Act, _actor: Actor, now: datetime) -> list[NewEvent]:
    return [NewEvent("resumed", {**resumed_clock(case, now), **text_of(act.text)})]


def _remark(_case: Case, act: Act, _actor: Actor, _now: datetime) -> list[NewEvent]:
    if not act.text:
        raise Invalid("text: a remark says something")
    return [NewEvent("remarked", {"public": act.public, **text_of(act.text)})]


def _extend(case: Case, act: Act, _actor: Actor, now: datetime) -> list[NewEvent]:
    flow = case.workflow
    if case.extensions >= flow.extensions:
        raise Conflict(
            f"{case.id} was extended {case.extensions} times",
            public=f"This kind of case can be extended {flow.extensions} times.",
        )
    if not 1 <= act.working_days <= flow.extension_working_days:
        raise Invalid(f"workingDays is {act.working_days}; 1 to {flow.extension_working_days} are possible")
    if not act.text:
        raise Invalid("text: say why more time is needed")
    due = case.clock.due and later(max(now, case.clock.due), act.working_days, flow.country)
    deadline = later(max(now, case.clock.deadline or now), act.working_days, flow.country)
    data = {"workingDays": act.working_days, "due": iso(due), "deadline": iso(deadline)}
    return [NewEvent("extended", {**data, **text_of(act.text)})]


_DECIDE: Final[Mapping[Command, Callable[[Case, Act, Actor, datetime], list[NewEvent]]]] = {
    Command.DECLARE_INTEREST: _declare_interest,
    Command.ASSIGN_REVIEWERS: _assign_reviewers,
    Command.CHECK_CONFORMITY: _check_conformity,
    Command.CHECK_ETHICS: _check_ethics,
    Command.GIVE_OPINION: _give_opinion,
    Command.CAST_BALLOT: _cast_ballot,
    Command.CLOSE_VOTE: _close_vote,
    Command.DECIDE: _decide,
    Command.COUNTERSIGN: _countersign,
    Command.VETO: _veto,
    Command.LIFT_VETO: _lift_veto,
    Command.SEEK_CONSENSUS: _seek_consensus,
    Command.CONCLUDE_CONSENSUS: _conclude_consensus,
    Command.ASK_QUESTION: _ask_question,
    Command.REQUEST_CHANGE: _request_change,
    Command.RESUME: _resume,
    Command.REMARK: _remark,
    Command.EXTEND: _extend,
}
