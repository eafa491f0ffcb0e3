"""What a revocation takes back. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from opengdi.identity.model import CheckedVisa
from opengdi.identity.revocations.model import Kind, Revocation
from opengdi.kernel.errors import Invalid

_NEEDED: Final[Mapping[Kind, tuple[str, ...]]] = {
    Kind.PERMIT: ("permit",),
    Kind.VISA: ("jti",),
    Kind.SUBJECT: ("subject",),
    Kind.DATASET_SUBJECT: ("subject", "dataset"),
    Kind.GRANT: ("jti",),
}
HEARD_WITHIN: Final = timedelta(seconds=60)
"""A visa that was signed this long after the end was heard here is of an issuer that knew of it. Two services that
speak with each other have clocks that differ by no more (`kernel.peers`)."""

_LENGTHS: Final[Mapping[str, int]] = {
    "id": 64,
    "permit": 100,
    "jti": 200,
    "subject": 200,
    "dataset": 200,
    "node": 200,
}


def read_notice(body: Mapping[str, Any]) -> Revocation:
    """A revocation as the feed tells it. Raises Invalid, naming the field."""
    try:
        kind = Kind(str(body.get("kind")))
    except ValueError as error:
        raise Invalid(f"kind must be one of {', '.join(Kind)}") from error
    texts: dict[str, Any] = {name: _text(body, name, longest) for name, longest in _LENGTHS.items()}
    for name in ("id", *_NEEDED[kind]):
        if not texts[name]:
            raise Invalid(f"{name} is missing from a revocation of kind {kind.value}")
    return Revocation(kind=kind, at=_time(body.get("at")), **texts)


def as_notice(revocation: Revocation) -> dict[str, Any]:
    """A revocation as the feed tells it."""
    texts = {name: getattr(revocation, name) for name in _LENGTHS}
    told = {name: value for name, value in texts.items() if value}
    return {**told, "kind": revocation.kind.value, "at": revocation.at.isoformat()}


def for_everybody(revocation: Revocation) -> dict[str, str] | None:
    """What strangers may hear: ids of visas or permits, nothing about a person. None: nothing."""
    match revocation.kind:
        case Kind.VISA:
            told = {"jti": revocation.jti}
        case Kind.PERMIT:
            told = {"permit": revocation.permit}
        case _:
            return None
    return {**told, "at": revocation.at.isoformat()}


def permit_of(jti: str) -> str:
    """The permit of a visa, by its id: our issuers make it `<permit>.<random>`; empty for another one's."""
    permit, dot, _ = jti.partition(".")
    return permit if dot else ""


class Ended:
    """What was taken back, looked up in constant time. Of one that comes twice the later time counts."""

    def __init__(self) -> None:
        self._by_key: dict[tuple[str, ...], datetime] = {}

    def __len__(self) -> int:
        return len(self._by_key)

    def take(self, revocation: Revocation) -> None:
        """From now on this is taken back."""
        key = _key(revocation)
        known = self._by_key.get(key)
        if known is None or known < revocation.at:
            self._by_key[key] = revocation.at

    def forget_before(self, time: datetime) -> None:
        """Forget what was taken back before: no visa from that time is alive."""
        for key in [key for key, at in self._by_key.items() if at < time]:
            del self._by_key[key]

    def covers(self, visa: CheckedVisa) -> bool:
        """True if the visa was taken back.

        What was taken back of a person holds for decisions of before: a later decision may open it again. A permit
        that goes on, or a use that is given back, is seen by visas that their issuer signed after it heard of the end.
        """
        if not self._by_key:
            return False
        if visa.jti and (Kind.VISA, visa.jti) in self._by_key:
            return True
        barred = self._by_key.get((Kind.SUBJECT, visa.subject))
        if barred is not None and visa.asserted <= barred:
            return True
        permit, use = (Kind.PERMIT, permit_of(visa.jti)), (Kind.DATASET_SUBJECT, visa.subject, visa.dataset)
        return self._signed_before(visa, permit) or (
            self._signed_before(visa, use) and visa.asserted <= self._by_key[use]
        )

    def _signed_before(self, visa: CheckedVisa, key: tuple[str, ...]) -> bool:
        ended = self._by_key.get(key) if all(key) else None
        return ended is not None and (visa.issued is None or visa.issued <= ended + HEARD_WITHIN)

    def anything_since(
        self, subject: str, datasets: Collection[str], visas: Collection[str], since: datetime
    ) -> bool:
        """True if something was taken back of what opened datasets to a person at that time, or a little before."""
        keys: list[tuple[str, ...]] = [(Kind.SUBJECT, subject)]
        keys += [(Kind.DATASET_SUBJECT, subject, dataset) for dataset in datasets]
        keys += [(Kind.VISA, jti) for jti in visas]
        keys += [(Kind.PERMIT, permit) for jti in visas if (permit := permit_of(jti))]
        ends = [at for key in keys if (at := self._by_key.get(key)) is not None]
        return any(since <= at + HEARD_WITHIN for at in ends)

    def covers_grant(self, grant: str) -> bool:
        """True if a grant at the broker was taken back."""
        return (Kind.GRANT, grant) in self._by_key

    def subject_ended(self, subject: str) -> datetime | None:
        """When a person was barred, if so."""
        return self._by_key.get((Kind.SUBJECT, subject))


def _key(revocation: Revocation) -> tuple[str, ...]:
    match revocation.kind:
        case Kind.PERMIT:
            return (Kind.PERMIT, revocation.permit)
        case Kind.VISA:
            return (Kind.VISA, revocation.jti)
        case Kind.SUBJECT:
            return (Kind.SUBJECT, revocation.subject)
        case Kind.DATASET_SUBJECT:
            return (Kind.DATASET_SUBJECT, revocation.subject, revocation.dataset)
        case Kind.GRANT:
            return (Kind.GRANT, revocation.jti)


def _text(body: Mapping[str, Any], name: str, longest: int) -> str:
    value = body.get(name, "")
    if not isinstance(value, str) or len(value) > longest:
        raise Invalid(f"{name} must be a text of at most {longest} characters")
    return value


def _time(value: object) -> datetime:
    try:
        time = datetime.fromisoformat(str(value))
    except ValueError as error:
        raise Invalid("at must be a time such as 2026-11-29T12:00:00+00:00") from error
    if time.tzinfo is None:
        raise Invalid("at must have a time zone")
    return time
