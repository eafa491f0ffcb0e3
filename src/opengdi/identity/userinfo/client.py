"""Asks a broker's UserInfo endpoint, with the token as the only proof."""

from __future__ import annotations

import ssl
from typing import Final

import httpx

from opengdi.identity.userinfo.model import TrustedBroker
from opengdi.kernel.errors import NotAuthenticated, Unavailable

LONGEST_ANSWER: Final = 16 * 1_048_576
_COME_BACK: Final = frozenset({408, 425, 429})


class UserInfoClient:
    """Close with `aclose`. timeout_s: how long a broker may take."""

    def __init__(self, timeout_s: float, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._client = httpx.AsyncClient(
            timeout=timeout_s,
            trust_env=False,
            follow_redirects=False,
            transport=transport,
            verify=ssl.create_default_context() if transport is None else True,
        )

    async def ask(self, broker: TrustedBroker, token: str) -> bytes:
        """The answer. Raises NotAuthenticated if the broker does not take the token, Unavailable."""
        headers = {"authorization": f"Bearer {token}", "accept": "application/json"}
        try:
            async with self._client.stream("GET", broker.userinfo, headers=headers) as answer:
                body = await _bounded(answer)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unavailable(f"{broker.userinfo} does not answer: {type(error).__name__}") from error
        status = answer.status_code
        if 400 <= status < 500 and status not in _COME_BACK:
            raise NotAuthenticated(f"{broker.userinfo} does not take the token ({status})")
        if status != httpx.codes.OK:
            raise Unavailable(f"{broker.userinfo} answers {status}")
        return body

    async def aclose(self) -> None:
        """Let go of connections."""
        await self._client.aclose()


async def _bounded(answer: httpx.Response) -> bytes:
    body = bytearray()
    async for piece in answer.aiter_bytes():
        body += piece
        if len(body) > LONGEST_ANSWER:
            raise Unavailable(f"UserInfo answers with more than {LONGEST_ANSWER} bytes")
    return bytes(body)
