"""What a browser is shown when a login did not succeed."""

from __future__ import annotations

from html import escape
from typing import Final

from opengdi.kernel.http.faults import Fault

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'"


def refusal_page(fault: Fault) -> tuple[bytes, bytes]:
    """Error shape of the callback: a person reads it, not a program."""
    detail = escape(fault.detail or "Something went wrong on our side.")
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Login</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="referrer" content="no-referrer">'  # the address of the page holds a code
        "<style>body{font:1rem/1.5 sans-serif;max-width:36rem;margin:4rem auto;padding:0 1rem}</style>"
        f"<h1>You are not logged in</h1><p>{detail}</p>"
        '<p><a href="/login/start">Log in again</a> · <a href="/">Home</a></p>'
        f"<p><small>Request {escape(fault.request_id)}</small></p></html>"
    )
    return b"text/html; charset=utf-8", page.encode()
