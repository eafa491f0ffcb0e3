"""Events of the outbox by HTTP: one POST each, signed with the node's key.

Spec: CloudEvents 1.0.2, "HTTP Protocol Binding" (structured mode); the header name is ours.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Final

import httpx

from opengdi.kernel.clock import Clock
from opengdi.kernel.errors import Invalid, Unavailable
from opengdi.kernel.keys import PublicKey, SigningKey, verify
from opengdi.kernel.outbox import MEDIA_TYPE
from opengdi.kernel.peers import digest
from opengdi.standards.faults import Unverified

SIGNATURE_HEADER: Final = "gdi-event-signature"
_PURPOSE: Final = "gdi-event+jwt"

_COME_BACK: Final = frozenset({408, 425, 429})
"""Statuses below 500 by which a receiver says that it may take the same event later."""


class HttpCourier:
    """Posts events to `url`. A status 2xx means that the event has arrived; redirects are not followed.

    receiver: whom the signature is for, such as a hub's id: nobody else takes what was told to them.
    """

    def __init__(
        self, url: str, key: SigningKey, clock: Clock, *, sender: str, receiver: str, timeout_s: float
    ) -> None:
        self._url = url
        self._key = key
        self._clock = clock
        self._sender = sender
        self._receiver = receiver
        self._client = httpx.Client(timeout=timeout_s, trust_env=False)

    def deliver(self, event_id: str, body: bytes) -> None:
        headers = {"content-type": MEDIA_TYPE, SIGNATURE_HEADER: self._signature(event_id, body)}
        try:
            status = self._client.post(self._url, content=body, headers=headers).status_code
        except httpx.HTTPError as error:
            raise Unavailable(f"{self._url} does not answer: {error or type(error).__name__}") from error
        if status >= 500 or status in _COME_BACK:
            raise Unavailable(f"{self._url} answers {status}")
        if not 200 <= status < 300:
            raise Invalid(f"{self._url} refuses event {event_id} with {status}")

    def close(self) -> None:
        self._client.close()

    def _signature(self, event_id: str, body: bytes) -> str:
        issued = int(self._clock.now().timestamp())
        claims = {
            "iss": self._sender,
            "aud": self._receiver,
            "iat": issued,
            "jti": event_id,
            "digest": digest(body),
        }
        return self._key.sign(json.dumps(claims).encode(), purpose=_PURPOSE)


def check_event(
    signature: str, body: bytes, *, sender: str, receiver: str, keys: Collection[PublicKey]
) -> str:
    """The id of the event, if one of the sender's keys signed this body for `receiver`.

    Raises Unverified or Malformed.
    """
    claims = json.loads(verify(signature, keys, purpose=_PURPOSE))
    if claims["iss"] != sender:
        raise Unverified("the signature is another sender's")
    if claims["aud"] != receiver:
        raise Unverified("the event was told to somebody else")
    if claims["digest"] != digest(body):
        raise Unverified("the signature is for another event")
    return str(claims["jti"])
