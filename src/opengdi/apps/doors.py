"""Wiring of the doors: who calls, before every API of a node or hub, and what the audit chain hears of refusals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from starlette.types import ASGIApp, Scope

from opengdi.apps.acts import commands_of_access
from opengdi.apps.process import Part, Wrap
from opengdi.identity.duties.store import DutyBook
from opengdi.identity.gate import Believed, Credentials, IdentityGate
from opengdi.identity.gate.fresh import FreshLogins, GraveActs
from opengdi.identity.login.browser_sessions import FormTokens
from opengdi.identity.machines.rules import ending
from opengdi.identity.machines.service import Programs
from opengdi.identity.machines.store import MachineKeys
from opengdi.kernel.audit.chain import Outcome
from opengdi.kernel.audit.tally import Act, Tally
from opengdi.kernel.disclosure.rate import RequestRate
from opengdi.kernel.errors import GdiError, Invalid, NotAuthenticated, OverBudget
from opengdi.kernel.health import Condition, Finding, Probe
from opengdi.kernel.http.callers import CALLER, PEER, Callers
from opengdi.kernel.http.decided import refused_a_part, said
from opengdi.kernel.http.edge import DENIED, REQUEST_ID
from opengdi.kernel.http.routing import TEMPLATE
from opengdi.kernel.principal import Principal, Visa

if TYPE_CHECKING:
    from opengdi.apps.service_state import ServiceState
    from opengdi.kernel.audit.ports import AuditLog
    from opengdi.kernel.clock import Clock
    from opengdi.kernel.keys import Secret

PSEUDONYMS: Final = "pseudonyms"
MACHINES: Final = "machines"
"""Name of the secret from which programs' keys are derived: who has it has every key."""

REFUSALS, WINDOW_S = 6, 60.0
"""So many refusals of one address (or caller) are written down at once in a window; what follows is counted."""

_UNBELIEVED: Final = "opengdi.unbelieved"

_IN_USE: Final = timedelta(days=7)
"""A key that was used so long ago at most is somebody's who will miss it."""


def callers_of(state: ServiceState) -> Callers:
    """Tells the callers of an API apart, after the gate has looked at what they show."""
    return Callers(state.keys.secret(PSEUDONYMS))


def file_callers(state: ServiceState) -> Callers:
    """The same for APIs that give out files: what the settings call open is everybody's."""
    return Callers(state.keys.secret(PSEUDONYMS), tuple(map(Visa, state.settings.access.open_datasets)))


def machine_keys(state: ServiceState) -> MachineKeys:
    """The table of programs' keys."""
    return MachineKeys(state.engine, state.clock, state.audit)


def machine_secret(state: ServiceState) -> Secret:
    """What programs' keys are derived from."""
    return state.keys.secret(MACHINES)


def keys_probe(state: ServiceState) -> Probe:
    """Tells of programs' keys that end soon: whose program still works today, and no longer then."""
    keys, notice = machine_keys(state), timedelta(days=state.settings.identity.key_notice_days)

    def look() -> Finding:
        now = state.clock.now()
        soon = ending(keys.all(), now, notice)
        if not soon:
            return Finding()
        told = ", ".join(f"{key.terms.name} ({key.id}) on {key.terms.until:%Y-%m-%d}" for key in soon)
        used = any(key.last_used is not None and now - key.last_used < _IN_USE for key in soon)
        return Finding(Condition.DEGRADED if used else Condition.OK, f"ending: {told}; gdi key rotate")

    return Probe("program-keys", look, needed=False)


def duty_book(state: ServiceState) -> DutyBook:
    """The table of roles."""
    return DutyBook(state.engine, state.clock, state.audit)


@dataclass(frozen=True, slots=True)
class Doors:
    """What stands before the APIs of a process. passed_over: base paths of APIs that check credentials themselves.

    fresh: puts around an app what refuses grave acts to those who logged in too long ago.
    """

    programs: Programs
    credentials: Credentials
    decisions: Decisions
    passports: ShownPassports
    passed_over: frozenset[str] = frozenset()
    fresh: Wrap = lambda app: app

    def gate(self, app: ASGIApp) -> ASGIApp:
        """`app` with the gate around it."""
        gate = IdentityGate(self.fresh(app), self.credentials, self.decisions.credential, self.passed_over)
        return FormTokens(gate)

    def part(self) -> Part:
        """What writes down the decisions while the process serves, and at its end."""
        tally = self.decisions.tally
        return Part(background=(tally.keep_writing,), close=tally.finish)


def open_doors(
    state: ServiceState,
    *,
    issuers: tuple[str, ...] = (),
    passed_over: frozenset[str] = frozenset(),
    **believed: Any,
) -> Doors:
    """The doors of a node or hub. believed: fields of `Believed` besides programs' keys and duties.

    issuers: whose visas are believed, as DRS tells callers. passed_over: base paths that have credentials of their own.
    """
    programs = Programs(machine_keys(state), machine_secret(state), state.clock)
    whom = Believed(machines=programs, duties=duty_book(state), **believed)
    credentials = Credentials(whom, state.clock)
    decisions = Decisions(state.audit, callers_of(state).at_address, state.clock)
    shown = ShownPassports(credentials, issuers, file_callers(state).public)
    return Doors(programs, credentials, decisions, shown, passed_over, partial(_fresh, state))


def _fresh(state: ServiceState, app: ASGIApp) -> ASGIApp:
    """`app`, with grave acts for those alone who logged in shortly before, where settings ask for it.

    Raises Invalid if they name an act that there is not: another one would go unguarded.
    """
    told = state.settings.identity.grave_acts
    if not told.within_s:
        return app
    if strange := sorted(set(told.commands) - commands_of_access()):
        raise Invalid(f"identity.grave_acts.commands: there is no command {', '.join(strange)}")
    acts = GraveActs(frozenset(told.commands), timedelta(seconds=told.within_s))
    return FreshLogins(app, acts, state.clock)


@dataclass(frozen=True, slots=True)
class ShownPassports:
    """`delivery.drs.ports.Passports`: passports in the body of a POST, which has room for a hundred visas.

    issuers: whose visas are believed. public: visas that are everybody's.
    """

    credentials: Credentials
    issuers: tuple[str, ...] = ()
    public: tuple[Visa, ...] = ()

    async def holder(self, passports: Sequence[str], asker: Principal) -> Principal:
        """Who the passports prove the caller to be, with the visas of all; one that proves nothing refuses the request.

        Raises NotAuthenticated, also if they are of several people, or of another one than `asker`.
        """
        proved = [await self.credentials.of_passport(each) for each in passports]
        people = {each.subject for each in proved}
        if not asker.is_anonymous and not asker.is_program:
            people.add(asker.subject)
        if len(people) != 1:
            raise NotAuthenticated(
                f"{len(passports)} passports of {len(people)} people",
                public="The passports are of different people, or of somebody else than the token.",
            )
        visas = dict.fromkeys(visa for each in proved for visa in each.visas)
        return replace(
            proved[0],
            visas=(*visas, *self.public),
            until=min(each.until for each in proved if each.until is not None),
        )


class Decisions:
    """Writes down who was let in and who was refused, by address where nobody is known.

    Who is refused stands in the chain at once, so many times in a window; the rest, and who was let in, is counted.
    """

    def __init__(self, audit: AuditLog, at_address: Callable[[Scope], Principal], clock: Clock) -> None:
        self.tally = Tally(audit, clock, WINDOW_S)
        self._audit = audit
        self._at_address = at_address
        self._rate = RequestRate(REFUSALS, WINDOW_S, clock)

    def credential(self, scope: Scope, _error: GdiError) -> None:
        """A credential was not believed; it is written down when the route is known.

        The error may hold what was shown, so it is not kept.
        """
        scope[_UNBELIEVED] = True
        refused_a_part()

    def door(self, scope: Scope, status: int) -> None:
        """A request of somebody known was answered, or one by 401 or 403."""
        decided = said()
        if status in DENIED or decided.refused:
            action = "credential.refuse" if _UNBELIEVED in scope else "door.refuse"
            self._refuse(action, self._known(scope) or self._at_address(scope), scope)
            if status in DENIED:
                return
        known = self._known(scope)
        subject = decided.subject or (known.subject if known is not None else "")
        if subject:
            opened = tuple(f"dataset:{dataset}" for dataset in sorted(decided.datasets))
            self.tally.count(Act("door.pass", subject, Outcome.DONE, (*_route(scope), *opened)))

    def _known(self, scope: Scope) -> Principal | None:
        return scope.get(CALLER) or scope.get(PEER)

    def _refuse(self, action: str, who: Principal, scope: Scope) -> None:
        act = Act(action, who.subject, Outcome.REFUSED, _route(scope))
        try:
            self._rate.admit(who)
        except OverBudget:
            self.tally.count(act)
            return
        request = scope.get(REQUEST_ID, "")
        self._audit.append(action, actor=act.actor, outcome=act.outcome, objects=act.objects, request=request)


def _route(scope: Scope) -> tuple[str, ...]:
    template = scope.get(TEMPLATE, "")
    return (f"route:{scope['method']} {template}",) if template else ()
