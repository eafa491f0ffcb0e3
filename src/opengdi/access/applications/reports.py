"""What cases tell the hub: where they stand, what they ask, what they decided. Events of nodes, and of the hub itself.

`eu.gdi.case.changed` {case, state, clock?, events?} · `eu.gdi.case.asked` {case, kind: change|question|remark, text} ·
`eu.gdi.case.decided` {case, decision: JWS} · `eu.gdi.case.appeal-refused` {case, why,
until?}. Only the node that has the case is believed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import Connection

from opengdi.access.applications.model import OPEN, OVER, Application, CaseAt, Version, release_key
from opengdi.access.applications.outcome import case_of
from opengdi.access.applications.service import Applications
from opengdi.access.calendar import INSTANT
from opengdi.access.decision import Decision, open_decision
from opengdi.access.kinds import APPEAL_REFUSED, ASKED, CHANGED, DECIDED
from opengdi.access.model import NewEvent
from opengdi.access.texts import Written
from opengdi.kernel.errors import Invalid
from opengdi.kernel.keys import PublicKey
from opengdi.kernel.reception import Handle, ReceivedEvent
from opengdi.standards.faults import Malformed, Unverified

_DELAYED: Final = "delayed"
"""What a case says happened when it takes so long that the applicant must hear of it. Source: GDI-SOP0003."""

_LONGEST_TEXT: Final = 20_000
_LONGEST_WORD: Final = 100
_MOST_TIMERS: Final = 20

KeysOfBody = Callable[[str], Collection[PublicKey]]
"""Public keys of a deciding body, by its id; none for a stranger."""


class _Changed(msgspec.Struct, frozen=True):
    case: str
    state: str
    clock: dict[str, Any] = {}
    events: list[str] = []


class _Asked(msgspec.Struct, frozen=True):
    case: str
    kind: Literal["change", "question", "remark"]
    text: str


class _Decided(msgspec.Struct, frozen=True):
    case: str
    decision: str


class _AppealRefused(msgspec.Struct, frozen=True):
    case: str
    why: Literal["late", "no-denial", "second"]
    until: datetime | None = None


_WHY: Final = {
    "late": "The appeal came too late: it was possible until {until}. The decision stands.",
    "no-denial": "The appeal has nothing to be decided anew: nothing of this case is denied.",
    "second": "This case was decided on appeal before; there is no second appeal. The decision stands.",
}


class Reports:
    """Takes what cases tell. keys_of: of the registry of bodies."""

    def __init__(self, applications: Applications, keys_of: KeysOfBody, new_id: Callable[[], str]) -> None:
        self._applications = applications
        self._keys_of = keys_of
        self._new_id = new_id

    def handlers(self) -> dict[str, Handle]:
        """By kind of event; each raises Invalid for what it cannot take."""
        return {
            CHANGED: self.changed,
            ASKED: self.asked,
            DECIDED: self.decided,
            APPEAL_REFUSED: self.appeal_refused,
        }

    def changed(self, connection: Connection, event: ReceivedEvent) -> None:
        """A case stands elsewhere than before."""
        told = _read(event, _Changed)
        if len(told.clock) > _MOST_TIMERS:
            raise Invalid(f"clock must have {_MOST_TIMERS} members at most")
        clock = {name[:_LONGEST_WORD]: str(value)[:_LONGEST_WORD] for name, value in told.clock.items()}

        def happened(state: Application, _now: datetime) -> Sequence[NewEvent]:
            at = _case(state, told.case, event.sender)
            delayed = [NewEvent("case-delayed", {"case": told.case})] if _DELAYED in told.events else []
            if (at.state, dict(at.clock)) == (told.state[:_LONGEST_WORD], clock):
                return delayed
            changed = {"case": told.case, "state": told.state[:_LONGEST_WORD], "clock": clock}
            return [NewEvent("case-changed", changed), *delayed]

        self._record(connection, told.case, happened, event.sender)

    def asked(self, connection: Connection, event: ReceivedEvent) -> None:
        """A case asks the applicant for a change, or something, or remarks something."""
        told = _read(event, _Asked)
        if not told.text or len(told.text) > _LONGEST_TEXT:
            raise Invalid(f"text must be there, with {_LONGEST_TEXT} characters at most")
        id_, text = self._new_id(), self._new_id()
        asked = {"id": id_, "case": told.case, "kind": told.kind, "text": text}

        def happened(state: Application, _now: datetime) -> Sequence[NewEvent]:
            _case(state, told.case, event.sender)
            if state.state not in OPEN:
                return []  # nobody is left to answer
            return [NewEvent("case-asked", {"asked": asked})]

        written = (Written(text, f"case:{told.case}", told.text.replace("\0", "")),)
        self._record(connection, told.case, happened, event.sender, written)

    def decided(self, connection: Connection, event: ReceivedEvent) -> None:
        """A case is decided, and its body signed it."""
        told = _read(event, _Decided)

        def happened(state: Application, _now: datetime) -> Sequence[NewEvent]:
            at = _case(state, told.case, event.sender)
            if at.decision == told.decision or state.state in OVER:
                return []
            decision = self._opened(told.decision, at)
            if self._is_older(decision, at):
                return []  # an event that was late: the body has decided anew since
            version = _version(state, decision)
            granted = _granted(decision, at)
            data = {
                "case": told.case,
                "decision": told.decision,
                "granted": granted,
                "version": version.number,
            }
            return [NewEvent("case-decided", data)]

        self._record(connection, told.case, happened, event.sender)

    def appeal_refused(self, connection: Connection, event: ReceivedEvent) -> None:
        """A case does not decide anew. The applicant reads why as a remark of the case."""
        told = _read(event, _AppealRefused)
        id_, text = self._new_id(), self._new_id()
        asked = {"id": id_, "case": told.case, "kind": "remark", "text": text}

        def happened(state: Application, _now: datetime) -> Sequence[NewEvent]:
            _case(state, told.case, event.sender)
            return [NewEvent("appeal-refused", {"asked": asked, "why": told.why})]

        until = (told.until - INSTANT).date().isoformat() if told.until else "then"
        written = (Written(text, f"case:{told.case}", _WHY[told.why].format(until=until)),)
        self._record(connection, told.case, happened, event.sender, written)

    def _is_older(self, decision: Decision, at: CaseAt) -> bool:
        """True if what is known of the case was decided later, by a key that its body still has."""
        try:
            return bool(at.decision) and decision.at < self._opened(at.decision, at).at
        except Invalid:
            return False

    def _opened(self, jws: str, at: CaseAt) -> Decision:
        """Raises Invalid if the body of the case did not sign it, or it is about another case."""
        opened = at.opened
        try:
            decision = open_decision(jws, self._keys_of(opened.body), body=opened.body)
        except (Unverified, Malformed) as error:
            raise Invalid(f"the decision of case {opened.case} is not believed: {error}") from error
        if (decision.case, decision.node) != (opened.case, opened.node):
            raise Invalid(f"the decision is of case {decision.case}, not of {opened.case}")
        return decision

    def _record(
        self,
        connection: Connection,
        case: str,
        happened: Callable[[Application, datetime], Sequence[NewEvent]],
        sender: str,
        texts: Sequence[Written] = (),
    ) -> None:
        application = case.partition(".")[0]
        if not application.isprintable():
            raise Invalid(f"node {sender} has no case {case!r}")
        self._applications.record(connection, application, happened, actor=f"node:{sender}", texts=texts)


def _read(event: ReceivedEvent, kind: type[Any]) -> Any:
    try:
        return msgspec.convert(dict(event.data), kind)
    except msgspec.ValidationError as error:
        raise Invalid(f"{event.kind}: {error}") from error


def _case(state: Application, case: str, sender: str) -> CaseAt:
    """The case, if the sender has it. What is not there and what is another's are told alike."""
    at = case_of(state, case)
    if at is None or at.opened.node != sender:
        raise Invalid(f"node {sender} has no case {case!r}")
    return at


def _version(state: Application, decision: Decision) -> Version:
    found = next((one for one in state.versions if one.digest == decision.digest), None)
    if found is None or decision.application != state.id:
        raise Invalid(
            f"the decision names digest {decision.digest} of {decision.application}, which was never submitted"
        )
    return found


def _granted(decision: Decision, at: CaseAt) -> Mapping[str, bool]:
    """By release. Raises Invalid if the decision leaves out a dataset of the case, or names another one."""
    told = {f"{ruling.dataset}@{ruling.version}": ruling.granted for ruling in decision.rulings}
    asked = {release_key(one) for one in at.opened.datasets}
    if told.keys() != asked:
        raise Invalid(f"the decision must be about {', '.join(sorted(asked))}, and nothing else")
    return told
