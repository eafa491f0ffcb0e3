"""What a hub tells of a case, read: an offer, a changed application, a message, an appeal. Raises Invalid by field."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Final, TypeVar

import msgspec

from opengdi.access.cases.model import Application, CaseDataset, CaseKind, Offer
from opengdi.access.kinds import APPLICATION_CHANGED, APPLICATION_HANDED_OVER, CASE_OFFERED
from opengdi.access.model import Purpose
from opengdi.kernel.canonical import canonical_json
from opengdi.kernel.errors import Invalid

_CASE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{2,110}\Z")
_Form = TypeVar("_Form")
_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
_MOST_DATASETS: Final = 1000


class _Person(msgspec.Struct, frozen=True):
    subject: _Id
    organisation: str = ""


class _ApplicationForm(msgspec.Struct, frozen=True, rename="camel"):
    id: _Id
    version: Annotated[int, msgspec.Meta(ge=0)]
    digest: _Id
    purpose: Purpose
    applicant: _Person
    members: tuple[_Person, ...] = ()
    until: str | None = None


class _DatasetForm(msgspec.Struct, frozen=True):
    dataset: _Id
    version: _Id
    type: str = ""


class _OfferForm(msgspec.Struct, frozen=True):
    case: _Id
    kind: CaseKind
    body: _Id
    hub: _Id
    application: _ApplicationForm
    datasets: Annotated[tuple[_DatasetForm, ...], msgspec.Meta(min_length=1, max_length=_MOST_DATASETS)]
    round: Annotated[int, msgspec.Meta(ge=1)] = 1


class _ChangeForm(msgspec.Struct, frozen=True):
    case: _Id
    application: _ApplicationForm
    datasets: tuple[_DatasetForm, ...] = ()


class _HandOverForm(msgspec.Struct, frozen=True):
    case: _Id
    applicant: _Person


class _MessageForm(msgspec.Struct, frozen=True):
    case: _Id
    text: Annotated[str, msgspec.Meta(max_length=100_000)] = ""
    kind: str = "message"
    by: str = ""


def read_offer(told: Mapping[str, Any]) -> Offer:
    """A `CaseOffer`. Raises Invalid."""
    form = _convert(told, _OfferForm, CASE_OFFERED)
    if not _CASE.match(form.case):
        raise Invalid(f"case {form.case!r} must be like GDIA-0123456789.ee.dac")
    if len({each.dataset for each in form.datasets}) < len(form.datasets):
        raise Invalid(f"case {form.case}: a dataset is named twice")
    return Offer(
        form.case,
        form.kind,
        form.body,
        form.hub,
        form.round,
        _application(form.application),
        _datasets(form.datasets),
        canonical_json(dict(told)).decode(),
    )


def read_change(told: Mapping[str, Any], before: Mapping[str, Any]) -> Offer:
    """`application.changed`; what it does not say is as in the offer `before`. Raises Invalid."""
    form = _convert(told, _ChangeForm, APPLICATION_CHANGED)
    datasets = told["datasets"] if form.datasets else before["datasets"]
    return read_offer({**before, "application": told["application"], "datasets": datasets})


def read_hand_over(told: Mapping[str, Any]) -> tuple[str, str]:
    """`application.handed-over`: who is the applicant now, and of which organisation. Raises Invalid."""
    form = _convert(told, _HandOverForm, APPLICATION_HANDED_OVER)
    return form.applicant.subject, form.applicant.organisation


def read_message(told: Mapping[str, Any], what: str) -> tuple[str, str, str]:
    """Case, text and kind of a message, an appeal, a withdrawal. Raises Invalid."""
    form = _convert(told, _MessageForm, what)
    return form.case, form.text.replace("\0", ""), form.kind


def _application(form: _ApplicationForm) -> Application:
    everybody = (form.applicant, *form.members)
    return Application(
        id=form.id,
        version=form.version,
        digest=form.digest,
        purpose=form.purpose,
        applicant=form.applicant.subject,
        people=frozenset(person.subject for person in everybody),
        organisations=frozenset(person.organisation for person in everybody) - {""},
        until=read_until(form.until, "application.until") if form.until else None,
    )


def read_until(text: str, where: str) -> datetime:
    """An end: a time with a zone, or a date, which is meant whole (UTC). Raises Invalid."""
    try:
        if len(text) == len("2026-01-31"):
            return datetime.combine(date.fromisoformat(text) + timedelta(days=1), time(), UTC)
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        raise Invalid(f"{where} is {text[:40]!r}; expected a date such as 2027-12-31") from error
    if moment.tzinfo is None:
        raise Invalid(f"{where} is {text!r}; a time needs a zone, such as 2027-12-31T00:00:00Z")
    return moment.astimezone(UTC)


def _datasets(forms: tuple[_DatasetForm, ...]) -> tuple[CaseDataset, ...]:
    return tuple(CaseDataset(form.dataset, form.version, form.type) for form in forms)


def _convert(told: Mapping[str, Any], kind: type[_Form], what: str) -> _Form:
    try:
        return msgspec.convert(dict(told), kind)
    except (msgspec.ValidationError, TypeError) as error:
        raise Invalid(f"{what}: {error}") from error
