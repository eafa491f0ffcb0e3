"""Answers of all APIs of access."""

from __future__ import annotations

import msgspec
from starlette.responses import Response


def json_answer(content: object, status: int = 200) -> Response:
    """An answer in JSON."""
    return Response(msgspec.json.encode(content), status, media_type="application/json")
