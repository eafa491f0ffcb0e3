"""Problem details for HTTP APIs: one JSON object that says what went wrong.

Spec: RFC 9457, "Members of a Problem Details Object".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

SPEC_VERSION: Final = "RFC 9457"
MEDIA_TYPE: Final = "application/problem+json"
BLANK: Final = "about:blank"
"""The type of a problem that has no more meaning than its status code; `title` is then the status's phrase."""

_MEMBERS: Final = frozenset({"type", "title", "status", "detail", "instance"})


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem. `extensions` are further members; they cannot replace those of the specification."""

    status: int
    title: str
    detail: str = ""
    instance: str = ""
    type: str = BLANK
    extensions: Mapping[str, str | int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        taken = _MEMBERS & self.extensions.keys()
        if taken:
            raise ValueError(f"extension members {sorted(taken)} belong to the specification")

    def to_json(self) -> bytes:
        """The object as UTF-8; empty members are left out."""
        members = {
            "type": self.type,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": self.instance,
            **self.extensions,
        }
        kept = {name: value for name, value in members.items() if value != ""}
        return json.dumps(kept, ensure_ascii=False, separators=(",", ":")).encode()
