"""Who hears how far a load is."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Hears how far a load is."""

    def stage(self, name: str, size: int) -> None:
        """A stage begins; `size` is what the `advance` calls of the stage will add up to."""
        ...

    def advance(self, size: int, records: int) -> None:
        """So much of the stage is done, and so many more records."""
        ...


class Unheard:
    """Hears of progress and keeps it to itself."""

    def stage(self, name: str, size: int) -> None:
        pass

    def advance(self, size: int, records: int) -> None:
        pass
