"""Asks a hub or node about access over its API, as anybody does who holds a token."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import msgspec

from opengdi.kernel.errors import (
    Conflict,
    GdiError,
    Invalid,
    NotAuthenticated,
    NotFound,
    NotPermitted,
    OverBudget,
    Unavailable,
)

Json = dict[str, Any]

_KINDS: Final[dict[int, type[GdiError]]] = {
    401: NotAuthenticated,
    403: NotPermitted,
    404: NotFound,
    409: Conflict,
    429: OverBudget,
}


@dataclass(frozen=True, slots=True)
class AccessClient:
    """at: address of the hub or node. token: an access token of `gdi token`, or a program's key."""

    at: str
    token: str = field(default="", repr=False)
    timeout_s: float = 30.0

    def get(self, path: str, **parameters: Any) -> Json:
        """JSON of an answer. Raises the error that the status stands for."""
        return self._told(self._ask("GET", path, params=_given(parameters)))

    def post(self, path: str, body: object, *, dry_run: bool = False) -> Json:
        """The answer to a command, or to a wish for something new."""
        parameters = {"dry-run": "true"} if dry_run else {}
        return self._told(self._ask("POST", path, params=parameters, json=body))

    def put(self, path: str, body: object) -> Json:
        """The answer where something is set as a whole."""
        return self._told(self._ask("PUT", path, json=body))

    def pages(self, path: str, **parameters: Any) -> list[Json]:
        """All items of a list, page by page."""
        found: list[Json] = []
        after: str | None = None
        while True:
            page = self.get(path, **parameters, after=after)
            found += page["items"]
            after = page.get("next")
            if after is None:
                return found

    def content(self, path: str) -> bytes:
        """Bytes of an answer."""
        return self._ask("GET", path).content

    def _ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.token}"} if self.token else {}
        try:
            with httpx.Client(timeout=self.timeout_s, trust_env=False) as client:
                answer = client.request(method, f"{self.at.rstrip('/')}{path}", headers=headers, **more)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unavailable(f"{self.at} does not answer: {error or type(error).__name__}") from error
        if not answer.is_success:
            raise _error(answer)
        return answer

    def _told(self, answer: httpx.Response) -> Json:
        try:
            return msgspec.json.decode(answer.content, type=Json)
        except msgspec.MsgspecError as error:
            raise Unavailable(f"{self.at} answers with something else than JSON") from error


def _given(parameters: Json) -> Json:
    return {name: value for name, value in parameters.items() if value not in (None, "", [])}


def _error(answer: httpx.Response) -> GdiError:
    try:
        said = str(msgspec.json.decode(answer.content).get("detail") or answer.status_code)
    except (msgspec.MsgspecError, AttributeError):
        said = f"status {answer.status_code}"
    kind = _KINDS.get(answer.status_code) or (Invalid if answer.is_client_error else Unavailable)
    return kind(said)
