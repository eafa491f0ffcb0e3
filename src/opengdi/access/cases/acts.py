"""Commands as they come in JSON, read into acts: every wrong field is named, unknown ones are refused. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final

import msgspec

from opengdi.access.cases.model import (
    NO_NOTE,
    Act,
    Command,
    Criterion,
    EthicsOutcome,
    Note,
    RulingWish,
    Vote,
)
from opengdi.access.cases.offers import read_until
from opengdi.kernel.errors import Invalid
from opengdi.standards.coordinates import parse_contig
from opengdi.standards.faults import Malformed

LONGEST_TEXT: Final = 20_000
MOST: Final = 1000

_Text = Annotated[str, msgspec.Meta(max_length=LONGEST_TEXT)]
NoteOf = Callable[[str], Note]
"""Makes a note of a text, with an id of its own; of nothing, none."""

_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class _Base(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """What every command may say."""

    text: _Text = ""

    def said(self, note: NoteOf) -> dict[str, Any]:
        return {"text": note(self.text)}


class _Interest(_Base, frozen=True):
    conflict: bool = msgspec.field(default=True)

    def said(self, note: NoteOf) -> dict[str, Any]:
        return {**_Base.said(self, note), "conflict": self.conflict}


class _Reviewers(_Base, frozen=True):
    members: Annotated[tuple[_Id, ...], msgspec.Meta(max_length=MOST)] = ()


class _Conformity(_Base, frozen=True):
    criteria: dict[Criterion, bool] = {}
    reasons: dict[Criterion, _Text] = {}

    def said(self, note: NoteOf) -> dict[str, Any]:
        return {
            **_Base.said(self, note),
            "criteria": self.criteria,
            "reasons": {name: note(reason) for name, reason in self.reasons.items()},
        }


class _Ethics(_Base, frozen=True, kw_only=True):
    outcome: EthicsOutcome

    def said(self, note: NoteOf) -> dict[str, Any]:
        return {**_Base.said(self, note), "ethics": self.outcome}


class _Opinion(_Base, frozen=True, kw_only=True):
    favours: bool

    def said(self, note: NoteOf) -> dict[str, Any]:
        return {**_Base.said(self, note), "favours": self.favours}


class _BallotForm(_Base, frozen=True, kw_only=True):
    vote: Vote
    datasets: dict[_Id, Vote] = {}

    def said(self, note: NoteOf) -> dict[str, Any]:
        return {**_Base.said(self, note), "vote": self.vote, "votes": self.datasets}


class _RulingForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    dataset: _Id
    granted: bool
    reasons: _Text = ""
    conditions: Annotated[tuple[_Text, ...], msgspec.Meta(max_length=100)] = ()
    until: str | None = None
    regions: Annotated[tuple[str, ...], msgspec.Meta(max_length=MOST)] = ()


class _Rulings(_Base, frozen=True, kw_only=True):
    datasets: Annotated[tuple[_RulingForm, ...], msgspec.Meta(min_length=1, max_length=MOST)]

    def said(self, note: NoteOf) -> dict[str, Any]:
        return {**_Base.said(self, note), "rulings": tuple(_wish(each, note) for each in self.datasets)}


class _SomeRulings(_Base, frozen=True):
    datasets: Annotated[tuple[_RulingForm, ...], msgspec.Meta(max_length=MOST)] = ()

    def said(self, note: NoteOf) -> dict[str, Any]:
        return {**_Base.said(self, note), "rulings": tuple(_wish(each, note) for each in self.datasets)}


class _Veto(_Base, frozen=True):
    datasets: Annotated[tuple[_Id, ...], msgspec.Meta(max_length=MOST)] = ()
    final: bool = True

    def said(self, note: NoteOf) -> dict[str, Any]:
        return {**_Base.said(self, note), "datasets": self.datasets, "final": self.final}


class _Lift(_Base, frozen=True):
    datasets: Annotated[tuple[_Id, ...], msgspec.Meta(max_length=MOST)] = ()

    def said(self, note: NoteOf) -> dict[str, Any]:
        return {**_Base.said(self, note), "datasets": self.datasets}


class _Conclusion(_Base, frozen=True, kw_only=True):
    reached: bool

    def said(self, note: NoteOf) -> dict[str, Any]:
        return {**_Base.said(self, note), "reached": self.reached}


class _RemarkForm(_Base, frozen=True):
    public: bool = False

    def said(self, note: NoteOf) -> dict[str, Any]:
        return {**_Base.said(self, note), "public": self.public}


class _Extension(_Base, frozen=True, kw_only=True):
    working_days: int

    def said(self, note: NoteOf) -> dict[str, Any]:
        return {**_Base.said(self, note), "working_days": self.working_days}


_FORMS: Final[Mapping[Command, type[_Base]]] = {
    Command.DECLARE_INTEREST: _Interest,
    Command.ASSIGN_REVIEWERS: _Reviewers,
    Command.CHECK_CONFORMITY: _Conformity,
    Command.CHECK_ETHICS: _Ethics,
    Command.GIVE_OPINION: _Opinion,
    Command.CAST_BALLOT: _BallotForm,
    Command.CLOSE_VOTE: _Base,
    Command.DECIDE: _Rulings,
    Command.COUNTERSIGN: _SomeRulings,
    Command.VETO: _Veto,
    Command.LIFT_VETO: _Lift,
    Command.SEEK_CONSENSUS: _Base,
    Command.CONCLUDE_CONSENSUS: _Conclusion,
    Command.ASK_QUESTION: _Base,
    Command.REQUEST_CHANGE: _Base,
    Command.RESUME: _Base,
    Command.REMARK: _RemarkForm,
    Command.EXTEND: _Extension,
}


def read_act(command: Command, body: bytes, new_id: Callable[[], str]) -> tuple[Act, tuple[str, ...]]:
    """A command, and the subjects it names as members of the body. new_id makes ids of texts. Raises Invalid."""
    try:
        form = msgspec.json.decode(body or b"{}", type=_FORMS[command])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Invalid(f"{command}: {error}") from error

    def note(text: str) -> Note:
        return Note(new_id(), text) if text.strip() else NO_NOTE

    act = Act(command=command, **form.said(note))
    return act, form.members if isinstance(form, _Reviewers) else ()


def _wish(form: _RulingForm, note: NoteOf) -> RulingWish:
    for region in form.regions:
        _check_region(region)
    return RulingWish(
        form.dataset,
        form.granted,
        note(form.reasons),
        tuple(note(condition) for condition in form.conditions if condition.strip()),
        read_until(form.until, f"datasets: until of {form.dataset}") if form.until else None,
        form.regions,
    )


def _check_region(region: str) -> None:
    name, _, span = region.partition(":")
    first, _, last = span.partition("-")
    try:
        parse_contig(name)
        if span and not 1 <= int(first) <= int(last):
            raise ValueError(span)
    except (Malformed, ValueError) as error:
        raise Invalid(f"datasets: region {region[:60]!r}; expected such as '22:1001-2000' or '22'") from error
