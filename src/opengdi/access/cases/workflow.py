"""Workflows as data: read from TOML by an operator or from what ships, kept in the events of each case as JSON."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from importlib import resources
from typing import Annotated, Any, Final, TypeVar

import msgspec

from opengdi.access.cases.model import STEPS, CaseKind, Silence, State, Step, Workflow
from opengdi.access.model import Purpose
from opengdi.kernel.errors import Invalid
from opengdi.kernel.principal import Role

_Choice = TypeVar("_Choice", bound=StrEnum)

_Days = Annotated[int, msgspec.Meta(ge=0, le=2000)]
_AtLeastOne = Annotated[int, msgspec.Meta(ge=1, le=1000)]

_CARE_PEOPLE: Final = 2
"""GDI E-34, VII.4.3: a decision on healthcare takes two people at least."""

WORKFLOW_ROLES: Final = frozenset(
    {
        Role.DAC_MEMBER,
        Role.DAC_CHAIR,
        Role.ETHICS_MEMBER,
        Role.NATIONAL_COORDINATION_POINT,
        Role.DATA_HOLDER,
        Role.COORDINATOR,
    }
)
"""Roles in a body, by which somebody may act on its cases."""

_MAY_DECIDE: Final = frozenset({Role.DAC_CHAIR, Role.DATA_HOLDER})


class _StepForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    roles: tuple[str, ...]
    working_days: _Days = 0
    reminder_days: _Days = 0
    needed: _AtLeastOne = 1


class _WorkflowForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    version: _AtLeastOne
    steps: tuple[_StepForm, ...]
    purposes: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    quorum: _AtLeastOne = 2
    seats: _Days = 0
    people: _AtLeastOne = 2
    chair_breaks_ties: bool = True
    silence: str = "deny"
    deadline_working_days: _AtLeastOne = 27
    extension_working_days: _Days = 0
    extensions: _Days = 0
    delay_months: _AtLeastOne = 2
    consensus_working_days: _AtLeastOne = 10
    appeal_working_days: _AtLeastOne = 20
    country: str = "EU"


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    workflow: tuple[_WorkflowForm, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """A body's own terms, which make every workflow stricter, never laxer. country: whose working days count."""

    country: str
    silence: Silence = Silence.DENY
    quorum: int = 0
    seats: int = 0
    chair_breaks_ties: bool = True

    def apply(self, workflow: Workflow) -> Workflow:
        """The workflow as this body follows it."""
        signed_by_one = workflow.step(State.COUNTERSIGNATURE) is not None
        return replace(
            workflow,
            country=self.country,
            silence=self.silence,
            seats=max(workflow.seats, self.seats),
            chair_breaks_ties=workflow.chair_breaks_ties and self.chair_breaks_ties,
            quorum=workflow.quorum if signed_by_one else max(workflow.quorum, self.quorum),
        )


Workflows = Mapping[tuple[Purpose, CaseKind], Workflow]
"""One for each purpose and kind of case."""


def shipped_workflows() -> Workflows:
    """Those that come with the package."""
    return read_workflows(resources.files(__package__).joinpath("shipped.toml").read_text(encoding="utf-8"))


def read_workflows(text: str) -> Workflows:
    """Workflows of a TOML file. Raises Invalid naming the workflow and what is wrong with it.

    Every purpose and kind of case must have one, and only one.
    """
    try:
        file = msgspec.convert(tomllib.loads(text), _File)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise Invalid(f"the workflows cannot be read: {error}") from error
    found: dict[tuple[Purpose, CaseKind], Workflow] = {}
    for form in file.workflow:
        workflow = _workflow(form)
        for key in _serves(form):
            if key in found:
                raise Invalid(f"two workflows, {found[key].id!r} and {workflow.id!r}, are for {_said(key)}")
            _check(workflow, key)
            found[key] = workflow
    missing = [key for purpose in Purpose for kind in CaseKind if (key := (purpose, kind)) not in found]
    if missing:
        raise Invalid(f"no workflow is for {_said(missing[0])}")
    return found


def workflow_as_json(workflow: Workflow) -> dict[str, Any]:
    """As the events of a case keep it."""
    told: dict[str, Any] = msgspec.to_builtins(workflow)
    steps = [
        {"name": step.state, "roles": sorted(step.roles)}
        | {name: getattr(step, name) for name in ("working_days", "reminder_days", "needed")}
        for step in workflow.steps
    ]
    return told | {"steps": steps}


def workflow_of_json(told: Mapping[str, Any]) -> Workflow:
    """The inverse. Raises Invalid."""
    try:
        return _workflow(msgspec.convert(dict(told), _WorkflowForm))
    except msgspec.ValidationError as error:
        raise Invalid(f"the workflow of the case cannot be read: {error}") from error


def _workflow(form: _WorkflowForm) -> Workflow:
    where = f"workflow {form.id!r}"
    if not form.id or not form.steps:
        raise Invalid(f"{where} needs an id and one step at least")
    steps = tuple(_step(step, where) for step in form.steps)
    order = [STEPS.index(step.state) for step in steps]
    if order != sorted(set(order)):
        raise Invalid(f"{where}: each step may be there once, in the order {', '.join(STEPS)}")
    return Workflow(
        id=form.id,
        version=form.version,
        steps=steps,
        quorum=form.quorum,
        seats=form.seats,
        people=form.people,
        chair_breaks_ties=form.chair_breaks_ties,
        silence=_choice(Silence, form.silence, f"{where} silence"),
        deadline_working_days=form.deadline_working_days,
        extension_working_days=form.extension_working_days,
        extensions=form.extensions,
        delay_months=form.delay_months,
        consensus_working_days=form.consensus_working_days,
        appeal_working_days=form.appeal_working_days,
        country=form.country,
    )


def _step(form: _StepForm, where: str) -> Step:
    state = _choice(State, form.name, f"{where} step")
    if state not in STEPS:
        raise Invalid(f"{where}: {form.name!r} is no step; steps are {', '.join(STEPS)}")
    roles = frozenset(_choice(Role, role, f"{where} {form.name} roles") for role in form.roles)
    if strange := sorted(roles - WORKFLOW_ROLES):
        raise Invalid(f"{where} {form.name}: {strange[0]} is no role in a body that decides")
    if not roles:
        raise Invalid(f"{where} {form.name}: nobody may act; name a role")
    return Step(state, roles, form.working_days, form.reminder_days, form.needed)


def _serves(form: _WorkflowForm) -> Sequence[tuple[Purpose, CaseKind]]:
    where = f"workflow {form.id!r}"
    return [
        (_choice(Purpose, purpose, f"{where} purposes"), _choice(CaseKind, kind, f"{where} kinds"))
        for purpose in form.purposes
        for kind in form.kinds
    ]


def _check(workflow: Workflow, key: tuple[Purpose, CaseKind]) -> None:
    """Raises Invalid where a workflow leaves out what none may."""
    purpose, kind = key
    states = [step.state for step in workflow.steps]
    if kind is CaseKind.COUNTERSIGN:
        if states != [State.COUNTERSIGNATURE]:
            raise Invalid(f"workflow {workflow.id!r} is for countersigning: its one step is countersignature")
        return
    if State.COUNTERSIGNATURE in states or states[-2:] != [State.VOTE, State.DECISION]:
        raise Invalid(f"workflow {workflow.id!r} must end with the steps vote and decision")
    if not workflow.steps[-1].roles <= _MAY_DECIDE:
        raise Invalid(f"workflow {workflow.id!r}: only {' and '.join(sorted(_MAY_DECIDE))} decide formally")
    if purpose is Purpose.HEALTHCARE and min(workflow.people, workflow.quorum) < _CARE_PEOPLE:
        raise Invalid(f"workflow {workflow.id!r}: a decision on healthcare takes two people at least")


def _said(key: tuple[Purpose, CaseKind]) -> str:
    return f"purpose {key[0]} and kind {key[1]}"


def _choice(kind: type[_Choice], value: str, where: str) -> _Choice:
    try:
        return kind(value)
    except ValueError as error:
        raise Invalid(f"{where} is {value!r}, expected one of {', '.join(kind)}") from error
