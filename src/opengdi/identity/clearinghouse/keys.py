"""Keys of those who are believed: given in the settings, our own, or fetched from the address that settings name."""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Final, Protocol

import httpx

from opengdi.identity.clearinghouse.model import Pair
from opengdi.kernel.clock import Clock
from opengdi.kernel.errors import Invalid, Unavailable
from opengdi.kernel.keys import PublicKey, read_key_set
from opengdi.standards.faults import Malformed
from opengdi.standards.jws import read_object

logger = logging.getLogger(__name__)

FRESH_S: Final = 3600.0
"""Seconds for which fetched keys are used without looking again."""

KEPT_S: Final = 24 * 3600.0
"""Seconds for which fetched keys are used while their issuer does not answer."""

REST_S: Final = 60.0
"""Shortest time between two fetches from one issuer, whatever kids tokens name."""

TIMEOUT_S: Final = 5.0
LARGEST_SET: Final = 256 * 1024


class KeySource(Protocol):
    """Keys of one issuer."""

    async def find(self, kid: str, algorithm: str) -> PublicKey | None:
        """The key of that name, for that algorithm; None: there is none. Raises Unavailable."""
        ...


class KeyBook:
    """Keys by the pair they belong to: there is no other way to one than by a pair that was configured."""

    def __init__(self, sources: Mapping[Pair, KeySource]) -> None:
        self._sources = dict(sources)

    async def find(self, pair: Pair, kid: str, algorithm: str) -> PublicKey | None:
        """The key of that name; None: unknown. Raises Unavailable if the issuer's keys cannot be had."""
        source = self._sources.get(pair)
        return None if source is None else await source.find(kid, algorithm)


class OwnKeys:
    """Keys of this service: those that are published now."""

    def __init__(self, published: Callable[[], Iterable[PublicKey]]) -> None:
        self._published = published

    async def find(self, kid: str, algorithm: str) -> PublicKey | None:
        """The published key of that name."""
        for key in await asyncio.to_thread(self._published):
            if (key.key_id, key.algorithm) == (kid, algorithm):
                return key
        return None


class GivenKeys:
    """Keys that settings give: nothing is fetched. A JSON Web Key may have a `kid` of its own."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._keys: dict[tuple[str, str], PublicKey] = {}
        for text in texts:
            try:
                key = PublicKey.from_text(text)
            except Malformed as error:
                raise Invalid(f"a key of a trusted issuer cannot be read: {error}") from error
            named = json.loads(text).get("kid") if text.lstrip().startswith("{") else None
            for kid in {key.key_id, named} - {None}:
                self._keys[str(kid), key.algorithm] = key

    async def find(self, kid: str, algorithm: str) -> PublicKey | None:
        """The given key of that name."""
        return self._keys.get((kid, algorithm))


class FetchedKeys:
    """The JSON Web Key Set at an address of the settings; fetched when first needed, and for an unknown kid."""

    def __init__(self, address: str, clock: Clock, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._address = address
        self._clock = clock
        self._transport = transport
        self._keys: dict[tuple[str, str], PublicKey] | None = None
        self._fetched_at = self._tried_at = float("-inf")
        self._lock = asyncio.Lock()

    async def find(self, kid: str, algorithm: str) -> PublicKey | None:
        """The key of that name. Raises Unavailable if there are no keys, and none can be fetched now."""
        wanted = (kid, algorithm)
        if not self._is_at_hand(wanted):
            async with self._lock:  # whoever comes while another one fetches waits for what that brings
                if not self._is_at_hand(wanted) and self._clock.monotonic() - self._tried_at >= REST_S:
                    await self._look()
        if self._keys is None or self._age() > KEPT_S:
            raise Unavailable(f"the keys at {self._address} cannot be had")
        return self._keys.get(wanted)

    def _is_at_hand(self, wanted: tuple[str, str]) -> bool:
        return self._keys is not None and wanted in self._keys and self._age() < FRESH_S

    def _age(self) -> float:
        return self._clock.monotonic() - self._fetched_at

    async def _look(self) -> None:
        self._tried_at = self._clock.monotonic()
        try:
            document = await self._fetch()
            self._keys = read_key_set(read_object(document, "the key set"))
            self._fetched_at = self._clock.monotonic()
        except (httpx.HTTPError, Malformed) as error:
            logger.warning("keys at %s cannot be had: %s", self._address, str(error) or type(error).__name__)

    async def _fetch(self) -> bytes:
        async with (
            httpx.AsyncClient(
                follow_redirects=False,
                trust_env=False,
                timeout=TIMEOUT_S,
                verify=await asyncio.to_thread(_authorities),
                transport=self._transport,
            ) as client,
            client.stream("GET", self._address, headers={"Accept": "application/json"}) as response,
        ):
            if response.status_code != httpx.codes.OK:
                raise Malformed(f"the answer has status {response.status_code}")
            body = bytearray()
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > LARGEST_SET:
                    raise Malformed(f"the answer is larger than {LARGEST_SET} bytes")
            return bytes(body)


@lru_cache(maxsize=1)
def _authorities() -> ssl.SSLContext:
    """Read once: it takes a processor 50 ms (2026-11)."""
    return ssl.create_default_context()
