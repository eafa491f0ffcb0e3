"""Who may do what with a case, and when. Pure.

`PERMITTED` bounds what any workflow can allow; a workflow narrows who does what its steps are for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from opengdi.access.cases.model import OPEN, Actor, Case, Command, EthicsOutcome, State
from opengdi.kernel.errors import Conflict, NotPermitted
from opengdi.kernel.principal import Role

_TALK: Final = frozenset({Command.DECLARE_INTEREST, Command.REMARK})
"""What everybody of a body may do, also before they have said whether they have an interest."""

_LEAD: Final = frozenset(
    {
        Command.ASSIGN_REVIEWERS,
        Command.ASK_QUESTION,
        Command.REQUEST_CHANGE,
        Command.RESUME,
        Command.EXTEND,
        Command.SEEK_CONSENSUS,
    }
)
_ASK: Final = frozenset({Command.ASK_QUESTION})
_TIME: Final = frozenset({Command.ASK_QUESTION, Command.RESUME, Command.EXTEND})
_NATION: Final = frozenset({Command.VETO, Command.LIFT_VETO})

_MEMBER, _CHAIR, _ETHICS = Role.DAC_MEMBER, Role.DAC_CHAIR, Role.ETHICS_MEMBER
_NCP, _HOLDER, _COORDINATOR = Role.NATIONAL_COORDINATION_POINT, Role.DATA_HOLDER, Role.COORDINATOR


def _row(
    state: State,
    *,
    member: Iterable[Command] = (),
    chair: Iterable[Command] = (),
    ethics: Iterable[Command] = (),
    nation: Iterable[Command] = (),
    holder: Iterable[Command] = (),
    coordinator: Iterable[Command] = (),
) -> dict[tuple[State, Role], frozenset[Command]]:
    """One state. nation: the national coordination point; what it and the holder may do beside their veto."""
    return {
        (state, _MEMBER): _TALK | set(member),
        (state, _CHAIR): _TALK | set(chair),
        (state, _ETHICS): _TALK | set(ethics),
        (state, _NCP): _TALK | _NATION | set(nation),
        (state, _HOLDER): _TALK | _NATION | set(holder),
        (state, _COORDINATOR): _TALK | set(coordinator),
    }


PERMITTED: Final[Mapping[tuple[State, Role], frozenset[Command]]] = {
    **_row(
        State.CONFORMITY,
        member={Command.CHECK_CONFORMITY, *_ASK},
        chair={Command.CHECK_CONFORMITY, *_LEAD},
        ethics=_ASK,
        nation=_ASK,
        holder=_LEAD,
        coordinator={Command.CHECK_CONFORMITY, *_LEAD},
    ),
    **_row(
        State.ETHICS,
        member={Command.CHECK_ETHICS, *_ASK},
        chair={Command.CHECK_ETHICS, *_LEAD},
        ethics={Command.CHECK_ETHICS, *_ASK},
        nation=_ASK,
        holder=_LEAD,
        coordinator=_LEAD,
    ),
    **_row(
        State.OPINION,
        member={Command.GIVE_OPINION, *_ASK},
        chair={Command.GIVE_OPINION, *_LEAD},
        ethics={Command.GIVE_OPINION, *_ASK},
        nation={Command.GIVE_OPINION, *_ASK},
        holder={Command.GIVE_OPINION, *_LEAD},
        coordinator=_LEAD,
    ),
    **_row(
        State.VOTE,
        member={Command.CAST_BALLOT, *_ASK},
        chair={Command.CAST_BALLOT, Command.CLOSE_VOTE, *_LEAD},
        ethics=_ASK,
        nation=_ASK,
        holder=_LEAD,
        coordinator={Command.CLOSE_VOTE, *_LEAD},
    ),
    **_row(
        State.DECISION,
        member=_ASK,
        chair={Command.DECIDE, *_LEAD},
        ethics=_ASK,
        nation=_ASK,
        holder={Command.DECIDE, *_LEAD},
        coordinator=_LEAD,
    ),
    **_row(
        State.COUNTERSIGNATURE,
        member=_ASK,
        chair={Command.COUNTERSIGN, *_LEAD},
        ethics=_ASK,
        nation={Command.COUNTERSIGN, *_LEAD},
        holder={Command.COUNTERSIGN, *_LEAD},
        coordinator=_LEAD,
    ),
    **_row(
        State.CONSENSUS,
        member=_ASK,
        chair={Command.CONCLUDE_CONSENSUS, Command.ASK_QUESTION, Command.EXTEND},
        ethics=_ASK,
        nation={Command.CONCLUDE_CONSENSUS, *_ASK},
        holder={Command.CONCLUDE_CONSENSUS, *_ASK},
        coordinator={Command.CONCLUDE_CONSENSUS, *_ASK},
    ),
    **_row(
        State.WAITING,
        chair={Command.RESUME, Command.DECIDE},
        nation={Command.RESUME},
        holder={Command.RESUME, Command.DECIDE},
        coordinator={Command.RESUME},
    ),
    **_row(
        State.APPEAL,
        member={Command.CHECK_CONFORMITY, Command.CHECK_ETHICS, Command.CAST_BALLOT, *_ASK},
        chair={Command.CHECK_CONFORMITY, Command.CHECK_ETHICS, Command.CAST_BALLOT, Command.DECIDE, *_TIME},
        ethics={Command.CHECK_ETHICS, *_ASK},
        nation=_ASK,
        holder={Command.DECIDE, *_TIME},
        coordinator=_ASK,
    ),
    **{(state, role): frozenset({Command.REMARK}) for state in (State.DECIDED, State.WITHDRAWN)
       for role in (_MEMBER, _CHAIR, _ETHICS, _NCP, _HOLDER, _COORDINATOR)},
}  # fmt: skip
"""State × role in the body → commands. The reference page of permissions is generated from it."""

_STEP_OF: Final = {
    Command.CHECK_CONFORMITY: State.CONFORMITY,
    Command.CHECK_ETHICS: State.ETHICS,
    Command.GIVE_OPINION: State.OPINION,
    Command.CAST_BALLOT: State.VOTE,
    Command.DECIDE: State.DECISION,
    Command.COUNTERSIGN: State.COUNTERSIGNATURE,
}
"""What a step is for: only its roles do that."""

_WHILE_STOPPED: Final = frozenset({Command.RESUME})


def permitted(case: Case, actor: Actor) -> frozenset[Command]:
    """What somebody may do now. A participant, a colleague of one, and who declared a conflict may do nothing."""
    allowed = _by_table(case, actor.roles)
    if case.is_conflicted(actor.subject, actor.organisations) or actor.subject in case.excluded:
        return frozenset()
    if case.state in OPEN and actor.subject not in case.interests:
        return allowed & _TALK
    if case.clock.stopped is None:
        allowed -= _WHILE_STOPPED
    if case.ethics is EthicsOutcome.BOARD and _ETHICS not in actor.roles:
        allowed -= {Command.CHECK_ETHICS}
    if not case.vetoes:
        allowed -= {Command.LIFT_VETO}
    return allowed


def _by_table(case: Case, roles: frozenset[Role]) -> frozenset[Command]:
    """What the table gives these roles, as the workflow of the case narrows it."""
    return frozenset(
        command
        for role in roles
        for command in PERMITTED.get((case.state, role), ())
        if _is_for(case, command, role)
    )


def _is_for(case: Case, command: Command, role: Role) -> bool:
    state = _STEP_OF.get(command)
    step = case.workflow.step(state) if state else None
    return step is None or role in step.roles


def admit(case: Case, command: Command, actor: Actor) -> None:
    """Nothing, if they may. Raises NotPermitted if this person may never do that here, Conflict if not now."""
    if command in permitted(case, actor):
        return
    if case.is_conflicted(actor.subject, actor.organisations):
        raise NotPermitted(f"{actor.subject} has a conflict of interest in {case.id}")
    if actor.subject in case.excluded:
        raise NotPermitted(f"{actor.subject} decided on {case.id} first; an appeal is for others")
    if command in _by_table(case, actor.roles):
        if actor.subject not in case.interests and command not in _TALK:
            reason = f"declare first whether you have an interest in it ({Command.DECLARE_INTEREST})"
            raise Conflict(f"{case.id}: {reason}", public=f"Please {reason}.")
        raise Conflict(f"{case.id}: {command} is not possible at the moment")
    if any(command in commands for (_, role), commands in PERMITTED.items() if role in actor.roles):
        reason = f"the case is in state {case.state}, in which you cannot {command}"
        raise Conflict(f"{case.id}: {reason}", public=f"This is not possible now: {reason}.")
    raise NotPermitted(f"{actor.subject} may not {command} in {case.id}")


def todo(case: Case, actor: Actor) -> frozenset[Command]:
    """What the case waits for from this person: what the step is for, once; first the declaration of interest."""
    allowed = _by_table(case, actor.roles) & set(_STEP_OF)
    if case.is_conflicted(actor.subject, actor.organisations) or actor.subject in case.excluded:
        return frozenset()
    if case.state is State.WAITING or not allowed or actor.subject in _done(case):
        return frozenset()
    if actor.subject not in case.interests:
        return frozenset({Command.DECLARE_INTEREST})
    return allowed & permitted(case, actor)


def awaited(case: Case) -> tuple[frozenset[Role], frozenset[str]]:
    """The roles that the step waits for, and the people whom it does not (any more) wait for: for lists."""
    roles = frozenset(
        role
        for (state, role), commands in PERMITTED.items()
        if state is case.state
        and state is not State.WAITING
        and any(command in _STEP_OF and _is_for(case, command, role) for command in commands)
    )
    conflicted = {subject for subject, conflict in case.interests.items() if conflict}
    return roles, frozenset(conflicted | case.application.people | case.excluded | _done(case))


def _done(case: Case) -> frozenset[str]:
    match case.state:
        case State.OPINION:
            return frozenset(case.opinions)
        case State.VOTE | State.COUNTERSIGNATURE:
            return frozenset(case.ballots)
    return frozenset()
