"""Programs and their keys, as the doors ask for them."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from typing import Final

from opengdi.identity.machines.dated import id_in_dated
from opengdi.identity.machines.model import MachineKey
from opengdi.identity.machines.rules import id_in, is_noted, looks_like_id, principal_of, secret_of
from opengdi.identity.machines.store import MachineKeys
from opengdi.kernel.clock import Clock
from opengdi.kernel.errors import NotAuthenticated, NotFound, Unavailable
from opengdi.kernel.keys import Secret
from opengdi.kernel.principal import Principal

_log = logging.getLogger(__name__)

BELIEVED_S: Final = 1.0
"""Seconds for which a key is not looked up again: one that is taken back opens nothing that much later."""

_MOST_KEPT: Final = 4096


class Programs:
    """`ports.Machines`. master: the secret of this service from which every key's secret is derived."""

    def __init__(self, keys: MachineKeys, master: Secret, clock: Clock) -> None:
        self._keys = keys
        self._master = master
        self._clock = clock
        self._found: OrderedDict[str, tuple[MachineKey, float]] = OrderedDict()

    async def principal(self, token: str, method: str, path: str) -> Principal | None:
        """As `ports.Machines`."""
        id_ = (
            id_in_dated(token, self._master, self._clock.now())
            if "." in token
            else id_in(token, self._master)
        )
        return None if id_ is None else await self.of_id(id_, method, path)

    async def of_id(self, id_: str, method: str, path: str) -> Principal:
        """The program of a key whose secret was proved otherwise. Raises NotAuthenticated, NotPermitted."""
        key, now = await self._find(id_), self._clock.now()
        principal = principal_of(key, method, path, now)
        if not is_noted(key, now):
            self._found.pop(id_, None)
            await self._note_use(id_)
        return principal

    async def _note_use(self, id_: str) -> None:
        try:
            await asyncio.to_thread(self._keys.note_use, id_)
        except Unavailable as error:
            # The key holds whether its use is noted or not; the next request that looks it up tries again.
            _log.warning("the use of a key is not noted yet: %s", error)

    def secret(self, id_: str) -> Secret | None:
        """What a key with that id signs with, whether there is such a key or not; None: it is no id of a key."""
        return secret_of(self._master, id_) if looks_like_id(id_) else None

    async def _find(self, id_: str) -> MachineKey:
        now = self._clock.monotonic()
        kept = self._found.get(id_)
        if kept is not None and now - kept[1] < BELIEVED_S:
            return kept[0]
        self._found.pop(id_, None)
        try:
            key = await asyncio.to_thread(self._keys.find, id_)
        except NotFound as error:
            raise NotAuthenticated(f"there is no key {id_}") from error
        self._found[id_] = key, now
        if len(self._found) > _MOST_KEPT:
            self._found.popitem(last=False)
        return key
