"""By which address a caller came, for answers that name addresses of their own."""

from __future__ import annotations

import re
from typing import Final

from starlette.types import Scope

_HOST: Final = re.compile(r"[A-Za-z0-9.-]{1,253}(?::\d{1,5})?\Z|\[[0-9A-Fa-f:.]{2,45}\](?::\d{1,5})?\Z")


def origin_of(scope: Scope) -> str:
    """Scheme and host by which the caller came; only what looks like a host is believed."""
    host = next((value for name, value in scope["headers"] if name == b"host"), b"")
    name = host.decode("latin-1")
    return f"{scope['scheme']}://{name if _HOST.match(name) else 'localhost'}"
