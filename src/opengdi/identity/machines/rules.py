"""Decisions about programs' keys: their form, what they may be for, whether one holds here and now. Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from opengdi.identity.machines.model import GRANTABLE, KeyTerms, MachineKey
from opengdi.kernel.errors import Conflict, Invalid, NotAuthenticated, NotPermitted
from opengdi.kernel.keys.secrets import Secret
from opengdi.kernel.principal import PROGRAM, Principal, Role, Tier

PREFIX: Final = "gdi_"
ID_CHARACTERS: Final = "abcdefghijklmnopqrstuvwxyz234567"
ID_LENGTH: Final = 12
LONGEST_OVERLAP: Final = timedelta(days=90)
NOTED_EVERY: Final = timedelta(minutes=10)
"""How exactly it is remembered when a key was used last."""

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_TOKEN: Final = re.compile(r"gdi_([a-z2-7]{12})_([a-z2-7]{52})\Z", re.ASCII)
_ID: Final = re.compile(r"[a-z2-7]{12}\Z", re.ASCII)
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z", re.ASCII)


def looks_like_id(text: str) -> bool:
    """True for a text of the form of a key's id."""
    return _ID.match(text) is not None


def secret_of(master: Secret, id_: str) -> Secret:
    """The secret that belongs to a key's id: 52 characters a-z and 2-7, 256 bits."""
    mac = hmac.new(master.reveal(), f"machine key\0{id_}".encode(), hashlib.sha256).digest()
    return Secret(base64.b32encode(mac).rstrip(b"=").lower())


def token_of(master: Secret, id_: str) -> str:
    """The key as its program shows it."""
    return f"{PREFIX}{id_}_{secret_of(master, id_).reveal().decode()}"


def id_in(token: str, master: Secret) -> str | None:
    """The id of the key that a token is; None: it is no key of a program. Raises NotAuthenticated for a wrong secret.

    Needs no database, so that guessing costs us nothing.
    """
    if not token.startswith(PREFIX):
        return None
    found = _TOKEN.match(token)
    if found is None or not hmac.compare_digest(secret_of(master, found[1]).reveal(), found[2].encode()):
        raise NotAuthenticated("this is no key that was given out here")
    return found[1]


def check_terms(terms: KeyTerms, now: datetime) -> None:
    """Nothing, if a key may be for that. Raises Invalid, naming what is wrong."""
    if not _NAME.match(terms.name):
        raise Invalid(
            f"name {terms.name[:70]!r} must be 1 to 64 of letters, digits, '.', '_', '-'; no person's name"
        )
    _check_duties(terms)
    _check_places(terms)
    if terms.until is not None and terms.until <= now:
        raise Invalid(f"until {terms.until.isoformat()} lies in the past")


def _check_duties(terms: KeyTerms) -> None:
    for duty in terms.duties:
        if duty.role not in GRANTABLE:
            known = ", ".join(sorted(GRANTABLE))
            raise Invalid(f"duty {duty.role} is not for a program; {known} are")
        if duty.role is Role.PROVIDER and not duty.of:
            raise Invalid("duty provider must name the data provider: provider:<name>")
    if not terms.duties and terms.tier is Tier.PUBLIC:
        raise Invalid("the key would be for nothing: give it a duty, or the registered tier")
    if terms.tier is Tier.CONTROLLED:
        raise Invalid("controlled access takes a visa, which is a person's; a key is registered at most")


def _check_places(terms: KeyTerms) -> None:
    for path in terms.paths:
        if not path.startswith("/") or (path != "/" and path.endswith("/")) or ".." in path.split("/"):
            raise Invalid(f"path {path!r} must begin with '/' and not end with it, such as /s3")
    for method in terms.methods:
        if method not in METHODS:
            raise Invalid(f"method {method!r} is not known; known are {', '.join(sorted(METHODS))}")


def principal_of(key: MachineKey, method: str, path: str, now: datetime) -> Principal:
    """Who a program with that key is. Raises NotAuthenticated if it has ended, NotPermitted if it is not for this."""
    if key.revoked is not None:
        raise NotAuthenticated(f"key {key.id} was taken back", public="This key was taken back.")
    if key.terms.until is not None and key.terms.until <= now:
        raise NotAuthenticated(f"key {key.id} has ended", public="This key has ended.")
    if not is_for(key.terms, method, path):
        raise NotPermitted(
            f"key {key.id} is not for {method} {path[:200]}",
            public="This key is not for this method and address.",
        )
    terms = key.terms
    return Principal(f"{PROGRAM}{key.id}", terms.tier, duties=terms.duties, logged_in=True, until=terms.until)


def check_rotation(key: MachineKey, others: Iterable[MachineKey], overlap: timedelta, now: datetime) -> None:
    """Nothing, if a key may be followed by another one. others: keys of the same name. Raises Invalid, Conflict."""
    if not timedelta() <= overlap <= LONGEST_OVERLAP:
        raise Invalid(f"the overlap must be 0 to {LONGEST_OVERLAP.days} days, in which both keys hold")
    if not key.is_in_use(now):
        raise Conflict(f"key {key.id} has ended; make a new one: gdi key new {key.terms.name}")
    if later := [each for each in others if each.created > key.created and each.is_in_use(now)]:
        raise Conflict(f"key {key.id} is followed by {later[0].id} already; rotate that one")


def renewed(key: MachineKey, now: datetime) -> KeyTerms:
    """The terms of a key that follows another one: for the same, and for as long as that one was made for."""
    until = key.terms.until
    return key.terms if until is None else replace(key.terms, until=now + (until - key.created))


def last_days(key: MachineKey, overlap: timedelta, now: datetime) -> KeyTerms:
    """The terms of a key that another one follows: it ends when the overlap does, or before."""
    end = now + overlap
    return replace(key.terms, until=end if key.terms.until is None else min(key.terms.until, end))


def ending(keys: Iterable[MachineKey], now: datetime, notice: timedelta) -> list[MachineKey]:
    """Keys that end within `notice` and that no other one of their name follows, the next one first."""
    held = [key for key in keys if key.is_in_use(now)]
    followed = {key.id for key in held for each in held if _follows(each, key)}
    soon = [key for key in held if key.terms.until is not None and key.terms.until - now <= notice]
    return sorted((key for key in soon if key.id not in followed), key=lambda key: str(key.terms.until))


def _follows(later: MachineKey, key: MachineKey) -> bool:
    return later.terms.name == key.terms.name and later.created > key.created


def is_noted(key: MachineKey, now: datetime) -> bool:
    """True if it is known well enough that the key was used now: a write for every request would be too dear."""
    return key.last_used is not None and now - key.last_used < NOTED_EVERY


def is_for(terms: KeyTerms, method: str, path: str) -> bool:
    """True if a key may be used for that; GET is HEAD too."""
    asked = "GET" if method == "HEAD" and "HEAD" not in terms.methods else method
    return (not terms.methods or asked in terms.methods) and (
        not terms.paths or any(_lies_below(path, base) for base in terms.paths)
    )


def _lies_below(path: str, base: str) -> bool:
    return base in ("/", path) or path.startswith(f"{base}/")
