"""Files by the path that their provider gave them, below a dataset: how clients of the field's archives ask.

Ids of datasets may be addresses (`https://doi.org/…`), and paths have `/` as well. Such a client writes both as they
are, or the id percent-encoded as one segment; so which `/` ends the id is told by the datasets that the caller holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from typing import Final, Self

from opengdi.delivery.model import HeldFile
from opengdi.delivery.ports import Files
from opengdi.kernel.doors import reach
from opengdi.kernel.errors import NotPermitted
from opengdi.kernel.ids import ReleaseId
from opengdi.kernel.principal import Principal, Visa
from opengdi.standards.drs.ids import unescape

SUFFIX: Final = ".c4gh"
"""Of the paths of whole Crypt4GH files; a file's name here is without it."""

_MOST_OF_ONE_PATH: Final = 1000


@dataclass(frozen=True, slots=True)
class NamedPath:
    """What came below an address: `text` is decoded, `borders` are the places of those `/` that were not encoded."""

    text: str
    borders: frozenset[int]

    @classmethod
    def from_segments(cls, segments: Sequence[str]) -> Self:
        """Segments as they were sent, empty ones too: `//` is never merged. Raises Malformed."""
        parts = [unescape(segment) for segment in segments]
        places = accumulate((len(part) + 1 for part in parts[:-1]), initial=-1)
        return cls("/".join(parts), frozenset(places) - {-1})

    @classmethod
    def decoded(cls, text: str) -> Self:
        """A path of which it is not known which of its `/` were encoded: each may end the id."""
        return cls(text, frozenset(place for place, sign in enumerate(text) if sign == "/"))

    def below(self, dataset: str) -> str | None:
        """The path below a dataset; None: it is none of it.

        A proxy on the way may have merged the `//` of an address, which is put up with.
        """
        for head in (dataset, dataset.replace("://", ":/", 1)):
            if len(head) in self.borders and self.text.startswith(head):
                return self.text[len(head) + 1 :]
        return None


def file_path(file: HeldFile) -> str:
    """The path of a file as a whole Crypt4GH file."""
    return file.name + SUFFIX


async def named(files: Files, asker: Principal, wanted: NamedPath, now: datetime) -> HeldFile:
    """The newest file of that path, with `.c4gh` or without, in a dataset of which the caller holds a visa.

    The longest id that fits is looked at first. Raises NotAuthenticated or NotPermitted for all else, there or not.
    """
    held = [visa for visa in asker.visas if visa.holds_at(now)]
    for dataset in sorted({visa.dataset for visa in held}, key=len, reverse=True):
        name = (wanted.below(dataset) or "").removeprefix("./").removesuffix(SUFFIX)
        found = await _newest(files, dataset, name, held) if name else None
        if found is not None:
            return found
    reach(asker, (), now)
    raise NotPermitted(f"{asker.subject} holds no visa for this, or it does not exist")


async def _newest(files: Files, dataset: str, name: str, held: Sequence[Visa]) -> HeldFile | None:
    releases = [ReleaseId(dataset, version) for version in await files.versions_of(dataset)]
    versions = [each.version for each in releases if any(visa.opens(each) for visa in held)]
    found = await files.page(dataset, versions, name=name, most=_MOST_OF_ONE_PATH) if versions else ()
    return max(found, key=lambda file: (file.created, file.id), default=None)
