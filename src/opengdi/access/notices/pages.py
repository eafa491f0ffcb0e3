"""Two small pages where letters lead: to say which notices one wants, and to accept an organisation's invitation."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

from starlette.routing import Route

from opengdi.access.pages import static_routes

NOTICES: Final = "/notices"
INVITATION: Final = "/invitation"

_FOR_ALL: Final = {
    NOTICES: "notices.html",
    f"{NOTICES}.js": "notices.js",
    f"{NOTICES}.css": "notices.css",
}
_OF_INVITATIONS: Final = {INVITATION: "invitation.html", f"{INVITATION}.js": "invitation.js"}


def page_routes(*, invitations: bool) -> list[Route]:
    """invitations: organisations invite people here, as they do at a hub."""
    found = _FOR_ALL | (_OF_INVITATIONS if invitations else {})
    return static_routes(files("opengdi.access.notices") / "static", found)
