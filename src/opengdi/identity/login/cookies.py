"""The two cookies: the session, and the login that is under way.

On https both carry the prefix `__Host-` (RFC 6265bis): no other host and no unencrypted page can set them. Browsers
refuse that prefix on plain http, so on loopback in development they have other names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from starlette.responses import Response
from starlette.types import Scope

LONGEST_HEADER: Final = 16_384


@dataclass(frozen=True, slots=True)
class Cookies:
    """secure: this service is reached by https.

    apart: keeps the cookies of services on one machine apart, as browsers do not tell ports from each other.
    """

    secure: bool
    apart: str = ""

    @property
    def session(self) -> str:
        return "__Host-gdi" if self.secure else f"gdi-dev{self.apart}"

    @property
    def attempt(self) -> str:
        return f"{self.session}-login"

    def attempt_of(self, state: str) -> str:
        """Name of the cookie of one login, so that two tabs do not disturb each other."""
        return f"{self.attempt}-{''.join(letter for letter in state if letter.isalnum())[:8]}"

    def set(self, response: Response, name: str, value: str, max_age_s: int | None = None) -> None:
        """Put a cookie into an answer; without an age it goes when the browser closes."""
        response.set_cookie(
            name, value, max_age=max_age_s, path="/", secure=self.secure, httponly=True, samesite="lax"
        )

    def drop(self, response: Response, name: str) -> None:
        """Have the browser forget a cookie."""
        response.delete_cookie(name, path="/", secure=self.secure, httponly=True, samesite="lax")


def read_cookie(scope: Scope, name: str) -> str:
    """Value of a cookie; empty if it is not there, or there twice (then somebody slipped one in)."""
    found: list[str] = []
    for header, value in scope["headers"]:
        if header == b"cookie" and len(value) <= LONGEST_HEADER:
            for pair in value.decode("latin-1").split(";"):
                key, equals, content = pair.strip().partition("=")
                if equals and key == name:
                    found.append(content.strip('"'))
    return found[0] if len(found) == 1 else ""
