"""What a node asks its hubs: signed in the node's name; the hub's signature under the answer is checked."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from typing import TYPE_CHECKING, Final, Self

import httpx

from opengdi.kernel.errors import NotFound, Unavailable
from opengdi.kernel.keys import PublicKey
from opengdi.kernel.peers import ANSWER_HEADER, REQUEST_HEADER, PeerRequest, PeerSigner, check_answer
from opengdi.kernel.principal import Principal, Tier
from opengdi.standards.faults import Malformed, Unverified

if TYPE_CHECKING:
    from opengdi.apps.node import NodeState
    from opengdi.apps.settings import TrustedHubSettings

NODE_KEY: Final = "node"


class HubQuestions:
    """Asks one hub."""

    def __init__(
        self,
        url: str,
        hub: str,
        keys: Collection[PublicKey],
        signer: PeerSigner,
        *,
        timeout_s: float,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._url = url.rstrip("/")
        self._hub = hub
        self._keys = keys
        self._signer = signer
        self._client = httpx.AsyncClient(
            timeout=timeout_s, trust_env=False, headers={"accept-encoding": "identity"}, transport=transport
        )

    @classmethod
    def of(cls, state: NodeState, hub: TrustedHubSettings, *, timeout_s: float) -> Self:
        """By the settings and the key of this node."""
        key = state.keys.signing_key(NODE_KEY)
        return cls(
            hub.url,
            hub.id,
            [PublicKey.from_text(text) for text in hub.public_keys],
            PeerSigner(state.settings.node.id, key, state.clock, lambda: secrets.token_urlsafe(16)),
            timeout_s=timeout_s,
        )

    async def get(self, path: str, *, most_bytes: int) -> bytes:
        """The answer. Raises NotFound if the hub says so; Unavailable if it does not answer, or did not sign."""
        url = httpx.URL(f"{self._url}{path}")
        asked = PeerRequest("GET", url.raw_path.decode("ascii"), b"")
        token = self._signer.token(self._hub, Principal(self._signer.hub, Tier.REGISTERED), asked)
        try:
            async with self._client.stream("GET", url, headers={REQUEST_HEADER: token}) as answer:
                # Before the body: a problem document may be longer than what was asked for.
                if answer.status_code == httpx.codes.NOT_FOUND:
                    raise NotFound(f"{url} is not there")
                if answer.status_code != httpx.codes.OK:
                    raise Unavailable(f"{url} answers {answer.status_code}")
                body = await _bounded(answer, most_bytes)
        except httpx.HTTPError as error:
            raise Unavailable(f"{url} does not answer: {error or type(error).__name__}") from error
        try:
            check_answer(answer.headers.get(ANSWER_HEADER, ""), token, body, node=self._hub, keys=self._keys)
        except (Unverified, Malformed) as error:
            raise Unavailable(f"{url} gives an answer that {self._hub} did not sign: {error}") from error
        return body

    async def aclose(self) -> None:
        """Let go of connections."""
        await self._client.aclose()


async def _bounded(answer: httpx.Response, most_bytes: int) -> bytes:
    body = bytearray()
    async for piece in answer.aiter_raw():
        body += piece
        if len(body) > most_bytes:
            raise Unavailable(f"{answer.url} answers with more than {most_bytes} bytes")
    return bytes(body)
