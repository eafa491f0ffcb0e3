"""A closed set of error kinds, by what the caller can do about them.

Features subclass a kind. `str(error)` is for the operator; `public` is the sentence a stranger may read.
"""

from __future__ import annotations


class GdiError(Exception):
    """Root of all errors that OpenGDI raises on purpose."""

    public = "The request could not be carried out."

    def __init__(self, message: str, *, public: str | None = None) -> None:
        super().__init__(message)
        if public is not None:
            self.public = public


class Invalid(GdiError):
    """The input is wrong; the message names the part and what would be right. Shown to the caller as it is."""

    def __init__(self, message: str, *, public: str | None = None) -> None:
        super().__init__(message, public=public or message)


class NotFound(GdiError):
    """There is no such thing, or the caller may not know of it."""

    public = "There is no such resource."


class NotAuthenticated(GdiError):
    """Nobody knows who asks, or not well enough: no credentials, or they do not hold (HTTP 401)."""

    public = "Valid credentials are needed."
    challenge = "Bearer"
    """What `WWW-Authenticate` says would help."""


class NotPermitted(GdiError):
    """It is known who asks, and the answer is no (HTTP 403)."""

    public = "You are not permitted to do this."


class OverBudget(GdiError):
    """The caller has used up a query budget or a rate (HTTP 429)."""

    public = "The query budget is used up."


class Conflict(GdiError):
    """The state of the thing does not allow it now."""

    public = "The current state does not allow this."


class Unavailable(GdiError):
    """A part that is needed does not answer; trying later may help."""

    public = "The service is not available at the moment."


KINDS: tuple[type[GdiError], ...] = (
    Invalid, NotFound, NotAuthenticated, NotPermitted, OverBudget, Conflict, Unavailable,
)  # fmt: skip
"""The closed set: every API maps each of these to its standard's own error shape, and a test asks for each."""
