"""A browser without a screen: follows redirects, and keeps cookies as browsers do: without regard to ports."""

from __future__ import annotations

from types import TracebackType
from typing import Self
from urllib.parse import urljoin

import httpx

MOST_REDIRECTS = 15


class Browser:
    """One person's. `way`: every address that was asked for."""

    def __init__(self) -> None:
        self._http = httpx.Client(trust_env=False, timeout=30, follow_redirects=False)
        self.way: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    @property
    def cookies(self) -> dict[str, str]:
        return {cookie.name: cookie.value or "" for cookie in self._http.cookies.jar}

    def step(self, method: str, address: str, **rest) -> httpx.Response:
        """One request; a redirect is not followed."""
        self.way.append(address)
        return self._http.request(method, address, **rest)

    def get(self, address: str, *, until: str = "\0", **rest) -> httpx.Response:
        """Follow redirects from `address`; stop before one to an address that contains `until`."""
        answer = self.step("GET", address, **rest)
        for _ in range(MOST_REDIRECTS):
            if not answer.has_redirect_location:
                return answer
            to = urljoin(str(answer.url), answer.headers["location"])
            if until in to:
                return answer
            answer = self.step("GET", to)
        raise AssertionError(f"too many redirects: {self.way}")

    def post(self, address: str, **rest) -> httpx.Response:
        """Send a form, then follow redirects."""
        answer = self.step("POST", address, **rest)
        if not answer.has_redirect_location:
            return answer
        return self.get(urljoin(str(answer.url), answer.headers["location"]))
