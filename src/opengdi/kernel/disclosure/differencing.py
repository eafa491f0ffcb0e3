"""When two sets of people are too alike to be counted both. Pure.

Let A be told and B be asked. If they differ by a few people, the two numbers together are an answer about those
few; so is the sum of both if they are almost complements. B is then given the number that A implies.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Bitmap = npt.NDArray[np.uint8]
"""One bit per individual, packed as `numpy.packbits` does; bits past the last individual are 0."""

_FASTEST = 1


def count_people(individuals: Bitmap) -> int:
    """Bits set."""
    return int(np.bitwise_count(individuals).sum(dtype=np.int64))


def packed(individuals: Bitmap) -> bytes:
    """Compressed, for keeping."""
    return zlib.compress(individuals.tobytes(), _FASTEST)


def unpacked(blob: bytes) -> Bitmap:
    """What `packed` was given."""
    return np.frombuffer(zlib.decompress(blob), dtype=np.uint8)


@dataclass(slots=True)
class ToldSets:
    """Sets of people of one cohort whose size one caller was told, in the order of telling."""

    blobs: list[bytes] = field(default_factory=list)
    sizes: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    size_bytes: int = 0

    def add(self, blob: bytes, size: int) -> None:
        """Remember a packed set of `size` people."""
        self.blobs.append(blob)
        self.sizes = np.append(self.sizes, size)
        self.size_bytes += len(blob)

    def implied_size(self, individuals: Bitmap, size: int, cohort: int, floor: int) -> int | None:
        """The number that an earlier set implies for one that differs from it, or its complement, by < floor people.

        The earliest such set decides, so that the answer to a repeated question never changes; None if there is none.
        """
        # Sizes are a lower bound of the difference: few sets need to be unpacked.
        near = np.abs(self.sizes - size) < floor
        opposite = np.abs(cohort - self.sizes - size) < floor
        for place in np.flatnonzero(near | opposite).tolist():
            difference = count_people(unpacked(self.blobs[place]) ^ individuals)
            if difference < floor:
                return int(self.sizes[place])
            if cohort - difference < floor:
                return cohort - int(self.sizes[place])
        return None
