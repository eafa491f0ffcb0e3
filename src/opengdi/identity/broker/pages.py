"""The page that asks a person whether a client may have their claims. No script; the content policy is strict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Final
from urllib.parse import urlsplit

from starlette.responses import HTMLResponse

from opengdi.identity.broker.faults import NO_STORE
from opengdi.identity.broker.model import EMAIL, OFFLINE, OPENID, PASSPORT, PROFILE, Asked

TOLD: Final[Mapping[str, str]] = {
    OPENID: "who you are here: an identifier without your name",
    PROFILE: "what you are called",
    EMAIL: "your e-mail address, if your login has verified it",
    PASSPORT: "your passport: your affiliation, the terms you accepted, the datasets that you may use",
    OFFLINE: "to go on with this while you are logged out, until you take it back",
}

_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title><link rel="stylesheet" href="/portal/portal.css"></head>
<body><main>{content}</main></body></html>
"""

_REMEMBER: Final = (
    '<p><label><input type="checkbox" name="remember" value="yes"> '
    "Remember this, so that I am not asked again (you can take it back)</label></p>"
)


def consent_page(asked: Asked, person: str, ticket: str) -> HTMLResponse:
    """Asks. ticket: goes with the answer, and proves that this page was shown to this person."""
    items = "".join(f"<li>{escape(TOLD.get(scope, scope))}</li>" for scope in asked.scopes)
    content = (
        f"<h1>Let {escape(asked.client.name)} know about you?</h1>"
        f"<p>You are logged in{f' as {escape(person)}' if person else ''}. "
        f"{escape(asked.client.name)} asks for:</p><ul>{items}</ul>{_places(asked.resources)}"
        '<form method="post" action="/oidc/consent">'
        f'<input type="hidden" name="ticket" value="{escape(ticket)}">'
        f"{'' if asked.client.is_public else _REMEMBER}"
        '<p><button name="answer" value="allow">Allow</button> '
        '<button name="answer" value="deny">Do not allow</button></p></form>'
    )
    return _page("Consent", content, 200, form_target=_origin(asked.redirect_uri))


def fault_page(message: str, status: int = 400) -> HTMLResponse:
    """Tells the person what cannot be told to the client, because its address is not known to be its own."""
    content = (
        "<h1>This login request cannot be followed</h1>"
        f"<p>{escape(message)}</p><p>Whoever runs the application that sent you here can put it right.</p>"
    )
    return _page("Login request refused", content, status)


def left_page() -> HTMLResponse:
    """Tells the person that they are logged out, where nobody said where to go from here."""
    return _page("Logged out", "<h1>You are logged out</h1>", 200)


def _places(resources: Sequence[str]) -> str:
    if not resources:
        return ""
    return f"<p>It is for use at: {escape(', '.join(resources))}</p>"


def _origin(uri: str) -> str:
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}"


def _page(title: str, content: str, status: int, *, form_target: str = "") -> HTMLResponse:
    """form_target: browsers hold a form's redirects to the policy too."""
    policy = (
        f"default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
        f"form-action 'self' {form_target}"
    )
    headers = {"Content-Security-Policy": policy.strip(), "Referrer-Policy": "no-referrer", **NO_STORE}
    return HTMLResponse(_PAGE.format(title=escape(title), content=content), status, headers)
