"""Sets of individuals as packed bits, and a cache of them that keeps to a bound in bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from opengdi.discovery.model import Bitmap


def nobody(individuals: int) -> Bitmap:
    """The empty set among so many individuals."""
    return np.zeros((individuals + 7) // 8, dtype=np.uint8)


def everybody(individuals: int) -> Bitmap:
    """All individuals; the bits behind the last one are clear."""
    full = np.full((individuals + 7) // 8, 0xFF, dtype=np.uint8)
    if individuals % 8:
        full[-1] = 0xFF << 8 - individuals % 8 & 0xFF
    return full


def bitmap_of(rows: npt.NDArray[np.integer], individuals: int) -> Bitmap:
    """The individuals at `rows`, which may repeat."""
    flags = np.zeros(individuals, dtype=np.bool_)
    flags[rows] = True
    return np.packbits(flags)


def rows_of(individuals: Bitmap) -> npt.NDArray[np.intp]:
    """Rows whose bits are set, ascending."""
    return np.flatnonzero(np.unpackbits(individuals))


def flags_of(individuals: Bitmap, total: int) -> npt.NDArray[np.bool_]:
    """One flag per individual."""
    return np.unpackbits(individuals, count=total).view(np.bool_)


def size(individuals: Bitmap) -> int:
    """Number of individuals in the set."""
    return int(np.bitwise_count(individuals).sum())


def complement(individuals: Bitmap, total: int) -> Bitmap:
    """Everybody else."""
    return everybody(total) & ~individuals


_ENTRY_OVERHEAD: Final = 512


class ArrayCache:
    """Arrays by key, least recently used out first, never more than `max_bytes` in all.

    What is handed out is read-only, because it is shared. Two threads may make the same array at once; one is kept.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._arrays: OrderedDict[Hashable, tuple[npt.NDArray[Any], ...]] = OrderedDict()
        self._lock = Lock()

    @property
    def used_bytes(self) -> int:
        return self._bytes

    def get(
        self, key: Hashable, make: Callable[[], tuple[npt.NDArray[Any], ...]]
    ) -> tuple[npt.NDArray[Any], ...]:
        """The arrays under `key`, made now if they are not there."""
        with self._lock:
            if (found := self._arrays.get(key)) is not None:
                self._arrays.move_to_end(key)
                return found
        made = make()
        for array in made:
            array.flags.writeable = False
        self._keep(key, made)
        return made

    def _keep(self, key: Hashable, made: tuple[npt.NDArray[Any], ...]) -> None:
        with self._lock:
            if key in self._arrays:
                return
            self._arrays[key] = made
            self._bytes += _bytes(made)
            while self._bytes > self._max_bytes:
                self._bytes -= _bytes(self._arrays.popitem(last=False)[1])


def _bytes(arrays: tuple[npt.NDArray[Any], ...]) -> int:
    return sum(array.nbytes for array in arrays) + _ENTRY_OVERHEAD
