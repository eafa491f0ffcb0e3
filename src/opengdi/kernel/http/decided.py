"""What a door decided about the request that is answered now, for the line in the audit chain. Ids only.

Whoever decides without the gate (a signed address, an S3 signature), or opens a dataset, says so here.
"""

from __future__ import annotations

from collections.abc import Collection
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Final


@dataclass(frozen=True, slots=True)
class Decided:
    """subject: who was let in, as far as the door knows better than the gate; refused: a part of what was asked."""

    subject: str = ""
    datasets: frozenset[str] = frozenset()
    refused: bool = False


NOTHING: Final = Decided()

_decided: ContextVar[Decided] = ContextVar("opengdi.decided", default=NOTHING)


def begin() -> None:
    """A request begins; in a server each has a context of its own, in a test perhaps not."""
    _decided.set(NOTHING)


def said() -> Decided:
    """What was said since."""
    return _decided.get()


def let_in(subject: str, datasets: Collection[str] = ()) -> None:
    """Somebody was let in, to these datasets."""
    known = _decided.get()
    _decided.set(replace(known, subject=subject, datasets=known.datasets.union(datasets)))


def refused_a_part() -> None:
    """One of several things that were asked at once was refused."""
    _decided.set(replace(_decided.get(), refused=True))
