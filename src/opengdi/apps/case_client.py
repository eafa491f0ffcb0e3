"""Asks a node or hub about cases, in the name of whoever's token it is: what a person may do, the service decides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import httpx
import msgspec

from opengdi.access.cases.api import CASES_BASE
from opengdi.kernel.errors import Conflict, Invalid, NotAuthenticated, NotFound, NotPermitted, Unavailable

_KINDS = {
    400: Invalid,
    401: NotAuthenticated,
    403: NotPermitted,
    404: NotFound,
    409: Conflict,
}
_LONGEST_S = 30.0


class CaseClient:
    """url: of the service, without path."""

    def __init__(self, url: str, token: str) -> None:
        self._client = httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=_LONGEST_S,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def listing(self, **query: str) -> list[dict[str, Any]]:
        """All cases that the asker may see, newest change first. Raises an error of a kind."""
        found: list[dict[str, Any]] = []
        while True:
            page = self._ask("GET", "", params=query)
            found += page["items"]
            if page["next"] is None:
                return found
            query["after"] = page["next"]

    def case(self, id_: str) -> dict[str, Any]:
        """One case with everything."""
        return self._ask("GET", f"/{id_}")

    def act(self, id_: str, command: str, said: Mapping[str, Any], *, dry_run: bool) -> dict[str, Any]:
        """The case after a command."""
        params = {"dry-run": "true"} if dry_run else {}
        return self._ask(
            "POST", f"/{id_}/commands/{command}", params=params, content=msgspec.json.encode(said)
        )

    def _ask(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        try:
            # With the path in `base_url` an empty one would ask for "/access/v1/cases/", where nothing is.
            answer = self._client.request(method, f"{CASES_BASE}{path}", **more)
        except httpx.HTTPError as error:
            raise Unavailable(f"{self._client.base_url} does not answer: {error}") from error
        if answer.status_code == httpx.codes.OK:
            told: dict[str, Any] = answer.json()
            return told
        kind = _KINDS.get(answer.status_code, Unavailable)
        raise kind(_detail(answer))


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return f"{answer.url} answers {answer.status_code}"
