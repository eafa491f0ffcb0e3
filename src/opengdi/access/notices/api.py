"""`/access/v1/notices`: what somebody was told, and what they do not want to be told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Scope

from opengdi.access.answers import json_answer
from opengdi.access.notices.model import PERSON, Notice
from opengdi.access.notices.rules import NOTICES, RULES
from opengdi.access.notices.store import NoticeBook
from opengdi.kernel.doors import known
from opengdi.kernel.errors import Invalid
from opengdi.kernel.principal import Principal

BASE: Final = "/access/v1/notices"
_MOST: Final = 100


class _Declined(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    notices: list[str]


def notice_routes(book: NoticeBook, identify: Callable[[Scope], Principal]) -> list[Route]:
    """The notices of whoever asks, and nobody else's."""

    async def mine(request: Request) -> Response:
        subject = known(identify(request.scope))
        return json_answer(await asyncio.to_thread(_told, book, subject))

    async def decline(request: Request) -> Response:
        subject = known(identify(request.scope))
        await asyncio.to_thread(book.decline, subject, _declined(await request.body()))
        return json_answer(await asyncio.to_thread(_told, book, subject))

    return [
        Route(BASE, mine, methods=["GET"]),
        Route(f"{BASE}/declined", decline, methods=["PUT"]),
    ]


def _declined(body: bytes) -> list[str]:
    """Raises Invalid for what is no notice, or a duty."""
    try:
        told = msgspec.json.decode(body, type=_Declined)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid(f'the body must be JSON such as {{"notices": ["member-joined"]}}: {error}') from error
    for name in told.notices:
        if name not in RULES:
            raise Invalid(f"notices: there is no notice {name[:60]!r}")
        if RULES[name].duty:
            raise Invalid(f"notices: {name} cannot be declined, as whoever gets it has to know")
    return told.notices


def _told(book: NoticeBook, subject: str) -> dict[str, Any]:
    declined = book.declined(subject)
    items = book.lines(recipient=f"{PERSON}{subject}", most=_MOST)
    return {
        "items": [_item(notice) for notice in items],
        "choices": [
            {"notice": rule.name, "about": rule.story, "declined": rule.name in declined}
            for rule in NOTICES
            if not rule.duty
        ],
    }


def _item(notice: Notice) -> dict[str, Any]:
    return {
        "notice": notice.rule,
        "thing": notice.source.thing,
        "at": notice.written.isoformat(),
        "state": notice.state,
    }
