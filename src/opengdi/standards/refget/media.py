"""Media types of the answers, and whether a caller takes them.

Spec: GA4GH refget 2.0.0, "Internet Media Types Handling"; RFC 9110 §12.5.1 "Accept".
"""

from __future__ import annotations

from typing import Final

SEQUENCE: Final = "text/vnd.ga4gh.refget.v2.0.0+plain; charset=us-ascii"
JSON: Final = "application/vnd.ga4gh.refget.v2.0.0+json; charset=us-ascii"

_TAKEN_AS: Final = {
    SEQUENCE: {"text/vnd.ga4gh.refget.v2.0.0+plain", "text/plain", "text/*", "*/*"},
    JSON: {"application/vnd.ga4gh.refget.v2.0.0+json", "application/json", "application/*", "*/*"},
}


def is_accepted(accept: str | None, media_type: str) -> bool:
    """True if a caller with that `Accept` header takes an answer of `SEQUENCE` or `JSON`.

    "A server MUST allow a internet type to degrade". Parameters other than the weight play no part.
    """
    if accept is None or not accept.strip():
        return True
    offered = (_offer(part) for part in accept.split(","))
    return any(name in _TAKEN_AS[media_type] and weight > 0 for name, weight in offered)


def _offer(part: str) -> tuple[str, float]:
    """Name and weight; a weight that is no number counts as none given."""
    name, *parameters = (piece.strip().lower() for piece in part.split(";"))
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return name, float(parameter[2:])
            except ValueError:
                return name, 1.0
    return name, 1.0
