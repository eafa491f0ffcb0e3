"""A program's key as a token that says when it ends: for clients which take nothing but that, as `sda-cli` does.

It is signed with the secret of the key and opens what the key opens, no more and no longer: where and how long the key
itself may be used is looked up as always, so it ends at once when the key is taken back. Pure: time comes in.
Spec: RFC 7519 (JWT), RFC 7515 with HS256.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from datetime import datetime
from typing import Any, Final

from opengdi.identity.machines.rules import looks_like_id, secret_of
from opengdi.kernel.errors import NotAuthenticated
from opengdi.kernel.keys.secrets import Secret

TYP: Final = "gdi-key+jwt"
"""`typ` of such a token."""

_LONGEST: Final = 1024


def dated_token(master: Secret, id_: str, now: datetime, until: datetime) -> str:
    """The key with that id as a token that ends at `until`."""
    claims = {"sub": id_, "iat": int(now.timestamp()), "exp": int(until.timestamp())}
    signed = f"{_head(id_)}.{_encoded(_json(claims))}"
    return f"{signed}.{_signature(master, id_, signed)}"


def id_in_dated(token: str, master: Secret, now: datetime) -> str:
    """The id of the key that a token is. Needs no database. Raises NotAuthenticated for a wrong one, or at its end."""
    head, _, rest = token.partition(".")
    body, _, signature = rest.partition(".")
    id_ = str(_read(head).get("kid")) if len(token) <= _LONGEST and token.isascii() else ""
    if not looks_like_id(id_) or head != _head(id_):
        raise NotAuthenticated("this is no token of a key that was given out here")
    if not hmac.compare_digest(_signature(master, id_, f"{head}.{body}"), signature):
        raise NotAuthenticated(f"the token of key {id_} is not signed with its secret")
    end = _read(body).get("exp")
    if not isinstance(end, int) or end <= now.timestamp():
        raise NotAuthenticated(
            f"the token of key {id_} has ended", public="This token has ended: ask for another one."
        )
    return id_


def _head(id_: str) -> str:
    return _encoded(_json({"typ": TYP, "alg": "HS256", "kid": id_}))


def _signature(master: Secret, id_: str, signed: str) -> str:
    return _encoded(hmac.digest(secret_of(master, id_).reveal(), signed.encode(), hashlib.sha256))


def _json(told: dict[str, Any]) -> bytes:
    return json.dumps(told, separators=(",", ":")).encode()


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _read(part: str) -> dict[str, Any]:
    """JSON of a part; nothing if it is none."""
    try:
        found = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError, binascii.Error):
        return {}
    return found if isinstance(found, dict) else {}
