"""Key pairs that follow each other: the next one is published before it signs, an old one until nothing needs it.

A file's name says from when on its key signs: `<name>.<algorithm>.<UTC time>.pem`. That is all the state there is, so
processes that share the folder agree without talking.

Spec: GA4GH AAI OIDC Profile 1.2.1, "Key rotation"; OpenID Connect Core 1.0 §10.1.1.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from opengdi.kernel.clock import Clock
from opengdi.kernel.errors import Invalid
from opengdi.kernel.keys.folder import KeyFolder
from opengdi.kernel.keys.signatures import Algorithm, PublicKey, SigningKey

_FORM: Final = "%Y%m%dT%H%M%SZ"
_FILE: Final = re.compile(r"(?P<name>.+)\.(?P<algorithm>ES256|RS256)\.\d{8}T\d{6}Z\.pem\Z", re.ASCII)
_LOOK_S: Final = 60.0
"""Time between two looks at the folder: another process may have made a key, and time moves on."""


@dataclass(frozen=True, slots=True)
class Rotation:
    """When keys follow each other.

    period: how long a key signs; lead: how long the next one is published before; longest: the longest life of
    anything that is signed, for which an old key stays published.
    """

    period: timedelta = timedelta(days=90)
    lead: timedelta = timedelta(days=2)
    longest: timedelta = timedelta(hours=1)

    def next_start(self, starts: Sequence[datetime], now: datetime) -> datetime | None:
        """From when on a key that must be made now will sign; None: there is nothing to make."""
        if not starts or min(starts) > now:
            return now  # the first key of all, or a clock that was set back: something must sign
        due = max(starts) + self.period
        return max(due, now + self.lead) if now >= due - self.lead else None

    def published(self, starts: Sequence[datetime], now: datetime) -> list[datetime]:
        """Starts of the keys that others must be able to find, oldest first."""
        ordered = sorted(starts)
        ends = [*ordered[1:], None]  # a key signs until the next one does
        return [
            start for start, end in zip(ordered, ends, strict=True) if end is None or end + self.longest > now
        ]


def rotating_names(folder: KeyFolder) -> dict[str, Algorithm]:
    """Names of all keys in the folder that follow each other, with their algorithm."""
    found = (_FILE.match(name) for name in folder.names())
    return {each["name"]: "RS256" if each["algorithm"] == "RS256" else "ES256" for each in found if each}


class RotatingKeys:
    """The key pairs of one purpose, in a folder. Safe to use from several threads."""

    def __init__(
        self, folder: KeyFolder, name: str, clock: Clock, *, algorithm: Algorithm, rotation: Rotation
    ) -> None:
        self._folder = folder
        self._prefix = f"{name}.{algorithm}."
        self._algorithm: Algorithm = algorithm
        self._clock = clock
        self._rotation = rotation
        self._keys: dict[datetime, SigningKey] = {}
        self._looked_at = float("-inf")
        self._lock = threading.Lock()

    def signing(self) -> SigningKey:
        """The key that signs now."""
        with self._lock:
            keys, now = self._current(), self._clock.now()
            return keys[max(start for start in keys if start <= now)]

    def published(self) -> tuple[PublicKey, ...]:
        """Keys for the JSON Web Key Set: those that sign, will sign next, or signed what may still hold."""
        with self._lock:
            return tuple(self._current()[start].public for start in sorted(self._current()))

    def replace_now(self) -> SigningKey:
        """A new key that signs from now on, all others forgotten: what they signed no longer verifies."""
        with self._lock:
            for start in self._starts():
                self._folder.remove(self._file(start))
            start = self._clock.now().replace(microsecond=0)
            self._keys = {start: self._load(start)}
            self._looked_at = self._clock.monotonic()
            return self._keys[start]

    def _current(self) -> dict[datetime, SigningKey]:
        if self._clock.monotonic() - self._looked_at >= _LOOK_S:
            self._look()
        return self._keys

    def _look(self) -> None:
        now = self._clock.now().replace(microsecond=0)
        starts = self._starts()
        if (start := self._rotation.next_start(starts, now)) is not None:
            self._load(start)
            starts.append(start)
        kept = self._rotation.published(starts, now)
        for start in set(starts) - set(kept):
            self._folder.remove(self._file(start))
        self._keys = {start: self._keys.get(start) or self._load(start) for start in kept}
        self._looked_at = self._clock.monotonic()

    def _starts(self) -> list[datetime]:
        names = self._folder.names()
        return [
            self._start(name) for name in names if name.startswith(self._prefix) and name.endswith(".pem")
        ]

    def _start(self, name: str) -> datetime:
        text = name.removeprefix(self._prefix).removesuffix(".pem")
        try:
            return datetime.strptime(text, _FORM).replace(tzinfo=UTC)
        except ValueError as error:
            raise Invalid(
                f"{name} in keys_dir is no key of ours: it names no time such as 20260101T000000Z"
            ) from error

    def _load(self, start: datetime) -> SigningKey:
        return self._folder.signing_key(self._file(start).removesuffix(".pem"), self._algorithm)

    def _file(self, start: datetime) -> str:
        return f"{self._prefix}{start.astimezone(UTC):{_FORM}}.pem"
