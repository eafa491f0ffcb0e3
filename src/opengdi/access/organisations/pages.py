"""The web form by which an organisation registers; it posts to the API."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

from starlette.routing import Route

from opengdi.access.pages import static_routes

FORM: Final = "/organisations/register"

_FILES: Final = {FORM: "register.html", f"{FORM}.js": "register.js", f"{FORM}.css": "register.css"}


def page_routes() -> list[Route]:
    """The form and its files."""
    return static_routes(files("opengdi.access.organisations") / "static", _FILES)
