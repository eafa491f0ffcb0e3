"""The signed registry as a file that may be replaced while the hub runs; the last good one is kept."""

from __future__ import annotations

import logging
from collections.abc import Collection
from pathlib import Path

from opengdi.federation.model import Member, Network
from opengdi.federation.registry import Registry, check_succession, open_signed
from opengdi.kernel.audit.chain import Outcome
from opengdi.kernel.audit.ports import AuditLog
from opengdi.kernel.clock import Clock
from opengdi.kernel.errors import Conflict, Unavailable
from opengdi.kernel.files import write_whole
from opengdi.kernel.keys import PublicKey
from opengdi.standards.faults import Malformed, Unverified

logger = logging.getLogger(__name__)


class RegistryWatch:
    """The registry in force. A file that is not to be trusted changes nothing but `fault`.

    last_good: where the accepted JWS is kept, so that a restart neither loses it nor goes back behind it.
    Raises Conflict at the start if that one does not hold any more.
    """

    def __init__(
        self, file: Path, last_good: Path, keys: Collection[PublicKey], clock: Clock, audit: AuditLog
    ) -> None:
        self._file = file
        self._last_good = last_good
        self._keys = keys
        self._clock = clock
        self._audit = audit
        self._stamp: tuple[int, int] | None = None
        self.fault = f"there is no {file}; `gdi registry sign` writes it"
        self.signed = ""
        self._registry = self._reopen()

    @property
    def registry(self) -> Registry:
        """Raises Unavailable if no good registry was ever seen."""
        if self._registry is None:
            raise Unavailable(f"no valid registry of members: {self.fault}")
        return self._registry

    def members(self, network: Network) -> tuple[Member, ...]:
        """The members of a network by the registry in force, after a look at the file."""
        self.look()
        return self.registry.of(network)

    def look(self) -> None:
        """Take the file if it has changed and is good. Raises Unavailable if the change cannot be audited or kept."""
        stamp = self._stamp_of_file()
        if stamp == self._stamp:
            return
        try:
            token = self._file.read_text()
            registry = open_signed(token, self._keys)
            check_succession(registry, self._registry, now=self._clock.now())
        except (OSError, UnicodeDecodeError, Malformed, Unverified) as error:
            self._refuse(str(error))
        else:
            self._accept(registry, token)
        self._stamp = stamp  # only now: what could not be audited or kept is looked at again

    def _refuse(self, reason: str) -> None:
        self.fault = reason
        self._audit.append("registry.refuse", actor="operator", outcome=Outcome.REFUSED)
        logger.warning("registry refused, what was in force stays so: %s", reason)

    def _accept(self, registry: Registry, token: str) -> None:
        self._audit.append("registry.accept", actor="operator", objects=(f"registry:{registry.version}",))
        try:
            write_whole(self._last_good, token.encode())
        except OSError as error:
            raise Unavailable(f"{self._last_good} cannot be written: {error.strerror}") from error
        self._registry, self.signed, self.fault = registry, token, ""
        logger.info("registry version %d in force, %d services", registry.version, len(registry.services))

    def _reopen(self) -> Registry | None:
        """What an earlier process accepted; it may have expired since, and yet nothing older may follow it."""
        if not self._last_good.exists():
            return None
        try:
            token = self._last_good.read_text()
            registry = open_signed(token, self._keys)
        except (UnicodeDecodeError, Malformed, Unverified) as error:
            raise Conflict(
                f"{self._last_good}, the registry that was last in force, does not hold any more: {error}; "
                f"if the keys have changed, move it aside"
            ) from error
        self.signed = token
        return registry

    def _stamp_of_file(self) -> tuple[int, int] | None:
        try:
            found = self._file.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size
