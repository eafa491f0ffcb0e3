"""An external signature service over HTTP: started by POST, calls back when done, and is then asked itself.

Our own small protocol, to be put before a real service: `POST {url}/signings` with the wish → `{id, url}`;
`GET {url}/signings/{id}` → `{state: pending|signed|refused, sha256, signedAt, certificateSha256}`; it calls
`POST …/access/v1/signatures/call` with `{id}` and the header `gdi-signature-call`: HMAC-SHA256 of the body, in hex.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime
from typing import Annotated, Final, Literal, TypeVar
from urllib.parse import quote

import httpx
import msgspec
from msgspec import Meta, Struct

from opengdi.access.organisations.ports import Outcome, SignatureWish, Started
from opengdi.kernel.errors import Invalid, NotAuthenticated, NotFound, Unavailable
from opengdi.kernel.keys import Secret

T = TypeVar("T")

_LONGEST_ANSWER: Final = 65_536


class _Started(Struct):
    id: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,100}$")]
    url: Annotated[str, Meta(pattern=r"^https?://\S+$")]


class _Where(Struct, rename="camel"):
    state: Literal["pending", "signed", "refused"]
    sha256: str = ""
    signed_at: datetime | None = None
    certificate_sha256: str = ""


class _Call(Struct):
    id: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,100}$")]


class HttpSignatures:
    """Asks a service at `url`, with a bearer token; `secret` is shared with it for its calls."""

    def __init__(self, url: str, token: Secret, secret: Secret, *, timeout_s: float) -> None:
        self._url = url
        self._secret = secret
        self._client = httpx.Client(
            timeout=timeout_s,
            trust_env=False,
            headers={"authorization": f"Bearer {token.reveal().decode()}"},
        )

    def start(self, wish: SignatureWish) -> Started:
        """Raises Unavailable, Invalid."""
        body = {
            "reference": wish.reference,
            "title": wish.title,
            "sha256": wish.sha256,
            "mediaType": wish.media_type,
            "documentUrl": wish.document_url,
            "signer": wish.signer,
            "callbackUrl": wish.callback_url,
        }
        answer = self._ask("POST", "/signings", msgspec.json.encode(body))
        started = _read(answer, _Started)
        return Started(started.id, started.url)

    def outcome(self, id_: str) -> Outcome:
        """Raises Unavailable, NotFound."""
        where = _read(self._ask("GET", f"/signings/{quote(id_, safe='')}", b""), _Where)
        if where.state != "signed":
            return Outcome(id_, pending=where.state == "pending")
        if where.signed_at is None or where.signed_at.tzinfo is None:
            raise Unavailable(f"{self._url} says signed, but not when")
        return Outcome(
            id_,
            pending=False,
            sha256=where.sha256,
            signed_at=where.signed_at,
            certificate=where.certificate_sha256,
        )

    def check_call(self, body: bytes, signature: str) -> str:
        """Raises NotAuthenticated, Invalid."""
        expected = hmac.new(self._secret.reveal(), body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected.encode(), signature.encode()):
            raise NotAuthenticated("the call is not the signature service's")
        try:
            return msgspec.json.decode(body, type=_Call).id
        except msgspec.MsgspecError as error:
            raise Invalid('the call must be {"id": …}') from error

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    def _ask(self, method: str, path: str, body: bytes) -> bytes:
        headers = {"content-type": "application/json"} if body else {}
        try:
            answer = self._client.request(method, f"{self._url}{path}", content=body, headers=headers)
        except httpx.HTTPError as error:
            raise Unavailable(f"{self._url} does not answer: {type(error).__name__}") from error
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise NotFound(f"{self._url} does not know {path}")
        if answer.is_client_error:
            raise Invalid(
                f"{self._url} refuses with {answer.status_code}",
                public="The signature service refuses this.",
            )
        if not answer.is_success or len(answer.content) > _LONGEST_ANSWER:
            raise Unavailable(f"{self._url} answers {answer.status_code}")
        return answer.content


def _read(document: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(document, type=kind)
    except msgspec.MsgspecError as error:
        raise Unavailable(f"the signature service's answer cannot be read: {error}") from error
