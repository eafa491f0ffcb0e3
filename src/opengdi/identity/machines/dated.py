"""A program's key as a token that says when it ends: for clients which take nothing but that, as `sda-cli` does.

It is signed with the secret of the key and opens what the key opens, no more and no longer: where and how long the key
itself may be used is looked up as always, so it ends at once when the key is taken back. Pure: time comes in.
Spec: RFC 7519 (JWT), RFC 7515 with HS256.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from opengdi.identity.machines.rules import looks_like_id, secret_of
from opengdi.kernel.errors import NotAuthenticated
from opengdi.kernel.keys.secrets import Secret

TYP: Final = "gdi-key+jwt"
"""`typ` of such a token."""

_ALGORITHM: Final = "HS256"
_LONGEST: Final = 1024


def dated_token(master: Secret, id_: str, now: datetime, until: datetime) -> str:
    """The key with that id as a token that ends at `until`."""
    claims = {"sub": id_, "iat": int(now.timestamp()), "exp": int(until.timestamp())}
    return jwt.encode(_head(id_), claims, _key(master, id_), algorithms=[_ALGORITHM])


def id_in_dated(token: str, master: Secret, now: datetime) -> str:
    """The id of the key that a token is. Needs no database. Raises NotAuthenticated for a wrong one, or at its end."""
    id_ = _named_in(token)
    try:
        claims = jwt.decode(token, _key(master, id_), algorithms=[_ALGORITHM]).claims
    except (JoseError, ValueError) as error:
        raise NotAuthenticated(f"the token of key {id_} is not signed with its secret") from error
    end = claims.get("exp")
    if not isinstance(end, int) or end <= now.timestamp():
        raise NotAuthenticated(
            f"the token of key {id_} has ended", public="This token has ended: ask for another one."
        )
    return id_


def _named_in(token: str) -> str:
    """The id of the key by which a token says it is signed: only to find its secret, before anything is believed."""
    try:
        if len(token) > _LONGEST:
            raise ValueError
        head = jws.extract_compact(token.encode("ascii")).headers()
    except (JoseError, ValueError, RecursionError):
        head = {}
    id_ = str(head.get("kid"))
    if not looks_like_id(id_) or head != _head(id_):
        raise NotAuthenticated("this is no token of a key that was given out here")
    return id_


def _head(id_: str) -> dict[str, str]:
    return {"typ": TYP, "alg": _ALGORITHM, "kid": id_}


def _key(master: Secret, id_: str) -> OctKey:
    return OctKey.import_key(secret_of(master, id_).reveal())
