"""Ports for the demo's services, each for one demo only, also among demos that begin at the same time."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from opengdi.kernel.errors import Unavailable

PORTAL: Final = 8080
"""What the hub has if it can, so that the address is easy to type."""

_OURS: Final = range(20_000, 30_000)
"""Below those from which Linux takes a port for whoever names none, so that no other program gets one meanwhile."""


@dataclass
class Ports:
    """Claims ports until it is closed, or the process ends. A claim is a name that only one process of the machine
    can have: a socket that is bound to the port itself would be in the way of the service.
    """

    _claims: list[socket.socket] = field(default_factory=list)

    def portal(self) -> int:
        """8080, or another one if it is taken."""
        return next(self._free((PORTAL,)), 0) or self.others(1)[0]

    def others(self, count: int) -> list[int]:
        """Any ports. Raises Unavailable if there are not as many."""
        found = self._free(secrets.SystemRandom().sample(_OURS, len(_OURS)))
        ports = [port for _, port in zip(range(count), found, strict=False)]
        if len(ports) < count:
            raise Unavailable(f"fewer than {count} ports of {_OURS.start} to {_OURS.stop - 1} are free")
        return ports

    def close(self) -> None:
        """Others may have them."""
        while self._claims:
            self._claims.pop().close()

    def _free(self, ports: Iterable[int]) -> Iterator[int]:
        return (port for port in ports if self._claim(port) and is_free(port))

    def _claim(self, port: int) -> bool:
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(
                f"\0opengdi-demo-port-{port}"
            )  # an abstract name: gone with the process, however it ends
        except OSError:
            claim.close()
            return False
        self._claims.append(claim)
        return True


def is_free(port: int) -> bool:
    """True if nobody listens there now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
